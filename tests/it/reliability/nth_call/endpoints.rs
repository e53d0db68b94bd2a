//! What applications ask for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use latchkey::paths;
use latchkey::store::faults::{Fate, Point};
use serde_json::json;

use super::{MOST, Scene, fetch, is_signed_in, refused_or};
use crate::support::clients::{self, AssertionKey};
use crate::support::flow::sign_in;
use crate::support::stage::{Ask, Grant, Stage};

#[tokio::test]
async fn redeeming_a_code() {
    let mut scene = Scene::set().await;
    for n in 1..MOST {
        let ask = scene.stage.ask_offline();
        let code = scene.stage.code(&ask).await;
        scene.trap.arm(n);
        let first = scene.stage.redeem(&ask, &code).await;
        let struck = scene.trap.disarm();
        let again = scene.stage.redeem(&ask, &code).await;
        if refused_or(&first, n, "redeeming") {
            let grant = Grant::read(&first);
            again.refuses(400, "invalid_grant");
            scene.stage.is_dead("a code that came twice", &grant).await;
        } else if again.status != 200 {
            // It is spent and nobody has its tokens.
            again.refuses(400, "invalid_grant");
        }
        if !struck {
            assert!(n > 3, "no call of the {n} was the database's");
            return;
        }
    }
    panic!("it never got through");
}

#[tokio::test]
async fn rotating_a_refresh_token() {
    let mut scene = Scene::set().await;
    for n in 1..MOST {
        let grant = scene.grant().await;
        scene.trap.arm(n);
        let first = scene.stage.refresh(&grant.refresh).await;
        let struck = scene.trap.disarm();
        let live = if refused_or(&first, n, "rotating") {
            Grant::read(&first)
        } else {
            // The client tries again and is not shut out.
            Grant::read(&scene.stage.refresh(&grant.refresh).await)
        };
        assert!(scene.stage.is_alive(&live.access).await, "call {n}");
        let next = Grant::read(&scene.stage.refresh(&live.refresh).await);
        // Whoever comes with the first one now has stolen it.
        scene.stage.refresh(&grant.refresh).await.refuses(400, "invalid_grant");
        scene.stage.is_dead("a stolen token", &next).await;
        if !struck {
            return;
        }
    }
    panic!("it never got through");
}

#[tokio::test]
async fn revoking_a_token() {
    let mut scene = Scene::set().await;
    for (what, is_refresh) in [("a refresh token", true), ("an access token", false)] {
        let mut through = false;
        for n in 1..MOST {
            let grant = scene.grant().await;
            let token = if is_refresh { &grant.refresh } else { &grant.access };
            let form = [("token", token.as_str())];
            let (endpoints, web) = (&scene.stage.latchkey.endpoints, scene.stage.web.credentials());
            scene.trap.arm(n);
            let first = endpoints.post(paths::REVOKE, &web, &form).await;
            let struck = scene.trap.disarm();
            if !refused_or(&first, n, what) {
                // Dead or alive, but to every door alike; and it can be said again.
                let alive = scene.stage.is_alive(&grant.access).await;
                if alive && is_refresh {
                    Grant::read(&scene.stage.refresh(&grant.refresh).await);
                }
                endpoints.post(paths::REVOKE, &web, &form).await.good_or_empty();
            }
            assert!(!scene.stage.is_alive(&grant.access).await, "{what}, call {n}");
            if is_refresh {
                scene.stage.is_dead(what, &grant).await;
            } else {
                Grant::read(&scene.stage.refresh(&grant.refresh).await);
            }
            if !struck {
                through = true;
                break;
            }
        }
        assert!(through, "{what}: it never got through");
    }
}

#[tokio::test]
async fn checking_a_token() {
    let mut scene = Scene::set().await;
    for path in [paths::INTROSPECT, paths::USERINFO] {
        let mut through = false;
        for n in 1..MOST {
            let grant = scene.grant().await;
            scene.trap.arm(n);
            let stage = &scene.stage;
            let answer = if path == paths::INTROSPECT {
                let form = [("token", grant.access.as_str())];
                stage.latchkey.endpoints.post(path, &stage.rs.credentials(), &form).await
            } else {
                stage.latchkey.userinfo(&grant.access).await
            };
            let struck = scene.trap.disarm();
            if refused_or(&answer, n, path) && path == paths::INTROSPECT {
                assert_eq!(answer.good()["active"], true, "call {n}");
            }
            if !struck {
                through = true;
                break;
            }
        }
        assert!(through, "{path}: it never got through");
    }
}

/// A token is good while its use cannot be noted, and its use is noted as soon as it can be: whoever
/// then comes with the refresh token before it is a thief.
#[tokio::test]
async fn a_token_is_good_while_nothing_can_be_written() {
    let mut stage = Stage::set().await;
    stage.latchkey.expect_faults();
    let full = Arc::new(AtomicUsize::new(0));
    let is_full = Arc::clone(&full);
    stage.latchkey.app.store.break_by(Arc::new(move |point| {
        let writes = matches!(point, Point::Write | Point::BeforeCommit | Point::AfterCommit);
        if writes && is_full.load(Ordering::SeqCst) == 1 { Fate::Fail } else { Fate::Pass }
    }));
    let ask = stage.ask_offline();
    let grant = stage.grant(&ask).await;
    let next = Grant::read(&stage.refresh(&grant.refresh).await);
    full.store(1, Ordering::SeqCst);
    assert!(stage.is_alive(&next.access).await);
    assert_eq!(stage.refresh(&next.refresh).await.status, 503);
    let form = [("token", next.refresh.as_str())];
    let web = stage.web.credentials();
    assert_eq!(stage.latchkey.endpoints.post(paths::REVOKE, &web, &form).await.status, 503);
    full.store(0, Ordering::SeqCst);
    assert!(stage.is_alive(&next.access).await);
    stage.latchkey.pass_seconds(11);
    stage.refresh(&grant.refresh).await.refuses(400, "invalid_grant");
    stage.is_dead("a stolen token", &next).await;
}

#[tokio::test]
async fn asking_for_a_code() {
    let mut scene = Scene::set().await;
    // What she allowed once needs no page: the answer comes at once.
    scene.grant().await;
    for n in 1..MOST {
        let ask = scene.stage.ask_offline();
        scene.trap.arm(n);
        let (status, to) = fetch(&scene.stage.latchkey, &scene.stage.browser, &ask.address()).await;
        let struck = scene.trap.disarm();
        if super::done_or_503(status, n) {
            let to: reqwest::Url = to.parse().expect("the client's address");
            let code = to.query_pairs().find(|(name, _)| name == "code").expect("a code").1;
            Grant::read(&scene.stage.redeem(&ask, &code).await);
        }
        let again = scene.stage.grant(&ask).await;
        assert!(scene.stage.is_alive(&again.access).await, "call {n}");
        if !struck {
            return;
        }
    }
    panic!("it never got through");
}

#[tokio::test]
async fn asking_for_a_code_before_signing_in() {
    let mut scene = Scene::set().await;
    for n in 1..MOST {
        let ask = scene.stage.ask_offline();
        scene.stage.browser = scene.stage.latchkey.browser();
        scene.trap.arm(n);
        let (status, to) = fetch(&scene.stage.latchkey, &scene.stage.browser, &ask.address()).await;
        let struck = scene.trap.disarm();
        if super::done_or_503(status, n) {
            assert!(to.contains(paths::LOGIN), "call {n}: {to}");
        }
        scene.stage.grant(&ask).await;
        if !struck {
            return;
        }
    }
    panic!("it never got through");
}

#[tokio::test]
async fn a_program_asking_for_itself() {
    let scene = Scene::set().await;
    let m2m = scene.stage.latchkey.client(clients::m2m()).await;
    let form = [("grant_type", "client_credentials"), ("scope", "reports")];
    for n in 1..MOST {
        scene.trap.arm(n);
        let first = scene.stage.token(&m2m, &form).await;
        let struck = scene.trap.disarm();
        refused_or(&first, n, "asking");
        let again = Grant::read(&scene.stage.token(&m2m, &form).await);
        let form = [("token", again.access.as_str())];
        let rs = scene.stage.rs.credentials();
        let told = scene.stage.latchkey.endpoints.post(paths::INTROSPECT, &rs, &form).await;
        assert_eq!(told.good()["active"], true, "call {n}");
        if !struck {
            return;
        }
    }
    panic!("it never got through");
}

/// An assertion counts once at most, whether its answer came or not.
#[tokio::test]
async fn showing_an_assertion() {
    let scene = Scene::set().await;
    let key = AssertionKey::generate("a");
    let mut metadata = clients::pkj(&key);
    metadata["grant_types"] = json!(["client_credentials"]);
    metadata["response_types"] = json!([]);
    metadata["redirect_uris"] = json!([]);
    metadata["scope"] = json!("reports");
    let payroll = scene.stage.latchkey.client(metadata).await;
    let form = [("grant_type", "client_credentials"), ("scope", "reports")];
    let endpoints = &scene.stage.latchkey.endpoints;
    let mut spent_by_a_failure = 0;
    for n in 1..MOST {
        let assertion = scene.stage.latchkey.assertion(&payroll, &key);
        scene.trap.arm(n);
        let first = endpoints.post(paths::TOKEN, &assertion, &form).await;
        let struck = scene.trap.disarm();
        let mut good = usize::from(refused_or(&first, n, "an assertion"));
        let second = endpoints.post(paths::TOKEN, &assertion, &form).await;
        good += usize::from(second.status == 200);
        if good == 0 {
            spent_by_a_failure += 1;
        }
        assert!(good <= 1, "call {n}: an assertion was good twice");
        // What came through once does not again, whatever became of the first.
        endpoints.post(paths::TOKEN, &assertion, &form).await.refuses(401, "invalid_client");
        let fresh = scene.stage.latchkey.assertion(&payroll, &key);
        Grant::read(&endpoints.post(paths::TOKEN, &fresh, &form).await);
        if !struck {
            assert!(spent_by_a_failure > 0, "no call failed after the assertion was noted");
            return;
        }
    }
    panic!("it never got through");
}

#[tokio::test]
async fn signing_out_for_an_application() {
    let mut scene = Scene::set().await;
    let alice = scene.stage.alice.clone();
    for n in 1..MOST {
        let mut browser = scene.stage.latchkey.browser();
        sign_in(&mut browser, &alice).await;
        scene.stage.browser = browser.clone();
        let ask = scene.stage.ask();
        let grant = scene.stage.grant(&ask).await;
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("id_token_hint", &grant.id)
            .append_pair("post_logout_redirect_uri", "https://app.example/signed-out")
            .finish();
        let address = format!("{}?{query}", paths::END_SESSION);
        scene.trap.arm(n);
        let (status, _) = fetch(&scene.stage.latchkey, &browser, &address).await;
        let struck = scene.trap.disarm();
        if !super::done_or_503(status, n) {
            // Said again, it is done; if it was done, whoever asks again is sent on all the same.
            let (again, _) = fetch(&scene.stage.latchkey, &browser, &address).await;
            assert_eq!(again, 303, "call {n}");
        }
        assert!(!is_signed_in(&mut browser).await, "call {n}: told that it is signed out");
        scene.stage.is_dead("of a session that was ended", &grant).await;
        if !struck {
            return;
        }
    }
    panic!("it never got through");
}

/// The authorization request of somebody who has allowed nothing yet ends at a page.
#[tokio::test]
async fn a_request_that_is_resumed() {
    let mut scene = Scene::set().await;
    let alice = scene.stage.alice.clone();
    sign_in(&mut scene.stage.browser, &alice).await;
    for n in 1..MOST {
        let ask = Ask::of(&scene.stage.web).with("prompt", "consent");
        let page = scene.stage.browser.arrive(&ask.address()).await.page();
        let status = super::send(&scene.stage.browser, &page, &[("decision", "allow")]).await;
        assert_eq!(status, 303);
        let id = page.value("request").to_owned();
        let resumed = paths::resume(&id);
        scene.trap.arm(n);
        let (status, to) = fetch(&scene.stage.latchkey, &scene.stage.browser, &resumed).await;
        let struck = scene.trap.disarm();
        if super::done_or_503(status, n) {
            assert!(to.contains("code="), "call {n}: {to}");
        } else {
            // Answered or not: the browser that tries again gets the code or begins anew.
            let (again, to) = fetch(&scene.stage.latchkey, &scene.stage.browser, &resumed).await;
            assert!(again == 303 && to.contains("code=") || again == 400, "call {n}: {again} {to}");
        }
        if !struck {
            return;
        }
    }
    panic!("it never got through");
}
