//! Samples of the overview, the password, confirming, and the way through after a break-in.

use serde_json::{Value, json};

use super::{SHARED, Sample, alice, bare, hostile, moment, nameless, printer, sample, with};
use crate::templates::Shared;

pub(super) fn all() -> Vec<Sample> {
    let mut samples = overview();
    samples.extend(password());
    samples.extend(confirm());
    samples.extend(protect());
    samples
}

fn shell() -> Value {
    json!({ "account": alice(), "sign_out_action": "/logout", "done": null })
}

fn advice(tone: &str, title: &str, detail: &str, other: &Value) -> Value {
    json!({
        "tone": tone, "icon": "alert", "title": title, "detail": detail, "action": "Look at it",
        "url": "/account/history?show=unusual", "at": moment("yesterday"), "other": other,
        "own": if other.is_null() { Value::Null } else { json!({ "about": "sign_in", "which": "01j" }) },
    })
}

fn overview() -> Vec<Sample> {
    let usual = usual();
    let not_me = json!({ "action": "It wasn’t me", "url": "/account/security/protect" });
    let pressing = json!({
        "advice": [
            advice("bad", "Was this sign-in yours?", "It was not as usual: a new country.", &not_me),
            advice("warn", "Turn on two-factor", "It takes two minutes.", &Value::Null),
            advice("info", "Verify your email address", "So that we can reach you.", &Value::Null),
        ],
        "two_factor": { "on": false, "codes_made": 0, "codes_left": 0 },
    });
    let strangers = json!({
        "applications": [connected(&hostile(), &Value::Null)],
        "advice": [advice("bad", &"Long".repeat(30), "<script>alert(1)</script>", &Value::Null)],
    });
    let little = json!({
        "account": nameless(), "other_sessions": 0, "applications": [], "application_count": 0,
        "sign_ins": [], "failures": null, "changes": [], "password_set": null,
        "session": {
            "device": null, "address": null, "signed_in": moment("just now"),
            "last_active": moment("just now"),
        },
    });
    vec![
        sample("account/security.html", "in good shape", usual.clone()),
        sample("account/security.html", "advice", with(&usual, &pressing)),
        sample("account/security.html", "hostile", with(&usual, &strangers)),
        sample("account/security.html", "bare", with(&usual, &little)),
    ]
}

fn connected(application: &Value, last_used: &Value) -> Value {
    let more = json!({
        "scopes": ["See your profile", "See your email address"],
        "connected": moment("2 months ago"), "last_used": last_used,
    });
    with(application, &more)
}

/// An account with nothing to do.
fn usual() -> Value {
    let wiki = with(&printer(), &json!({ "name": "Wiki", "host": "wiki.example" }));
    let sign_in = |current: bool, unusual: Value| {
        json!({
            "at": moment("3 hours ago"), "device": "Firefox 145 on Linux",
            "from": "Zurich, Switzerland (approximate)", "current": current, "unusual": unusual,
        })
    };
    let usual = json!({
        "advice": [], "recognize_action": "/account/security/recognized",
        "password_set": moment("2 months ago"), "other_sessions": 2,
        "two_factor": { "on": true, "codes_made": 10, "codes_left": 8 },
        "session": {
            "device": "Firefox 145 on Linux", "address": "192.0.2.7",
            "signed_in": moment("2 hours ago"), "last_active": moment("just now"),
        },
        "sign_ins": [
            sign_in(true, json!([])), sign_in(false, json!([])),
            sign_in(false, json!(["new country", "new browser or device"])),
        ],
        "failures": { "failed": "12", "blocked": "100 or more", "last": moment("2 hours ago") },
        "applications": [
            connected(&printer(), &moment("yesterday")), connected(&wiki, &Value::Null),
            connected(&bare(), &Value::Null),
        ],
        "application_count": 5,
        "changes": [
            { "time": moment("2 months ago"), "before": "", "application": "Wiki",
              "after": " was connected", "who": "You", "by_you": true,
              "device": "Firefox 145 on Linux" },
            { "time": moment("3 months ago"), "before": "Your account was unlocked",
              "application": null, "after": "", "who": "Support", "by_you": false, "device": null },
        ],
        "protect_url": "/account/security/protect",
    });
    with(&shell(), &usual)
}

fn password() -> Vec<Sample> {
    let rule = |id: &str, text: &str, met: Value| json!({ "id": id, "text": text, "met": met });
    let page = json!({
        "action": "/account/password", "check_url": "/account/password/check", "asks_for_code": false, "problems": [],
        "recover_url": "/recover?to=/account/password",
        "error": null, "wrong": "", "changed": null, "set": moment("2 months ago"), "applications": 2,
        "end_applications": false,
        "rules": [
            rule("length", "8 to 128 characters", Value::Null),
            rule("kinds", "Letters, digits and special characters", Value::Null),
            rule("names", "Without your name, your address or “Latchkey”", Value::Null),
            rule("common", "Not one of those that attackers try first", Value::Null),
        ],
    });
    let page = with(&shell(), &page);
    let refused = json!({
        "error": "This password cannot be used. Nothing was changed.",
        "asks_for_code": true, "end_applications": true, "set": null, "applications": 1,
        "problems": ["It needs letters, digits and special characters."],
        "rules": [
            rule("length", "8 to 128 characters", json!(true)),
            rule("kinds", "Letters, digits and special characters", json!(false)),
        ],
    });
    let wrong = json!({ "error": "The current password is not right.", "wrong": "current", "applications": 0 });
    let changed = json!({
        "changed": ["2 other browsers were signed out.", "One application was disconnected."],
    });
    vec![
        sample("account/password.html", "asked", page.clone()),
        sample("account/password.html", "refused", with(&page, &refused)),
        Sample {
            shared: Shared { securing: Some("step 2 of 5, choose a new password"), ..SHARED },
            ..sample("account/password.html", "wrong", with(&page, &wrong))
        },
        sample("account/password.html", "changed", with(&page, &changed)),
    ]
}

fn confirm() -> Vec<Sample> {
    let page = json!({
        "action": "/account/confirm", "kept": "k", "account": alice(), "onward": "Two-factor",
        "asks_for_code": true, "error": null, "cancel_url": "/account/two-factor",
        "recover_url": "/recover?to=/account/two-factor",
    });
    let bare = json!({
        "kept": "", "account": nameless(), "asks_for_code": false,
        "error": "The password is not right.",
    });
    vec![
        sample("account/confirm.html", "with a code", page.clone()),
        sample("account/confirm.html", "bare", with(&page, &bare)),
    ]
}

fn protect() -> Vec<Sample> {
    let step = |title: &str, done: bool, next: bool, looked: Value| {
        json!({
            "title": title, "detail": "What it is good for.", "done": done, "next": next,
            "links": [
                { "text": "Recent changes", "url": "/account/changes" },
                { "text": "Email address", "url": "/account/profile/email" },
            ],
            "looked": looked,
        })
    };
    let begun = json!({
        "action": "/account/security/protect", "overview_url": "/account/security",
        "begun": moment("5 minutes ago"), "done_count": 1, "finished": false,
        "steps": [
            step("Sign out every other browser", true, false, Value::Null),
            step("Choose a new password", false, true, Value::Null),
            step("Review connected applications", false, false, json!("looked-applications")),
        ],
    });
    let begun = with(&shell(), &begun);
    let first = json!({ "begun": null, "done_count": 0 });
    let finished = json!({
        "finished": true, "steps": [step("Choose a new password", true, false, Value::Null)],
    });
    vec![
        sample("account/protect.html", "begun", begun.clone()),
        sample("account/protect.html", "at first", with(&begun, &first)),
        sample("account/protect.html", "finished", with(&begun, &finished)),
    ]
}
