//! Sample data for the pages of two-factor.

use serde_json::{Value, json};

use super::samples::{Sample, alice, moment, nameless, printer, sample, with};

fn shell() -> Value {
    json!({ "account": alice(), "sign_out_action": "/logout", "done": null })
}

fn set_up() -> Value {
    json!({
        "id": "0198f0a0-0000-7000-8000-000000000000", "name": "", "name_length": 40, "error": null,
        "key": "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ",
        "url": "otpauth://totp/Latchkey:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Latchkey",
        "qr": { "size": 29, "path": "M4 4h7v1h-7zM4 5h1v5h-1zM10 5h1v5h-1zM4 10h7v1h-7zM6 6h3v3h-3z" },
    })
}

fn codes() -> Value {
    let list: Vec<String> = (0..10).map(|n| format!("7Q{n}X-MKD2-9FHV-C4TW")).collect();
    json!({
        "list": list, "file": "data:text/plain;charset=utf-8;base64,QmFja3VwIGNvZGVz",
        "file_name": "backup-codes.txt",
    })
}

pub(super) fn all() -> Vec<Sample> {
    let mut samples = overview();
    samples.extend(set_up_pages());
    samples.extend(questions());
    samples
}

fn overview() -> Vec<Sample> {
    let links = json!({
        "saved": "/account/two-factor", "set_up": "/account/two-factor/set-up",
        "backup_codes": "/account/two-factor/backup-codes", "off": "/account/two-factor/off",
        "distrust_all": "/account/two-factor/browsers/distrust",
    });
    let app = |name: &str, last_used: Value| {
        json!({
            "name": name, "added": moment("2 months ago"), "last_used": last_used,
            "remove_url": "/account/two-factor/authenticators/1/remove",
            "replace_url": "/account/two-factor/set-up?replace=2",
        })
    };
    let browser = |name: Value, here: bool| {
        json!({
            "name": name, "here": here, "last_seen": moment("3 hours ago"),
            "until": moment("in 20 days"), "distrust_url": "/account/two-factor/browsers/1/distrust",
        })
    };
    let off = with(
        &shell(),
        &json!({
            "required": false, "trust_offered": true, "recovered": false, "may_add": true,
            "apps": [], "browsers": [], "links": links,
            "codes": { "made": null, "left": 0, "few": true, "saved": true, "used": [] },
        }),
    );
    let on = json!({
        "apps": [app("Pixel 9", moment("3 hours ago")), app("<b>Tablet</b>", Value::Null)],
        "browsers": [browser(json!("Firefox 145 on Linux"), true), browser(Value::Null, false)],
        "codes": {
            "made": moment("2 months ago"), "left": 9, "few": false, "saved": true,
            "used": [{ "position": 3, "at": moment("5 days ago") }],
        },
    });
    let low = json!({
        "recovered": true, "required": true, "may_add": false, "done": "It is done.",
        "codes": {
            "made": moment("just now"), "left": 1, "few": true, "saved": false,
            "used": [{ "position": 1, "at": moment("5 days ago") }],
        },
    });
    let none = json!({
        "apps": [with(&app("Pixel 9", Value::Null), &json!({ "replace_url": null }))],
        "trust_offered": false, "browsers": [],
        "codes": { "made": null, "left": 0, "few": true, "saved": true, "used": [] },
    });
    let on = with(&off, &on);
    let page = "account/two_factor/overview.html";
    vec![
        sample(page, "off", off.clone()),
        sample(page, "on", on.clone()),
        sample(page, "running out", with(&on, &low)),
        sample(page, "no codes", with(&on, &none)),
    ]
}

fn set_up_pages() -> Vec<Sample> {
    let own = with(
        &shell(),
        &json!({
            "action": "/account/two-factor/set-up", "saved_action": "/account/two-factor",
            "cancel_url": "/account/two-factor", "replace": null, "only": [], "another": false, "more": false,
            "others": [], "set_up": set_up(), "codes": null,
        }),
    );
    let wrong = json!({
        "name": "Pixel 9", "error": "The code is right, but your phone’s clock is 4 minutes ahead.",
    });
    let wrong = json!({
        "set_up": with(&set_up(), &wrong), "replace": "1", "more": true,
        "others": ["Pixel 8", "<b>Tablet</b>"],
        "only": [
            { "name": "Pixel 8", "url": "/account/two-factor/set-up?replace=1" },
            { "name": "<b>Tablet</b>", "url": "/account/two-factor/set-up?replace=2" },
        ],
    });
    let again = json!({ "another": true });
    let saving = json!({ "set_up": null, "codes": codes() });
    let at_sign_in = json!({
        "action": "/login/two-factor/set-up", "request": "r", "to": "", "account": alice(),
        "application": printer(), "set_up": set_up(), "codes": null, "cancel": true,
    });
    let bare = json!({
        "account": nameless(), "application": null, "cancel": false, "request": "", "to": "/x",
        "set_up": with(&set_up(), &json!({ "error": "The code is not right." })),
    });
    let (page, sign_in) = ("account/two_factor/set_up.html", "sign_in/two_factor_set_up.html");
    vec![
        sample(page, "first", own.clone()),
        sample(page, "more", with(&own, &json!({ "more": true, "others": ["Pixel 8"] }))),
        sample(page, "replace", with(&own, &wrong)),
        sample(page, "again", with(&own, &again)),
        sample(page, "codes", with(&own, &saving)),
        sample(sign_in, "asked", at_sign_in.clone()),
        sample(sign_in, "bare", with(&at_sign_in, &bare)),
        sample(sign_in, "codes", with(&at_sign_in, &saving)),
    ]
}

fn questions() -> Vec<Sample> {
    let asked = |more: &Value| {
        let base =
            json!({ "action": "/account/two-factor/x", "cancel_url": "/account/two-factor" });
        with(&with(&shell(), &base), more)
    };
    let new_codes = json!({ "saved_action": "/account/two-factor", "left": 7, "codes": null });
    let recovered = json!({
        "left": 6, "few": false, "set_up_url": "/account/two-factor/set-up?replace=1",
        "backup_codes_url": "/account/two-factor/backup-codes", "go_on_url": "/account/security",
    });
    let off = json!({ "replace_url": "/account/two-factor/set-up?replace=1", "required": false });
    let codes_page = "account/two_factor/backup_codes.html";
    let recovered_page = "account/two_factor/recovered.html";
    let distrust = "account/two_factor/distrust.html";
    vec![
        sample(codes_page, "asked", asked(&new_codes)),
        sample(codes_page, "none left", asked(&with(&new_codes, &json!({ "left": 0 })))),
        sample(codes_page, "made", asked(&with(&new_codes, &json!({ "codes": codes() })))),
        sample(recovered_page, "usual", asked(&recovered)),
        sample(recovered_page, "few", asked(&with(&recovered, &json!({ "left": 1, "few": true })))),
        sample(
            "account/two_factor/remove.html",
            "asked",
            asked(&json!({ "name": "<b>Tablet</b>", "others": ["Pixel 9", "Desk"] })),
        ),
        sample("account/two_factor/off.html", "asked", asked(&off)),
        sample(
            "account/two_factor/off.html",
            "required",
            asked(&with(&off, &json!({ "required": true }))),
        ),
        sample(distrust, "one", asked(&json!({ "one": { "name": "Firefox 145" }, "count": 1 }))),
        sample(distrust, "unknown", asked(&json!({ "one": { "name": null }, "count": 1 }))),
        sample(distrust, "all", asked(&json!({ "one": null, "count": 3 }))),
    ]
}
