//! Samples of the sign-in history and of the recent changes.

use serde_json::{Value, json};

use super::{Sample, alice, hostile, moment, sample, with};

pub(super) fn all() -> Vec<Sample> {
    let mut samples = history();
    samples.extend(changes());
    samples
}

fn attempt() -> Value {
    json!({
        "status": "successful", "title": "Signed in", "warning": null, "note": null,
        "method": "Password and code", "device": "Firefox 145 on Linux", "address": "192.0.2.7",
        "place": "Zurich, Switzerland (approximate)", "application": null, "unusual": [],
        "current": false, "time": moment("2 hours ago"),
    })
}

fn attempts() -> Vec<Value> {
    let of = |changes: Value| with(&attempt(), &changes);
    vec![
        of(json!({ "current": true })),
        of(json!({
            "application": "Ann & Bob's Prints", "place": "Nairobi, Kenya (approximate)",
            "unusual": ["New country", "New browser or device"], "device": "Chrome 149 on Android",
        })),
        of(json!({
            "status": "failed", "title": "Stopped at the code", "method": null,
            "warning": "The password was right, but no right code followed.",
            "unusual": ["New country"],
        })),
        of(json!({
            "status": "failed", "title": "Wrong password, 9900 more times that day",
            "method": null, "device": null, "address": "2001:db8:85a3:8d3:1319:8a2e:370:7348",
            "note": "Of each day the first 100 are listed one by one.",
        })),
        of(json!({
            "status": "blocked", "title": "Too many wrong codes", "method": null, "place": null,
            "warning": "The password was right.", "address": null,
        })),
    ]
}

fn history() -> Vec<Sample> {
    let filter = |value: &str, label: &str, current: bool| json!({ "value": value, "label": label, "current": current });
    let page = json!({
        "account": alice(), "sign_out_action": "/logout", "done": null,
        "action": "/account/history", "export_action": "/account/history/export",
        "filters": [
            filter("all", "All", true), filter("successful", "Successful", false),
            filter("failed", "Failed", false), filter("blocked", "Blocked", false),
            filter("unusual", "Unusual", false),
        ],
        "attempts": attempts(), "filtered": false, "flooded": false,
        "older_url": "/account/history?show=all&after=1.2.3", "newest_url": null,
    });
    let export = json!({
        "account": alice(), "sign_out_action": "/logout", "done": null,
        "action": "/account/history/export", "history_url": "/account/history", "format": "csv",
    });
    let name = hostile().get("name").cloned().unwrap_or_default();
    let strange = with(&attempt(), &json!({ "application": name, "place": name, "device": name }));
    vec![
        sample("account/history_export.html", "spreadsheet", export.clone()),
        sample(
            "account/history_export.html",
            "program",
            with(&export, &json!({ "format": "json" })),
        ),
        sample("account/history.html", "usual", page.clone()),
        sample(
            "account/history.html",
            "flooded",
            with(&page, &json!({ "flooded": true, "newest_url": "/account/history?show=all" })),
        ),
        sample("account/history.html", "hostile", with(&page, &json!({ "attempts": [strange] }))),
        sample(
            "account/history.html",
            "empty",
            with(&page, &json!({ "attempts": [], "filtered": true, "older_url": null })),
        ),
    ]
}

fn changes() -> Vec<Sample> {
    let change = json!({
        "icon": "key", "warn": false, "before": "Your password was changed", "application": null,
        "after": "", "more": null, "who": "You", "by_you": true, "time": moment("3 days ago"),
        "device": "Firefox 145 on Linux", "address": "192.0.2.7",
        "place": "Zurich, Switzerland (approximate)",
    });
    let of = |changes: Value| with(&change, &changes);
    let page = json!({
        "account": alice(), "sign_out_action": "/logout", "done": null, "kept_days": 400,
        "changes": [
            change,
            of(json!({
                "icon": "link", "before": "", "application": "Ann & Bob's Prints",
                "after": " was connected",
            })),
            of(json!({
                "icon": "lock", "warn": true, "before": "Your account was locked",
                "more": "asked for by phone", "who": "Support", "by_you": false, "device": null,
                "address": null, "place": null,
            })),
        ],
        "older_url": "/account/changes?after=1.2.3", "newest_url": null,
    });
    let name = hostile().get("name").cloned().unwrap_or_default();
    let strange = of(json!({ "before": "", "application": name, "more": name }));
    vec![
        sample("account/changes.html", "usual", page.clone()),
        sample("account/changes.html", "hostile", with(&page, &json!({ "changes": [strange] }))),
        sample(
            "account/changes.html",
            "empty",
            with(
                &page,
                &json!({
                    "changes": [], "older_url": null, "newest_url": "/account/changes",
                }),
            ),
        ),
    ]
}
