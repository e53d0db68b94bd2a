//! What people do in their browsers, right and wrong.

use latchkey::paths;
use reqwest::Url;
use serde_json::json;

use super::stage::{Stage, link, send};
use crate::support::browser::Browser;
use crate::support::clients;
use crate::support::flow::{address, sign_in_with, totp, type_in, walk};
use crate::support::page::Page;
use crate::support::people::TestUser;
use crate::support::phone::{Phone, codes_of};

const NEW: &str = "CANARY-n3w-Harbour%Gull";

/// The code so many steps from now, by this machine's clock.
fn code(phone: &Phone, steps: i64) -> String {
    totp(&phone.seed, latchkey::clock::Clock::System.now().seconds() + 30 * steps)
}

async fn answer(browser: &mut Browser, page: Page, code: &str) -> Page {
    let page = page.fill("code", code);
    let form = page.form_with("code").submission(None);
    browser.send(&page, form).await.page()
}

impl Stage {
    /// Signing in and out, in every order of mistakes.
    pub async fn people_sign_in(&mut self) {
        let alice = self.person("alice");
        let mut browser = self.browser();
        sign_in_with(&mut browser, "alice", "CANARY-mistyped-Passw0rd").await;
        sign_in_with(&mut browser, "CANARY-password-as-name", "CANARY-x-9").await;
        sign_in_with(&mut browser, &alice.password, &alice.password).await;
        sign_in_with(&mut browser, "alice", &alice.password).await;
        for address in [
            format!("/CANARY-path?code=CANARY-query&password={}", alice.password),
            format!("{}?password=CANARY-query&username=CANARY", paths::LOGIN),
            format!("{}/CANARY-path", paths::AUTHORIZE),
            format!("{}/CANARY-token-of-forty-three-letters-0000000000", "/recover"),
            format!("{}/CANARY-token-of-forty-three-letters-0000000000", "/not-me"),
        ] {
            browser.open(&address).await;
        }
        for path in [
            "/",
            paths::ACCOUNT,
            paths::ACCOUNT_SECURITY,
            paths::ACCOUNT_RECOGNIZED,
            paths::WELL_KNOWN_CHANGE_PASSWORD,
            paths::ACCOUNT_DATA,
            paths::ACCOUNT_HISTORY,
            paths::ACCOUNT_HISTORY_EXPORT,
            paths::ACCOUNT_CHANGES,
            "/account/find?q=CANARY-sought",
        ] {
            browser.visit(path).await;
        }
        // More wrong ones than are looked at.
        for number in 0..12 {
            let wrong = format!("CANARY-guess-{number}-Aa");
            sign_in_with(&mut self.browser(), "alice", &wrong).await;
        }
        self.choose_an_account(&alice).await;
        let page = browser.open(paths::LOGOUT).await;
        browser.submit(&page, "Sign out").await.page();
    }

    async fn choose_an_account(&mut self, user: &TestUser) {
        let other = self.client(
            {
                let mut other = clients::other();
                other["client_id"] = "chooser".into();
                other["redirect_uris"] = json!([super::stage::CALLBACK]);
                other
            },
            &["authorization_code"],
        );
        let fresh = self.person(&format!("{}-too", user.username));
        let mut browser = self.signed_in(&fresh).await;
        // Signed in before this very request.
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        let asked = address(&self.issuer, &other, &[("prompt", "select_account")]);
        let page = browser.arrive(&asked).await.page();
        let arrival = browser.submit(&page, "continue").await;
        walk(&mut browser, &fresh, arrival).await;
        // The same by POST, which comes without cookies.
        let url = Url::parse(&asked).expect("an address");
        let form = url.query_pairs().into_owned().collect();
        browser.post_from_elsewhere(paths::AUTHORIZE, form).await.page();
    }

    /// Profile, address, appearance, data, applications, sessions, password.
    pub async fn people_look_after_themselves(&mut self) {
        let mut emma = self.person("emma");
        let mut browser = self.signed_in(&emma).await;
        for path in [
            paths::ACCOUNT_PROFILE,
            paths::ACCOUNT_APPEARANCE,
            paths::ACCOUNT_EXPORT,
            paths::ACCOUNT_HISTORY_EXPORT,
        ] {
            let page = browser.open(path).await;
            let told = send(&mut browser, &page).await;
            // The copy of all that is held; a page has the tokens of its forms.
            if path == paths::ACCOUNT_EXPORT {
                self.printed.push_str(&told.body);
            }
        }
        self.change_the_address(&mut browser, &emma).await;
        self.disconnect(&mut browser, &emma).await;
        self.end_sessions(&mut browser, &emma).await;
        self.change_the_password(&mut browser, &mut emma).await;
        let page = browser.open(paths::ACCOUNT_PROTECT).await;
        send(&mut browser, &page).await;
        let page = browser.open(paths::ACCOUNT_REMOVE).await.fill("username", "emma");
        send(&mut browser, &page).await;
        browser.open(paths::ACCOUNT_KEEP).await;
        let page = browser.open(paths::ACCOUNT_DATA).await;
        browser.submit(&page, "Keep my account").await.page();
    }

    async fn change_the_address(&mut self, browser: &mut Browser, emma: &TestUser) {
        let page = browser.open(paths::ACCOUNT_EMAIL).await.fill("email", "emma@new.example");
        browser.submit(&page, "Send a link").await.page();
        let url = self.mail("emma@new.example", "").await.link("/account/profile/email/");
        self.secrets.token("a link's token", url.rsplit('/').next().expect("a token"));
        let page = browser.open(&url).await;
        send(browser, &page).await;
        // The next one where she has yet to sign in.
        let page = browser.open(paths::ACCOUNT_EMAIL).await.fill("email", "emma@newer.example");
        browser.submit(&page, "Send a link").await.page();
        let url = self.mail("emma@newer.example", "").await.link("/account/profile/email/");
        self.secrets.token("a link's token", url.rsplit('/').next().expect("a token"));
        let mut phone = self.browser();
        let login = phone.open(&url).await;
        let page = type_in(&mut phone, login, "emma", &emma.password).await.page();
        assert_eq!(page.url.path(), paths::ACCOUNT_EMAIL_OPENED, "{page}");
        send(&mut phone, &page).await;
    }

    async fn disconnect(&mut self, browser: &mut Browser, user: &TestUser) {
        for id in ["first", "second"] {
            let mut metadata = clients::other();
            metadata["client_id"] = id.into();
            metadata["redirect_uris"] = json!([super::stage::CALLBACK]);
            let client = self.client(metadata, &["authorization_code"]);
            let arrival = browser.arrive(&address(&self.issuer, &client, &[])).await;
            walk(browser, user, arrival).await;
        }
        let list = browser.open(paths::ACCOUNT_APPLICATIONS).await;
        let one = browser.open(&link(&list, "/account/applications/", "/revoke")).await;
        let about = one.url.path().trim_end_matches("/revoke").to_owned();
        browser.open(&about).await;
        send(browser, &one).await;
        let all = browser.open(paths::ACCOUNT_APPLICATIONS_REVOKE_ALL).await;
        send(browser, &all).await;
    }

    async fn end_sessions(&mut self, browser: &mut Browser, user: &TestUser) {
        for _ in 0..3 {
            self.signed_in(user).await;
        }
        let asked = browser.open(paths::ACCOUNT_SECURITY).await;
        browser.submit(&asked, "It was me").await.page();
        let list = browser.open(paths::ACCOUNT_SESSIONS).await;
        let ends = list.attributes("a[href$='/end']", "href");
        let other = ends.last().expect("another session");
        let page = browser.open(other).await;
        send(browser, &page).await;
        let page = browser.open(paths::ACCOUNT_SESSIONS_END_OTHERS).await;
        send(browser, &page).await;
        let list = browser.open(paths::ACCOUNT_SESSIONS).await;
        let page = browser.open(&link(&list, "/account/sessions/devices/", "/forget")).await;
        send(browser, &page).await;
    }

    async fn change_the_password(&mut self, browser: &mut Browser, user: &mut TestUser) {
        // A proof that is old: what was typed is kept until the person has confirmed.
        self.proofs_get_old().await;
        let page = browser.open(paths::ACCOUNT_REMOVE).await.fill("username", "CANARY");
        let page = browser.submit(&page, "Remove my account").await.page();
        assert_eq!(page.url.path(), paths::ACCOUNT_CONFIRM, "{page}");
        let wrong = page.clone().fill("password", "CANARY-wrong-proof-1");
        let form = wrong.form_with("password").submission(None);
        browser.send(&wrong, form).await.page();
        let page = page.fill("password", &user.password);
        send(browser, &page).await;
        let page = browser.open(paths::ACCOUNT_PASSWORD).await;
        let csrf = page.value("csrf").to_owned();
        let half = page.clone().fill("password", "CANARY-wrong-current-1");
        let half = half.fill("new_password", NEW).fill("new_password_again", NEW);
        let form = half.form_with("new_password").submission(None);
        browser.send(&half, form).await.page();
        self.check_a_password(browser, &csrf).await;
        let page = page.fill("password", &user.password).fill("new_password", NEW);
        let page = page.fill("new_password_again", NEW);
        send(browser, &page).await;
        NEW.clone_into(&mut user.password);
    }

    /// What the page's script asks while a password is typed.
    async fn check_a_password(&mut self, browser: &mut Browser, csrf: &str) {
        let page = browser.open(paths::ACCOUNT_PASSWORD).await;
        let mut form = page.form_with("new_password").submission(None);
        form.action.set_path(paths::ACCOUNT_PASSWORD_CHECK);
        form.fields = vec![
            ("csrf".to_owned(), csrf.to_owned()),
            ("password".to_owned(), "CANARY-half-typ3d".to_owned()),
        ];
        let told = browser.send(&page, form).await.page();
        assert!(told.status.is_success(), "{told}");
    }

    /// Everything about second factors.
    pub async fn people_use_two_factor(&mut self) {
        let tess = self.person("tess");
        let mut browser = self.signed_in(&tess).await;
        let page = browser.open(paths::ACCOUNT_TWO_FACTOR_SET_UP).await;
        let phone = self.scan(&page);
        answer(&mut browser, page.clone(), "739164").await;
        // Each step counts once, and the clock does not wait: the one before is for the set-up.
        let page = answer(&mut browser, page, &code(&phone, -1)).await;
        let codes = self.codes(&page);
        browser.submit(&page, "I have saved them").await.page();
        // Signs in elsewhere with a code, and trusts that browser.
        let mut other = self.browser();
        let page = sign_in_with(&mut other, "tess", &tess.password).await;
        let page = page.fill("code", &code(&phone, 0)).tick("trust");
        let form = page.form_with("code").submission(None);
        other.send(&page, form).await.page();
        // With a backup code.
        let page = sign_in_with(&mut self.browser(), "tess", &tess.password).await;
        assert_eq!(page.url.path(), paths::LOGIN_TWO_FACTOR, "{page}");
        let mut lost = self.browser();
        let page = sign_in_with(&mut lost, "tess", &tess.password).await;
        let page = lost.open(page.link("Use a backup code instead").as_str()).await;
        let wrong = answer(&mut lost, page, "CANA-RYCA-NARY-CANA").await;
        answer(&mut lost, wrong, &codes[0]).await;
        let page = lost.open(paths::ACCOUNT_TWO_FACTOR_RECOVERED).await;
        assert_eq!(page.url.path(), paths::ACCOUNT_TWO_FACTOR_RECOVERED, "{page}");
        self.manage_factors(&mut lost, &tess, (&phone, &codes)).await;
        self.must_set_up().await;
    }

    async fn manage_factors(
        &mut self,
        browser: &mut Browser,
        user: &TestUser,
        (phone, codes): (&Phone, &[String]),
    ) {
        let page = browser.open(paths::ACCOUNT_TWO_FACTOR).await;
        let one = browser.open(&link(&page, "/account/two-factor/browsers/", "/distrust")).await;
        send(browser, &one).await;
        // Trust again, so that there is something to end for all.
        self.sql("UPDATE devices SET trusted_until = 4102444800000, trusted_at = last_seen_at")
            .await;
        let all = browser.open(paths::ACCOUNT_BROWSERS_DISTRUST).await;
        send(browser, &all).await;
        let page = browser.open(paths::ACCOUNT_BACKUP_CODES).await;
        let page = browser.submit(&page, "Make new codes").await.page();
        let fresh = self.codes(&page);
        assert_ne!(fresh, codes);
        // A second app, which is then removed.
        let page = browser.open(paths::ACCOUNT_TWO_FACTOR_SET_UP).await;
        let second = self.scan(&page);
        assert_ne!(second.seed, phone.seed);
        let page = answer(browser, page.fill("name", "Second"), &code(&second, 0)).await;
        assert!(page.status.is_success(), "{page}");
        let page = browser.open(paths::ACCOUNT_TWO_FACTOR).await;
        let page =
            browser.open(&link(&page, "/account/two-factor/authenticators/", "/remove")).await;
        send(browser, &page).await;
        // Confirming with a code, when the proof is old.
        self.proofs_get_old().await;
        let page = browser.open(paths::ACCOUNT_TWO_FACTOR_OFF).await;
        let page = page.fill("password", &user.password).fill("code", &fresh[1]);
        let page = send(browser, &page).await;
        assert_eq!(page.url.path(), paths::ACCOUNT_TWO_FACTOR_OFF, "{page}");
        send(browser, &page).await;
    }

    /// Somebody who may not sign in without a second factor and has none.
    async fn must_set_up(&mut self) {
        let carol = self.person("carol");
        self.program.run(&["user", "set-groups", "carol", "staff"]).good();
        let mut browser = self.browser();
        let page = sign_in_with(&mut browser, "carol", &carol.password).await;
        assert_eq!(page.url.path(), paths::LOGIN_TWO_FACTOR_SET_UP, "{page}");
        let phone = self.scan(&page);
        let page = answer(&mut browser, page, &code(&phone, 0)).await;
        self.codes(&page);
        browser.submit(&page, "I have saved them").await.page();
    }

    fn scan(&mut self, page: &Page) -> Phone {
        let phone = Phone::scan(page);
        self.secrets.bytes("a seed", &phone.seed);
        let key = page.texts("#key")[0].clone();
        self.secrets.typed("a seed in base32", &key.replace(' ', ""));
        phone
    }

    fn codes(&mut self, page: &Page) -> Vec<String> {
        let codes = codes_of(page);
        for code in &codes {
            self.secrets.typed("a backup code", code);
        }
        codes
    }

    /// A forgotten password, and a sign-in that was somebody else's.
    pub async fn people_forget(&mut self) {
        let rita = self.person("rita");
        self.signed_in(&rita).await;
        let mut browser = self.browser();
        for name in ["rita", "CANARY-nobody", &rita.password] {
            let page = browser.open(paths::RECOVER).await.fill("username", name);
            browser.submit(&page, "Send me a link").await.page();
        }
        let url = self.mail(&rita.email, "Choose a new").await.link("/recover/");
        self.secrets.token("a link's token", url.rsplit('/').next().expect("a token"));
        let page = browser.open(&url).await;
        let weak = page.clone().fill("password", "CANARY").fill("repeat", "CANARY-other");
        let form = weak.form_with("repeat").submission(None);
        browser.send(&weak, form).await.page();
        let new = "CANARY-r3covered%Gull";
        look_at_half_a_password(&mut browser, &page).await;
        let page = page.fill("password", new).fill("repeat", new);
        send(&mut browser, &page).await;
        browser.open(&url).await;
        let nina = self.person("nina");
        self.signed_in(&nina).await;
        let mut stranger = self.browser();
        stranger.user_agent = "Mozilla/5.0 (Windows NT 10.0) Gecko/20100101 Firefox/140.0".into();
        sign_in_with(&mut stranger, "nina", &nina.password).await;
        let url = self.mail(&nina.email, "New sign-in").await.link("/not-me/");
        self.secrets.token("a link's token", url.rsplit('/').next().expect("a token"));
        let page = browser.open(&url).await;
        send(&mut browser, &page).await;
    }
}

/// What the script of a page that takes a new password asks while it is typed.
pub async fn look_at_half_a_password(browser: &mut Browser, page: &Page) {
    let mut form = page.form_with("repeat").submission(None);
    let path = format!("{}/check", form.action.path());
    form.action.set_path(&path);
    form.fields.retain(|(name, _)| name == "csrf");
    form.fields.push(("password".to_owned(), "CANARY-half-typ3d".to_owned()));
    let told = browser.send(page, form).await.page();
    assert!(told.status.is_success(), "{told}");
}
