//! A node whose PostgreSQL falls silent: packets are swallowed, and nobody is told.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use latchkey::paths;

use super::add_client;
use crate::support::browser::http;
use crate::support::database::postgres_url;
use crate::support::flow::text;
use crate::support::program::{Program, Serving};
use crate::support::wall::Wall;

/// How an application fares that asks for a token.
async fn ask(serving: &Serving, secret: &str) -> u16 {
    let form = "grant_type=client_credentials";
    let request = http()
        .post(format!("{}{}", serving.issuer, paths::TOKEN))
        .basic_auth("m2m", Some(secret))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form);
    request.send().await.expect("an answer").status().as_u16()
}

async fn is_ready(serving: &Serving) -> bool {
    let address = format!("http://127.0.0.1:{}/readyz", serving.management);
    http().get(address).send().await.expect("an answer").status().is_success()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn it_says_503_while_that_lasts_and_serves_on_after_it_and_stops_when_told_to() {
    let wall = Wall::before(&postgres_url().await).await;
    let mut program = Program::new();
    program.set("LATCHKEY_DATABASE__URL", &wall.url);
    let serving = program.serve().await;
    let grant = ["--id", "m2m", "--grant-type", "client_credentials", "--json"];
    let secret = text(&add_client(&program, &grant), "client_secret").to_owned();
    let burst = async || join_all((0..30).map(|_| ask(&serving, &secret))).await;
    assert_eq!(burst().await, vec![200; 30]);

    wall.fall_silent();
    for _ in 0..2 {
        let begun = Instant::now();
        assert_eq!(burst().await, vec![503; 30]);
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        assert!(!is_ready(&serving).await);
    }

    wall.heal();
    let begun = Instant::now();
    while !is_ready(&serving).await || ask(&serving, &secret).await != 200 {
        assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    }
    assert_eq!(burst().await, vec![200; 30], "all places are free again");

    wall.fall_silent();
    assert_eq!(burst().await, vec![503; 30]);
    let begun = Instant::now();
    let (code, log) = serving.stop().await;
    assert_eq!(code, 0, "{log}");
    assert!(begun.elapsed() < Duration::from_secs(18), "{:?}", begun.elapsed());
    assert!(log.contains("stopped"), "{log}");
}
