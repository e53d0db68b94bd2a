//! Samples of the pages about active sessions and known browsers.

use serde_json::{Value, json};

use super::{Sample, alice, moment, nameless, sample, with};

/// A browser, with what all of these pages say of one.
fn sender(device: &str, icon: &str, place: &str, address: &str) -> Value {
    json!({ "device": device, "icon": icon, "place": place, "address": address })
}

fn nobody_knows() -> Value {
    json!({ "device": null, "icon": "globe", "place": null, "address": null })
}

fn session(sender: &Value, more: &Value) -> Value {
    let base = json!({
        "end_url": "/account/sessions/s/end", "is_current": false,
        "signed_in": moment("2 days ago"), "last_active": moment("3 hours ago"),
        "method": "password", "kept": false, "applications": [], "more_applications": 0,
    });
    with(&with(&base, sender), more)
}

fn device(sender: &Value, more: &Value) -> Value {
    let base = json!({
        "forget_url": "/account/sessions/devices/d/forget", "is_here": false,
        "first_seen": moment("5 months ago"), "last_seen": moment("2 days ago"),
        "trusted_until": null,
    });
    with(&with(&base, sender), more)
}

pub(super) fn all() -> Vec<Sample> {
    let shell = json!({ "account": alice(), "sign_out_action": "/logout", "done": null });
    let laptop = sender("Firefox 147 on Linux", "screen", "Zurich, Switzerland", "192.0.2.7");
    let phone = sender("Safari 18 on iPhone", "phone", "Switzerland", "2001:db8:77:1d00::8f3:2c");
    let tablet = sender("Chrome 155 on iPad", "tablet", "Local network", "10.20.0.9");
    let here = session(
        &laptop,
        &json!({
            "is_current": true, "method": "password and two-factor",
            "applications": ["Photo Printer", "Wiki"],
        }),
    );
    let script = format!("<script>{}", "long".repeat(30));
    let used =
        json!({ "kept": true, "applications": ["Mail", script, "Wiki"], "more_applications": 4 });
    let unknown = session(&nobody_knows(), &json!({ "method": null }));
    let others = json!({
        "sessions": [here, session(&phone, &used), session(&tablet, &json!({})), unknown],
        "other_count": 3, "hidden_count": 0, "hidden_devices": 0,
        "end_others_url": "/account/sessions/end-others", "told_by_mail": true,
        "devices": [
            device(&laptop, &json!({ "is_here": true, "trusted_until": moment("just now") })),
            device(&phone, &json!({})), device(&nobody_knows(), &json!({})),
        ],
    });
    let usual = with(&shell, &others);
    let alone = json!({ "account": nameless(), "sessions": [here], "other_count": 0, "devices": [], "told_by_mail": false });
    let many = json!({
        "other_count": 999, "hidden_count": 900, "hidden_devices": 12,
        "done": "That browser is signed out.",
    });
    let mut samples = vec![
        sample("account/sessions.html", "usual", usual.clone()),
        sample("account/sessions.html", "alone", with(&usual, &alone)),
        sample("account/sessions.html", "many", with(&usual, &many)),
    ];
    let asked = |session: Value, count: i64| {
        let more = json!({
            "action": "/account/sessions/s/end", "back_url": "/account/sessions",
            "session": session, "count": count,
        });
        sample("account/session_end.html", "asked", with(&shell, &more))
    };
    samples.push(asked(session(&phone, &used), 1));
    samples.push(Sample { case: "here", ..asked(here, 1) });
    samples.push(Sample { case: "all", ..asked(Value::Null, 12) });
    samples.push(Sample { case: "one other", ..asked(Value::Null, 1) });
    samples.push(Sample { case: "none", ..asked(Value::Null, 0) });
    let forgotten = |device: Value, case| {
        let more = json!({ "back_url": "/account/sessions", "told_by_mail": case == "trusted", "device": device });
        sample("account/device_forget.html", case, with(&shell, &more))
    };
    let trusted = json!({ "is_here": true, "trusted_until": moment("just now") });
    samples.push(forgotten(device(&laptop, &trusted), "trusted"));
    samples.push(forgotten(device(&nobody_knows(), &json!({})), "bare"));
    samples
}
