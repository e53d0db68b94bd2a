//! Forms that were not sent from our own page (S-093 … S-096).

use latchkey::identity::groups::set_groups;
use latchkey::paths;
use reqwest::Url;

use crate::support::Latchkey;
use crate::support::browser::{Browser, http};
use crate::support::clients::{self, TestClient};
use crate::support::flow::{address, post_raw, sign_in, sign_in_with, totp, walk};
use crate::support::page::{Page, Submission};
use crate::support::people::TestUser;
use crate::support::phone::Phone;

const SEED: &[u8] = b"a seed of twenty bytes";
/// Another password that fits every policy.
const NEW: &str = "w1nter-Kettle-Falls%7";

/// Every page whose form changes something.
const FORMS: &[&str] = &[
    paths::LOGIN,
    paths::LOGIN_TWO_FACTOR,
    paths::LOGIN_ACCOUNT,
    paths::CONSENT,
    paths::LOGOUT,
    paths::ACCOUNT_CONFIRM,
    paths::ACCOUNT_PASSWORD,
    paths::ACCOUNT_PROTECT,
    paths::ACCOUNT_APPLICATION_REVOKE,
    paths::ACCOUNT_APPLICATIONS_REVOKE_ALL,
    paths::RECOVER,
    paths::NOT_ME,
    paths::LOGIN_TWO_FACTOR_SET_UP,
    paths::LOGIN_CHANGE_PASSWORD,
    paths::ACCOUNT_TWO_FACTOR_SET_UP,
    paths::ACCOUNT_BACKUP_CODES,
    paths::ACCOUNT_TWO_FACTOR_OFF,
    // The last: from then on Bob has another password.
    paths::RECOVER_LINK,
];

struct Scene {
    latchkey: Latchkey,
    web: TestClient,
    alice: TestUser,
    bob: TestUser,
    /// She must have two-factor and has none.
    carol: TestUser,
}

impl Scene {
    async fn start() -> Self {
        let latchkey = Latchkey::start_with(|config| {
            config.login.two_factor_required_for = vec!["group:staff".into()];
        })
        .await;
        let web = latchkey.client(clients::web()).await;
        let (alice, bob) = (latchkey.alice().await, latchkey.bob().await);
        latchkey.enrol(&alice, SEED).await;
        let carol = latchkey.person("carol", serde_json::json!({})).await;
        let staff = ["staff".to_owned()];
        set_groups(&latchkey.app, "carol", &staff).await.expect("a group");
        Self { latchkey, web, alice, bob, carol }
    }

    /// A browser before the form at `path`, filled as it is meant to be.
    async fn before(&self, path: &str) -> (Browser, Page) {
        let mut browser = self.latchkey.browser();
        let request = |more: &[(&str, &str)]| address(&self.latchkey.issuer, &self.web, more);
        let page = match path {
            paths::LOGIN => {
                let page = browser.open(path).await;
                page.fill("username", "bob").fill("password", &self.bob.password)
            }
            paths::LOGIN_TWO_FACTOR => {
                // Each code counts once.
                self.latchkey.pass_seconds(30);
                let login = browser.open(paths::LOGIN).await.fill("username", "alice");
                let login = login.fill("password", &self.alice.password);
                let page = browser.submit(&login, "Sign in").await.page();
                page.fill("code", &totp(SEED, self.latchkey.clock.now().seconds()))
            }
            paths::LOGIN_TWO_FACTOR_SET_UP => {
                let page = sign_in_with(&mut browser, "carol", &self.carol.password).await;
                let code = Phone::scan(&page).code(&self.latchkey, 0);
                page.fill("code", &code)
            }
            paths::LOGIN_CHANGE_PASSWORD => {
                let name = format!("p{}", self.latchkey.app.random.token(""));
                self.latchkey.person(&name, serde_json::json!({})).await;
                let given = "An0ther-Lamp%44";
                let app = &self.latchkey.app;
                latchkey::identity::people::set_password(app, &name, &given.into())
                    .await
                    .expect("a temporary password");
                let page = sign_in_with(&mut browser, &name, given).await;
                page.fill("password", NEW).fill("repeat", NEW)
            }
            paths::ACCOUNT_TWO_FACTOR_SET_UP => {
                sign_in(&mut browser, &self.bob).await;
                let page = browser.open(path).await;
                let code = Phone::scan(&page).code(&self.latchkey, 0);
                page.fill("code", &code)
            }
            paths::ACCOUNT_BACKUP_CODES | paths::ACCOUNT_TWO_FACTOR_OFF => {
                self.latchkey.pass_seconds(30);
                let page = sign_in_with(&mut browser, "alice", &self.alice.password).await;
                let code = totp(SEED, self.latchkey.clock.now().seconds());
                browser.submit(&page.fill("code", &code), "Verify").await.page();
                browser.open(path).await
            }
            paths::LOGIN_ACCOUNT => {
                sign_in(&mut browser, &self.bob).await;
                // Who signs in for this very request has chosen the account by that.
                self.latchkey.pass_seconds(1);
                browser.arrive(&request(&[("prompt", "select_account")])).await.page()
            }
            paths::CONSENT => {
                sign_in(&mut browser, &self.bob).await;
                browser.arrive(&request(&[("prompt", "consent")])).await.page()
            }
            paths::ACCOUNT_CONFIRM => {
                sign_in(&mut browser, &self.bob).await;
                self.latchkey.pass_seconds(301);
                browser.open(path).await.fill("password", &self.bob.password)
            }
            paths::ACCOUNT_PASSWORD => {
                // Somebody new each time: whose password was changed has another one.
                let name = format!("p{}", self.latchkey.app.random.token(""));
                let person = self.latchkey.person(&name, serde_json::json!({})).await;
                sign_in(&mut browser, &person).await;
                let page = browser.open(path).await.fill("password", &person.password);
                let new = "N3w-Harbour%Gull";
                page.fill("new_password", new).fill("new_password_again", new)
            }
            paths::ACCOUNT_APPLICATION_REVOKE | paths::ACCOUNT_APPLICATIONS_REVOKE_ALL => {
                let arrival = browser.arrive(&request(&[])).await;
                walk(&mut browser, &self.bob, arrival).await;
                let list = browser.open(paths::ACCOUNT_APPLICATIONS).await;
                let one = list.link("Revoke access of Photo Printer");
                let all = path == paths::ACCOUNT_APPLICATIONS_REVOKE_ALL;
                browser.open(if all { path } else { one.as_str() }).await
            }
            paths::RECOVER => browser.open(path).await.fill("username", "bob"),
            paths::RECOVER_LINK => {
                let page = browser.open(&self.latchkey.recovery_link(&self.bob).await).await;
                page.fill("password", NEW).fill("repeat", NEW)
            }
            paths::NOT_ME => browser.open(&self.latchkey.not_me_link(&self.bob).await).await,
            _ => {
                sign_in(&mut browser, &self.bob).await;
                browser.open(path).await
            }
        };
        let (fixed, rest) = path.split_once('{').unwrap_or((path, ""));
        let after = rest.split_once('}').map_or("", |(_, after)| after);
        let here = page.url.path();
        assert!(here.starts_with(fixed) && here.ends_with(after), "{page}");
        assert!(page.status.is_success(), "{page}");
        (browser, page)
    }
}

/// The form as a person sends it.
fn sent(page: &Page) -> Submission {
    // The pages of an account have the form that signs out above their own.
    let own = page.forms().iter().find(|form| form.action.path() == page.url.path());
    let form = own.unwrap_or_else(|| page.form_with("csrf"));
    let button = form.buttons.iter().find(|button| button.value == "allow");
    form.submission(button.or(form.buttons.first()))
}

fn with(fields: &[(String, String)], name: &str, value: Option<&str>) -> Vec<(String, String)> {
    let mut fields: Vec<_> = fields.iter().filter(|(key, _)| key != name).cloned().collect();
    fields.extend(value.map(|value| (name.to_owned(), value.to_owned())));
    fields
}

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

#[test]
fn every_page_with_a_form_is_among_them() {
    let mut found = Vec::new();
    for door in ["sign_in", "account"] {
        let folder = format!("{}/templates/{door}", env!("CARGO_MANIFEST_DIR"));
        for file in std::fs::read_dir(folder).expect("a folder of templates") {
            let path = file.expect("a template").path();
            // The pages of two-factor are one folder, whose forms stand in FORMS.
            if path.is_dir() {
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("a template");
            if text.contains("method=\"post\"") {
                found.push(path.file_name().expect("a name").to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    // Those of `account/about_oneself.rs`, beside the ones above.
    let known = [
        "account.html",
        "appearance.html",
        "change_password.html",
        "confirm.html",
        "consent.html",
        "device_forget.html",
        "email.html",
        "email_link.html",
        "export.html",
        "locked.html",
        "login.html",
        "logout.html",
        "history.html",
        "history_export.html",
        "new_password.html",
        "not_me.html",
        "password.html",
        "profile.html",
        "protect.html",
        "recover.html",
        "removal.html",
        "revoke_applications.html",
        "security.html",
        "session_end.html",
        "shell.html",
        "two_factor.html",
        "two_factor_set_up.html",
    ];
    for page in &found {
        assert!(known.contains(&page.as_str()), "{page} has a form: add it to FORMS above");
    }
}

#[tokio::test]
async fn s_093_a_form_without_this_browsers_token_does_nothing() {
    let scene = Scene::start().await;
    for &path in FORMS {
        let (mut browser, page) = scene.before(path).await;
        let Submission { action, fields, .. } = sent(&page);
        let own = page.value("csrf").to_owned();
        assert!(own.len() >= 22, "{own}");
        let (_, elsewhere) = scene.before(path).await;
        let mut anonymous = scene.latchkey.browser();
        let unsigned = anonymous.open(paths::LOGIN).await.value("csrf").to_owned();
        let half = &own[..own.len() - 1];
        for token in [None, Some(""), Some(elsewhere.value("csrf")), Some(&unsigned), Some(half)] {
            let home = origin(&action);
            let headers = [("origin", home.as_str()), ("sec-fetch-site", "same-origin")];
            let answer = post_raw(&browser, &action, &with(&fields, "csrf", token), &headers).await;
            assert_eq!(answer.status(), 403, "{path} with {token:?}");
            assert!(answer.headers().get("set-cookie").is_none(), "{path} with {token:?}");
        }
        // Nothing happened: the form still does what it says.
        let arrival = browser.send(&page, sent(&page)).await;
        if let crate::support::browser::Arrival::Page(page) = arrival {
            assert!(page.status.is_success(), "{path}: {page}");
        }
    }
}

#[tokio::test]
async fn s_093_a_form_from_before_signing_in_or_out_is_too_old() {
    let scene = Scene::start().await;
    let mut browser = scene.latchkey.browser();
    let login = browser.open(paths::LOGIN).await;
    sign_in(&mut browser, &scene.bob).await;
    let logout = browser.open(paths::LOGOUT).await;
    let stale = login.fill("username", "bob").fill("password", &scene.bob.password);
    let page = browser.submit(&stale, "Sign in").await.page();
    assert_eq!(page.status, 403, "{page}");
    browser.submit(&logout, "Sign out").await.page();
    let again = browser.send(&logout, sent(&logout)).await.page();
    assert_eq!(again.status, 403, "{again}");
}

#[tokio::test]
async fn s_094_a_good_form_from_another_site_does_nothing() {
    let scene = Scene::start().await;
    for &path in FORMS {
        let (mut browser, page) = scene.before(path).await;
        let Submission { action, fields, .. } = sent(&page);
        let home = origin(&action);
        let other_port = format!("http://127.0.0.1:{}", 1);
        let with_suffix = format!("{home}.evil.example");
        let foreign: [&[(&str, &str)]; 9] = [
            &[("origin", "https://evil.example")],
            &[("origin", "null")],
            &[("origin", "")],
            &[("origin", &other_port)],
            &[("origin", &with_suffix)],
            &[("origin", &home), ("sec-fetch-site", "cross-site")],
            &[("origin", &home), ("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "none")],
            &[("origin", "https://evil.example"), ("sec-fetch-site", "same-origin")],
        ];
        for headers in foreign {
            let answer = post_raw(&browser, &action, &fields, headers).await;
            assert_eq!(answer.status(), 403, "{path} with {headers:?}");
            assert!(answer.headers().get("set-cookie").is_none(), "{path} with {headers:?}");
        }
        let arrival = browser.send(&page, sent(&page)).await;
        if let crate::support::browser::Arrival::Page(page) = arrival {
            assert!(page.status.is_success(), "{path}: {page}");
        }
    }
}

#[tokio::test]
async fn s_095_only_a_post_of_a_form_does_anything() {
    let scene = Scene::start().await;
    for &path in FORMS {
        let (mut browser, page) = scene.before(path).await;
        let Submission { action, fields, .. } = sent(&page);
        let home = origin(&action);
        let own = [("origin", home.as_str()), ("sec-fetch-site", "same-origin")];
        for kind in ["text/plain", "application/json", "multipart/form-data; boundary=b", "x"] {
            let headers = [&own[..], &[("content-type", kind)]].concat();
            let answer = post_raw(&browser, &action, &fields, &headers).await;
            assert_eq!(answer.status(), 415, "{path} as {kind}");
        }
        let mut as_query = action.clone();
        as_query.query_pairs_mut().extend_pairs(&fields).append_pair("_method", "POST");
        let cookies = browser.cookies().header(&action, false).expect("cookies");
        for method in ["GET", "HEAD"] {
            let request = http().request(method.parse().expect("a method"), as_query.clone());
            let request =
                request.header("cookie", &cookies).header("x-http-method-override", "POST");
            let answer = request.send().await.expect("an answer");
            let gives = answer.headers().get_all("set-cookie").iter().any(|cookie| {
                cookie.to_str().is_ok_and(|cookie| cookie.contains("latchkey_session"))
            });
            assert!(!gives, "{path} by {method} signs in or out");
            let location = answer.headers().get("location").map(|to| to.to_str().unwrap_or("?"));
            assert!(location.is_none_or(|to| to.starts_with('/')), "{path}: {location:?}");
        }
        for method in ["PUT", "DELETE", "PATCH"] {
            let request = http().request(method.parse().expect("a method"), action.clone());
            let answer = request.header("cookie", &cookies).send().await.expect("an answer");
            assert_eq!(answer.status(), 405, "{path} by {method}");
            assert!(answer.headers().contains_key("allow"), "{path} by {method}");
        }
        let arrival = browser.send(&page, sent(&page)).await;
        if let crate::support::browser::Arrival::Page(page) = arrival {
            assert!(page.status.is_success(), "{path}: {page}");
        }
    }
}

#[tokio::test]
async fn s_096_nobody_is_signed_in_to_an_attackers_account() {
    let scene = Scene::start().await;
    // The attacker has a form of their own, with a token that is good in their browser.
    let (_, theirs) = scene.before(paths::LOGIN).await;
    let mut victim = scene.latchkey.browser();
    victim.open(paths::LOGIN).await;
    let page = victim.post_from_elsewhere(paths::LOGIN, sent(&theirs).fields).await.page();
    assert_eq!(page.status, 403, "{page}");
    // And if the attacker's page could pass for ours, the token would still be another browser's.
    let Submission { action, fields, .. } = sent(&theirs);
    let home = origin(&action);
    let headers = [("origin", home.as_str()), ("sec-fetch-site", "same-origin")];
    let answer = post_raw(&victim, &action, &fields, &headers).await;
    assert_eq!(answer.status(), 403);
    let page = victim.open(paths::ACCOUNT_SECURITY).await;
    assert_eq!(page.url.path(), paths::LOGIN, "nobody is signed in: {page}");
}
