//! What can be found by searching a person's pages: each setting with the words people use for it.

use std::sync::LazyLock;

use serde::Serialize;

/// The list as a script for browsers, made at start: they fetch it once, not with each page.
pub const SCRIPT: &str = "settings.js";

/// What `/assets/settings.js` answers. JSON is an expression of JavaScript (ECMA-262 §25.5).
#[must_use]
pub fn script() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        let list = serde_json::to_string(SETTINGS).unwrap_or_else(|_| "[]".to_owned());
        format!("window.latchkeySettings = {list};\n")
    });
    TEXT.as_str()
}

/// Something to be found.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Setting {
    /// What it is called.
    pub title: &'static str,
    /// The page it is on.
    pub page: &'static str,
    /// Where to go.
    pub url: &'static str,
    /// Its icon (`components/icons.html`).
    pub icon: &'static str,
    /// Other words for it.
    pub words: &'static str,
}

impl Setting {
    /// Whether every word of `query` stands somewhere in it.
    #[must_use]
    pub fn fits(&self, query: &str) -> bool {
        let text = format!("{} {} {}", self.title, self.page, self.words).to_lowercase();
        query.to_lowercase().split_whitespace().all(|word| text.contains(word))
    }
}

const fn at(
    url: &'static str,
    page: &'static str,
    icon: &'static str,
    (title, words): (&'static str, &'static str),
) -> Setting {
    Setting { title, page, url, icon, words }
}

const fn password(words: (&'static str, &'static str)) -> Setting {
    at("/account/password", "Password", "key", words)
}

const fn two_factor(words: (&'static str, &'static str)) -> Setting {
    at("/account/two-factor", "Two-factor", "phone", words)
}

const fn sessions(words: (&'static str, &'static str)) -> Setting {
    at("/account/sessions", "Active sessions", "screen", words)
}

const fn profile(url: &'static str, words: (&'static str, &'static str)) -> Setting {
    at(url, "Profile", "person", words)
}

const fn look(url: &'static str, words: (&'static str, &'static str)) -> Setting {
    at(url, "Appearance", "palette", words)
}

/// Everything there is to find, in the order of the pages.
pub const SETTINGS: &[Setting] = &[
    at("/account/security", "Overview", "shield", ("Overview", "home start security status")),
    at(
        "/account/security/protect",
        "Overview",
        "shield",
        (
            "Secure my account",
            "hacked someone got in somebody else stolen broken into compromised help",
        ),
    ),
    password(("Change the password", "passphrase new secret login")),
    two_factor(("Two-factor", "2fa mfa second factor otp totp verification turn on off")),
    two_factor(("Authenticator app", "totp qr code add remove phone google microsoft")),
    two_factor(("Backup codes", "recovery emergency print download lost phone")),
    at(
        "/account/two-factor/set-up",
        "Two-factor",
        "plus",
        ("Add an authenticator app", "2fa set up new phone totp qr code another"),
    ),
    at(
        "/account/two-factor/backup-codes",
        "Two-factor",
        "key",
        ("Make new backup codes", "renew regenerate recovery emergency replace"),
    ),
    at(
        "/account/two-factor/recovered",
        "Two-factor",
        "phone",
        ("Lost or new phone", "replace authenticator backup code recover move"),
    ),
    at(
        "/account/two-factor/off",
        "Two-factor",
        "cross",
        ("Turn two-factor off", "2fa disable remove deactivate stop"),
    ),
    two_factor(("Trusted browsers", "remember device don't ask again")),
    at(
        "/account/two-factor/browsers/distrust",
        "Two-factor",
        "screen",
        ("Trust no browser any more", "ask for codes again everywhere distrust forget devices"),
    ),
    sessions(("Active sessions", "devices browsers computers signed in where logged")),
    at(
        "/account/sessions/end-others",
        "Active sessions",
        "leave",
        ("Sign out other browsers", "log out everywhere end terminate sessions lost stolen"),
    ),
    sessions(("Forget a browser", "known devices unfamiliar remove")),
    at("/logout", "Active sessions", "leave", ("Sign out", "log out logout leave exit")),
    at(
        "/account/history",
        "Sign-in history",
        "clock",
        ("Sign-in history", "logins attempts failed activity address place"),
    ),
    at(
        "/account/history/export",
        "Sign-in history",
        "download",
        ("Download the sign-in history", "export csv json file spreadsheet"),
    ),
    at(
        "/account/changes",
        "Recent changes",
        "list",
        ("Recent changes", "events activity audit security log"),
    ),
    at(
        "/account/applications",
        "Applications",
        "grid",
        ("Connected applications", "apps services third party connected access"),
    ),
    at(
        "/account/applications",
        "Applications",
        "grid",
        ("Remove an application", "revoke disconnect withdraw consent permission"),
    ),
    at(
        "/account/applications/revoke-all",
        "Applications",
        "trash",
        ("Revoke all applications", "disconnect remove everything all access"),
    ),
    profile("/account/profile#name", ("Name", "first last given family middle nickname display")),
    profile("/account/profile/email", ("Email address", "mail change verify confirm contact")),
    profile("/account/profile#phone_number", ("Phone number", "telephone mobile cell contact")),
    profile("/account/profile#birthdate", ("Birthday", "date of birth age")),
    profile("/account/profile#gender", ("Gender", "sex man woman")),
    profile("/account/profile#picture", ("Picture", "photo avatar image portrait")),
    profile("/account/profile#website", ("Website", "homepage blog link profile page")),
    profile("/account/profile#street_address", ("Address", "street city postal code zip country")),
    profile("/account/profile#locale", ("Language", "locale region")),
    profile("/account/profile#zoneinfo", ("Time zone", "timezone clock")),
    profile(
        "/account/profile#sign_in_mails",
        ("Mail about sign-ins", "notifications alerts email unfamiliar device"),
    ),
    at(
        "/account/data",
        "Your data",
        "box",
        ("Your data", "kept stored privacy retention how long gdpr"),
    ),
    at(
        "/account/data/export",
        "Your data",
        "download",
        ("Download your data", "export copy json gdpr takeout archive"),
    ),
    at(
        "/account/data/remove",
        "Your data",
        "trash",
        ("Delete the account", "remove close erase gdpr"),
    ),
    look("/account/appearance#theme", ("Light or dark", "theme night mode dark light system")),
    look("/account/appearance#color", ("Color", "colour accent primary")),
    look("/account/appearance#skin", ("Borders", "skin style lines bordered")),
    look(
        "/account/appearance#navigation",
        ("Navigation", "menu layout vertical collapsed horizontal sidebar"),
    ),
    look("/account/appearance#width", ("Width of pages", "wide compact content layout")),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Every page of the account that is at a fixed address and shows something to do.
    #[test]
    fn every_page_of_the_account_can_be_found() {
        // Finding itself, and the place for a link that was opened.
        let none = [crate::paths::ACCOUNT_FIND, crate::paths::ACCOUNT_EMAIL_OPENED];
        for page in crate::paths::PAGES.iter().filter(|page| !none.contains(page)) {
            let leads = |setting: &&Setting| setting.url.split('#').next() == Some(*page);
            assert!(SETTINGS.iter().any(|setting| leads(&setting)), "{page}");
        }
    }

    #[test]
    fn a_setting_is_found_by_the_words_people_use() {
        let found = |query: &str| {
            let titles = SETTINGS.iter().filter(|setting| setting.fits(query));
            titles.map(|setting| setting.title).collect::<Vec<_>>()
        };
        assert_eq!(found("dark"), ["Light or dark"]);
        assert_eq!(found(" DELETE  account "), ["Delete the account"]);
        assert!(found("2fa").starts_with(&["Two-factor"]));
        for query in ["hacked", "someone got in", "stolen"] {
            assert_eq!(found(query).first(), Some(&"Secure my account"), "{query}");
        }
        assert_eq!(found("revoke all"), ["Revoke all applications"]);
        assert_eq!(found("log out").last(), Some(&"Sign out"));
        assert!(found("unicorn").is_empty());
        assert_eq!(found("").len(), SETTINGS.len());
    }
}
