//! Health, panics, clients that go away, and the graceful stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::{Running, get_path, local, quick, read_response, start, start_with, status};

#[tokio::test(flavor = "multi_thread")]
async fn health_needs_nobody_and_readiness_asks() {
    let answers = Arc::new(AtomicBool::new(true));
    let ask = Arc::clone(&answers);
    let server = start_with(&local(), quick(), Router::new(), move || {
        let well = ask.load(Ordering::SeqCst);
        async move { if well { Ok(()) } else { Err(anyhow::anyhow!("no database at /secret")) } }
    });
    assert_eq!(status(&get_path(server.management, "/healthz").await), 200);
    assert_eq!(status(&get_path(server.management, "/readyz").await), 200);
    answers.store(false, Ordering::SeqCst);
    let answer = get_path(server.management, "/readyz").await;
    assert_eq!(status(&answer), 503);
    assert!(!answer.contains("secret"), "{answer}");
    assert_eq!(status(&get_path(server.management, "/healthz").await), 200);
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(status(&get_path(server.public, path).await), 404, "{path} is public");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_does_not_wait_for_ever() {
    let server = start_with(&local(), quick(), Router::new(), std::future::pending);
    assert_eq!(status(&get_path(server.management, "/readyz").await), 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_a_500_and_the_server_lives_on() {
    let server = start(&local(), quick());
    for _ in 0..3 {
        let answer = get_path(server.public, "/panic").await;
        assert_eq!(status(&answer), 500);
        assert!(!answer.contains("canary"), "{answer}");
    }
    assert_eq!(status(&get_path(server.public, "/hello").await), 200);
    assert_eq!(server.metrics.counted("panics"), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_name_routes_and_never_what_was_sent() {
    let server = start(&local(), quick());
    get_path(server.public, "/hello?code=canary").await;
    get_path(server.public, "/canary").await;
    let figures = get_path(server.management, "/metrics").await;
    let line = r#"latchkey_requests_total{route="/hello",method="GET",status="2xx"} 1"#;
    assert!(figures.contains(line), "{figures}");
    assert!(figures.contains(r#"route="unmatched",method="GET",status="4xx"} 1"#), "{figures}");
    assert!(figures.contains("latchkey_open_connections "), "{figures}");
    assert!(!figures.contains("canary"), "{figures}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_cuts_nothing_off() {
    let done = Arc::new(AtomicBool::new(false));
    let mark = Arc::clone(&done);
    let router = Router::new().route(
        "/work",
        get(move || async move {
            tokio::time::sleep(Duration::from_millis(200)).await;
            mark.store(true, Ordering::SeqCst);
        }),
    );
    let server = start_with(&local(), quick(), router, async || Ok(()));
    let mut stream = TcpStream::connect(server.public).await.unwrap();
    stream.write_all(b"GET /work HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    drop(stream);
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert!(done.load(Ordering::SeqCst));
}

async fn ended(server: Running) {
    let end = tokio::time::timeout(Duration::from_secs(5), server.task).await;
    end.expect("it stops in time").unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn at_shutdown_what_was_begun_is_finished_and_nothing_new_begins() {
    let mut limits = quick();
    limits.lame_duck = Duration::from_millis(100);
    let server = start(&local(), limits);
    let begun = tokio::spawn(get_path(server.public, "/slow"));
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.shutdown.gracefully.cancel();
    // Readiness turns first, while connections are still taken.
    assert_eq!(status(&get_path(server.management, "/readyz").await), 503);
    assert_eq!(status(&get_path(server.public, "/hello").await), 200);
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert!(TcpStream::connect(server.public).await.is_err());
    assert_eq!(status(&get_path(server.management, "/readyz").await), 503);
    let answer = begun.await.unwrap();
    assert!(answer.ends_with("slow"), "{answer}");
    ended(server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_does_not_hold_the_shutdown_up() {
    let server = start(&local(), quick());
    let mut stream = TcpStream::connect(server.public).await.unwrap();
    stream.write_all(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert_eq!(status(&read_response(&mut stream).await), 200);
    server.shutdown.gracefully.cancel();
    ended(server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_drain_has_an_end() {
    let mut config = local();
    config.server.drain_timeout = Duration::from_millis(200).into();
    let mut limits = quick();
    limits.request = Duration::from_mins(1);
    let server = start(&config, limits);
    let _cut = tokio::spawn(get_path(server.public, "/forever"));
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.shutdown.gracefully.cancel();
    ended(server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_signal_waits_for_nothing() {
    let mut limits = quick();
    limits.request = Duration::from_mins(1);
    let server = start(&local(), limits);
    let _cut = tokio::spawn(get_path(server.public, "/forever"));
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.shutdown.gracefully.cancel();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!server.task.is_finished());
    server.shutdown.immediately.cancel();
    ended(server).await;
}
