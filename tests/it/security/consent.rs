//! Q: what a person is asked, and what may not be asked.

use latchkey::paths;
use latchkey::store::{applications, consents};

use crate::support::browser::Arrival;
use crate::support::clients;
use crate::support::page::Page;
use crate::support::stage::{Ask, Stage, error_page, sign_in, walk_on};

/// Whether the page asks for consent.
fn asks(arrival: &Arrival) -> bool {
    matches!(arrival, Arrival::Page(page) if page.has("allow"))
}

/// The page that asks for consent.
fn consent(what: &str, arrival: Arrival) -> Page {
    assert!(asks(&arrival), "{what}: not asked for consent, but {arrival:?}");
    arrival.page()
}

/// A stage on which Alice is signed in and has allowed `scope`.
async fn with_consent(scope: &str) -> Stage {
    let mut stage = Stage::set().await;
    let ask = stage.ask().with("scope", scope);
    stage.code(&ask).await;
    stage.latchkey.pass_seconds(1);
    stage
}

#[tokio::test]
async fn s_146_a_person_is_asked_once_for_each_scope() {
    let mut stage = Stage::set().await;
    let ask = stage.ask().with("scope", "openid email");
    let page = stage.browser.arrive(&ask.address()).await.page();
    let first = sign_in(&mut stage.browser, page, &stage.alice).await;
    let first = consent("first", first);
    assert!(!first.says("New"), "all is new, so nothing is marked: {first}");
    stage.browser.submit(&first, "allow").await.departure();
    stage.browser.arrive(&ask.address()).await.departure();
    let wider = stage.ask().with("scope", "openid email phone");
    let page = consent("wider", stage.browser.arrive(&wider.address()).await);
    let marked: Vec<_> =
        page.texts(".scopes li").into_iter().filter(|words| words.contains("New")).collect();
    assert_eq!(marked.len(), 1, "{marked:?}");
    assert!(marked[0].contains("phone"), "{marked:?}");
    stage.browser.submit(&page, "allow").await.departure();
    for scope in ["openid", "openid phone", "phone email openid"] {
        let narrower = stage.ask().with("scope", scope);
        stage.browser.arrive(&narrower.address()).await.departure();
    }
    let again = stage.ask().with("prompt", "consent");
    let page = consent("prompt=consent", stage.browser.arrive(&again.address()).await);
    stage.browser.submit(&page, "allow").await.departure();
    // What claims bring along is asked for, too.
    let claims = r#"{"userinfo":{"address":{"essential":true}}}"#;
    let more = stage.ask().with("claims", claims);
    consent("claims", stage.browser.arrive(&more.address()).await);
}

#[tokio::test]
async fn s_146_what_was_taken_back_is_asked_again() {
    let mut stage = with_consent("openid email").await;
    stage.revoke_consent().await;
    let ask = stage.ask().with("scope", "openid email");
    consent("taken back", stage.browser.arrive(&ask.address()).await);
}

#[tokio::test]
async fn s_147_the_consent_form_decides_once_and_only_here() {
    let mut stage = with_consent("openid").await;
    let ask = stage.ask().with("scope", "openid email");
    let page = consent("asked", stage.browser.arrive(&ask.address()).await);
    let id = page.value("request").to_owned();
    // By GET nothing is decided.
    let get = format!("{}?request={id}&decision=allow&csrf={}", paths::CONSENT, page.value("csrf"));
    assert!(asks(&stage.browser.arrive(&get).await), "GET decided");
    // From another site, without the token, with a token of another browser: nothing.
    let form = page.submission("allow");
    let foreign = stage.browser.post_from_elsewhere(paths::CONSENT, form.fields.clone()).await;
    error_page("another site", foreign, "");
    for token in ["", "x", page.value("request")] {
        let mut forged = form.clone();
        for (name, value) in &mut forged.fields {
            if name == "csrf" {
                token.clone_into(value);
            }
        }
        error_page("csrf", stage.browser.send(&page, forged).await, "");
    }
    // In Bob's browser, with Bob's own token: the request is not his.
    let bob = stage.latchkey.bob().await;
    let mut bobs = stage.latchkey.browser();
    let own = Ask::of(&stage.web);
    let login = bobs.arrive(&own.address()).await.page();
    let his = sign_in(&mut bobs, login, &bob).await.page();
    let mut forged = his.submission("allow");
    for (name, value) in &mut forged.fields {
        if name == "request" {
            value.clone_from(&id);
        }
    }
    error_page("another person", bobs.send(&his, forged).await, "");
    // It still works for Alice, once.
    let came = stage.browser.send(&page, form.clone()).await.departure();
    assert!(came.parameter("code").is_some());
    error_page("again", stage.browser.send(&page, form).await, "");
    error_page("resumed", stage.browser.arrive(&paths::resume(&id)).await, "");
}

#[tokio::test]
async fn s_148_a_client_whose_identity_nobody_can_prove_always_asks() {
    let mut stage = Stage::set().await;
    let native = stage.latchkey.client(clients::native()).await;
    let mut own = clients::native();
    own["client_id"] = "own-native".into();
    own["first_party"] = true.into();
    let own = stage.latchkey.client(own).await;
    let uris = ["http://127.0.0.1:50001/cb", "com.example.app:/cb"];
    for (client, uri) in [&native, &own].into_iter().flat_map(|one| uris.map(|uri| (one, uri))) {
        stage.latchkey.allow_redirects_to(uri);
        let ask = Ask::of(client).with("redirect_uri", uri);
        stage.code(&ask).await;
        let again = stage.browser.arrive(&ask.address()).await;
        assert!(asks(&again), "{uri} was answered silently");
        let silent = ask.with("prompt", "none");
        let arrival = stage.browser.arrive(&silent.address()).await;
        stage.refused(uri, &silent, arrival, "consent_required");
    }
}

const MFA: &str = r#"{"id_token":{"acr":{"essential":true,"values":["urn:latchkey:acr:mfa"]}}}"#;

#[tokio::test]
async fn s_149_prompt_none_is_answered_at_once_and_never_by_a_page() {
    let mut stage = Stage::set().await;
    let silent = |stage: &Stage| stage.ask().with("prompt", "none");
    let ask = silent(&stage);
    let arrival = stage.browser.arrive(&ask.address()).await;
    stage.refused("no session", &ask, arrival, "login_required");
    let page = stage.browser.arrive(&stage.ask().address()).await.page();
    consent("signed in", sign_in(&mut stage.browser, page, &stage.alice).await);
    let arrival = stage.browser.arrive(&ask.address()).await;
    stage.refused("no consent", &ask, arrival, "consent_required");
    stage.code(&stage.ask()).await;
    stage.browser.arrive(&silent(&stage).address()).await.departure();
    let wider = silent(&stage).with("scope", "openid email");
    let arrival = stage.browser.arrive(&wider.address()).await;
    stage.refused("wider", &wider, arrival, "consent_required");
    stage.latchkey.pass_seconds(100);
    let old = silent(&stage).with("max_age", "60");
    let arrival = stage.browser.arrive(&old.address()).await;
    stage.refused("max_age", &old, arrival, "login_required");
    let weak = silent(&stage).with("claims", MFA);
    let arrival = stage.browser.arrive(&weak.address()).await;
    stage.refused("acr", &weak, arrival, "unmet_authentication_requirements");
    for prompt in ["none login", "none consent", "login none", "none select_account"] {
        let both = stage.ask().with("prompt", prompt);
        let arrival = stage.browser.arrive(&both.address()).await;
        stage.refused(prompt, &both, arrival, "invalid_request");
    }
    stage.lock().await;
    let arrival = stage.browser.arrive(&ask.address()).await;
    stage.refused("locked", &ask, arrival, "login_required");
}

#[tokio::test]
async fn s_150_a_hint_never_leads_to_a_code_for_somebody_else() {
    let mut stage = Stage::set().await;
    let bob = stage.latchkey.bob().await;
    let other = stage.latchkey.client(clients::other()).await;
    let alices = stage.grant(&stage.ask()).await;
    let others = stage.grant(&Ask::of(&other)).await;
    let mut bobs = stage.latchkey.browser();
    let own = stage.ask();
    let arrival = bobs.arrive(&own.address()).await;
    walk_on(&mut bobs, &bob, arrival).await.departure();
    stage.latchkey.pass_seconds(1);
    let ask = stage.ask().with("id_token_hint", &alices.id);
    let silent = ask.clone().with("prompt", "none");
    let arrival = bobs.arrive(&silent.address()).await;
    stage.refused("another person", &silent, arrival, "login_required");
    // Bob may sign in as often as he likes: he is not Alice.
    let mut page = bobs.arrive(&ask.address()).await.page();
    for _ in 0..2 {
        assert!(page.has("password"), "{page}");
        page = sign_in(&mut bobs, page, &bob).await.page();
    }
    let arrival = walk_on(&mut bobs, &stage.alice, Arrival::Page(Box::new(page))).await;
    assert!(arrival.departure().parameter("code").is_some(), "Alice herself may");
    stage.browser.arrive(&silent.address()).await.departure();
    // What is no ID token of ours for this client counts for nothing.
    let parts: Vec<&str> = alices.id.split('.').collect();
    let unsigned = format!("eyJhbGciOiJub25lIn0.{}.", parts[1]);
    let tampered = format!("{}.{}.{}", parts[0], parts[1], parts[2].replace(['a', 'b'], "c"));
    let bad = [others.id, unsigned, tampered, alices.access, "x".into(), "a.b.c".into()];
    for hint in bad {
        for prompt in ["none", "login"] {
            let ask = stage.ask().with("id_token_hint", &hint).with("prompt", prompt);
            let arrival = stage.browser.arrive(&ask.address()).await;
            stage.refused(&hint, &ask, arrival, "invalid_request");
        }
    }
}

#[tokio::test]
async fn s_151_a_fresh_sign_in_cannot_be_talked_away() {
    for (name, value) in [("prompt", "login"), ("max_age", "0"), ("max_age", "60")] {
        let mut stage = with_consent("openid").await;
        stage.latchkey.pass_seconds(100);
        let ask = stage.ask().with(name, value);
        let page = stage.browser.arrive(&ask.address()).await.page();
        assert!(page.has("password"), "{name}: {page}");
        let id = page.value("request").to_owned();
        for way in [
            paths::resume(&id),
            format!("{}?prompt=none&max_age=99999", paths::resume(&id)),
            format!("{}?request={id}", paths::CONSENT),
            format!("{}?request={id}", paths::LOGIN),
        ] {
            let arrival = stage.browser.new_tab().arrive(&way).await;
            let here = matches!(&arrival, Arrival::Page(page) if page.has("password"));
            let consents = asks(&arrival);
            assert!(here || consents, "{name}: {way} led to {arrival:?}");
            if consents {
                let page = arrival.page();
                let next = stage.browser.submit(&page, "allow").await;
                assert!(matches!(&next, Arrival::Page(page) if page.has("password")), "{way}");
            }
        }
        // A wrong password changes nothing; cancelling gives no code.
        let wrong = page.clone().fill("username", "alice").fill("password", "wr0ng-Passw%rd");
        let form = wrong.form_with("password").submission(None);
        let page = stage.browser.send(&wrong, form).await.page();
        assert!(page.has("password"), "{name}: {page}");
        let mut cancelled = stage.ask().with(name, value);
        cancelled = cancelled.with("state", "cancelled");
        let to_cancel = stage.browser.arrive(&cancelled.address()).await.page();
        let arrival = stage.browser.submit(&to_cancel, "deny").await;
        stage.refused(name, &cancelled, arrival, "access_denied");
        let arrival = sign_in(&mut stage.browser, page, &stage.alice).await;
        let came = walk_on(&mut stage.browser, &stage.alice, arrival).await.departure();
        let code = came.parameter("code").expect("a code");
        let answer = stage.redeem(&ask, &code).await.good();
        let form = [("token", answer["access_token"].as_str().unwrap())];
        let rs = stage.rs.credentials();
        let told = stage.latchkey.endpoints.post(paths::INTROSPECT, &rs, &form).await.good();
        assert_eq!(told["auth_time"], stage.latchkey.clock.now().seconds(), "{name}");
    }
}

#[tokio::test]
async fn s_152_who_denies_leaves_nothing_behind() {
    let mut stage = Stage::set().await;
    let ask = stage.ask();
    let page = stage.browser.arrive(&ask.address()).await.page();
    let page = consent("asked", sign_in(&mut stage.browser, page, &stage.alice).await);
    let arrival = stage.browser.submit(&page, "deny").await;
    stage.refused("denied", &ask, arrival, "access_denied");
    let mut db = stage.latchkey.app.store.read().await.unwrap();
    assert!(consents::list(&mut db, &stage.alice.id).await.unwrap().is_empty());
    let pending = stage.latchkey.app.clock.now();
    assert!(applications::footholds(&mut db, &stage.alice.id, pending).await.unwrap().is_empty());
}

#[tokio::test]
async fn s_153_access_without_the_person_is_named_on_the_page() {
    let mut stage = with_consent("openid").await;
    let ask = stage.ask_offline();
    let page = consent("offline", stage.browser.arrive(&ask.address()).await);
    assert!(page.says("while you are away"), "{page}");
    stage.browser.submit(&page, "deny").await.departure();
    let silent = stage.ask_offline().with("prompt", "none");
    let arrival = stage.browser.arrive(&silent.address()).await;
    stage.refused("silently", &silent, arrival, "consent_required");
}
