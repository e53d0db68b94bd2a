//! A forgotten password, as an attacker would have it forgotten (S-108, S-109, S-118, S-128,
//! S-137).

use std::time::Duration;

use latchkey::identity::people;
use latchkey::paths;
use latchkey::store::links::{self, Purpose};
use latchkey::store::users::{self, Email};

use crate::support::Latchkey;
use crate::support::browser::http;
use crate::support::flow::{post_raw, sign_in, sign_in_with, totp};
use crate::support::page::Page;
use crate::support::people::PASSWORD;
use crate::support::stage::Stage;

const SEED: &[u8] = b"a seed of twenty bytes";
const NEW: &str = "w1nter-Kettle-Falls%7";

/// Asks for a link; the page that comes.
async fn ask(latchkey: &Latchkey, login: &str) -> Page {
    let mut browser = latchkey.browser();
    let page = browser.open(paths::RECOVER).await.fill("Username or email", login);
    browser.submit(&page, "Send me a link").await.page()
}

/// Follows a link and chooses this password there; the page that comes.
async fn choose(latchkey: &Latchkey, link: &str, password: &str) -> Page {
    let mut browser = latchkey.browser();
    let page = browser.open(link).await;
    assert_eq!(page.heading(), "Choose a new password", "{page}");
    let page = page.fill("New password", password).fill("repeat", password);
    browser.submit(&page, "Set new password").await.page()
}

fn is_gone(page: &Page) {
    assert_eq!(
        (page.status.as_u16(), page.heading().as_str()),
        (404, "This link does not work any more")
    );
}

async fn links_to(latchkey: &Latchkey, address: &str) -> Vec<String> {
    let mails = latchkey.mails_to(address).await;
    let about = mails.iter().filter(|mail| mail.subject.contains("Choose a new"));
    about.map(|mail| mail.link("/recover/")).collect()
}

#[tokio::test]
async fn s_108_the_answer_is_the_same_whoever_is_asked_for() {
    let latchkey = Latchkey::start().await;
    latchkey.alice().await;
    latchkey.bob().await;
    latchkey.person("carol", serde_json::json!({})).await;
    people::lock(&latchkey.app, "bob", "a test").await.expect("locked");
    let new = people::NewUser { username: "dave".into(), ..people::NewUser::default() };
    people::add_user(&latchkey.app, new).await.expect("somebody without address or password");
    let unproven = people::NewUser {
        username: "erin".into(),
        email: Some("erin@people.example".into()),
        ..people::NewUser::default()
    };
    people::add_user(&latchkey.app, unproven).await.expect("somebody with an unproven address");
    for _ in 0..3 {
        ask(&latchkey, "carol").await;
        latchkey.deliver().await;
    }
    let before = latchkey.mails().await.len();
    let mut answers = Vec::new();
    let jobs = latchkey.app.store.counters().commits;
    for login in [
        "alice",
        "ALICE@people.example",
        "nobody",
        "nobody@people.example",
        "bob",
        "carol",
        "dave",
        "erin@people.example",
    ] {
        let page = ask(&latchkey, login).await;
        let headers: Vec<_> = page.headers.keys().map(ToString::to_string).collect();
        let text = page.body.replace(page.url.as_str(), "");
        answers.push((login, page.status, page.url.clone(), headers, text));
    }
    // S-109: nothing is looked up before the answer, so there is nothing to time: each request is
    // one write, whoever is asked for.
    assert_eq!(latchkey.app.store.counters().commits - jobs, 8);
    let (_, status, url, headers, body) = &answers[0];
    assert!(body.contains("If there is such an account"), "{body}");
    for (login, other_status, other_url, other_headers, other_body) in &answers {
        assert_eq!((status, url, headers), (other_status, other_url, other_headers), "{login}");
        assert_eq!(body, other_body, "{login}");
    }
    let mails = latchkey.mails().await;
    assert_eq!(mails.len() - before, 2, "only Alice, who was asked for twice");
    assert_eq!(links_to(&latchkey, "alice@people.example").await.len(), 2);
}

#[tokio::test]
async fn s_118_a_link_leads_to_the_configured_issuer_whatever_host_was_asked() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    let mut browser = latchkey.browser();
    let page = browser.open(paths::RECOVER).await.fill("username", "alice");
    let form = page.submission("Send me a link");
    let headers = [
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-prefix", "/evil"),
        ("forwarded", "host=evil.example;proto=https"),
        ("sec-fetch-site", "same-origin"),
        ("origin", latchkey.issuer.as_str()),
    ];
    let answer = post_raw(&browser, &form.action, &form.fields, &headers).await;
    assert_eq!(answer.status(), 303);
    let location = answer.headers()["location"].to_str().expect("ASCII").to_owned();
    assert!(location.starts_with('/') && !location.starts_with("//"), "{location}");
    let mails = latchkey.mails_to(&alice.email).await;
    assert_eq!(mails.len(), 1);
    for link in mails[0].links() {
        assert!(link.starts_with(&format!("{}/", latchkey.issuer)), "{link}");
    }
    assert!(!mails[0].raw.contains("evil"), "{}", mails[0].raw);
}

#[tokio::test]
async fn s_128_a_new_password_leaves_the_second_factor_and_signs_nobody_in() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    latchkey.enrol(&alice, SEED).await;
    // A browser that has proven the old password and owes the code.
    let mut half = latchkey.browser();
    let owed = sign_in_with(&mut half, "alice", PASSWORD).await;
    assert_eq!(owed.url.path(), paths::LOGIN_TWO_FACTOR);
    ask(&latchkey, "alice").await;
    let link = links_to(&latchkey, &alice.email).await.remove(0);
    let mut browser = latchkey.browser();
    let page = browser.open(&link).await.fill("password", NEW).fill("repeat", NEW);
    let page = browser.submit(&page, "Set new password").await.page();
    assert_eq!(page.heading(), "Your new password is set");
    assert!(browser.cookies().value("latchkey_session").is_none());
    assert_eq!(browser.open(paths::ACCOUNT_SECURITY).await.url.path(), paths::LOGIN);
    let code = totp(SEED, latchkey.clock.now().seconds());
    let page = half.submit(&owed.fill("code", &code), "Verify").await.page();
    assert_eq!(page.url.path(), paths::LOGIN, "what the old password began is over: {page}");
    let page = sign_in_with(&mut browser, "alice", PASSWORD).await;
    assert_eq!(page.status, 422, "the old password is worth nothing: {page}");
    let page = sign_in_with(&mut browser, "alice", NEW).await;
    assert_eq!(page.url.path(), paths::LOGIN_TWO_FACTOR, "{page}");
    let page = browser.submit(&page.fill("code", &code), "Verify").await.page();
    assert_eq!(page.url.path(), paths::ACCOUNT_SECURITY, "{page}");
}

#[tokio::test]
async fn s_137_a_link_is_good_once_for_one_person_for_half_an_hour() {
    let latchkey = Latchkey::start().await;
    let (alice, bob) = (latchkey.alice().await, latchkey.bob().await);
    ask(&latchkey, "alice").await;
    ask(&latchkey, "alice").await;
    let links = links_to(&latchkey, &alice.email).await;
    let token = links[0].rsplit('/').next().expect("a token").to_owned();
    assert_eq!((links.len(), token.len()), (2, 43), "256 bits in base64url");
    // Looking, as mail scanners do, uses nothing up.
    for _ in 0..3 {
        http().get(&links[0]).send().await.expect("an answer");
        http().head(&links[0]).send().await.expect("an answer");
    }
    assert_eq!(choose(&latchkey, &links[0], NEW).await.heading(), "Your new password is set");
    is_gone(&latchkey.browser().open(&links[0]).await);
    is_gone(&latchkey.browser().open(&links[1]).await);
    sign_in_with(&mut latchkey.browser(), "alice", NEW).await;
    // After half an hour.
    ask(&latchkey, "bob").await;
    let link = links_to(&latchkey, &bob.email).await.remove(0);
    latchkey.pass(Duration::from_mins(30));
    is_gone(&latchkey.browser().open(&link).await);
    // A guess, a token of another purpose, something else entirely.
    let not_me = latchkey.not_me_link(&bob).await;
    let other = not_me.rsplit('/').next().expect("a token");
    for wrong in [other, &token[1..], &format!("{token}A"), "%2e%2e%2f", "a'--", &"x".repeat(5000)]
    {
        let page = latchkey.browser().open(&format!("/recover/{wrong}")).await;
        assert_eq!(page.status, 404, "{wrong}: {page}");
    }
}

#[tokio::test]
async fn s_137_a_link_dies_with_the_address_or_password_it_was_made_for() {
    let latchkey = Latchkey::start().await;
    let (alice, bob) = (latchkey.alice().await, latchkey.bob().await);
    let app = &latchkey.app;
    let link = latchkey.recovery_link(&alice).await;
    let mut db = app.store.write().await.expect("a transaction");
    let now = latchkey.clock.now();
    let (address, key) = ("new@people.example", "new@people.example");
    let email = Email { address, key, verified_at: Some(now) };
    users::set_email(&mut db, &alice.id, Some(email), now).await.expect("another address");
    db.commit().await.expect("a commit");
    is_gone(&latchkey.browser().open(&link).await);
    let link = latchkey.recovery_link(&bob).await;
    latchkey.pass_seconds(1);
    people::set_password(app, "bob", &"an0ther-Lamp%44".into()).await.expect("set");
    is_gone(&latchkey.browser().open(&link).await);
    let link = latchkey.recovery_link(&bob).await;
    people::lock(app, "bob", "a test").await.expect("locked");
    is_gone(&latchkey.browser().open(&link).await);
}

#[tokio::test]
async fn s_137_of_many_who_follow_a_link_at_once_one_gets_through() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    let link = latchkey.recovery_link(&alice).await;
    let node = latchkey.another_node().await;
    let mut pages = Vec::new();
    for at in 0..6 {
        let mut browser = latchkey.browser();
        let password = format!("{NEW}-{at}");
        let page = browser.open(&link).await.fill("password", &password).fill("repeat", &password);
        pages.push((browser, page));
    }
    let tries = pages.iter_mut().map(|(browser, page)| browser.submit(page, "Set new password"));
    let came = futures_util::future::join_all(tries).await;
    let set = came.into_iter().filter(|arrival| match arrival {
        crate::support::browser::Arrival::Page(page) => page.status == 200,
        crate::support::browser::Arrival::Client(_) => false,
    });
    assert_eq!(set.count(), 1);
    drop(node);
}

#[tokio::test]
async fn s_137_what_lies_in_the_database_opens_nothing() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    let link = latchkey.recovery_link(&alice).await;
    let token = link.rsplit('/').next().expect("a token");
    let mut db = latchkey.app.store.read().await.expect("a connection");
    let now = latchkey.clock.now();
    let row = links::newest(&mut db, Purpose::Recovery, &alice.id, now).await.expect("an answer");
    let row = row.expect("a link");
    assert!(!format!("{row:?}").contains(token));
    drop(db);
    is_gone(&latchkey.browser().open(&format!("/recover/{}", row.token_hash)).await);
}

#[tokio::test]
async fn s_136_whoever_knew_the_old_password_is_out() {
    let mut stage = Stage::set().await;
    let grant = stage.grant(&stage.ask_offline()).await;
    let mut other = stage.latchkey.browser();
    sign_in(&mut other, &stage.alice).await;
    let link = stage.latchkey.recovery_link(&stage.alice).await;
    let page = choose(&stage.latchkey, &link, NEW).await;
    assert_eq!(page.heading(), "Your new password is set");
    stage.is_dead("after a recovery", &grant).await;
    for browser in [&mut stage.browser, &mut other] {
        let page = browser.open(paths::ACCOUNT_SECURITY).await;
        assert_eq!(page.url.path(), paths::LOGIN, "{page}");
    }
    assert_eq!(stage.events("password_recovered").await, 1);
    let mail = stage.latchkey.mail_about("password was changed").await;
    assert!(mail.says("With: Chrome 149 on Linux"), "{}", mail.text);
}

#[tokio::test]
async fn a_mailbox_is_not_flooded() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    for _ in 0..10 {
        ask(&latchkey, "alice").await;
    }
    let links = links_to(&latchkey, &alice.email).await;
    assert_eq!(links.len(), 3);
    // Whoever is refused another link has one that is good still: strangers keep nobody out.
    latchkey.pass(Duration::from_mins(30));
    is_gone(&latchkey.browser().open(&links[2]).await);
    ask(&latchkey, "alice").await;
    assert_eq!(links_to(&latchkey, &alice.email).await.len(), 4);
}

#[tokio::test]
async fn requests_that_anybody_makes_push_nothing_out_of_the_list_of_changes() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    for name in ["alice", "nobody"] {
        for _ in 0..9 {
            ask(&latchkey, name).await;
            latchkey.deliver().await;
        }
    }
    assert_eq!(latchkey.count("recovery_asked", &alice).await, 5);
    assert_eq!(latchkey.count_all("recovery_asked").await, 10, "nor out of the trail");
    latchkey.pass(Duration::from_hours(24));
    ask(&latchkey, "alice").await;
    latchkey.deliver().await;
    assert_eq!(latchkey.count("recovery_asked", &alice).await, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn racing_requests_bring_no_more_links_than_slow_ones() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    let second = latchkey.another_node().await;
    for _ in 0..12 {
        ask(&latchkey, "alice").await;
    }
    let answering = (0..6).map(|turn| {
        let app = if turn % 2 == 0 { latchkey.app.clone() } else { second.app.clone() };
        tokio::spawn(async move { latchkey::identity::recovery::answer_asked(&app).await })
    });
    for answered in futures_util::future::join_all(answering).await {
        answered.expect("no panic").expect("answered");
    }
    assert_eq!(links_to(&latchkey, &alice.email).await.len(), 3);
}

#[tokio::test]
async fn a_password_that_does_not_fit_is_refused_with_the_reason() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    let link = latchkey.recovery_link(&alice).await;
    for (password, reason) in [
        ("ab1!efg", "at least 8 characters"),
        ("abcdefgh1", "letters, digits and special characters"),
        ("P@ssw0rd1!", "attackers try first"),
        ("xX9!Moreau", "your own name"),
        (&"a1!".repeat(50), "at most 128 characters"),
    ] {
        let page = choose(&latchkey, &link, password).await;
        assert_eq!(page.status, 422, "{page}");
        assert!(page.says(reason), "{password}: {page}");
        assert!(!page.body.contains(password), "no password is shown again");
    }
    let mut browser = latchkey.browser();
    let page = browser.open(&link).await.fill("password", NEW).fill("repeat", "something else");
    let page = browser.submit(&page, "Set new password").await.page();
    assert!(page.status == 422 && page.says("not the same"), "{page}");
    assert_eq!(choose(&latchkey, &link, NEW).await.heading(), "Your new password is set");
}
