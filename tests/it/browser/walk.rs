//! The walk of a person: sign in, allow, arrive at the application, sign out.

use latchkey::identity::{groups, people, two_factor};
use latchkey::paths;
use serde_json::json;

use super::client_page::ClientPage;
use crate::support::Latchkey;
use crate::support::chromium::{Chromium, Scripts};
use crate::support::clients;
use crate::support::people::{PASSWORD, TestUser};
use crate::support::relying_party::{Attempt, RelyingParty};

/// Everything a walk needs.
struct Walk {
    latchkey: Latchkey,
    shop: ClientPage,
    relying_party: RelyingParty,
    alice: TestUser,
    chromium: Chromium,
}

impl Walk {
    async fn prepare(scripts: Scripts) -> Self {
        let latchkey = Latchkey::start_with(|config| {
            config.login.two_factor_required_for = vec!["group:staff".into()];
        });
        let (latchkey, shop) = (latchkey.await, ClientPage::start().await);
        let alice = latchkey.alice().await;
        let mut metadata = clients::web();
        metadata["redirect_uris"] = json!([shop.redirect_uri]);
        metadata["post_logout_redirect_uris"] = json!([shop.signed_out_uri]);
        let client = latchkey.client(metadata).await;
        let relying_party = RelyingParty::discover(&latchkey, &client).await;
        let chromium = Chromium::start(scripts).await;
        Self { latchkey, shop, relying_party, alice, chromium }
    }

    fn begin(&self, more: &[(&str, &str)]) -> Attempt {
        self.relying_party.begin_with(&["openid", "profile", "email"], more)
    }

    async fn sign_in(&self, password: &str) {
        self.chromium.sign_in(&self.alice.username, password).await;
    }

    /// From the first request to the arrival at the application.
    async fn to_the_shop(&self, attempt: &Attempt) {
        self.chromium.visit(&attempt.url).await;
        self.chromium.look("Sign in").await;
        self.sign_in("not-the-Passw0rd!").await;
        self.chromium.words("#problem").await;
        self.chromium.look("Sign in").await;
        self.sign_in(PASSWORD).await;
        self.chromium.look("Allow Photo Printer to use your account?").await;
        self.chromium.click("[name=decision][value=allow]").await;
    }

    async fn tokens_are_good(&self, attempt: &Attempt) {
        let mut came = self.shop.last();
        // The application sees only its own part of the address.
        let query = came.url.query().map(str::to_owned);
        came.url = self.relying_party.client.redirect_uri.parse().expect("an address");
        came.url.set_query(query.as_deref());
        let tokens = self.relying_party.finish(attempt, &came).await;
        let claims = self.relying_party.userinfo(&tokens).await;
        let name = claims.preferred_username().map(|name| name.as_str().to_owned());
        assert_eq!(name.as_deref(), Some("alice"));
    }

    async fn sign_out(&self) {
        self.chromium.visit(&self.latchkey.at(paths::LOGOUT)).await;
        self.chromium.look("Sign out of Latchkey?").await;
        self.chromium.click("#sign-out").await;
        self.chromium.look("You are signed out").await;
    }

    /// Asks without showing anything: signed out, the application must learn that.
    async fn is_signed_out(&self) {
        let silent = self.begin(&[("prompt", "none")]);
        self.chromium.visit(&silent.url).await;
        self.chromium.sees("Welcome to the shop").await;
        assert_eq!(self.shop.last().parameter("error").as_deref(), Some("login_required"));
    }
}

/// Login, consent, application, second visit, sign-out.
async fn from_sign_in_to_sign_out(scripts: Scripts) {
    let walk = Walk::prepare(scripts).await;
    let attempt = walk.begin(&[]);
    walk.to_the_shop(&attempt).await;
    walk.chromium.sees("Welcome to the shop").await;
    walk.tokens_are_good(&attempt).await;
    let again = walk.begin(&[]);
    walk.chromium.visit(&again.url).await;
    walk.chromium.sees("Welcome to the shop").await;
    walk.tokens_are_good(&again).await;
    walk.chromium.visit(&walk.latchkey.at(paths::ACCOUNT_SECURITY)).await;
    walk.chromium.words("h1").await;
    walk.chromium.audit().await;
    walk.sign_out().await;
    walk.is_signed_out().await;
    walk.chromium.check_console().await;
    walk.chromium.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_allows_arrives_and_signs_out() {
    from_sign_in_to_sign_out(Scripts::On).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_works_without_scripts() {
    from_sign_in_to_sign_out(Scripts::Off).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_post_answer_sends_itself() {
    let walk = Walk::prepare(Scripts::On).await;
    let attempt = walk.begin(&[("response_mode", "form_post")]);
    walk.to_the_shop(&attempt).await;
    walk.chromium.sees("Welcome to the shop").await;
    assert_eq!(walk.shop.last().url.query(), None, "the answer stands in the form alone");
    walk.tokens_are_good(&attempt).await;
    walk.chromium.check_console().await;
    walk.chromium.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_scripts_a_form_post_answer_is_one_click_away() {
    let walk = Walk::prepare(Scripts::Off).await;
    let attempt = walk.begin(&[("response_mode", "form_post")]);
    walk.to_the_shop(&attempt).await;
    walk.chromium.look("One moment").await;
    walk.chromium.click("#answer button").await;
    walk.chromium.sees("Welcome to the shop").await;
    walk.tokens_are_good(&attempt).await;
    walk.chromium.close().await;
}

/// No before the sign-in, at the question, and where the account is locked.
async fn saying_no(scripts: Scripts) {
    let walk = Walk::prepare(scripts).await;
    let back_at_the_shop = async || {
        walk.chromium.sees("Welcome to the shop").await;
        assert_eq!(walk.shop.last().parameter("error").as_deref(), Some("access_denied"));
        walk.chromium.check_console().await;
    };
    walk.chromium.visit(&walk.begin(&[]).url).await;
    walk.chromium.click("#cancel").await;
    back_at_the_shop().await;
    people::lock(&walk.latchkey.app, "alice", "a test").await.expect("locked");
    walk.chromium.visit(&walk.begin(&[]).url).await;
    walk.sign_in(PASSWORD).await;
    walk.chromium.look("This account is locked").await;
    walk.chromium.click("#cancel").await;
    back_at_the_shop().await;
    people::unlock(&walk.latchkey.app, "alice").await.expect("unlocked");
    walk.chromium.visit(&walk.begin(&[]).url).await;
    walk.sign_in(PASSWORD).await;
    walk.chromium.click("[name=decision][value=deny]").await;
    back_at_the_shop().await;
    walk.latchkey.pass_seconds(1);
    // Somebody is signed in: at the choice of an account, and as somebody else.
    walk.chromium.visit(&walk.begin(&[("prompt", "select_account")]).url).await;
    walk.chromium.sees("Choose an account").await;
    walk.chromium.click("#cancel").await;
    back_at_the_shop().await;
    walk.chromium.visit(&walk.begin(&[]).url).await;
    walk.chromium.sees("Allow Photo Printer to use your account?").await;
    walk.chromium.click("#switch").await;
    walk.chromium.look("Sign in").await;
    walk.chromium.click("#cancel").await;
    back_at_the_shop().await;
    // Once more who it is, where a fresh sign-in is wanted.
    walk.chromium.visit(&walk.begin(&[("prompt", "login")]).url).await;
    walk.chromium.sees("Confirm it’s you").await;
    walk.chromium.click("#switch").await;
    walk.chromium.sees("Sign in").await;
    // At the code, at setting two-factor up, and at a password that must be replaced.
    walk.latchkey.enrol(&walk.alice, b"12345678901234567890").await;
    walk.sign_in(PASSWORD).await;
    walk.chromium.sees("Enter your code").await;
    walk.chromium.click("#cancel").await;
    back_at_the_shop().await;
    let bob = walk.latchkey.bob().await;
    groups::set_groups(&walk.latchkey.app, "bob", &["staff".to_owned()]).await.expect("a group");
    walk.chromium.forget().await;
    walk.chromium.visit(&walk.begin(&[]).url).await;
    walk.chromium.sign_in(&bob.username, &bob.password).await;
    walk.chromium.sees("Set up two-factor").await;
    walk.chromium.click("#cancel").await;
    back_at_the_shop().await;
    let given = "an0ther-Lamp%44";
    people::set_password(&walk.latchkey.app, "alice", &given.into()).await.expect("set");
    two_factor::reset(&walk.latchkey.app, "alice").await.expect("reset");
    walk.chromium.forget().await;
    walk.chromium.visit(&walk.begin(&[]).url).await;
    walk.sign_in(given).await;
    walk.chromium.sees("Choose a new password").await;
    walk.chromium.click("#cancel").await;
    back_at_the_shop().await;
    walk.chromium.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn saying_no_leads_back_to_the_application() {
    saying_no(Scripts::On).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn saying_no_leads_back_without_scripts_as_well() {
    saying_no(Scripts::Off).await;
}

/// An application that has people say with which account.
async fn with_this_account_or_another(scripts: Scripts) {
    let walk = Walk::prepare(scripts).await;
    let bob = walk.latchkey.bob().await;
    let attempt = walk.begin(&[]);
    walk.to_the_shop(&attempt).await;
    walk.chromium.sees("Welcome to the shop").await;
    walk.latchkey.pass_seconds(1);
    let attempt = walk.begin(&[("prompt", "select_account")]);
    walk.chromium.visit(&attempt.url).await;
    walk.chromium.look("Choose an account").await;
    walk.chromium.click("#continue").await;
    walk.chromium.sees("Welcome to the shop").await;
    walk.tokens_are_good(&attempt).await;
    walk.latchkey.pass_seconds(1);
    walk.chromium.visit(&walk.begin(&[("prompt", "select_account")]).url).await;
    walk.chromium.sees("Choose an account").await;
    walk.chromium.click("#other").await;
    walk.chromium.look("Sign in").await;
    walk.chromium.sign_in(&bob.username, &bob.password).await;
    walk.chromium.sees("Allow Photo Printer to use your account?").await;
    let words = walk.chromium.words("main").await;
    assert!(words.contains("bob") && !words.contains("alice"), "{words}");
    walk.chromium.check_console().await;
    walk.chromium.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_chooses_with_which_account_to_go_on() {
    with_this_account_or_another(Scripts::On).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_chooses_that_without_scripts_as_well() {
    with_this_account_or_another(Scripts::Off).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_is_not_registered_gets_an_accessible_error_page() {
    let walk = Walk::prepare(Scripts::On).await;
    let page = format!("{}?client_id=nobody", walk.latchkey.at(paths::AUTHORIZE));
    walk.chromium.visit(&page).await;
    walk.chromium.words("#error-title").await;
    walk.chromium.audit().await;
    walk.chromium.close().await;
}
