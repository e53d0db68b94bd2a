//! Connected applications: what belongs to others, what is on its way when the person takes it
//! back, and the lock that every path reads (S-083, S-108, S-139, S-140).

use latchkey::identity::people;
use latchkey::paths;
use latchkey::store::{authorization_requests, consents};

use crate::account::scene::NEW;
use crate::support::Latchkey;
use crate::support::browser::Arrival;
use crate::support::clients;
use crate::support::endpoint::Credentials;
use crate::support::flow::{post_raw, sign_in as enter, sign_in_with, totp, type_in};
use crate::support::happenings::disconnect;
use crate::support::page::Page;
use crate::support::people::PASSWORD;
use crate::support::stage::{Ask, Grant, Stage, is_alive, walk_on};

/// What Alice chooses where support had set [`NEW`].
const OWN: &str = "an0ther-Lamp%44";

/// The body without what differs from request to request.
fn masked(page: &Page) -> String {
    let number = page.texts("#request-id").into_iter().next().unwrap_or_default();
    page.body.replace(&number, "…")
}

#[tokio::test]
async fn s_139_anothers_application_is_as_if_it_were_not_there() {
    let mut stage = Stage::set().await;
    let hers = stage.grant(&stage.ask_offline()).await;
    let page = stage.browser.open(paths::ACCOUNT_APPLICATIONS).await;
    let detail = page.link("Photo Printer").path().to_owned();
    let confirm = stage.browser.open(&format!("{detail}/revoke")).await;
    let bob = stage.latchkey.bob().await;
    let mut bobs = stage.latchkey.browser();
    // Bob uses the same application: it is the consent that must be his.
    let arrival = bobs.arrive(&stage.ask().address()).await;
    walk_on(&mut bobs, &bob, arrival).await.departure();
    let nowhere = bobs.open("/account/applications/0198f0a0-0000-7000-8000-000000000000").await;
    let list = bobs.open(paths::ACCOUNT_APPLICATIONS).await;
    let own = bobs.open(&format!("{}/revoke", list.link("Photo Printer").path())).await;
    for path in [detail.clone(), format!("{detail}/revoke")] {
        let page = bobs.open(&path).await;
        assert_eq!(page.status, 404, "{path}: {page}");
        assert_eq!(masked(&page), masked(&nowhere), "{path} can be told from nothing");
    }
    // His own good form, sent to her address; and hers, with his token.
    let action = confirm.submission("Revoke access").action;
    let fields = own.submission("Revoke access").fields;
    let home = stage.latchkey.issuer.clone();
    let headers = [("origin", home.as_str()), ("sec-fetch-site", "same-origin")];
    assert_eq!(post_raw(&bobs, &action, &fields, &headers).await.status(), 404);
    let fields = confirm.submission("Revoke access").fields;
    assert_eq!(post_raw(&bobs, &action, &fields, &headers).await.status(), 403);
    assert!(stage.is_alive(&hers.access).await, "nothing happened to hers");
    assert_eq!(stage.events("application_revoked").await, 0);
    // The id of a consent that she took back is nothing to her either.
    stage.browser.submit(&confirm, "Revoke access").await.page();
    for path in [detail.clone(), format!("{detail}/revoke")] {
        assert_eq!(stage.browser.open(&path).await.status, 404, "{path}");
    }
    for strange in ["x", "..%2f..", "%00", "'--", "0198F0A0-0000-7000-8000-000000000000 "] {
        let url = format!("{}/{strange}", paths::ACCOUNT_APPLICATIONS);
        let page = stage.browser.open(&url).await;
        assert!(page.status.is_client_error(), "{strange}: {page}");
    }
}

/// A request that Alice has said yes to, and that is not answered yet.
async fn said_yes(stage: &mut Stage) -> String {
    let decided = stage.ask().with("prompt", "consent");
    let page = stage.browser.arrive(&decided.address()).await.page();
    let id = page.value("request").to_owned();
    let app = &stage.latchkey.app;
    let mut db = app.store.write().await.unwrap();
    let (user, now) = (Some(stage.alice.id.as_str()), app.clock.now());
    let done = authorization_requests::decide(&mut db, &id, "allowed", user, now);
    assert!(done.await.unwrap());
    db.commit().await.unwrap();
    id
}

async fn counts_no_more(stage: &mut Stage, id: &str) {
    let late = stage.browser.visit(&paths::resume(id)).await;
    let Arrival::Page(page) = late else { panic!("an old yes gave a code") };
    assert_eq!(page.status, 400, "{page}");
}

#[tokio::test]
async fn s_140_a_yes_ends_with_all_applications_in_a_session_that_stays() {
    for ending in ["a new password", "a removal", "all of them"] {
        let mut stage = Stage::set().await;
        stage.grant(&stage.ask()).await;
        let id = said_yes(&mut stage).await;
        let page = match ending {
            "a new password" => {
                let page = stage.browser.open(paths::ACCOUNT_PASSWORD).await;
                let page = page.fill("password", &stage.alice.password).fill("new_password", NEW);
                let page = page.fill("new_password_again", NEW).tick("end_applications");
                stage.browser.submit(&page, "Change password").await.page()
            }
            "a removal" => {
                let page =
                    stage.browser.open(paths::ACCOUNT_REMOVE).await.fill("username", "alice");
                stage.browser.submit(&page, "Remove my account").await.page()
            }
            _ => {
                let page = stage.browser.open(paths::ACCOUNT_APPLICATIONS_REVOKE_ALL).await;
                stage.browser.submit(&page, "Revoke all").await.page()
            }
        };
        assert_eq!(page.status, 200, "{ending}: {page}");
        let page = stage.browser.open(paths::ACCOUNT_APPLICATIONS).await;
        assert!(page.says("No application is connected"), "{ending}: {page}");
        counts_no_more(&mut stage, &id).await;
    }
}

#[tokio::test]
async fn s_136_after_a_new_password_that_puts_all_out_applications_ask_again() {
    for by_mail in [true, false] {
        let mut stage = Stage::set().await;
        let before = stage.grant(&stage.ask_offline()).await;
        if by_mail {
            let link = stage.latchkey.recovery_link(&stage.alice).await;
            let page = stage.browser.open(&link).await.fill("password", NEW).fill("repeat", NEW);
            let page = stage.browser.submit(&page, "Set new password").await.page();
            assert!(page.says("applications will have to ask you again"), "{page}");
        } else {
            people::set_password(&stage.latchkey.app, "alice", &NEW.into()).await.expect("set");
        }
        stage.is_dead("what was allowed before", &before).await;
        let mut arrival = stage.browser.arrive(&stage.ask_offline().address()).await;
        let page = type_in(&mut stage.browser, arrival.page(), "alice", NEW).await;
        arrival = page;
        if !by_mail {
            let page = arrival.page().fill("password", OWN).fill("repeat", OWN);
            arrival = stage.browser.submit(&page, "Set new password").await;
        }
        let page = arrival.page();
        assert!(page.heading().starts_with("Allow Photo Printer"), "{by_mail}: {page}");
    }
}

#[tokio::test]
async fn s_140_whatever_an_application_has_under_way_is_refused_at_once() {
    let mut stage = Stage::set().await;
    let second = stage.latchkey.another_node().await;
    let old = stage.grant(&stage.ask()).await;
    let offline = stage.grant(&stage.ask_offline()).await;
    assert!(
        is_alive(&second.endpoints, &stage.rs, &offline.access).await,
        "the other node knows it"
    );
    let in_flight = stage.ask_offline();
    let code = stage.code(&in_flight).await;
    // One request waits for her at the consent page, and one she has said yes to.
    let asked = stage.ask().with("prompt", "consent");
    let waiting = stage.browser.arrive(&asked.address()).await.page();
    let id = said_yes(&mut stage).await;
    let done = disconnect(&mut stage.browser, "Photo Printer").await;
    assert!(done.says("No application is connected"), "{done}");

    for node in [&stage.latchkey.endpoints, &second.endpoints] {
        for grant in [&old, &offline] {
            assert!(!is_alive(node, &stage.rs, &grant.access).await);
            let form = [("grant_type", "refresh_token"), ("refresh_token", grant.refresh.as_str())];
            let answer = node.post(paths::TOKEN, &stage.web.credentials(), &form).await;
            answer.refuses(400, "invalid_grant");
        }
        let form = in_flight.redemption(&code);
        node.post(paths::TOKEN, &stage.web.credentials(), &form)
            .await
            .refuses(400, "invalid_grant");
    }
    // The yes from before counts no more …
    counts_no_more(&mut stage, &id).await;
    // … silently there is nothing …
    let silent = stage.ask().with("prompt", "none");
    let arrival = stage.browser.arrive(&silent.address()).await;
    stage.refused("silent", &silent, arrival, "consent_required");
    let mut db = stage.latchkey.app.store.read().await.unwrap();
    assert!(consents::list(&mut db, &stage.alice.id).await.unwrap().is_empty());
    drop(db);
    // … and what she says now is a new beginning.
    let came = stage.browser.submit(&waiting, "allow").await.departure();
    let code = came.parameter("code").expect("a code");
    let fresh = Grant::read(&stage.redeem(&asked, &code).await);
    assert!(stage.is_alive(&fresh.access).await && !stage.is_alive(&old.access).await);
}

#[tokio::test]
async fn s_042_a_replayed_refresh_token_is_noticed_whatever_scope_it_asks_for() {
    for scope in ["openid profile email", "nonsense", "", "\"", "openid"] {
        let mut stage = Stage::set().await;
        let first = stage.grant(&stage.ask_offline()).await;
        let second = Grant::read(&stage.refresh(&first.refresh).await);
        let third = Grant::read(&stage.refresh(&second.refresh).await);
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", first.refresh.as_str()),
            ("scope", scope),
        ];
        stage.token(&stage.web, &form).await.refuses(400, "invalid_grant");
        stage.is_dead(scope, &third).await;
        assert_eq!(stage.events("refresh_token_replayed").await, 1, "{scope}");
    }
    // The right holder who asks for too much loses nothing.
    let mut stage = Stage::set().await;
    let grant = stage.grant(&stage.ask_offline()).await;
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", grant.refresh.as_str()),
        ("scope", "openid email"),
    ];
    stage.token(&stage.web, &form).await.refuses(400, "invalid_scope");
    stage.refresh(&grant.refresh).await.good();
}

#[tokio::test]
async fn s_083_every_path_reads_the_lock() {
    const SEED: &[u8] = b"a seed of twenty bytes";
    let mut stage = Stage::set().await;
    let grant = stage.grant(&stage.ask_offline()).await;
    let ask = stage.ask_offline();
    let code = stage.code(&ask).await;
    let open = stage.browser.arrive(&stage.ask().with("prompt", "consent").address()).await.page();
    let afresh = stage.ask().with("prompt", "login");
    stage.latchkey.pass_seconds(1);
    let confirm = stage.browser.arrive(&afresh.address()).await.page();
    let confirm = confirm.fill("password", PASSWORD);
    let revoke = stage.browser.open(paths::ACCOUNT_APPLICATIONS_REVOKE_ALL).await;
    // In a second browser the password is proven, and the code is still owed.
    stage.latchkey.enrol(&stage.alice, SEED).await;
    let mut second = stage.latchkey.browser();
    let owing = sign_in_with(&mut second, "alice", PASSWORD).await;
    let owing = owing.fill("code", &totp(SEED, stage.latchkey.clock.now().seconds()));
    stage.lock().await;

    stage.redeem(&ask, &code).await.refuses(400, "invalid_grant");
    stage.refresh(&grant.refresh).await.refuses(400, "invalid_grant");
    assert!(!stage.is_alive(&grant.access).await);
    let silent = stage.ask().with("prompt", "none");
    let arrival = stage.browser.arrive(&silent.address()).await;
    stage.refused("silent", &silent, arrival, "login_required");
    for (what, page, button) in [("consent", &open, "allow"), ("disconnect", &revoke, "Revoke all")]
    {
        let arrival = stage.browser.submit(page, button).await;
        let Arrival::Page(page) = arrival else { panic!("{what} leads to the client") };
        assert_eq!(page.url.path(), paths::LOGIN, "{what}: {page}");
    }
    let form = confirm.form_with("password").submission(None);
    let page = stage.browser.send(&confirm, form).await.page();
    assert_eq!(page.heading(), "This account is locked", "{page}");
    let page = second.submit(&owing, "Verify").await.page();
    assert!(page.url.path().starts_with(paths::LOGIN), "{page}");
    for browser in [&mut stage.browser, &mut second] {
        let page = browser.open(paths::ACCOUNT_SECURITY).await;
        assert_eq!(page.url.path(), paths::LOGIN, "{page}");
    }
    // All of it while locked; nothing of it counted meanwhile.
    assert_eq!(stage.events("applications_revoked").await, 0);
}

#[tokio::test]
async fn s_108_only_who_has_the_right_password_is_told_of_the_lock() {
    let latchkey = Latchkey::start_with(|config| {
        config.branding.support_url = Some("https://help.people.example/".into());
        config.branding.support_email = Some("help@people.example".into());
    });
    let stage = Stage::on(latchkey.await).await;
    let bob = stage.latchkey.bob().await;
    people::lock(&stage.latchkey.app, "alice", "stolen telephone").await.unwrap();
    let mut seen = Vec::new();
    for name in ["alice", "bob", "nobody"] {
        let page = sign_in_with(&mut stage.latchkey.browser(), name, "not-the-Passw0rd!").await;
        let body = page.body.replace(page.value("csrf"), "…").replace(name, "…");
        assert!(page.says("Trouble signing in?"), "help is at hand: {page}");
        seen.push((page.status, body));
    }
    assert!(seen.iter().all(|one| *one == seen[0]), "a stranger can tell the locked account");
    let mut browser = stage.latchkey.browser();
    let waiting = browser.arrive(&stage.ask().address()).await.page();
    let filled = waiting.fill("username", "alice").fill("password", PASSWORD);
    let form = filled.form_with("password").submission(None);
    let page = browser.send(&filled, form).await.page();
    assert_eq!((page.status.as_u16(), page.heading().as_str()), (403, "This account is locked"));
    assert!(!page.says("stolen"), "the reason is for support: {page}");
    assert_eq!(page.link("Get help").as_str(), "https://help.people.example/");
    assert_eq!(page.link("help@people").as_str(), "mailto:help@people.example");
    assert!(browser.cookies().value("session").is_none(), "nothing is open");
    // Somebody else may sign in here, and the application can be gone back to.
    let mut tab = browser.new_tab();
    let other = tab.open(page.link("Use another account").as_str()).await;
    assert!(other.has("password") && other.says("Photo Printer"), "{other}");
    let came = browser.submit(&page, "Go back to Photo Printer").await.departure();
    assert_eq!(came.parameter("error").as_deref(), Some("access_denied"));
    enter(&mut stage.latchkey.browser(), &bob).await;
}

#[tokio::test]
async fn s_139_a_token_of_the_client_opens_no_page() {
    let mut stage = Stage::set().await;
    let grant = stage.grant(&Ask::of(&stage.web).with("scope", "openid offline_access")).await;
    stage.latchkey.client(clients::other()).await;
    let bearer = Credentials::Bearer(grant.access.clone());
    let answer = stage.latchkey.endpoints.get(paths::ACCOUNT_APPLICATIONS, &bearer).await;
    assert_eq!(answer.status, 303, "{answer}");
}
