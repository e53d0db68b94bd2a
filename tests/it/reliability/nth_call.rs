//! the database fails at the first call of a request, at the second, at the third, until
//! the request gets through. Each time it is answered by 503 or rightly, what was acknowledged
//! holds, what was not is there whole or not at all, and trying again is safe.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use latchkey::paths;
use latchkey::store::faults::{Fate, Point};

use crate::support::Latchkey;
use crate::support::browser::{Arrival, Browser};
use crate::support::endpoint::Answer;
use crate::support::flow::sign_in_with;
use crate::support::page::{Form, Page};
use crate::support::people::TestUser;
use crate::support::stage::{Grant, Stage};

/// No request asks the database so often.
const MOST: usize = 60;

/// The n-th call from when it was armed fails; 0: none.
#[derive(Clone, Default)]
struct Trap {
    left: Arc<AtomicUsize>,
}

impl Trap {
    fn lay(latchkey: &Latchkey) -> Self {
        let trap = Self::default();
        latchkey.expect_faults();
        let left = Arc::clone(&trap.left);
        latchkey.app.store.break_by(Arc::new(move |_: Point| {
            let before =
                left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
            if before == Ok(1) { Fate::Fail } else { Fate::Pass }
        }));
        trap
    }

    fn arm(&self, n: usize) {
        self.left.store(n, Ordering::SeqCst);
    }

    /// Whether the call came that fails.
    fn disarm(&self) -> bool {
        self.left.swap(0, Ordering::SeqCst) == 0
    }
}

struct Scene {
    stage: Stage,
    trap: Trap,
}

impl Scene {
    async fn set() -> Self {
        let stage = Stage::set().await;
        let trap = Trap::lay(&stage.latchkey);
        Self { stage, trap }
    }

    async fn grant(&mut self) -> Grant {
        let ask = self.stage.ask_offline();
        self.stage.grant(&ask).await
    }
}

/// Fails unless an endpoint was answered rightly or by 503 with a word on when to come back.
fn refused_or(answer: &Answer, n: usize, what: &str) -> bool {
    if answer.status == 200 {
        return true;
    }
    assert_eq!(answer.status, 503, "{what}, call {n}: {answer}");
    assert!(answer.headers.contains_key("retry-after"), "{what}, call {n}: {answer}");
    false
}

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

async fn is_signed_in(browser: &mut Browser) -> bool {
    browser.open(paths::ACCOUNT_SECURITY).await.url.path() == paths::ACCOUNT_SECURITY
}

/// Sends a form as the browser would, once, whatever comes.
async fn send(browser: &Browser, page: &Page, more: &[(&str, &str)]) -> u16 {
    let is_its_own = |form: &&Form| form.method == "post" && form.action.path() == page.url.path();
    let form = page.forms().iter().find(is_its_own).expect("a form");
    let mut fields = form.submission(None).fields;
    for (name, value) in more {
        fields.retain(|(other, _)| other != name);
        fields.push(((*name).to_owned(), (*value).to_owned()));
    }
    let origin = page.url.origin().ascii_serialization();
    let headers = [("origin", origin.as_str())];
    let answer = crate::support::flow::post_raw(browser, &form.action, &fields, &headers).await;
    answer.status().as_u16()
}

#[tokio::test]
async fn signing_out() {
    let scene = Scene::set().await;
    let alice = scene.stage.alice.clone();
    for n in 1..MOST {
        let mut browser = scene.stage.latchkey.browser();
        sign_in_with(&mut browser, &alice.username, &alice.password).await;
        let page = browser.open(paths::LOGOUT).await;
        scene.trap.arm(n);
        let status = send(&browser, &page, &[("decision", "allow")]).await;
        let struck = scene.trap.disarm();
        let here = is_signed_in(&mut browser).await;
        match status {
            303 => assert!(!here, "call {n}: told that it is signed out"),
            503 => assert_eq!(here, is_signed_in(&mut browser).await, "call {n}"),
            other => panic!("call {n}: {other}"),
        }
        if !struck {
            return;
        }
    }
    panic!("it never got through");
}

#[tokio::test]
async fn signing_in() {
    let scene = Scene::set().await;
    let alice = scene.stage.alice.clone();
    for n in 1..MOST {
        let mut browser = scene.stage.latchkey.browser();
        let page = browser.open(paths::LOGIN).await;
        scene.trap.arm(n);
        let typed = [("username", alice.username.as_str()), ("password", &alice.password)];
        let status = send(&browser, &page, &typed).await;
        let struck = scene.trap.disarm();
        assert!([303, 503].contains(&status), "call {n}: {status}");
        // Whatever became of it, the next try does.
        let page = sign_in_with(&mut browser, &alice.username, &alice.password).await;
        assert_eq!(page.url.path(), paths::ACCOUNT_SECURITY, "call {n}: {page}");
        if !struck {
            assert_eq!(status, 303);
            return;
        }
    }
    panic!("it never got through");
}

#[tokio::test]
async fn guessing_a_password() {
    let scene = Scene::set().await;
    let alice = scene.stage.alice.clone();
    for n in 1..MOST {
        let mut browser = scene.stage.latchkey.browser();
        let page = browser.open(paths::LOGIN).await;
        let before = tries(&scene.stage.latchkey, &alice).await;
        scene.trap.arm(n);
        let typed = [("username", alice.username.as_str()), ("password", "Wrong-1-wrong")];
        let status = send(&browser, &page, &typed).await;
        let struck = scene.trap.disarm();
        assert!([422, 429, 503].contains(&status), "call {n}: {status}");
        if status == 422 {
            let counted = tries(&scene.stage.latchkey, &alice).await;
            assert!(counted > before, "call {n}: a guess was looked at and not counted");
        }
        scene.stage.latchkey.pass(std::time::Duration::from_hours(1));
        if !struck {
            return;
        }
    }
    panic!("it never got through");
}

/// How many wrong passwords are on record.
async fn tries(latchkey: &Latchkey, alice: &TestUser) -> usize {
    latchkey.count("sign_in", alice).await
}

#[tokio::test]
async fn changing_a_password() {
    let scene = Scene::set().await;
    let alice = scene.stage.alice.clone();
    let mut password = alice.password.clone();
    for n in 1..MOST {
        let mut browser = scene.stage.latchkey.browser();
        sign_in_with(&mut browser, &alice.username, &password).await;
        let page = browser.open(paths::ACCOUNT_PASSWORD).await;
        let new = format!("Quiet-harbor-{n}-lanterns");
        let typed =
            [("password", password.as_str()), ("new_password", &new), ("new_password_again", &new)];
        scene.trap.arm(n);
        let status = send(&browser, &page, &typed).await;
        let struck = scene.trap.disarm();
        assert!([303, 503].contains(&status), "call {n}: {status}");
        let opens = async |word: &str| {
            let mut browser = scene.stage.latchkey.browser();
            let page = sign_in_with(&mut browser, &alice.username, word).await;
            page.url.path() == paths::ACCOUNT_SECURITY
        };
        let (old_opens, new_opens) = (opens(&password).await, opens(&new).await);
        assert_ne!(old_opens, new_opens, "call {n}: one of them is right");
        assert!(status == 503 || new_opens, "call {n}: told that it is changed");
        if new_opens {
            password = new;
        }
        scene.stage.latchkey.pass(std::time::Duration::from_hours(1));
        if !struck {
            return;
        }
    }
    panic!("it never got through");
}

#[tokio::test]
async fn allowing_an_application() {
    let mut scene = Scene::set().await;
    for n in 1..MOST {
        let ask = scene.stage.ask().with("prompt", "consent");
        let arrival = scene.stage.browser.arrive(&ask.address()).await;
        let arrival = match arrival {
            Arrival::Page(page) if page.has("password") => {
                let alice = scene.stage.alice.clone();
                crate::support::stage::sign_in(&mut scene.stage.browser, *page, &alice).await
            }
            other => other,
        };
        let page = arrival.page();
        assert!(page.has("allow"), "{page}");
        scene.trap.arm(n);
        let status = send(&scene.stage.browser, &page, &[("decision", "allow")]).await;
        let struck = scene.trap.disarm();
        assert!([303, 503].contains(&status), "call {n}: {status}");
        if !struck {
            return;
        }
    }
    panic!("it never got through");
}
