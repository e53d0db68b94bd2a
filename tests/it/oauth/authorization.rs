//! The authorization endpoint, RFC 6749 §3.1 and OpenID Connect Core §3.1.2, as a person with a
//! browser and a client with an address of its own meet it.

use latchkey::paths;
use reqwest::Method;
use serde_json::json;

use crate::support::browser::Arrival;
use crate::support::clients;
use crate::support::stage::{Ask, Stage, error_page, sign_in, walk_on};

#[tokio::test]
async fn an_answer_comes_the_way_it_was_asked_for() {
    let mut stage = Stage::set().await;
    let came = stage.walk(&stage.ask().with("response_mode", "query")).await.departure();
    assert!(came.url.query().unwrap().starts_with("code="), "{}", came.url);
    let ask = stage.ask().with("response_mode", "fragment");
    let came = stage.walk(&ask).await.departure();
    assert_eq!(came.url.query(), None, "{}", came.url);
    let fragment = came.url.fragment().unwrap();
    assert!(fragment.starts_with("code=") && fragment.contains(ask.get("state")), "{fragment}");
    let ask = stage.ask().with("response_mode", "form_post");
    let page = stage.walk(&ask).await.page();
    let form = page.forms()[0].submission(None);
    assert_eq!((form.action.as_str(), form.method.as_str()), ("https://app.example/cb", "post"));
    let came = stage.browser.send(&page, form).await.departure();
    assert_eq!((came.method.clone(), came.url.query()), (Method::POST, None));
    stage.check_answer("form_post", &ask, &came);
    let code = came.parameter("code").unwrap();
    assert!(stage.redeem(&ask, &code).await.status.is_success());
    let ask = stage.ask().with("response_mode", "carrier pigeon");
    let arrival = stage.walk(&ask).await;
    stage.refused("an unknown mode", &ask, arrival, "invalid_request");
}

#[tokio::test]
async fn without_a_state_none_comes_back() {
    let mut stage = Stage::set().await;
    let came = stage.walk(&stage.ask().without("state")).await.departure();
    assert_eq!(came.parameter("state"), None);
    assert!(came.parameter("code").is_some());
}

#[tokio::test]
async fn a_request_is_answered_once_and_in_time() {
    let mut stage = Stage::set().await;
    let ask = stage.ask();
    let login = stage.browser.arrive(&ask.address()).await.page();
    let id = login.value("request").to_owned();
    let arrival = sign_in(&mut stage.browser, login, &stage.alice).await;
    walk_on(&mut stage.browser, &stage.alice, arrival).await.departure();
    error_page("answered", stage.browser.arrive(&paths::resume(&id)).await, "");
    // The person went away and came back after an hour.
    let late = stage.ask().with("prompt", "consent");
    let page = stage.browser.arrive(&late.address()).await.page();
    stage.latchkey.pass_seconds(3601);
    let gone = stage.browser.submit(&page, "allow").await;
    error_page("too late", gone, "");
}

#[tokio::test]
async fn who_cancels_at_either_page_is_sent_back() {
    let mut stage = Stage::set().await;
    let ask = stage.ask();
    let page = stage.browser.arrive(&ask.address()).await.page();
    let arrival = stage.browser.submit(&page, "deny").await;
    stage.refused("at sign-in", &ask, arrival, "access_denied");
    let page = stage.browser.arrive(&ask.address()).await.page();
    let page = sign_in(&mut stage.browser, page, &stage.alice).await.page();
    let arrival = stage.browser.submit(&page, "deny").await;
    stage.refused("at consent", &ask, arrival, "access_denied");
    // The next request asks again.
    let page = stage.browser.arrive(&ask.address()).await.page();
    assert!(page.has("allow"), "{page}");
}

#[tokio::test]
async fn login_hint_fills_the_name_in_and_does_no_more() {
    let mut stage = Stage::set().await;
    let ask = stage.ask().with("login_hint", "alice@people.example");
    let page = stage.browser.arrive(&ask.address()).await.page();
    assert_eq!(page.value("username"), "alice@people.example");
    let nasty = "\"><script>alert(1)</script>";
    let page = stage.browser.arrive(&stage.ask().with("login_hint", nasty).address()).await.page();
    assert_eq!(page.value("username"), nasty);
    assert!(!page.body.contains("<script>alert"), "{}", page.body);
}

#[tokio::test]
async fn select_account_lets_the_person_choose_each_time() {
    let mut stage = Stage::set().await;
    stage.code(&stage.ask()).await;
    stage.latchkey.pass_seconds(1);
    let ask = stage.ask().with("prompt", "select_account");
    let page = stage.browser.arrive(&ask.address()).await.page();
    assert!(page.says("alice"), "{page}");
    assert!(page.has("continue") && !page.has("password"), "{page}");
    let came = stage.browser.submit(&page, "continue").await.departure();
    stage.check_answer("chosen", &ask, &came);
    // Another account is a sign-in away.
    let bob = stage.latchkey.bob().await;
    let again = stage.ask().with("prompt", "select_account");
    let page = stage.browser.arrive(&again.address()).await.page();
    let other = page.forms().iter().flat_map(|form| &form.buttons);
    let other = other
        .map(|button| button.value.clone())
        .find(|value| !matches!(value.as_str(), "continue" | "deny"));
    let page = stage.browser.submit(&page, &other.expect("a way to another account")).await.page();
    let arrival = sign_in(&mut stage.browser, page, &bob).await;
    let came = walk_on(&mut stage.browser, &bob, arrival).await.departure();
    let code = came.parameter("code").expect("a code");
    let grant = stage.redeem(&again, &code).await.good();
    let rs = stage.rs.credentials();
    let form = [("token", grant["access_token"].as_str().unwrap())];
    let told = stage.latchkey.endpoints.post(paths::INTROSPECT, &rs, &form).await.good();
    assert_eq!(told["sub"], bob.id);
}

#[tokio::test]
async fn a_first_party_client_is_answered_without_consent_unless_it_asks_for_it() {
    let mut stage = Stage::set().await;
    let mut own = clients::other();
    own["first_party"] = true.into();
    let own = stage.latchkey.client(own).await;
    let ask = Ask::of(&own);
    let page = stage.browser.arrive(&ask.address()).await.page();
    sign_in(&mut stage.browser, page, &stage.alice).await.departure();
    let ask = Ask::of(&own).with("prompt", "consent");
    let arrival = stage.browser.arrive(&ask.address()).await;
    assert!(matches!(&arrival, Arrival::Page(page) if page.has("allow")), "{arrival:?}");
}

#[tokio::test]
async fn a_client_that_does_not_ask_people_cannot_send_them_here() {
    let stage = Stage::set().await;
    let m2m = stage.latchkey.client(clients::m2m()).await;
    let mut browser = stage.latchkey.browser();
    let ask = Ask::of(&m2m).with("redirect_uri", "https://app.example/cb");
    error_page("m2m", browser.arrive(&ask.address()).await, "");
    stage.disable_client().await;
    error_page("disabled", browser.arrive(&stage.ask().address()).await, "");
}

#[tokio::test]
async fn a_client_disabled_while_the_person_signs_in_gets_no_code() {
    let mut stage = Stage::set().await;
    let page = stage.browser.arrive(&stage.ask().address()).await.page();
    stage.disable_client().await;
    let arrival = sign_in(&mut stage.browser, page, &stage.alice).await;
    let arrival = walk_on(&mut stage.browser, &stage.alice, arrival).await;
    error_page("disabled meanwhile", arrival, "");
}

#[tokio::test]
async fn nothing_is_sent_to_a_redirect_uri_that_was_taken_back_meanwhile() {
    let mut stage = Stage::set().await;
    let ask = stage.ask();
    let page = stage.browser.arrive(&ask.address()).await.page();
    let mut metadata = clients::web();
    metadata["redirect_uris"] = json!(["https://app.example/elsewhere"]);
    let app = &stage.latchkey.app;
    latchkey::identity::clients::update(app, &stage.web.id, metadata).await.unwrap();
    let page = page.fill("username", &stage.alice.email);
    let page = page.fill("password", &stage.alice.password);
    for button in ["deny", "Sign in"] {
        let arrival = stage.browser.submit(&page, button).await;
        error_page("taken back", arrival, "");
    }
}

#[tokio::test]
async fn the_provider_itself_is_nobodys_resource() {
    let stage = Stage::set().await;
    let mut metadata = clients::rs();
    metadata["client_id"] = "spy".into();
    metadata["resources"] = json!([stage.latchkey.issuer]);
    let app = &stage.latchkey.app;
    let secret = latchkey::identity::clients::ClientSecret::Generated;
    assert!(latchkey::identity::clients::register(app, metadata, secret).await.is_err());
}
