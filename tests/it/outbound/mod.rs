//! Calls that the provider makes (S-160 to S-163).

mod hostile;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use base64::Engine;
use latchkey::clock::{Clock, Timestamp};
use latchkey::config::Outbound as Config;
use latchkey::outbound::{Outbound, OutboundError, may_be_called};
use tokio::net::TcpListener;

use crate::server::{Running, local, quick, start_with};

/// Another server on this machine, a client that may call it, and how often it was asked.
struct Other {
    server: Running,
    calls: Arc<AtomicU32>,
    outbound: Outbound,
    clock: Clock,
    _folder: tempfile::TempDir,
}

impl Other {
    fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.server.public.port())
    }

    fn calls(&self) -> u32 {
        self.calls.load(Ordering::SeqCst)
    }
}

fn other(timeout: Duration) -> Other {
    let calls = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&calls);
    let router = Router::new()
        .route(
            "/keys",
            get(move || {
                let call = count.fetch_add(1, Ordering::SeqCst);
                async move { format!(r#"{{"keys":[{{"kid":"key-{call}"}}]}}"#) }
            }),
        )
        .route("/large", get(async || format!("\"{}\"", "x".repeat(70_000))))
        .route("/deep", get(async || "[".repeat(40) + &"]".repeat(40)))
        .route("/text", get(async || "hello"))
        .route("/number", get(async || "1"))
        .route("/missing", get(async || (StatusCode::NOT_FOUND, "{}")))
        .route("/forever", get(std::future::pending::<String>))
        .route("/slow/{client}", get(hostile::forever))
        .route("/trickle", get(hostile::trickle))
        .route("/endless", get(hostile::endless))
        .route("/bomb", get(hostile::bomb))
        .route("/packed", get(hostile::packed))
        .route(
            "/away",
            get(async || (StatusCode::FOUND, [(header::LOCATION, "/keys")]).into_response()),
        );
    let folder = tempfile::tempdir().unwrap();
    let mut config = local();
    config.server.tls.ephemeral = true;
    let server = start_with(&config, quick(), router, async || Ok(()));
    let ca = folder.path().join("ca.pem");
    let base64 = base64::engine::general_purpose::STANDARD.encode(&server.certificate);
    let pem = format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n");
    std::fs::write(&ca, pem).unwrap();
    let config = Config {
        allow_private_networks: ["127.0.0.0/8", "::1/128"].map(|it| it.parse().unwrap()).into(),
        extra_ca: Some(ca),
        timeout: timeout.into(),
    };
    let clock = Clock::manual(Timestamp::from_seconds(1_000_000));
    let outbound = Outbound::new(&config, clock.clone()).unwrap();
    Other { server, calls, outbound, clock, _folder: folder }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_is_fetched_and_remembered_for_five_minutes() {
    let other = other(Duration::from_secs(5));
    let url = other.url("/keys");
    let first = other.outbound.fetch_json(&url).await.unwrap();
    assert_eq!(first["keys"][0]["kid"], "key-0");
    other.clock.advance(Duration::from_secs(299));
    assert_eq!(other.outbound.fetch_json(&url).await.unwrap(), first);
    other.clock.advance(Duration::from_secs(1));
    assert_ne!(other.outbound.fetch_json(&url).await.unwrap(), first);
    assert_eq!(other.calls(), 2);
}

/// Sets a clock by hand, also backwards.
fn set(clock: &Clock, to: Timestamp) {
    if let Clock::Manual(at) = clock {
        at.store(to.millis(), Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_was_set_back_keeps_no_document_for_ever() {
    let other = other(Duration::from_secs(5));
    let url = other.url("/keys");
    other.clock.advance(Duration::from_hours(24));
    let first = other.outbound.fetch_json(&url).await.unwrap();
    set(&other.clock, Timestamp::from_seconds(1_000_000));
    let second = other.outbound.fetch_json(&url).await.unwrap();
    assert_ne!(second, first, "nobody knows how old it is");
    assert_eq!(other.outbound.fetch_json(&url).await.unwrap(), second);
    assert_eq!(other.calls(), 2);
    // Nor does a failure keep the address alone until that day comes again.
    let missing = other.url("/missing");
    other.clock.advance(Duration::from_hours(24));
    other.outbound.fetch_json(&missing).await.unwrap_err();
    set(&other.clock, Timestamp::from_seconds(1_000_000));
    assert_eq!(other.server.metrics.counted("connections"), 3);
    other.outbound.fetch_json(&missing).await.unwrap_err();
    assert_eq!(other.server.metrics.counted("connections"), 4, "it is tried again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_unknown_keys_makes_one_call_a_minute() {
    let other = other(Duration::from_secs(5));
    let url = other.url("/keys");
    let storm = async || {
        let asks = (0..50).map(|n| {
            let (outbound, url) = (other.outbound.clone(), url.clone());
            tokio::spawn(async move { outbound.jwks(&url, Some(&format!("unknown-{n}"))).await })
        });
        for ask in asks.collect::<Vec<_>>() {
            ask.await.unwrap().unwrap();
        }
    };
    storm().await;
    assert_eq!(other.calls(), 1);
    other.clock.advance(Duration::from_mins(1));
    storm().await;
    assert_eq!(other.calls(), 2);
    // A key that is known needs no call.
    other.clock.advance(Duration::from_mins(1));
    other.outbound.jwks(&url, Some("key-1")).await.unwrap();
    other.outbound.jwks(&url, None).await.unwrap();
    assert_eq!(other.calls(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_a_small_flat_document_is_refused_alike() {
    let other = other(Duration::from_millis(300));
    for path in ["/large", "/deep", "/text", "/number", "/missing", "/away", "/forever", "/nowhere"]
    {
        let begun = std::time::Instant::now();
        let answer = other.outbound.fetch_json(&other.url(path)).await;
        assert_eq!(answer.unwrap_err(), OutboundError, "{path}");
        assert!(begun.elapsed() < Duration::from_secs(2), "{path}");
    }
    assert_eq!(other.calls(), 0, "a redirect was followed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_not_tried_again_for_a_minute() {
    let other = other(Duration::from_secs(5));
    let url = other.url("/keys");
    other.server.shutdown.immediately.cancel();
    other.server.shutdown.gracefully.cancel();
    let port = other.server.public;
    other.server.task.await.unwrap().unwrap();
    let listener = TcpListener::bind(port).await.unwrap();
    let knocks = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&knocks);
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    for _ in 0..5 {
        assert!(other.outbound.fetch_json(&url).await.is_err());
    }
    assert_eq!(knocks.load(Ordering::SeqCst), 1);
    other.clock.advance(Duration::from_mins(1));
    assert!(other.outbound.fetch_json(&url).await.is_err());
    assert_eq!(knocks.load(Ordering::SeqCst), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_connection_leaves_for_an_address_that_is_not_public() {
    let v4 = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let port = v4.local_addr().unwrap().port();
    let v6 = TcpListener::bind(("::1", port)).await.ok();
    let outbound = Outbound::new(&Config::default(), Clock::System).unwrap();
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "127.0.0.1.",
        "localhost",
        "LOCALHOST.",
        "foo.localhost",
        "0.0.0.0",
        "0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[0:0:0:0:0:0:0:1]",
        "①②⑦.0.0.1",
        "user@127.0.0.1",
        "user:pw@localhost",
    ] {
        for scheme in ["https", "http", "ftp", "gopher"] {
            let url = format!("{scheme}://{host}:{port}/");
            assert_eq!(outbound.fetch_json(&url).await, Err(OutboundError), "{url}");
            assert_eq!(outbound.jwks(&url, Some("k")).await, Err(OutboundError), "{url}");
        }
    }
    for url in ["", "file:///etc/passwd", "data:application/json,{}", "https://", "//x", "https:/x"]
    {
        assert_eq!(outbound.fetch_json(url).await, Err(OutboundError), "{url}");
    }
    for listener in [Some(v4), v6].into_iter().flatten() {
        let accepted = tokio::time::timeout(Duration::from_millis(100), listener.accept()).await;
        assert!(accepted.is_err(), "a connection arrived");
    }
}

#[test]
fn only_public_addresses_may_be_called() {
    for address in [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.255",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::a00:1",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:a00:1::",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ] {
        let address: IpAddr = address.parse().unwrap();
        assert!(!may_be_called(address, &[]), "{address}");
        let allowed = ["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()];
        assert!(may_be_called(address, &allowed), "{address}");
    }
    for address in [
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.1",
        "100.63.255.255",
        "100.128.0.1",
        "172.15.0.1",
        "172.32.0.1",
        "192.0.1.1",
        "198.17.0.1",
        "223.255.255.255",
        "2606:4700::1111",
        "2001:4860::8888",
        "2a00::1",
        "::ffff:1.1.1.1",
    ] {
        assert!(may_be_called(address.parse().unwrap(), &[]), "{address}");
    }
}
