//! A person signs in to an application, which lives on with its tokens.

use crate::support::browser::Browser;
use crate::support::people::TestUser;
use crate::support::relying_party::{Attempt, RelyingParty};
use crate::support::{Latchkey, clients};

/// Signs in by labels and buttons, as a person does, and allows what is asked.
async fn sign_in_and_allow(
    browser: &mut Browser,
    attempt: &Attempt,
    user: &TestUser,
) -> crate::support::browser::Departure {
    let login = browser.arrive(&attempt.url).await.page();
    assert_eq!(login.heading(), "Sign in");
    let login = login.fill("Username", &user.email).fill("Password", &user.password);
    let consent = browser.submit(&login, "Sign in").await.page();
    browser.submit(&consent, "Allow").await.departure()
}

#[tokio::test]
async fn a_relying_party_of_the_field_gets_and_keeps_what_it_needs() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    let web = latchkey.client(clients::web()).await;
    let shop = RelyingParty::discover(&latchkey, &web).await;
    let attempt = shop.begin(&["profile", "email", "offline_access"]);
    let mut browser = latchkey.browser();
    let came = sign_in_and_allow(&mut browser, &attempt, &alice).await;

    let tokens = shop.finish(&attempt, &came).await;
    let told = shop.userinfo(&tokens).await;
    let email = told.email().map(|email| email.as_str().to_owned());
    assert_eq!(email.as_deref(), Some(alice.email.as_str()));

    latchkey.pass_seconds(60);
    let fresh = shop.refresh(&tokens).await;
    assert_ne!(fresh.access, tokens.access);
    shop.userinfo(&fresh).await;
    if fresh.id.is_some() {
        shop.verify(&fresh, None);
    }

    let refresh_token = fresh.refresh.clone().expect("a new refresh token");
    assert!(shop.revoke(&refresh_token).await.status.is_success());
    shop.try_refresh(&refresh_token).await.refuses(400, "invalid_grant");
}

#[tokio::test]
async fn tabs_share_the_sign_in_and_another_browser_does_not() {
    let latchkey = Latchkey::start().await;
    let bob = latchkey.bob().await;
    let (web, other) =
        (latchkey.client(clients::web()).await, latchkey.client(clients::other()).await);
    let shop = RelyingParty::discover(&latchkey, &web).await;
    let calendar = RelyingParty::discover(&latchkey, &other).await;
    let mut browser = latchkey.browser();
    sign_in_and_allow(&mut browser, &shop.begin(&[]), &bob).await;

    let attempt = calendar.begin(&[]);
    let mut tab = browser.new_tab();
    let consent = tab.arrive(&attempt.url).await.page();
    assert!(consent.says("Calendar") && !consent.has("Password"), "{consent}");
    let came = tab.submit(&consent, "Allow").await.departure();
    calendar.finish(&attempt, &came).await;

    let stranger = latchkey.browser().arrive(&shop.begin(&[]).url).await.page();
    assert!(stranger.has("Password"), "{stranger}");
}

#[tokio::test]
async fn a_form_on_another_site_finds_the_person_signed_in() {
    let latchkey = Latchkey::start().await;
    let bob = latchkey.bob().await;
    let web = latchkey.client(clients::web()).await;
    let shop = RelyingParty::discover(&latchkey, &web).await;
    let mut browser = latchkey.browser();
    sign_in_and_allow(&mut browser, &shop.begin(&[]), &bob).await;

    let again = shop.begin(&[]);
    let address = url::Url::parse(&again.url).expect("an address");
    let fields = address.query_pairs().into_owned().collect();
    let came = browser.post_from_elsewhere("/oauth/authorize", fields).await.departure();
    shop.finish(&again, &came).await;
}

#[tokio::test]
async fn a_wrong_password_and_the_back_button_do_not_lose_the_way() {
    let latchkey = Latchkey::start().await;
    let bob = latchkey.bob().await;
    let web = latchkey.client(clients::web()).await;
    let shop = RelyingParty::discover(&latchkey, &web).await;
    let attempt = shop.begin(&["profile"]);
    let mut browser = latchkey.browser();

    let login = browser.arrive(&attempt.url).await.page();
    let wrong = login.fill("Username", &bob.username).fill("Password", "n0t-this-One!");
    let login = browser.submit(&wrong, "Sign in").await.page();
    assert!(login.status.is_client_error(), "{login}");
    assert_eq!(login.value("Username"), bob.username, "what was typed stays");
    assert_eq!(login.value("Password"), "");

    let login = browser.back().await.page();
    let login = login.fill("Username", &bob.username).fill("Password", &bob.password);
    let consent = browser.submit(&login, "Sign in").await.page();
    let came = browser.submit(&consent, "Allow").await.departure();
    shop.finish(&attempt, &came).await;
}

#[tokio::test]
async fn closing_the_browser_signs_out_unless_asked_to_stay_signed_in() {
    for stays in [false, true] {
        let latchkey = Latchkey::start().await;
        let bob = latchkey.bob().await;
        let mut browser = latchkey.browser();
        let login = browser.open(latchkey::paths::LOGIN).await;
        let login = login.fill("Username", &bob.username).fill("Password", &bob.password);
        let login = if stays { login.tick("Keep me signed in") } else { login };
        let account = browser.submit(&login, "Sign in").await.page();
        assert_eq!(account.url.path(), latchkey::paths::ACCOUNT_SECURITY, "{account}");
        browser.cookies().close();
        let page = browser.open(latchkey::paths::ACCOUNT_SECURITY).await;
        assert_eq!(page.has("Password"), !stays, "{page}");
    }
}

#[tokio::test]
async fn a_hint_at_a_pairwise_subject_leads_the_right_person_in() {
    let latchkey = Latchkey::start().await;
    let (alice, bob) = (latchkey.alice().await, latchkey.bob().await);
    let mut metadata = clients::web();
    metadata["subject_type"] = "pairwise".into();
    let shop = RelyingParty::discover(&latchkey, &latchkey.client(metadata).await).await;
    let attempt = shop.begin(&[]);
    let came = sign_in_and_allow(&mut latchkey.browser(), &attempt, &alice).await;
    let hint = shop.finish(&attempt, &came).await.id.expect("an ID token").to_string();

    let again = shop.begin_with(&[], &[("id_token_hint", &hint)]);
    let mut browser = latchkey.browser();
    let login = browser.arrive(&again.url).await.page();
    let login = login.fill("Username", &bob.email).fill("Password", &bob.password);
    let login = browser.submit(&login, "Sign in").await.page();
    assert!(login.has("Password"), "somebody else is not whom the hint names: {login}");
    let address = login.link("Not you?").to_string();
    let login = browser.visit(&address).await.page();
    let login = login.fill("Username", &alice.email).fill("Password", &alice.password);
    let came = browser.submit(&login, "Sign in").await.departure();
    shop.finish(&again, &came).await;
}
