//! `/account/applications`: what is seen of the connected applications, and taking it back.

use std::time::Duration;

use latchkey::paths;
use latchkey::store::events::{self, Event, Filter};
use serde_json::json;

use crate::support::browser::Browser;
use crate::support::clients::{self, TestClient};
use crate::support::happenings::disconnect;
use crate::support::page::Page;
use crate::support::stage::{Ask, Stage, walk_on};

/// Alice's events of this kind, the oldest first.
pub async fn told(stage: &Stage, kind: &str) -> Vec<Event> {
    let mut db = stage.latchkey.app.store.read().await.unwrap();
    let user_id = Some(stage.alice.id.as_str());
    let filter = Filter { user_id, since: None, before: None, limit: 1000 };
    let mut listed = events::list(&mut db, filter).await.unwrap();
    listed.retain(|event| event.kind == kind);
    listed.reverse();
    listed
}

/// Alice lets this application in, in this browser.
async fn let_in(stage: &Stage, browser: &mut Browser, ask: &Ask) -> crate::support::stage::Grant {
    let arrival = browser.arrive(&ask.address()).await;
    let came = walk_on(browser, &stage.alice, arrival).await.departure();
    let code = came.parameter("code").expect("a code");
    crate::support::stage::Grant::read(&stage.redeem(ask, &code).await)
}

async fn list(stage: &mut Stage) -> Page {
    stage.browser.open(paths::ACCOUNT_APPLICATIONS).await
}

/// The page of the application that is called so.
async fn open_one(stage: &mut Stage, name: &str) -> Page {
    let list = list(stage).await;
    stage.browser.open(list.link(name).as_str()).await
}

async fn is_asked(stage: &mut Stage, ask: &Ask) -> bool {
    let arrival = stage.browser.arrive(&ask.address()).await;
    matches!(arrival, crate::support::browser::Arrival::Page(page) if page.has("allow"))
}

#[tokio::test]
async fn without_applications_the_page_says_what_would_stand_there() {
    let mut stage = Stage::set().await;
    crate::support::flow::sign_in(&mut stage.browser, &stage.alice).await;
    let page = list(&mut stage).await;
    assert_eq!(page.heading(), "Applications");
    assert!(page.says("No application is connected"), "{page}");
    assert!(page.texts("main input[name=search]").is_empty() && !page.says("Revoke all"), "{page}");
    // There is nothing to disconnect either.
    let page = stage.browser.open(paths::ACCOUNT_APPLICATIONS_REVOKE_ALL).await;
    assert_eq!(page.url.path(), paths::ACCOUNT_APPLICATIONS);
}

#[tokio::test]
async fn an_application_shows_what_it_may_do_and_where_it_is() {
    let mut stage = Stage::set().await;
    let mut metadata = clients::other();
    metadata["client_uri"] = "https://calendar.example/".into();
    metadata["policy_uri"] = "https://calendar.example/privacy".into();
    metadata["logo_uri"] = "https://calendar.example/logo.png".into();
    let calendar = stage.latchkey.client(metadata).await;
    stage.grant(&stage.ask()).await;
    let wide = "openid email offline_access calendar:read";
    let mut allowed = calendar.metadata.clone();
    allowed["scope"] = format!("{} calendar:read", allowed["scope"].as_str().unwrap()).into();
    latchkey::identity::clients::update(&stage.latchkey.app, "other", allowed).await.unwrap();
    stage.grant(&Ask::of(&calendar).with("scope", wide)).await;

    let page = list(&mut stage).await;
    assert!(page.says("2 applications"), "{page}");
    assert!(page.says("Published by calendar.example"), "{page}");
    assert!(page.says("At app.example"), "no publisher is made up: {page}");
    assert!(page.says("See your email address"), "{page}");
    assert!(page.says("Also while you are away"), "{page}");
    assert!(page.says("from its server: Local network · 127.0.0.1"), "{page}");
    let logos = page.attributes("img.face", "src");
    assert_eq!(logos, [paths::logo_of("other")], "a logo comes from our own origin");

    let page = open_one(&mut stage, "Calendar").await;
    assert_eq!(
        (page.heading().as_str(), page.title().as_str()),
        ("Calendar", "Calendar · Latchkey")
    );
    for words in [
        "Published by calendar.example",
        "See your email address",
        "calendar:read",
        "Keep this access while you are away",
        "This browser",
        "while you are away, since just now",
    ] {
        assert!(page.says(words), "{words}: {page}");
    }
    assert_eq!(page.link("Privacy policy").as_str(), "https://calendar.example/privacy");
    stage.sign_out().await;
    crate::support::flow::sign_in(&mut stage.browser, &stage.alice).await;
    let page = open_one(&mut stage, "Calendar").await;
    assert!(page.says("Signed out since") && !page.says("Signed in on"), "{page}");
    let page = open_one(&mut stage, "Photo Printer").await;
    assert!(page.says("Nowhere at this moment") && page.says("Not signed in now"), "{page}");
}

#[tokio::test]
async fn each_permission_has_a_date_of_its_own() {
    let mut stage = Stage::set().await;
    stage.grant(&stage.ask()).await;
    stage.latchkey.pass(Duration::from_mins(30));
    stage.grant(&stage.ask().with("scope", "openid email")).await;
    stage.latchkey.pass(Duration::from_mins(20));
    let page = open_one(&mut stage, "Photo Printer").await;
    let since = page.texts(".scopes time");
    assert_eq!(since, ["50 minutes ago", "20 minutes ago"], "{page}");
    let exact = page.attributes(".scopes time", "datetime");
    assert_eq!(exact, ["2026-03-02T09:00:00Z", "2026-03-02T09:30:00Z"]);
    // The first consent, and what it was widened by, stand in the history with their place.
    let connected = told(&stage, "application_connected").await;
    let widened = told(&stage, "application_widened").await;
    assert_eq!((connected.len(), widened.len()), (1, 1));
    assert_eq!(connected[0].details, json!({ "application": "Photo Printer", "scope": "openid" }));
    assert_eq!(widened[0].details["scope"], "email");
    for event in
        connected.iter().chain(&widened).chain(&told(&stage, "application_authorized").await)
    {
        assert_eq!(event.client_id.as_deref(), Some("web"));
        assert_eq!(event.address.as_deref(), Some("127.0.0.1"));
        assert_eq!(event.user_agent.as_deref(), Some(crate::support::browser::CHROMIUM));
        assert!(event.session_id.is_some());
    }
    // Coming back allows nothing new.
    stage.grant(&stage.ask()).await;
    assert_eq!(told(&stage, "application_connected").await.len(), 1);
    assert_eq!(told(&stage, "application_widened").await.len(), 1);
}

#[tokio::test]
async fn the_last_use_is_told_and_costs_no_write_a_request() {
    let mut stage = Stage::set().await;
    let mut grant = stage.grant(&stage.ask_offline()).await;
    let last = async |stage: &mut Stage| {
        let page = open_one(stage, "Photo Printer").await;
        page.attributes("dd time", "datetime")[1].clone()
    };
    assert_eq!(last(&mut stage).await, "2026-03-02T09:00:00Z");
    for (minutes, shown) in [(4, "09:00:00"), (2, "09:06:00"), (4, "09:06:00"), (30, "09:40:00")] {
        stage.latchkey.pass(Duration::from_mins(minutes));
        let commits = stage.latchkey.app.store.counters().commits;
        let answer = stage.refresh(&grant.refresh).await;
        let written = stage.latchkey.app.store.counters().commits - commits;
        grant = crate::support::stage::Grant::read(&answer);
        // The clock of the person's own session moves on, too: proof and visit are not one.
        // The first request after a pause takes of the client's limit besides.
        assert!(written <= 3, "{written} commits for a refresh");
        assert_eq!(last(&mut stage).await, format!("2026-03-02T{shown}Z"));
    }
}

#[tokio::test]
async fn a_program_on_the_persons_device_is_not_called_a_server() {
    let mut stage = Stage::set().await;
    let spa = stage.latchkey.client(clients::spa()).await;
    stage.grant(&Ask::of(&spa)).await;
    let page = list(&mut stage).await;
    assert!(page.says("from Local network · 127.0.0.1"), "{page}");
}

#[tokio::test]
async fn applications_are_searched_and_paged() {
    let mut stage = Stage::set().await;
    for number in 0..23 {
        let mut metadata = clients::web();
        metadata["client_id"] = format!("c{number}").into();
        metadata["client_name"] = format!("Gadget {number}").into();
        metadata["redirect_uris"] = json!([format!("https://g{number}.example/cb")]);
        metadata["post_logout_redirect_uris"] = json!([]);
        let client: TestClient = stage.latchkey.client(metadata).await;
        stage.latchkey.pass_seconds(1);
        stage.code(&Ask::of(&client)).await;
    }
    stage.latchkey.pass_seconds(1);
    stage.code(&stage.ask().with("scope", "openid phone")).await;
    let page = list(&mut stage).await;
    assert!(page.says("24 applications"), "{page}");
    assert_eq!(page.texts(".apps li").len(), 15);
    let names = page.texts(".apps .who-name");
    assert!(names[0].starts_with("Photo Printer"), "the last used first: {names:?}");
    assert!(page.body.len() < 40_000, "{} bytes", page.body.len());
    let more = stage.browser.open(page.link("More").as_str()).await;
    assert_eq!(more.texts(".apps li").len(), 9);
    assert!(more.link("Previous").as_str().ends_with("page=1"));
    for (query, found) in [
        ("gadget 7", 1),
        ("GADGET", 23),
        ("g11.example", 1),
        ("phone number", 1),
        ("photo", 1),
        ("nothing like it", 0),
        ("<script>alert(1)</script>", 0),
        ("%", 0),
    ] {
        let filled = page.clone().fill("search", query);
        let result = stage.browser.submit(&filled, "Search").await.page();
        assert_eq!(result.texts(".apps > li").len(), found.min(15), "{query}: {result}");
        assert_eq!(result.value("search"), query);
        assert!(!result.body.contains("<script>alert"), "{query}");
        if found == 0 {
            assert!(result.says("Nothing fits") && result.says("see all of them"), "{result}");
        }
    }
    let far = stage.browser.open(&format!("{}?page=99", paths::ACCOUNT_APPLICATIONS)).await;
    assert!(far.status.is_success() && far.says("Back to the first page"), "{far}");
}

#[tokio::test]
async fn disconnecting_asks_once_more_and_ends_everything() {
    let mut stage = Stage::set().await;
    let other = stage.latchkey.client(clients::other()).await;
    let bound = stage.grant(&stage.ask()).await;
    let offline = stage.grant(&stage.ask_offline()).await;
    let others = stage.grant(&Ask::of(&other)).await;
    let page = open_one(&mut stage, "Photo Printer").await;
    let ask = stage.browser.open(page.link("Revoke access").as_str()).await;
    assert_eq!(ask.title(), "Revoke access of Photo Printer? · Latchkey");
    assert!(ask.says("will be signed out everywhere and will have to ask you again"), "{ask}");
    assert!(ask.says("while you are away stops, too"), "{ask}");
    assert!(!ask.says("passes without asking us"), "its tokens are checked here: {ask}");
    assert!(stage.is_alive(&bound.access).await, "to look changes nothing");
    let back = stage.browser.open(ask.link("Cancel").as_str()).await;
    assert_eq!(back.heading(), "Photo Printer");
    let done = stage.browser.submit(&ask, "Revoke access").await.page();
    assert_eq!(done.url.path(), paths::ACCOUNT_APPLICATIONS);
    assert!(done.says("Access is revoked"), "{done}");
    assert!(!done.says("Photo Printer") && done.says("Calendar"), "{done}");
    stage.is_dead("bound", &bound).await;
    stage.is_dead("offline", &offline).await;
    assert!(stage.is_alive(&others.access).await);
    stage.refresh_by(&other, &others.refresh).await.good();
    // Sent again, there is nothing left to disconnect.
    let again = stage.browser.submit(&ask, "Revoke access").await.page();
    assert_eq!(again.status, 404, "{again}");
    let revoked = told(&stage, "application_revoked").await;
    assert_eq!(revoked.len(), 1);
    let event = &revoked[0];
    assert_eq!(event.client_id.as_deref(), Some("web"));
    assert_eq!(event.actor.as_deref(), Some(stage.alice.id.as_str()));
    assert_eq!(event.address.as_deref(), Some("127.0.0.1"));
    assert!(event.session_id.is_some() && event.user_agent.is_some());
    let scope = "offline_access openid";
    assert_eq!(event.details, json!({ "application": "Photo Printer", "scope": scope }));
    // The next use asks again, silently or not.
    let ask = stage.ask();
    let silent = ask.clone().with("prompt", "none");
    let arrival = stage.browser.arrive(&silent.address()).await;
    stage.refused("silent", &silent, arrival, "consent_required");
    assert!(is_asked(&mut stage, &ask).await);
    let ask = Ask::of(&other);
    assert!(!is_asked(&mut stage, &ask).await, "the other one stays");
}

#[tokio::test]
async fn all_are_disconnected_at_once() {
    let mut stage = Stage::set().await;
    let other = stage.latchkey.client(clients::other()).await;
    let one = stage.grant(&stage.ask_offline()).await;
    let two = stage.grant(&Ask::of(&other)).await;
    let bob = stage.latchkey.bob().await;
    let mut bobs = stage.latchkey.browser();
    let ask = stage.ask_offline();
    let arrival = bobs.arrive(&ask.address()).await;
    let came = walk_on(&mut bobs, &bob, arrival).await.departure();
    let code = came.parameter("code").expect("a code");
    let his = crate::support::stage::Grant::read(&stage.redeem(&ask, &code).await);
    let page = list(&mut stage).await;
    let ask = stage.browser.open(page.link("Revoke all").as_str()).await;
    assert_eq!(ask.heading(), "Revoke the access of all applications?");
    assert!(ask.says("Photo Printer") && ask.says("Calendar"), "{ask}");
    let done = stage.browser.submit(&ask, "Revoke all").await.page();
    assert!(done.says("All access is revoked"), "{done}");
    assert!(done.says("No application is connected"), "{done}");
    assert!(!stage.is_alive(&one.access).await && !stage.is_alive(&two.access).await);
    stage.refresh(&one.refresh).await.refuses(400, "invalid_grant");
    stage.refresh_by(&other, &two.refresh).await.refuses(400, "invalid_grant");
    assert!(stage.is_alive(&his.access).await, "Bob's is not Alice's");
    stage.refresh(&his.refresh).await.good();
    let revoked = told(&stage, "applications_revoked").await;
    assert_eq!(revoked.len(), 1);
    assert_eq!(revoked[0].details["applications"].as_array().map(Vec::len), Some(2));
    assert!(revoked[0].address.is_some() && revoked[0].session_id.is_some());
}

#[tokio::test]
async fn the_page_is_honest_about_what_it_cannot_take_back() {
    let mut stage = Stage::set().await;
    let mut metadata = clients::other();
    metadata["access_token_format"] = "jwt".into();
    let jwt = stage.latchkey.client(metadata).await;
    let mut metadata = clients::spa();
    metadata["first_party"] = true.into();
    let ours = stage.latchkey.client(metadata).await;
    stage.code(&Ask::of(&jwt)).await;
    stage.code(&Ask::of(&ours)).await;
    let page = open_one(&mut stage, "Calendar").await;
    let ask = stage.browser.open(page.link("Revoke access").as_str()).await;
    let minutes = stage.latchkey.app.config.tokens.access_ttl.as_secs() / 60;
    assert!(ask.says(&format!("may still let it in for up to {minutes} minutes")), "{ask}");
    let page = open_one(&mut stage, "Whiteboard").await;
    assert!(page.says("Run by Latchkey"), "{page}");
    let ask = stage.browser.open(page.link("Revoke access").as_str()).await;
    assert!(ask.says("it may come back without asking"), "{ask}");
    let done = disconnect(&mut stage.browser, "Whiteboard").await;
    assert!(!done.says("Whiteboard"), "{done}");
}

#[tokio::test]
async fn an_application_that_was_switched_off_is_marked() {
    let mut stage = Stage::set().await;
    stage.grant(&stage.ask()).await;
    stage.disable_client().await;
    let page = list(&mut stage).await;
    assert!(page.says("Switched off"), "{page}");
    let done = disconnect(&mut stage.browser, "Photo Printer").await;
    assert!(done.says("No application is connected"), "{done}");
}

#[tokio::test]
async fn where_it_is_signed_in_follows_what_its_tokens_may_do() {
    let mut stage = Stage::set().await;
    let mut second = stage.latchkey.browser();
    stage.grant(&stage.ask()).await;
    let ask = stage.ask();
    let theirs = let_in(&stage, &mut second, &ask).await;
    assert!(list(&mut stage).await.says("Signed in on 2 browsers"));
    stage
        .latchkey
        .endpoints
        .post(paths::REVOKE, &stage.web.credentials(), &[("token", theirs.refresh.as_str())])
        .await
        .good_or_empty();
    let page = list(&mut stage).await;
    assert!(page.says("Signed in") && !page.says("Signed in on 2"), "{page}");
    // A code that nobody redeemed lets nobody in.
    stage.revoke_consent().await;
    stage.code(&stage.ask()).await;
    assert!(list(&mut stage).await.says("Not signed in now"));
}
