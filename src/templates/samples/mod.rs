//! Sample data for every page: tried at start on an operator's replacements, and in tests on our own.

mod about_oneself;
mod history;
mod overview;
mod sessions;

use serde_json::{Value, json};

use super::{Shared, two_factor_samples};

/// A page, one situation, and the data it would be given.
pub(super) struct Sample {
    pub(super) template: &'static str,
    pub(super) case: &'static str,
    pub(super) page: Value,
    pub(super) shared: Shared<'static>,
}

pub(super) const SHARED: Shared<'static> =
    Shared { csrf: "sample", nonce: Some("c2FtcGxl"), ..Shared::NOTHING };

pub(super) fn all() -> Vec<Sample> {
    let mut samples = sign_in();
    samples.extend(consent());
    samples.extend(leaving());
    samples.extend(others());
    samples.extend(about_oneself::about_oneself());
    samples.extend(overview::all());
    samples.extend(super::application_samples::all());
    samples.extend(sessions::all());
    samples.extend(history::all());
    samples.extend(recovery());
    samples.extend(two_factor_samples::all());
    samples
}

pub(super) fn sample(template: &'static str, case: &'static str, page: Value) -> Sample {
    Sample { template, case, page, shared: SHARED }
}

/// `base` with the members of `changes` in place of its own.
pub(super) fn with(base: &Value, changes: &Value) -> Value {
    let mut page = base.clone();
    if let (Some(page), Some(changes)) = (page.as_object_mut(), changes.as_object()) {
        page.extend(changes.clone());
    }
    page
}

pub(super) fn printer() -> Value {
    json!({
        "name": "Ann & Bob's Prints", "host": "print.example", "logo": null,
        "client_uri": "https://print.example", "policy_uri": "https://print.example/privacy",
        "tos_uri": "https://print.example/terms", "self_registered": false, "first_seen": null,
    })
}

pub(super) fn bare() -> Value {
    json!({
        "name": "", "host": "127.0.0.1", "logo": null, "client_uri": null, "policy_uri": null,
        "tos_uri": null, "self_registered": true, "first_seen": moment("3 days ago"),
    })
}

/// What somebody may register who means no good, or never thought of our pages.
pub(super) fn hostile() -> Value {
    let script = "javascript:alert(1)";
    json!({
        "name": format!("\u{202e}<script>alert(1)</script>{}", "Long".repeat(40)),
        "host": format!("{}.example", "label.".repeat(30)), "logo": null, "client_uri": script,
        "policy_uri": script, "tos_uri": "JaVaScRiPt:alert(1)",
        "self_registered": true, "first_seen": moment("just now"),
    })
}

pub(super) fn alice() -> Value {
    json!({
        "name": "Alice Example", "username": "alice", "email": "alice@example.com",
        "email_verified": true,
    })
}

pub(super) fn nameless() -> Value {
    json!({ "name": null, "username": "bob", "email": null, "email_verified": false })
}

pub(super) fn moment(relative: &str) -> Value {
    json!({
        "iso": "2026-11-20T09:30:00Z", "relative": relative, "absolute": "20 November 2026, 09:30 UTC",
    })
}

fn sign_in() -> Vec<Sample> {
    let login = json!({
        "action": "/login", "request": "", "to": "", "username": "", "note": null, "error": null,
        "application": null, "afresh": false, "switch_url": null, "remember_offered": true,
        "remember": false, "cancel": false, "recover_url": "/recover?to=/account/security",
    });
    let asked = with(&login, &json!({ "application": printer(), "request": "r", "cancel": true }));
    let wrong = json!({
        "username": "alice@example.com",
        "error": "That username and password don’t match. Check both and try again.",
    });
    let anew = json!({ "note": "That took too long or too many tries. Please sign in again." });
    let afresh = json!({
        "afresh": true, "username": "alice", "switch_url": "/login/account",
        "remember_offered": false,
    });
    let choice = json!({
        "action": "/login/account", "request": "r", "account": alice(),
        "application": printer(), "cancel": true,
    });
    let factor = json!({
        "action": "/login/two-factor", "request": "r", "to": "", "account": alice(),
        "application": printer(), "error": null, "backup": false,
        "other_url": "/login/two-factor?kind=backup", "trust_offered": true, "trust_days": 30,
        "trust": false, "cancel": true,
    });
    let backup = json!({
        "backup": true, "error": "That code has been used before. Try another one.",
        "account": nameless(), "application": null, "cancel": false, "trust_offered": false,
    });
    vec![
        sample("sign_in/login.html", "alone", login.clone()),
        sample("sign_in/login.html", "for an application", asked.clone()),
        sample("sign_in/login.html", "wrong password", with(&asked, &wrong)),
        sample("sign_in/login.html", "begun anew", with(&asked, &anew)),
        sample("sign_in/login.html", "afresh", with(&asked, &afresh)),
        sample("sign_in/login.html", "hostile", with(&login, &json!({ "application": hostile() }))),
        sample("sign_in/login.html", "bare", with(&login, &json!({ "application": bare() }))),
        sample("sign_in/account.html", "choice", choice.clone()),
        sample(
            "sign_in/account.html",
            "bare",
            with(&choice, &json!({ "account": nameless(), "application": null, "cancel": false })),
        ),
        sample("sign_in/two_factor.html", "code", factor.clone()),
        sample(
            "sign_in/two_factor.html",
            "no way left",
            with(&factor, &json!({ "other_url": null })),
        ),
        sample("sign_in/two_factor.html", "backup", with(&factor, &backup)),
    ]
}

fn consent() -> Vec<Sample> {
    let scope = |scope, title, detail, icon, is_new: bool| json!({ "scope": scope, "title": title, "detail": detail, "icon": icon, "is_new": is_new });
    let mut scopes = vec![
        scope(
            "openid",
            "Know who you are",
            "A number for your account that never changes.",
            "id",
            true,
        ),
        scope(
            "profile",
            "See your profile",
            "Name, picture, birthday and the like.",
            "person",
            true,
        ),
        scope("email", "See your email address", "And whether it is verified.", "mail", true),
    ];
    let first = json!({
        "action": "/consent", "request": "r", "application": printer(), "account": alice(),
        "scopes": scopes.clone(), "any_new": false, "redirect_host": "print.example",
        "switch_url": "/login/account?request=r",
    });
    for known in &mut scopes {
        *known = with(known, &json!({ "is_new": false }));
    }
    scopes.push(scope(
        "offline_access",
        "Stay connected",
        "It may act for you also while you are away.",
        "clock",
        true,
    ));
    let wider = with(&first, &json!({ "scopes": scopes, "any_new": true }));
    let few =
        json!({ "application": bare(), "account": nameless(), "scopes": [], "switch_url": null });
    vec![
        sample("sign_in/consent.html", "first time", first.clone()),
        sample("sign_in/consent.html", "wider", wider),
        sample(
            "sign_in/consent.html",
            "hostile",
            with(&first, &json!({ "application": hostile(), "redirect_host": "a".repeat(200) })),
        ),
        sample("sign_in/consent.html", "bare", with(&first, &few)),
    ]
}

fn leaving() -> Vec<Sample> {
    let field = json!({ "name": "state", "value": "a\"><b>" });
    let logout = json!({
        "action": "/logout", "account": alice(), "application": printer(), "fields": [field],
    });
    let plain = json!({ "account": nameless(), "application": null, "fields": [] });
    vec![
        sample("sign_in/logout.html", "asked", logout.clone()),
        sample("sign_in/logout.html", "bare", with(&logout, &plain)),
        sample(
            "sign_in/signed_out.html",
            "asked",
            json!({ "sign_in_url": "/login", "application": printer() }),
        ),
        sample(
            "sign_in/signed_out.html",
            "bare",
            json!({ "sign_in_url": "/login", "application": null }),
        ),
    ]
}

fn recovery() -> Vec<Sample> {
    let ask = json!({
        "action": "/recover", "request": "", "to": "/account/security", "state": "ask",
        "sign_in_url": "/login", "username": "", "minutes": 30,
    });
    let told = |state, case| {
        let changes = json!({ "state": state, "request": "r", "to": "" });
        sample("sign_in/recover.html", case, with(&ask, &changes))
    };
    let choose = json!({
        "action": "/recover/sample", "check_url": "/recover/sample/check", "account": alice(),
        "error": null, "problems": [],
        "rules": [{ "id": "length", "text": "8 to 128 characters", "met": null }],
    });
    let weak = json!({
        "error": "This password cannot be used. Choose another one.", "account": nameless(),
        "problems": ["It needs at least 8 characters."],
        "rules": [{ "id": "length", "text": "8 to 128 characters", "met": false }],
    });
    let waiting = json!({ "request": "r", "to": "", "application": printer(), "cancel": true });
    let session = json!({
        "action": "/not-me/sample", "account": alice(), "device": "Firefox 145 on Linux",
        "address": "192.0.2.7", "place": "Vienna, Austria",
        "signed_in": moment("2 hours ago"), "over": false,
    });
    let bare = json!({ "device": null, "address": null, "place": null, "over": true });
    vec![
        sample("sign_in/recover.html", "ask", ask.clone()),
        sample("sign_in/recover.html", "signed in", with(&ask, &json!({ "username": "alice" }))),
        told("sent", "sent"),
        told("changed", "changed"),
        told("gone", "gone"),
        told("ended", "after a session was ended"),
        told("over", "too late to end a session"),
        sample("sign_in/new_password.html", "choose", choose.clone()),
        sample("sign_in/new_password.html", "weak", with(&choose, &weak)),
        sample("sign_in/change_password.html", "choose", with(&choose, &waiting)),
        sample("sign_in/change_password.html", "weak", with(&with(&choose, &waiting), &weak)),
        sample("sign_in/not_me.html", "asked", session.clone()),
        sample("sign_in/not_me.html", "over", with(&session, &bare)),
    ]
}

fn others() -> Vec<Sample> {
    let error = json!({
        "status": 400, "title": "This request can’t be completed",
        "detail": "The application sent you here with an address that it has not registered.",
        "advice": "Go back to the application and try again. If it happens again, tell its makers.",
        "request_id": "01jd3f8q2v7c", "link": null,
    });
    let fault = json!({
        "status": 500, "title": "Something went wrong on our side", "advice": null,
        "detail": "It has been noted. Please try again in a moment.",
        "link": { "url": "/account/security", "label": "Go to your account" },
    });
    let field = json!({ "name": "code", "value": "lk_ac_sample" });
    let answer = json!({
        "action": "https://print.example/cb", "fields": [field], "application": printer(),
    });
    vec![
        sample("error.html", "refused", error.clone()),
        sample("error.html", "fault", with(&error, &fault)),
        sample("error.html", "bare", with(&error, &json!({ "advice": null, "request_id": null }))),
        sample("form_post.html", "answer", answer.clone()),
        sample(
            "form_post.html",
            "bare",
            with(&answer, &json!({ "application": null, "fields": [] })),
        ),
    ]
}
