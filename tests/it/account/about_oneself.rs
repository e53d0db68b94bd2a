//! What the forms of profile, data and appearance have in common: they count only when sent from
//! their own page, and the weightier ones only after a fresh proof.

use latchkey::paths;
use latchkey::store::users::{self, User};
use reqwest::Url;

use crate::support::Latchkey;
use crate::support::browser::Browser;
use crate::support::flow::{post_raw, sign_in};

/// Every path that takes a form, with fields that would change something.
const FORMS: &[(&str, &[(&str, &str)])] = &[
    (paths::ACCOUNT_PROFILE, &[("form", "claims"), ("nickname", "Mallory")]),
    (paths::ACCOUNT_PROFILE, &[("form", "mails")]),
    (paths::ACCOUNT_EMAIL, &[("email", "mallory@evil.example")]),
    (paths::ACCOUNT_APPEARANCE, &[("theme", "dark")]),
    (paths::ACCOUNT_EXPORT, &[]),
    (paths::ACCOUNT_HISTORY_EXPORT, &[("format", "csv")]),
    (paths::ACCOUNT_RECOGNIZED, &[("about", "failures"), ("which", "1")]),
    (paths::ACCOUNT_REMOVE, &[("username", "alice")]),
    (paths::ACCOUNT_KEEP, &[]),
];

/// Those of them that need a fresh proof.
const WEIGHTY: [&str; 4] = [
    paths::ACCOUNT_EMAIL,
    paths::ACCOUNT_EXPORT,
    paths::ACCOUNT_HISTORY_EXPORT,
    paths::ACCOUNT_REMOVE,
];

/// The record of this person.
pub async fn user(latchkey: &Latchkey, id: &str) -> User {
    let mut db = latchkey.app.store.read().await.expect("a connection");
    users::find(&mut db, id).await.expect("an answer").expect("the person")
}

/// What could be changed, in one line.
async fn state(latchkey: &Latchkey, id: &str) -> String {
    let mut db = latchkey.app.store.read().await.expect("a connection");
    let link = latchkey::store::links::Purpose::Email;
    let now = latchkey.clock.now();
    let link = latchkey::store::links::newest(&mut db, link, id, now).await.expect("an answer");
    format!("{:?} {:?}", user(latchkey, id).await, link.is_some())
}

async fn sent(browser: &Browser, url: &Url, fields: &[(&str, &str)], csrf: &str) -> u16 {
    let mut fields: Vec<_> =
        fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    fields.push(("csrf".to_owned(), csrf.to_owned()));
    let home = url.origin().ascii_serialization();
    let headers = [("origin", home.as_str()), ("sec-fetch-site", "same-origin")];
    post_raw(browser, url, &fields, &headers).await.status().as_u16()
}

#[tokio::test]
async fn s_093_a_form_without_this_sessions_token_changes_nothing() {
    let latchkey = Latchkey::start().await;
    let (alice, bob) = (latchkey.alice().await, latchkey.bob().await);
    let (mut browser, mut other) = (latchkey.browser(), latchkey.browser());
    sign_in(&mut browser, &alice).await;
    sign_in(&mut other, &bob).await;
    let theirs = other.open(paths::ACCOUNT_PROFILE).await.value("csrf").to_owned();
    let before = state(&latchkey, &alice.id).await;
    for (path, fields) in FORMS {
        let url: Url = latchkey.at(path).parse().expect("an address");
        for csrf in ["", theirs.as_str(), "x"] {
            assert_eq!(sent(&browser, &url, fields, csrf).await, 403, "{path} with {csrf:?}");
        }
        let own = browser.open(paths::ACCOUNT_PROFILE).await.value("csrf").to_owned();
        let form = [("csrf".to_owned(), own)];
        let foreign = [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")];
        let answer = post_raw(&browser, &url, &form, &foreign).await;
        assert_eq!(answer.status(), 403, "{path} from elsewhere");
    }
    assert_eq!(state(&latchkey, &alice.id).await, before);
}

#[tokio::test]
async fn s_142_what_weighs_more_needs_a_fresh_proof() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    let mut browser = latchkey.browser();
    sign_in(&mut browser, &alice).await;
    let csrf = browser.open(paths::ACCOUNT_PROFILE).await.value("csrf").to_owned();
    latchkey.pass_seconds(6 * 60);
    let before = state(&latchkey, &alice.id).await;
    for (path, fields) in FORMS.iter().filter(|(path, _)| WEIGHTY.contains(path)) {
        let url: Url = latchkey.at(path).parse().expect("an address");
        assert_eq!(sent(&browser, &url, fields, &csrf).await, 303, "{path}");
    }
    assert_eq!(state(&latchkey, &alice.id).await, before);
}
