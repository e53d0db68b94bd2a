//! Who asks too often (S-056, S-112), and who is not disturbed by it.

use latchkey::config::RateLimits;
use latchkey::paths;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderValue};

use crate::support::Latchkey;
use crate::support::browser::Browser;
use crate::support::clients;
use crate::support::endpoint::{Answer, Credentials, Endpoints};
use crate::support::flow::{sign_in, sign_in_with};
use crate::support::page::Page;
use crate::support::stage::Stage;

/// The limits as they are by default, behind a proxy that tells where requests come from.
async fn limited() -> Latchkey {
    limited_with(|_| {}).await
}

async fn limited_with(change: impl FnOnce(&mut RateLimits)) -> Latchkey {
    Latchkey::start_with(|config| {
        config.rate_limits = RateLimits::default();
        config.server.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
        change(&mut config.rate_limits);
    })
    .await
}

pub fn client_from(address: &str) -> reqwest::Client {
    let forwarded = HeaderValue::from_str(address).expect("a header");
    let headers = HeaderMap::from_iter([("x-forwarded-for".parse().expect("a name"), forwarded)]);
    let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    builder.no_proxy().default_headers(headers).build().expect("an HTTP client")
}

pub fn browser_from(latchkey: &Latchkey, address: &str) -> Browser {
    latchkey.browser().over(client_from(address))
}

async fn guess(browser: &mut Browser, username: &str) -> Page {
    sign_in_with(browser, username, "wrong-Passw0rd!").await
}

fn turned_away(page: &Page) {
    assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS, "{page}");
    let later = page.headers.get("retry-after").expect("Retry-After").to_str().expect("text");
    assert!(later.parse::<u64>().is_ok_and(|seconds| (1..=60).contains(&seconds)), "{later}");
    assert!(page.heading().contains("Too many attempts"), "{page}");
}

/// Tries until the limit is met; how many were looked at. This limit goes by the machine's own
/// clock and fills up again by one every three seconds, so that a slow machine gets a few more.
async fn until_turned_away(mut attempt: impl AsyncFnMut(usize) -> Page) -> usize {
    for number in 0..80 {
        let page = attempt(number).await;
        if page.status != StatusCode::UNPROCESSABLE_ENTITY {
            turned_away(&page);
            return number;
        }
    }
    panic!("eighty in a row were looked at");
}

#[tokio::test]
async fn s_112_one_address_has_twenty_sign_ins_a_minute() {
    let latchkey = limited().await;
    let (alice, _) = (latchkey.alice().await, latchkey.bob().await);
    let mut sprayer = browser_from(&latchkey, "192.0.2.7");
    let looked_at =
        until_turned_away(async |number| guess(&mut sprayer, &format!("person{number}")).await)
            .await;
    assert!(looked_at >= 20, "only {looked_at} were looked at");
    // It may still read, and nobody else is disturbed.
    assert_eq!(sprayer.open(paths::LOGIN).await.status, StatusCode::OK);
    sign_in(&mut browser_from(&latchkey, "192.0.2.8"), &alice).await;
}

#[tokio::test]
async fn s_112_a_line_of_ipv6_is_one_address() {
    let latchkey = limited().await;
    let alice = latchkey.alice().await;
    until_turned_away(async |number| {
        let mut browser = browser_from(&latchkey, &format!("2001:db8:1:2::{number:x}"));
        guess(&mut browser, &format!("person{number}")).await
    })
    .await;
    sign_in(&mut browser_from(&latchkey, "2001:db8:1:3::1"), &alice).await;
}

#[tokio::test]
async fn who_is_signed_in_never_meets_the_sign_in_limit() {
    let latchkey = limited().await;
    let alice = latchkey.alice().await;
    let web = latchkey.client(clients::web()).await;
    let mut browser = browser_from(&latchkey, "192.0.2.9");
    sign_in(&mut browser, &alice).await;
    let mut stranger = browser_from(&latchkey, "192.0.2.9");
    until_turned_away(async |number| guess(&mut stranger, &format!("person{number}")).await).await;
    // From the same address: pages, an authorization, tokens.
    for _ in 0..30 {
        assert_eq!(browser.open(paths::ACCOUNT_SECURITY).await.status, StatusCode::OK);
    }
    latchkey.tokens_in(&mut browser, &alice, &web, &[]).await;
}

#[tokio::test]
async fn without_limits_nobody_is_turned_away() {
    let latchkey = Latchkey::start_with(|config| config.rate_limits.enabled = false).await;
    let mut browser = latchkey.browser();
    for number in 0..25 {
        let page = guess(&mut browser, &format!("person{number}")).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{page}");
    }
}

/// Told to come back, in the words of programs.
fn program_turned_away(answer: &Answer) {
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "{answer}");
    let later = answer.headers.get("retry-after").expect("Retry-After");
    assert!(later.to_str().is_ok_and(|text| text.parse::<u64>().is_ok_and(|s| s >= 1)));
    let body: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
    assert_eq!(body["error"], "temporarily_unavailable");
}

#[tokio::test]
async fn s_056_guessing_a_secret_ends_for_its_address_only() {
    let latchkey = limited().await;
    let rs = latchkey.client(clients::rs()).await;
    let form = [("token", "lk_at_nothing")];
    let wrong = Credentials::Basic(rs.id.clone(), "wrong-secret-of-nobody".into());
    let here = latchkey.endpoints.over(client_from("192.0.2.20"));
    for number in 0..31 {
        let answer = here.post(paths::INTROSPECT, &wrong, &form).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "guess {number}: {answer}");
    }
    for credentials in [&wrong, &rs.credentials()] {
        program_turned_away(&here.post(paths::INTROSPECT, credentials, &form).await);
    }
    let there: Endpoints = latchkey.endpoints.over(client_from("192.0.2.21"));
    there.post(paths::INTROSPECT, &rs.credentials(), &form).await.good();
    latchkey.pass_seconds(61);
    here.post(paths::INTROSPECT, &rs.credentials(), &form).await.good();
}

#[tokio::test]
async fn s_056_who_has_used_up_another_limit_guesses_no_more() {
    let latchkey = limited_with(|limits| limits.unproven_per_minute = 1).await;
    let rs = latchkey.client(clients::rs()).await;
    let form = [("token", "lk_at_nothing")];
    let here = latchkey.endpoints.over(client_from("192.0.2.20"));
    let nobody = Credentials::Basic("nobody".into(), "x".into());
    while here.post(paths::INTROSPECT, &nobody, &form).await.status != 429 {}
    let wrong = Credentials::Basic(rs.id.clone(), "wrong-secret-of-nobody".into());
    for _ in 0..31 {
        program_turned_away(&here.post(paths::INTROSPECT, &wrong, &form).await);
    }
    program_turned_away(&here.post(paths::INTROSPECT, &rs.credentials(), &form).await);
}

#[tokio::test]
async fn tokens_that_are_none_are_limited_at_userinfo_and_good_ones_are_not() {
    let latchkey = limited_with(|limits| limits.unproven_per_minute = 5).await;
    let alice = latchkey.alice().await;
    let web = latchkey.client(clients::web()).await;
    let mut browser = browser_from(&latchkey, "192.0.2.20");
    let tokens = latchkey.tokens_in(&mut browser, &alice, &web, &[]).await;
    let access = tokens["access_token"].as_str().expect("a token").to_owned();
    let here = latchkey.endpoints.over(client_from("192.0.2.20"));
    let mut refused = 0;
    loop {
        let answer = here.get(paths::USERINFO, &Credentials::Bearer("lk_at_nothing".into())).await;
        if answer.status == 429 {
            program_turned_away(&answer);
            break;
        }
        answer.refuses(401, "invalid_token");
        refused += 1;
    }
    assert!((5..10).contains(&refused), "{refused}");
    here.get(paths::USERINFO, &Credentials::Bearer(access)).await.good();
}

#[tokio::test(flavor = "multi_thread")]
async fn s_056_guesses_are_counted_on_every_node_and_over_a_restart() {
    let url = crate::support::database::postgres_url().await;
    let mut latchkey = Latchkey::start_with(|config| {
        config.database.url = url;
        config.server.trusted_proxies = vec!["0.0.0.0/8".parse().expect("a network")];
        config.server.trusted_proxies.push("127.0.0.0/8".parse().expect("a network"));
    })
    .await;
    let rs = latchkey.client(clients::rs()).await;
    let second = latchkey.another_node().await;
    let form = [("token", "lk_at_nothing")];
    let wrong = Credentials::Basic(rs.id.clone(), "wrong-secret-of-nobody".into());
    let nodes = [
        latchkey.endpoints.over(client_from("192.0.2.20")),
        second.endpoints.over(client_from("192.0.2.20")),
    ];
    for guess in 0..31 {
        let answer = nodes[guess % 2].post(paths::INTROSPECT, &wrong, &form).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "guess {guess}: {answer}");
    }
    // What one node closed the other knows a second later.
    latchkey.pass_seconds(1);
    for node in &nodes {
        program_turned_away(&node.post(paths::INTROSPECT, &rs.credentials(), &form).await);
    }
    latchkey.restart().await;
    program_turned_away(&nodes[0].post(paths::INTROSPECT, &rs.credentials(), &form).await);
    let elsewhere = latchkey.endpoints.over(client_from("192.0.2.21"));
    elsewhere.post(paths::INTROSPECT, &rs.credentials(), &form).await.good();
    latchkey.pass_seconds(60);
    nodes[0].post(paths::INTROSPECT, &rs.credentials(), &form).await.good();
}

#[tokio::test]
async fn a_right_secret_writes_nothing_and_a_wrong_one_of_nobody_neither() {
    let latchkey = limited().await;
    let rs = latchkey.client(clients::rs()).await;
    let form = [("token", "lk_at_nothing")];
    let commits = || latchkey.app.store.counters().commits;
    let before = commits();
    latchkey.endpoints.post(paths::INTROSPECT, &rs.credentials(), &form).await.good();
    let nobody = Credentials::Basic("nobody".into(), "wrong-secret-of-nobody".into());
    latchkey.endpoints.post(paths::INTROSPECT, &nobody, &form).await;
    assert_eq!(commits(), before);
    let wrong = Credentials::Basic(rs.id.clone(), "wrong-secret-of-nobody".into());
    latchkey.endpoints.post(paths::INTROSPECT, &wrong, &form).await;
    assert_eq!(commits(), before + 1);
}

#[tokio::test]
async fn nobody_shuts_a_public_client_for_others() {
    let latchkey = Latchkey::start_with(|config| {
        config.rate_limits.token_per_minute = 5;
        config.server.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
    })
    .await;
    let spa = latchkey.client(clients::spa()).await;
    let form = [("grant_type", "authorization_code"), ("code", "nothing")];
    let [flooder, user] =
        ["192.0.2.70", "192.0.2.71"].map(|address| latchkey.endpoints.over(client_from(address)));
    for _ in 0..5 {
        flooder.post(paths::TOKEN, &spa.credentials(), &form).await.refuses(400, "invalid_grant");
    }
    program_turned_away(&flooder.post(paths::TOKEN, &spa.credentials(), &form).await);
    user.post(paths::TOKEN, &spa.credentials(), &form).await.refuses(400, "invalid_grant");
}

#[tokio::test]
async fn programs_that_prove_nothing_have_their_requests_an_address() {
    let latchkey = Latchkey::start_with(|config| {
        config.rate_limits.unproven_per_minute = 3;
        config.server.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
    })
    .await;
    let (spa, rs) = (latchkey.client(clients::spa()).await, latchkey.client(clients::rs()).await);
    let [here, there] =
        ["192.0.2.72", "192.0.2.73"].map(|address| latchkey.endpoints.over(client_from(address)));
    let form = [("token", "lk_at_nothing")];
    let wrong = Credentials::Basic("nobody".into(), "wrong-secret-of-nobody".into());
    assert_eq!(here.post(paths::REVOKE, &wrong, &form).await.status, StatusCode::UNAUTHORIZED);
    for _ in 0..2 {
        here.post(paths::REVOKE, &spa.credentials(), &form).await.good_or_empty();
    }
    program_turned_away(&here.post(paths::REVOKE, &spa.credentials(), &form).await);
    program_turned_away(&here.post(paths::REVOKE, &wrong, &form).await);
    // Who proves who they are goes on, and so does everybody elsewhere.
    here.post(paths::INTROSPECT, &rs.credentials(), &form).await.good();
    there.post(paths::REVOKE, &spa.credentials(), &form).await.good_or_empty();
}

#[tokio::test]
async fn a_client_has_its_token_requests_a_minute() {
    let latchkey = Latchkey::start_with(|config| config.rate_limits.token_per_minute = 5).await;
    let stage = Stage::on(latchkey).await;
    let form = [("grant_type", "authorization_code"), ("code", "nothing")];
    for _ in 0..5 {
        stage.token(&stage.web, &form).await.refuses(400, "invalid_grant");
    }
    program_turned_away(&stage.token(&stage.web, &form).await);
    stage.latchkey.pass_seconds(12);
    stage.token(&stage.web, &form).await.refuses(400, "invalid_grant");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_has_no_more_token_requests_with_more_nodes_or_after_a_restart() {
    let url = crate::support::database::postgres_url().await;
    let mut latchkey = Latchkey::start_with(|config| {
        config.database.url = url;
        config.rate_limits.token_per_minute = 100;
    })
    .await;
    let web = latchkey.client(clients::web()).await;
    let second = latchkey.another_node().await;
    let form = [("grant_type", "authorization_code"), ("code", "nothing")];
    let mut let_in = 0;
    for number in 0..120 {
        let node = [&latchkey, &second][number % 2];
        let answer = node.endpoints.post(paths::TOKEN, &web.credentials(), &form).await;
        let_in += u32::from(answer.status == StatusCode::BAD_REQUEST);
    }
    assert_eq!(let_in, 100, "over both nodes");
    for node in [&latchkey, &second] {
        program_turned_away(&node.endpoints.post(paths::TOKEN, &web.credentials(), &form).await);
    }
    latchkey.restart().await;
    let ask = async || latchkey.endpoints.post(paths::TOKEN, &web.credentials(), &form).await;
    program_turned_away(&ask().await);
    latchkey.pass_seconds(1);
    ask().await.refuses(400, "invalid_grant");
    program_turned_away(&ask().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn racing_token_requests_get_what_there_is_and_cost_few_writes() {
    let latchkey = Latchkey::start_with(|config| config.rate_limits.token_per_minute = 100).await;
    let machine = latchkey.client(clients::m2m()).await;
    // Of which nothing else is written.
    let form = [("grant_type", "client_credentials")];
    let before = latchkey.app.store.counters().commits;
    let asked = (0..150).map(|_| async {
        let answer = latchkey.endpoints.post(paths::TOKEN, &machine.credentials(), &form).await;
        answer.status == StatusCode::OK
    });
    let answers = futures_util::future::join_all(asked).await;
    assert_eq!(answers.into_iter().filter(|let_in| *let_in).count(), 100);
    let writes = latchkey.app.store.counters().commits - before;
    // Of a hundred one, two and four are taken at first, then five at once; then there are none. The
    // clockwork may write meanwhile.
    assert!(writes <= 50, "{writes}");
}

#[tokio::test]
async fn s_113_a_forged_address_counts_for_nobody_else() {
    let latchkey = Latchkey::start_with(|config| {
        config.rate_limits = latchkey::config::RateLimits::default();
    })
    .await;
    let alice = latchkey.alice().await;
    // Whoever says each time that they are somebody else is the same caller to us …
    let looked_at = until_turned_away(async |number| {
        let mut browser = browser_from(&latchkey, &format!("198.51.100.{number}"));
        guess(&mut browser, &format!("person{number}")).await
    })
    .await;
    assert!((20..40).contains(&looked_at), "{looked_at} were looked at");
    // … and is written down as what they are.
    let mut db = latchkey.app.store.read().await.expect("a connection");
    let start = (latchkey::clock::Timestamp::from_millis(0), "");
    let events = latchkey::store::events::list_after(&mut db, start, 1000).await.expect("events");
    let addresses: Vec<_> = events.iter().filter_map(|event| event.address.as_deref()).collect();
    assert!(!addresses.is_empty() && addresses.iter().all(|one| *one == "127.0.0.1"));
    drop((db, alice));
}
