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
    password(("Change the password", "passphrase new secret login")),
    two_factor(("Two-factor", "2fa mfa second factor otp totp verification turn on off")),
    two_factor(("Authenticator app", "totp qr code add remove phone google microsoft")),
    two_factor(("Backup codes", "recovery emergency print download lost phone")),
    two_factor(("Trusted browsers", "remember device don't ask again")),
    sessions(("Active sessions", "devices browsers computers signed in where logged")),
    sessions(("Sign out other browsers", "log out everywhere end sessions lost stolen")),
    at(
        "/account/history",
        "Sign-in history",
        "clock",
        ("Sign-in history", "logins attempts failed activity address place"),
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
    profile("/account/profile#name", ("Name", "first last given family middle nickname display")),
    profile("/account/profile/email", ("Email address", "mail change verify confirm contact")),
    profile("/account/profile#phone_number", ("Phone number", "telephone mobile cell contact")),
    profile("/account/profile#birthdate", ("Birthday", "date of birth age")),
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

    #[test]
    fn a_setting_is_found_by_the_words_people_use() {
        let found = |query: &str| {
            let titles = SETTINGS.iter().filter(|setting| setting.fits(query));
            titles.map(|setting| setting.title).collect::<Vec<_>>()
        };
        assert_eq!(found("dark"), ["Light or dark"]);
        assert_eq!(found(" DELETE  account "), ["Delete the account"]);
        assert_eq!(found("2fa"), ["Two-factor"]);
        assert!(found("unicorn").is_empty());
        assert_eq!(found("").len(), SETTINGS.len());
    }
}
