//! Sample data for the pages about connected applications, and for the one of a locked account.

use serde_json::{Value, json};

use super::samples::{Sample, alice, bare, hostile, moment, nameless, printer, sample, with};

pub(super) fn all() -> Vec<Sample> {
    let mut samples = list();
    samples.extend(one());
    samples.extend(revoking());
    samples.extend(locked());
    samples
}

fn shell() -> Value {
    json!({ "account": alice(), "sign_out_action": "/logout", "done": null })
}

fn face(application: &Value) -> Value {
    json!({
        "application": application, "publisher": "print.example", "first_party": false,
        "disabled": false, "connected": moment("2 months ago"), "last_used": moment("yesterday"),
        "last_used_address": "203.0.113.9",
        "last_used_place": "Vienna, Austria", "on_device": false, "browsers": 2, "offline": true,
    })
}

/// What an application shows of which nothing is known.
fn bare_face() -> Value {
    let little = json!({
        "publisher": null, "last_used_address": null, "last_used_place": null, "browsers": 0, "offline": false,
    });
    with(&face(&bare()), &little)
}

fn row(face: &Value) -> Value {
    let more = json!({
        "scopes": ["See your profile", "See your email address"],
        "url": "/account/applications/c", "revoke_url": "/account/applications/c/revoke",
    });
    with(face, &more)
}

fn list() -> Vec<Sample> {
    let ours = json!({
        "first_party": true, "publisher": null, "browsers": 1, "offline": false,
        "on_device": true, "disabled": true, "scopes": [],
    });
    let usual = with(
        &shell(),
        &json!({
            "action": "/account/applications", "query": "", "total": 43, "found": 43,
            "applications": [row(&face(&printer())), row(&bare_face()), with(&row(&face(&bare())), &ours)],
            "previous_url": "/account/applications?search=&page=1",
            "next_url": "/account/applications?search=&page=3",
            "revoke_all_url": "/account/applications/revoke-all",
            "done": "Access is revoked. The application can do nothing any more, and will have to ask again.",
        }),
    );
    let none = json!({
        "total": 0, "found": 0, "applications": [], "previous_url": null, "next_url": null,
        "account": nameless(), "done": null,
    });
    let nothing = json!({
        "query": "\"><b>nothing", "found": 0, "applications": [], "previous_url": null,
        "next_url": null,
    });
    let strangers = json!({ "applications": [row(&face(&hostile()))], "total": 1, "found": 1 });
    vec![
        sample("account/applications.html", "usual", usual.clone()),
        sample("account/applications.html", "none", with(&usual, &none)),
        sample("account/applications.html", "nothing found", with(&usual, &nothing)),
        sample("account/applications.html", "hostile", with(&usual, &strangers)),
    ]
}

fn one() -> Vec<Sample> {
    let scope = |scope, title, icon| json!({ "scope": scope, "title": title, "detail": "And what it means.", "icon": icon, "since": moment("2 months ago") });
    let session = |device: Value, address: Value, is_this: bool, is_live: bool| {
        json!({ "device": device, "address": address, "place": Value::Null, "latest": moment("yesterday"),
            "is_this": is_this, "is_live": is_live })
    };
    let usual = with(
        &with(&shell(), &face(&printer())),
        &json!({
            "scopes": [
                scope("profile", "See your profile", "person"),
                scope("https://print.example/orders", "Use a permission of its own", "key"),
            ],
            "sessions": [
                session(json!("Firefox 145 on Linux"), json!("192.0.2.7"), true, true),
                session(Value::Null, Value::Null, false, false),
            ],
            "more_sessions": 3, "offline_since": moment("2 months ago"),
            "list_url": "/account/applications", "revoke_url": "/account/applications/c/revoke",
        }),
    );
    let little = json!({
        "scopes": [], "sessions": [], "more_sessions": 0, "offline_since": null,
    });
    let strangers = json!({ "application": hostile(), "publisher": "x".repeat(200) });
    vec![
        sample("account/application.html", "usual", usual.clone()),
        sample("account/application.html", "hostile", with(&usual, &strangers)),
        sample("account/application.html", "bare", with(&with(&usual, &bare_face()), &little)),
    ]
}

fn revoking() -> Vec<Sample> {
    let usual = with(
        &shell(),
        &json!({
            "action": "/account/applications/c/revoke", "back_url": "/account/applications/c",
            "all": false, "applications": [printer()], "more": 0, "offline": true,
            "asks_again": true, "outlived_minutes": 10,
        }),
    );
    let all = json!({
        "all": true, "applications": [printer(), bare(), hostile()], "more": 12,
        "action": "/account/applications/revoke-all", "back_url": "/account/applications",
    });
    let strangers = json!({ "applications": [hostile()] });
    let little = json!({
        "applications": [bare()], "offline": false, "asks_again": false, "outlived_minutes": null,
    });
    vec![
        sample("account/revoke_applications.html", "one", usual.clone()),
        sample("account/revoke_applications.html", "all", with(&usual, &all)),
        sample("account/revoke_applications.html", "hostile", with(&usual, &strangers)),
        sample("account/revoke_applications.html", "bare", with(&usual, &little)),
    ]
}

fn locked() -> Vec<Sample> {
    let usual = json!({
        "action": "/login", "request": "r", "application": printer(), "switch_url": "/login",
    });
    let alone = json!({ "application": null, "request": "" });
    vec![
        sample("sign_in/locked.html", "for an application", usual.clone()),
        sample("sign_in/locked.html", "alone", with(&usual, &alone)),
        sample(
            "sign_in/locked.html",
            "hostile",
            with(&usual, &json!({ "application": hostile() })),
        ),
    ]
}
