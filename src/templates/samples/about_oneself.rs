//! Samples of profile, data, appearance and search.

use serde_json::{Value, json};

use super::{SHARED, Sample, alice, nameless, sample, with};
use crate::templates::Shared;
use crate::templates::settings::SETTINGS;

pub(super) fn about_oneself() -> Vec<Sample> {
    let mut samples = profile();
    samples.extend(email());
    samples.extend(data());
    samples.extend(looks());
    samples
}

fn shell(more: &Value) -> Value {
    with(&json!({ "account": alice(), "sign_out_action": "/logout", "done": null }), more)
}

fn profile() -> Vec<Sample> {
    let field = |name, label, kind, value, error: Option<&str>| {
        json!({
            "name": name, "label": label, "autocomplete": "off", "kind": kind, "hint": "A hint.",
            "value": value, "error": error,
        })
    };
    let group = |error: Option<&str>| {
        let unhinted = with(
            &field("website", "Website", "url", "https://a.example/\"><b>", None),
            &json!({ "hint": null }),
        );
        json!({
            "title": "About you", "scope": "profile",
            "seen_by": ["Ann & Bob's Prints", "<script>alert(1)</script>"],
            "fields": [
                field("name", "Full name", "text", "Alice Example", None),
                field("birthdate", "Birthday", "text", "31.12.1990", error),
                field("zoneinfo", "Time zone", "zone", "Europe/Paris", None),
                field("street_address", "Street", "lines", "1 Main St\nTown", None), unhinted,
            ],
        })
    };
    let usual = shell(&json!({
        "action": "/account/profile", "email_url": "/account/profile/email",
        "email_seen_by": [], "groups": [group(None)], "wrong": 0, "sign_in_mails": true, "turns_mails_off": false,
    }));
    let wrong = json!({
        "groups": [group(Some("Write it as year-month-day."))], "wrong": 1,
        "account": nameless(), "sign_in_mails": false, "turns_mails_off": true,
    });
    vec![
        sample("account/profile.html", "usual", usual.clone()),
        sample("account/profile.html", "wrong", with(&usual, &wrong)),
    ]
}

fn email() -> Vec<Sample> {
    let usual = shell(&json!({
        "action": "/account/profile/email", "profile_url": "/account/profile", "typed": "",
        "error": null, "pressed": "", "pending": null,
    }));
    let busy = json!({
        "pending": "new@example.com", "typed": "al ice@x", "error": "This is not an address.",
        "done": "A link is on its way.",
    });
    let unproven = with(&alice(), &json!({ "email_verified": false }));
    let link = shell(&json!({
        "action": "/account/profile/email/t", "email_url": "/account/profile/email",
        "address": "new@example.com",
    }));
    vec![
        sample("account/email.html", "usual", usual.clone()),
        sample("account/email.html", "pending", with(&usual, &busy)),
        sample("account/email.html", "unproven", with(&usual, &json!({ "account": unproven }))),
        sample("account/email.html", "none", with(&usual, &json!({ "account": nameless() }))),
        sample("account/email_link.html", "good", link.clone()),
        sample("account/email_link.html", "gone", with(&link, &json!({ "address": null }))),
    ]
}

fn data() -> Vec<Sample> {
    let data = shell(&json!({
        "export_url": "/account/data/export", "remove_url": "/account/data/remove",
        "since": "1 March 2026",
        "kept": { "sign_ins": 90, "sessions": 90, "browsers": 400, "changes": 400 },
    }));
    let export = shell(&json!({ "action": "/account/data/export", "data_url": "/account/data" }));
    let removal = shell(&json!({
        "action": "/account/data/remove", "keep_action": "/account/data/keep",
        "data_url": "/account/data", "typed": "", "error": null, "grace": "14 days",
        "planned": null,
    }));
    let wrong = json!({ "typed": "bob", "error": "That is not your username.", "grace": null });
    vec![
        sample("account/data.html", "usual", data.clone()),
        Sample {
            shared: Shared { removal: Some("1 May 2026"), ..SHARED },
            ..sample("account/data.html", "planned", data)
        },
        sample("account/export.html", "usual", export),
        sample("account/removal.html", "usual", removal.clone()),
        sample("account/removal.html", "wrong", with(&removal, &wrong)),
        sample("account/removal.html", "planned", with(&removal, &json!({ "planned": "1 May" }))),
        sample("account/removed.html", "usual", json!({ "sign_in_url": "/login" })),
    ]
}

fn looks() -> Vec<Sample> {
    let presets = json!([
        { "name": "Blue", "color": "#2f5bea" }, { "name": "Sky", "color": "#0369a1" },
        { "name": "Teal", "color": "#0f766e" }, { "name": "Green", "color": "#15803d" },
        { "name": "Amber", "color": "#b45309" }, { "name": "Red", "color": "#be123c" },
        { "name": "Violet", "color": "#7c3aed" }, { "name": "Slate", "color": "#475569" },
    ]);
    let chosen = json!({
        "theme": "", "color": "", "own": "#8b5cf6", "skin": "", "navigation": "", "width": "",
    });
    let usual = shell(&json!({
        "action": "/account/appearance", "presets": presets, "chosen": chosen,
    }));
    let all = SETTINGS.to_vec();
    let found = shell(&json!({ "query": "", "found": all }));
    let other = json!({
        "chosen": {
            "theme": "dark", "color": "own", "own": "#ffd400", "skin": "bordered",
            "navigation": "horizontal", "width": "wide",
        },
    });
    let top = Shared {
        skin: Some("bordered"),
        navigation: Some("horizontal"),
        width: Some("wide"),
        ..SHARED
    };
    let icons = Shared { navigation: Some("collapsed"), ..SHARED };
    vec![
        sample("account/appearance.html", "usual", usual.clone()),
        Sample { shared: top, ..sample("account/appearance.html", "other", with(&usual, &other)) },
        Sample { shared: icons, ..sample("account/appearance.html", "icons", usual) },
        sample("account/find.html", "all", found.clone()),
        sample("account/find.html", "none", with(&found, &json!({ "query": "x", "found": [] }))),
    ]
}
