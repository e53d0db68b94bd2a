//! Sample data for every mail, as `samples.rs` has it for every page.

use serde_json::{Value, json};

use super::samples::{Sample, sample, with};

/// What every mail is given, and nothing else.
fn bare() -> Value {
    json!({
        "person": "bob", "at": "2 March 2026, 09:00 UTC", "address": null, "place": null,
        "device": null, "security_url": "https://id.example/account/security",
        "not_me_url": "https://id.example/not-me/a", "url": "https://id.example/a", "reasons": [], "by_support": false, "name": null,
        "left": null, "until": null, "application": null, "old_address": null,
        "new_address": null, "lasts": null,
    })
}

/// What a mail may be given, all at once; the words of others mean no good.
fn full() -> Value {
    let hostile = "<script>alert(1)</script> & “Co”";
    json!({
        "person": hostile, "address": "192.0.2.7", "place": "approximately Lyon, France",
        "device": "Firefox 145 on Linux", "not_me_url": "https://id.example/not-me/sample",
        "url": "https://id.example/link/sample", "by_support": true, "name": hostile, "left": 3,
        "reasons": ["A browser that you have not used before", "A country that is new"],
        "until": "1 April 2026, 09:00 UTC", "application": hostile,
        "old_address": "old@people.example", "new_address": "new@people.example",
        "lasts": "30 minutes",
    })
}

const MAILS: [(&str, &str); 22] = [
    ("mail/unfamiliar_sign_in.txt", "mail/unfamiliar_sign_in.html"),
    ("mail/password_changed.txt", "mail/password_changed.html"),
    ("mail/recovery.txt", "mail/recovery.html"),
    ("mail/two_factor_on.txt", "mail/two_factor_on.html"),
    ("mail/two_factor_off.txt", "mail/two_factor_off.html"),
    ("mail/authenticator_added.txt", "mail/authenticator_added.html"),
    ("mail/authenticator_removed.txt", "mail/authenticator_removed.html"),
    ("mail/backup_code_used.txt", "mail/backup_code_used.html"),
    ("mail/backup_codes_renewed.txt", "mail/backup_codes_renewed.html"),
    ("mail/browser_trusted.txt", "mail/browser_trusted.html"),
    ("mail/application_connected.txt", "mail/application_connected.html"),
    ("mail/theft_detected.txt", "mail/theft_detected.html"),
    ("mail/account_locked.txt", "mail/account_locked.html"),
    ("mail/account_unlocked.txt", "mail/account_unlocked.html"),
    ("mail/sign_in_blocked.txt", "mail/sign_in_blocked.html"),
    ("mail/codes_blocked.txt", "mail/codes_blocked.html"),
    ("mail/email_verification.txt", "mail/email_verification.html"),
    ("mail/email_changed.txt", "mail/email_changed.html"),
    ("mail/removal_planned.txt", "mail/removal_planned.html"),
    ("mail/removal_called_off.txt", "mail/removal_called_off.html"),
    ("mail/account_removed.txt", "mail/account_removed.html"),
    ("mail/sign_in_mails_off.txt", "mail/sign_in_mails_off.html"),
];

/// Each mail bare and full, in words and in HTML.
pub(super) fn all() -> Vec<Sample> {
    let pages = [
        ("bare", with(&bare(), &json!({ "left": 9 }))),
        ("full", with(&bare(), &full())),
        ("none left", with(&bare(), &json!({ "left": 0, "address": "192.0.2.7" }))),
    ];
    let mut samples = Vec::new();
    for (text, html) in MAILS {
        for template in [text, html] {
            for (case, page) in &pages {
                samples.push(sample(template, case, page.clone()));
            }
        }
    }
    samples
}
