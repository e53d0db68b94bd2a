//! What strangers can have us keep is bounded, and nobody else is pushed out by it.

use std::time::Duration;

use latchkey::identity::recovery;
use latchkey::identity::sessions::Whereabouts;
use latchkey::paths;
use latchkey::store::queue::{self, Job};
use latchkey::store::{Store, request_shares};
use reqwest::StatusCode;

use crate::support::Latchkey;
use crate::support::browser::http;
use crate::support::clients;
use crate::support::flow::{address, sign_in, walk};

/// The limits as they are by default, behind a proxy that tells where requests come from, but for
/// the bound on all requests, which is as low as it may be.
async fn limited() -> Latchkey {
    Latchkey::start_with(|config| {
        config.rate_limits = latchkey::config::RateLimits::default();
        config.rate_limits.authorize_per_minute = 1_000_000;
        config.server.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
        config.login.max_requests = 1000;
    })
    .await
}

fn browser_from(latchkey: &Latchkey, address: &str) -> crate::support::browser::Browser {
    let forwarded = reqwest::header::HeaderValue::from_str(address).expect("a header");
    let name = reqwest::header::HeaderName::from_static("x-forwarded-for");
    let headers = reqwest::header::HeaderMap::from_iter([(name, forwarded)]);
    let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    let client = builder.no_proxy().default_headers(headers).build().expect("an HTTP client");
    latchkey.browser().over(client)
}

async fn kept(store: &Store) -> i64 {
    let mut db = store.read().await.expect("a connection");
    request_shares::count(&mut db).await.expect("a count")
}

/// Sends so many requests, each from the address that `from` gives for its number.
async fn flood(url: &str, many: usize, from: fn(usize) -> String) {
    let client = http();
    let mut tasks = tokio::task::JoinSet::new();
    for lane in 0..16 {
        let (client, url) = (client.clone(), url.to_owned());
        tasks.spawn(async move {
            for number in (lane..many).step_by(16) {
                let request = client.get(&url).header("x-forwarded-for", from(number));
                let answer = request.send().await.expect("an answer");
                // A machine that is busy with the flood may say so.
                let told = answer.status();
                let busy = told == StatusCode::SERVICE_UNAVAILABLE;
                assert!(busy || told == StatusCode::SEE_OTHER, "{number}: {told}");
            }
        });
    }
    tasks.join_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_requests_of_strangers_leave_a_bounded_table_and_push_nobody_out() {
    let latchkey = limited().await;
    let (alice, bob) = (latchkey.alice().await, latchkey.bob().await);
    let web = latchkey.client(clients::web()).await;
    let url = address(&latchkey.issuer, &web, &[]);
    // Alice is asked for her password, and Bob, who is signed in, for his consent.
    let mut hers = browser_from(&latchkey, "192.0.2.50");
    let login = hers.arrive(&url).await.page();
    let mut his = browser_from(&latchkey, "192.0.2.51");
    sign_in(&mut his, &bob).await;
    let consent = his.arrive(&url).await.page();
    assert!(consent.has("allow"), "{consent}");
    latchkey.pass_seconds(1);
    let url = latchkey.at(&url.replace(&latchkey.issuer, ""));
    // One of the strangers sits where Bob sits.
    flood(&url, 2000, |_| "192.0.2.51".into()).await;
    let share = kept(&latchkey.app.store).await;
    assert!((100..=203).contains(&share), "one address has its share: {share}");
    flood(&url, 8000, |number| format!("198.51.{}.{}", number % 4, number / 4 % 100)).await;
    let all = kept(&latchkey.app.store).await;
    assert!(all <= 1000 + 500, "{all} requests are kept");
    let came =
        walk(&mut his, &bob, crate::support::browser::Arrival::Page(Box::new(consent))).await;
    assert!(came.parameter("code").is_some(), "{}", came.url);
    let page = crate::support::browser::Arrival::Page(Box::new(login));
    let came = walk(&mut hers, &alice, page).await;
    assert!(came.parameter("code").is_some(), "{}", came.url);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_of_an_address_goes_first_and_a_giant_is_not_kept() {
    let latchkey = limited().await;
    let web = latchkey.client(clients::web()).await;
    let url = latchkey.at(&address(&latchkey.issuer, &web, &[]).replace(&latchkey.issuer, ""));
    let mut early = browser_from(&latchkey, "192.0.2.60");
    let page = early.arrive(&address(&latchkey.issuer, &web, &[])).await.page();
    latchkey.pass_seconds(1);
    flood(&url, 150, |_| "192.0.2.60".into()).await;
    assert!(early.open(page.url.as_str()).await.status.is_success(), "its share is not used up");
    latchkey.pass_seconds(1);
    flood(&url, 60, |_| "192.0.2.60".into()).await;
    assert!(early.open(page.url.as_str()).await.status.is_client_error(), "now it is");
    // A browser that we know may post, and so write at length.
    let mut talker = browser_from(&latchkey, "192.0.2.61");
    talker.open(paths::LOGIN).await;
    let before = kept(&latchkey.app.store).await;
    let long = "x".repeat(40_000);
    let fields: Vec<(String, String)> = reqwest::Url::parse(&url)
        .expect("an address")
        .query_pairs()
        .map(|(name, value)| match name.as_ref() {
            "state" => ("state".to_owned(), long.clone()),
            name => (name.to_owned(), value.into_owned()),
        })
        .collect();
    let to = latchkey.at(paths::AUTHORIZE).parse().expect("an address");
    let answer = crate::support::flow::post_raw(&talker, &to, &fields, &[]).await;
    let told = answer.headers()["location"].to_str().expect("text");
    assert!(told.starts_with("https://app.example/cb?error=invalid_request"), "{told}");
    assert_eq!(kept(&latchkey.app.store).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn links_that_are_asked_for_wait_in_a_bounded_queue_and_strangers_push_out_their_own() {
    let latchkey = Latchkey::start().await;
    let (alice, bob) = (latchkey.alice().await, latchkey.bob().await);
    let app = &latchkey.app;
    let ask = async |login: &str, source: &str| {
        recovery::ask(app, login, &Whereabouts::default(), source).await.expect("it is taken");
    };
    let waiting = async || {
        let mut db = app.store.read().await.expect("a read");
        queue::count_up_to(&mut db, "recovery", 3000).await.expect("a count")
    };
    ask("alice", "192.0.2.1").await;
    let now = latchkey.clock.now();
    let mut db = app.store.write().await.expect("a write");
    for number in 0..1999 {
        let job = Job {
            id: format!("asked-{number}"),
            kind: "recovery".into(),
            sealed: "of no use".into(),
            created_at: now,
            due_at: now,
            expires_at: now + Duration::from_mins(10),
            tries: 0,
        };
        let source = format!("198.51.100.{}", number % 200);
        queue::push_from(&mut db, &job, &source).await.expect("a row");
    }
    db.commit().await.expect("a commit");
    assert_eq!(waiting().await, 2000);
    ask("bob", "192.0.2.2").await;
    let mut browser = latchkey.browser();
    let page = browser.open(paths::RECOVER).await.fill("username", "nobody");
    let page = browser.submit(&page, "Send").await.page();
    assert!(page.status.is_success(), "{page}");
    assert_eq!(waiting().await, 2000);
    for _ in 0..40 {
        latchkey.deliver().await;
    }
    assert_eq!(waiting().await, 0);
    for user in [&alice, &bob] {
        assert_eq!(latchkey.mails_to(&user.email).await.len(), 1, "{}", user.username);
    }
    for _ in 0..30 {
        ask("alice", "192.0.2.1").await;
    }
    assert_eq!(waiting().await, 20, "an address has its share");
}

#[tokio::test]
async fn a_session_keeps_ten_forms_at_most() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    let mut browser = latchkey.browser();
    sign_in(&mut browser, &alice).await;
    latchkey.pass_seconds(301);
    let mut last = None;
    for _ in 0..25 {
        latchkey.pass_seconds(1);
        last = Some(browser.open(paths::ACCOUNT_TWO_FACTOR_SET_UP).await);
    }
    let mut db = latchkey.app.store.read().await.expect("a connection");
    let sql = "SELECT COUNT(*) FROM kept_forms";
    let kept: i64 = sqlx::query_scalar(sql).fetch_one(&mut *db).await.expect("a count");
    drop(db);
    assert_eq!(kept, 10);
    let page = last.expect("a page").fill("password", &alice.password);
    let page = browser.submit(&page, "Confirm").await.page();
    assert_eq!(page.url.path(), paths::ACCOUNT_TWO_FACTOR_SET_UP, "the newest goes on: {page}");
}
