//! Sessions ended from afar: S-087, S-089, S-092 … S-095, S-139, S-141, S-142 for the page of
//! active sessions.

use std::time::Duration;

use latchkey::identity::people;
use latchkey::paths;
use reqwest::Url;

use crate::support::Latchkey;
use crate::support::browser::{Arrival, Browser, http};
use crate::support::flow::{post_raw, sign_in};
use crate::support::page::{Page, Submission};
use crate::support::people::TestUser;
use crate::support::stage::Stage;

const SESSION: &str = "latchkey_session";

fn cookie(browser: &Browser) -> String {
    browser.cookies().value(SESSION).expect("a session")
}

/// What the account's page answers to a bare session cookie at `socket`.
async fn status(socket: &str, value: &str) -> u16 {
    let request = http().get(format!("{socket}{}", paths::ACCOUNT_SESSIONS));
    let request = request.header("cookie", format!("{SESSION}={value}"));
    request.send().await.expect("an answer").status().as_u16()
}

/// Alice before two browsers, and Bob before one.
struct Scene {
    latchkey: Latchkey,
    alice: TestUser,
    here: Browser,
    there: Browser,
    bobs: Browser,
}

impl Scene {
    async fn set() -> Self {
        let latchkey = Latchkey::start().await;
        let (alice, bob) = (latchkey.alice().await, latchkey.bob().await);
        let [mut here, mut there, mut bobs] = [(); 3].map(|()| latchkey.browser());
        sign_in(&mut there, &alice).await;
        latchkey.pass_seconds(1);
        sign_in(&mut here, &alice).await;
        sign_in(&mut bobs, &bob).await;
        Self { latchkey, alice, here, there, bobs }
    }

    /// The pages that ask before something of the other browser's is ended or forgotten.
    async fn questions(&mut self) -> [Url; 3] {
        let page = self.here.open(paths::ACCOUNT_SESSIONS).await;
        let at = |href: &str| page.url.join(href).expect("an address");
        let last = |list: &str| page.attributes(&format!("{list} > li > a"), "href")[1].clone();
        [
            at(&last("#active-sessions")),
            at(paths::ACCOUNT_SESSIONS_END_OTHERS),
            at(&last("#known-browsers")),
        ]
    }

    async fn all_are_in(&mut self) {
        for browser in [&mut self.here, &mut self.there, &mut self.bobs] {
            let page = browser.open(paths::ACCOUNT_SESSIONS).await;
            assert!(!page.has("password"), "{page}");
        }
        let page = self.here.open(paths::ACCOUNT_SESSIONS).await;
        assert_eq!(page.texts("#active-sessions > li").len(), 2, "{page}");
        assert_eq!(page.texts("#known-browsers > li").len(), 2, "{page}");
    }
}

/// The form of the question, as it is sent.
fn answer(page: &Page) -> Submission {
    let form = page.forms().iter().find(|form| form.action == page.url);
    form.expect("a form that posts to its own page").submission(None)
}

fn with(fields: &[(String, String)], name: &str, value: Option<&str>) -> Vec<(String, String)> {
    let mut fields: Vec<_> = fields.iter().filter(|(key, _)| key != name).cloned().collect();
    fields.extend(value.map(|value| (name.to_owned(), value.to_owned())));
    fields
}

#[tokio::test]
async fn s_091_who_was_kept_signed_in_is_out_when_it_is_no_longer_offered() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    let (mut kept, mut plain) = (latchkey.browser(), latchkey.browser());
    sign_in(&mut plain, &alice).await;
    let login = kept.open(paths::LOGIN).await.tick("remember");
    let login = login.fill("username", "alice").fill("password", &alice.password);
    kept.submit(&login, "Sign in").await.page();
    let off = latchkey.another_node_with(|config| config.sessions.remember_enabled = false).await;
    let (here, there) = (latchkey.endpoints.socket(), off.endpoints.socket());
    assert_eq!(status(&here, &cookie(&kept)).await, 200);
    assert_eq!(status(&there, &cookie(&kept)).await, 303, "it is over");
    assert_eq!(status(&there, &cookie(&plain)).await, 200, "the others go on");
}

#[tokio::test]
async fn s_087_a_session_ended_from_afar_is_over_on_every_node_and_stays_so() {
    let mut scene = Scene::set().await;
    let second = scene.latchkey.another_node().await;
    let (value, own) = (cookie(&scene.there), cookie(&scene.here));
    let sockets = [scene.latchkey.issuer.clone(), second.endpoints.socket()];
    for socket in &sockets {
        assert_eq!(status(socket, &value).await, 200);
    }
    let [end, ..] = scene.questions().await;
    let page = scene.here.open(end.as_str()).await;
    scene.here.send(&page, answer(&page)).await.page();
    for _ in 0..2 {
        for socket in &sockets {
            assert_eq!(status(socket, &value).await, 303, "at {socket}");
        }
    }
    // Nor does the stale cookie keep the other session alive.
    let idle = scene.latchkey.app.config.sessions.idle.get();
    scene.latchkey.pass(idle / 2);
    assert_eq!(status(&sockets[0], &value).await, 303);
    scene.latchkey.pass(idle / 2);
    assert_eq!(status(&sockets[0], &own).await, 303);
}

#[tokio::test]
async fn s_089_who_is_locked_is_out_everywhere_and_ends_nothing() {
    let mut scene = Scene::set().await;
    let [end, ..] = scene.questions().await;
    let page = scene.here.open(end.as_str()).await;
    let values = [cookie(&scene.here), cookie(&scene.there)];
    people::lock(&scene.latchkey.app, "alice", "stolen").await.expect("locked");
    for value in &values {
        assert_eq!(status(&scene.latchkey.issuer, value).await, 303);
    }
    let page = scene.here.send(&page, answer(&page)).await.page();
    assert_eq!(page.url.path(), paths::LOGIN, "{page}");
    assert_eq!(scene.latchkey.count("session_ended", &scene.alice).await, 0);
}

#[tokio::test]
async fn s_092_silent_renewal_does_not_keep_a_session_alive() {
    let mut stage = Stage::set().await;
    stage.grant(&stage.ask()).await;
    let idle = stage.latchkey.app.config.sessions.idle.get();
    let step = Duration::from_mins(5);
    let silent = stage.ask().with("prompt", "none");
    let mut left = idle;
    while left > step {
        stage.latchkey.pass(step);
        left -= step;
        let came = stage.browser.arrive(&silent.address()).await.departure();
        assert!(came.parameter("code").is_some(), "{}", came.url);
    }
    stage.latchkey.pass(left);
    let arrival = stage.browser.arrive(&silent.address()).await;
    stage.refused("after a time without the person", &silent, arrival, "login_required");
    // What the person does themselves counts.
    stage.grant(&stage.ask()).await;
    stage.latchkey.pass(idle / 4 * 3);
    stage.code(&stage.ask()).await;
    stage.latchkey.pass(idle / 4 * 3);
    let came = stage.browser.arrive(&silent.address()).await.departure();
    assert!(came.parameter("code").is_some(), "{}", came.url);
}

#[tokio::test]
async fn s_093_s_094_a_form_that_is_not_this_browsers_own_ends_nothing() {
    let mut scene = Scene::set().await;
    for question in scene.questions().await {
        let page = scene.here.open(question.as_str()).await;
        let Submission { action, fields, .. } = answer(&page);
        let home = action.origin().ascii_serialization();
        let own = [("origin", home.as_str()), ("sec-fetch-site", "same-origin")];
        let theirs = scene.there.open(paths::ACCOUNT_SESSIONS).await.value("csrf").to_owned();
        let bobs = scene.bobs.open(paths::ACCOUNT_SESSIONS).await.value("csrf").to_owned();
        for token in [None, Some(""), Some(theirs.as_str()), Some(bobs.as_str())] {
            let fields = with(&fields, "csrf", token);
            let answer = post_raw(&scene.here, &action, &fields, &own).await;
            assert_eq!(answer.status(), 403, "{action} with {token:?}");
        }
        let foreign: [&[(&str, &str)]; 4] = [
            &[("origin", "https://evil.example")],
            &[("origin", "null")],
            &[("origin", &home), ("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site")],
        ];
        for headers in foreign {
            let answer = post_raw(&scene.here, &action, &fields, headers).await;
            assert_eq!(answer.status(), 403, "{action} with {headers:?}");
        }
        let nobody = scene.latchkey.browser();
        assert_eq!(post_raw(&nobody, &action, &fields, &own).await.status(), 403);
    }
    scene.all_are_in().await;
}

#[tokio::test]
async fn s_095_only_a_post_of_a_form_ends_anything() {
    let mut scene = Scene::set().await;
    for question in scene.questions().await {
        let page = scene.here.open(question.as_str()).await;
        let Submission { action, fields, .. } = answer(&page);
        let home = action.origin().ascii_serialization();
        for kind in ["text/plain", "application/json", "multipart/form-data; boundary=b"] {
            let headers = [("origin", home.as_str()), ("content-type", kind)];
            let answer = post_raw(&scene.here, &action, &fields, &headers).await;
            assert_eq!(answer.status(), 415, "{action} as {kind}");
        }
        let mut as_query = action.clone();
        as_query.query_pairs_mut().extend_pairs(&fields).append_pair("_method", "POST");
        scene.here.visit(as_query.as_str()).await.page();
        for method in ["PUT", "DELETE", "PATCH"] {
            let request = http().request(method.parse().expect("a method"), action.clone());
            assert_eq!(request.send().await.expect("an answer").status(), 405, "{action} {method}");
        }
    }
    scene.all_are_in().await;
}

#[tokio::test]
async fn s_139_what_is_somebody_elses_is_not_there() {
    let mut scene = Scene::set().await;
    let questions = scene.questions().await;
    let csrf = scene.bobs.open(paths::ACCOUNT_SESSIONS).await.value("csrf").to_owned();
    let nowhere = "0198f0a0-0000-7000-8000-000000000000";
    for question in [&questions[0], &questions[2]] {
        let id = question.path_segments().and_then(|mut parts| parts.nth_back(1)).expect("an id");
        let made_up: Url = question.as_str().replace(id, nowhere).parse().expect("an address");
        let mut told = Vec::new();
        for url in [question, &made_up] {
            let page = scene.bobs.open(url.as_str()).await;
            let fields = [("csrf".to_owned(), csrf.clone()), ("decision".into(), "allow".into())];
            let home = url.origin().ascii_serialization();
            let answer = post_raw(&scene.bobs, url, &fields, &[("origin", &home)]).await;
            assert_eq!((page.status.as_u16(), answer.status().as_u16()), (404, 404), "{url}");
            let body = answer.text().await.expect("a body");
            told.push((page.texts("main"), body.contains("There is nothing at this address.")));
        }
        assert_eq!(told[0].0.len(), told[1].0.len());
        assert!(told.iter().all(|(_, same)| *same), "{question}");
    }
    // Ending all of his others touches none of hers.
    let page = scene.bobs.open(paths::ACCOUNT_SESSIONS_END_OTHERS).await;
    let home = page.url.origin().ascii_serialization();
    let fields = [("csrf".to_owned(), csrf)];
    let answer = post_raw(&scene.bobs, &page.url, &fields, &[("origin", &home)]).await;
    assert_eq!(answer.status(), 303);
    scene.all_are_in().await;
    assert_eq!(scene.latchkey.count("session_ended", &scene.alice).await, 0);
}

#[tokio::test]
async fn s_141_an_ended_session_takes_its_tokens_along_and_leaves_the_others() {
    let mut stage = Stage::set().await;
    let node = stage.latchkey.another_node().await;
    let mut here = stage.latchkey.browser();
    sign_in(&mut here, &stage.alice).await;
    let (bound, offline) =
        (stage.grant(&stage.ask()).await, stage.grant(&stage.ask_offline()).await);
    // In flight while the session ends.
    let ask = stage.ask();
    let code = stage.code(&ask).await;
    let left = std::mem::replace(&mut stage.browser, here);
    let kept = stage.grant(&stage.ask()).await;
    stage.end_session("Last active").await;
    assert_eq!(status(&stage.latchkey.issuer, &cookie(&left)).await, 303);
    assert_eq!(status(&node.endpoints.socket(), &cookie(&left)).await, 303);
    stage.is_dead("born in the ended session", &bound).await;
    stage.redeem(&ask, &code).await.refuses(400, "invalid_grant");
    assert!(stage.is_alive(&kept.access).await && stage.is_alive(&offline.access).await);
    assert_eq!(stage.refresh(&offline.refresh).await.status, 200);
    assert_eq!(stage.refresh(&kept.refresh).await.status, 200);
    let mut left = left;
    let silent = stage.ask().with("prompt", "none");
    let arrival = left.arrive(&silent.address()).await;
    stage.refused("in the ended browser", &silent, arrival, "login_required");
}

#[tokio::test]
async fn s_142_ending_others_takes_a_fresh_proof() {
    let mut scene = Scene::set().await;
    let [end, others, _] = scene.questions().await;
    let mut prepared = Vec::new();
    for question in [&end, &others] {
        prepared.push(scene.here.open(question.as_str()).await);
    }
    scene.latchkey.pass(Duration::from_mins(6));
    let cookies = scene.here.cookies().header(&end, false).expect("cookies");
    for page in prepared {
        let Submission { action, fields, .. } = answer(&page);
        let home = action.origin().ascii_serialization();
        let request = http().get(action.clone()).header("cookie", &cookies);
        let asked = request.send().await.expect("an answer");
        let sent = post_raw(&scene.here, &action, &fields, &[("origin", &home)]).await;
        for answer in [asked, sent] {
            assert_eq!(answer.status(), 303, "{action}");
            let to = answer.headers()["location"].to_str().expect("ASCII");
            assert!(to.starts_with(&format!("{}?kept=", paths::ACCOUNT_CONFIRM)), "{to}");
        }
    }
    scene.all_are_in().await;
    // To forget a browser, or to leave, needs none.
    let [_, _, forget] = scene.questions().await;
    let page = scene.here.open(forget.as_str()).await;
    let arrival = scene.here.send(&page, answer(&page)).await;
    assert!(matches!(arrival, Arrival::Page(page) if page.status == 200));
}
