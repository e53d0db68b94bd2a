//! Servers that mean ill: names that lead elsewhere the second time, answers without an end.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::IntoResponse;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream;
use latchkey::clock::{Clock, Timestamp};
use latchkey::config::Outbound as Config;
use latchkey::outbound::{LookUp, Outbound, OutboundError};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::other;

/// Bytes that left the endless answer so far.
static SENT: AtomicU64 = AtomicU64::new(0);

/// One for each call that is never answered.
static ARRIVED: Semaphore = Semaphore::const_new(0);

/// No answer at all.
pub async fn forever() -> String {
    ARRIVED.add_permits(1);
    std::future::pending().await
}

/// A body that comes a byte at a time, each in time.
pub async fn trickle() -> Body {
    Body::from_stream(stream::unfold((), async |()| {
        tokio::time::sleep(Duration::from_millis(50)).await;
        Some((Ok::<_, std::io::Error>(Bytes::from_static(b" ")), ()))
    }))
}

/// A body without an end.
pub async fn endless() -> Body {
    Body::from_stream(stream::repeat_with(|| {
        SENT.fetch_add(8192, Ordering::SeqCst);
        Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 8192]))
    }))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(bytes).expect("it packs");
    packed.finish().expect("it packs")
}

/// Sixteen megabytes of spaces in as many kilobytes.
pub async fn bomb() -> impl IntoResponse {
    ([(header::CONTENT_ENCODING, "gzip")], gzip(&vec![b' '; 16 << 20]))
}

/// A document that would be a good one, were it not packed.
pub async fn packed() -> impl IntoResponse {
    ([(header::CONTENT_ENCODING, "gzip")], gzip(b"{\"keys\":[]}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn s_162_an_answer_without_an_end_is_cut_off() {
    let other = other(Duration::from_millis(600));
    for path in ["/trickle", "/endless", "/bomb", "/packed"] {
        let begun = Instant::now();
        let answer = other.outbound.fetch_json(&other.url(path)).await;
        assert_eq!(answer, Err(OutboundError), "{path}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{path}: {:?}", begun.elapsed());
    }
    // What the sockets and the two ends of the line hold, and no more.
    let sent = SENT.load(Ordering::SeqCst);
    assert!((65_536..16 << 20).contains(&sent), "{sent} bytes");
}

/// A hundred clients whose server never answers, and one whose does.
#[tokio::test(flavor = "multi_thread")]
async fn s_162_a_slow_server_keeps_nobody_else_waiting() {
    let other = other(Duration::from_mins(1));
    let slow = (0..100).map(|n| {
        let (outbound, url) = (other.outbound.clone(), other.url(&format!("/slow/{n}")));
        tokio::spawn(async move { outbound.fetch_json(&url).await })
    });
    // The same client over and over as well: these wait for one call.
    let same = (0..100).map(|_| {
        let (outbound, url) = (other.outbound.clone(), other.url("/slow/same"));
        tokio::spawn(async move { outbound.jwks(&url, Some("k")).await })
    });
    let waiting: Vec<_> = slow.chain(same).collect();
    // Until they have taken what they can get.
    ARRIVED.acquire_many(8).await.expect("it is open").forget();
    let elsewhere = format!("https://127.0.0.1:{}/keys", other.server.public.port());
    let answer = tokio::time::timeout(Duration::from_secs(20), async {
        other.outbound.fetch_json(&elsewhere).await
    });
    answer.await.expect("it need not wait").expect("it is answered");
    assert_eq!(ARRIVED.available_permits(), 0, "more calls at once than one host may have");
    for task in waiting {
        assert!(!task.is_finished(), "nobody was answered there");
        task.abort();
    }
}

/// A client for a machine whose names lead where `answers` says, one list a lookup; how often one
/// was looked up.
fn led_by(answers: Vec<Vec<&'static str>>) -> (Outbound, Clock, Arc<AtomicUsize>) {
    let looked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&looked);
    let look_up: LookUp = Arc::new(move |_| {
        let at = count.fetch_add(1, Ordering::SeqCst);
        let answer = answers[at.min(answers.len() - 1)].clone();
        Box::pin(async move {
            let address = |text: &str| SocketAddr::new(text.parse::<IpAddr>().unwrap(), 0);
            Ok(answer.into_iter().map(address).collect())
        })
    });
    let clock = Clock::manual(Timestamp::from_seconds(1_000_000));
    let config = Config { timeout: Duration::from_millis(500).into(), ..Config::default() };
    (Outbound::with_look_up(&config, clock.clone(), look_up).unwrap(), clock, looked)
}

/// Every port of this machine that a call could reach by mistake.
async fn doors() -> (TcpListener, Option<TcpListener>, u16) {
    let v4 = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let port = v4.local_addr().unwrap().port();
    (v4, TcpListener::bind(("::1", port)).await.ok(), port)
}

async fn nobody_came(v4: TcpListener, v6: Option<TcpListener>) {
    for listener in [Some(v4), v6].into_iter().flatten() {
        let accepted = tokio::time::timeout(Duration::from_millis(100), listener.accept()).await;
        assert!(accepted.is_err(), "a connection arrived");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s_160_a_name_that_leads_inwards_is_not_called() {
    let (v4, v6, port) = doors().await;
    for answer in [
        vec!["127.0.0.1"],
        vec!["::1"],
        vec!["::ffff:127.0.0.1"],
        vec!["0.0.0.0"],
        vec!["10.0.0.1"],
        vec!["169.254.169.254"],
        vec!["64:ff9b::7f00:1"],
        // One bad address spoils the name, wherever it stands.
        vec!["2a00::1", "127.0.0.1"],
        vec!["127.0.0.1", "2a00::1"],
    ] {
        let (outbound, _, looked) = led_by(vec![answer.clone()]);
        let url = format!("https://keys.example:{port}/");
        assert_eq!(outbound.fetch_json(&url).await, Err(OutboundError), "{answer:?}");
        assert_eq!(looked.load(Ordering::SeqCst), 1, "{answer:?}");
    }
    nobody_came(v4, v6).await;
}

/// The address is taken from the very answer that was checked. The public one of this test is of
/// a part of the network that nobody has been given.
#[tokio::test(flavor = "multi_thread")]
async fn s_161_a_name_that_leads_inwards_the_second_time_reaches_nothing() {
    let (v4, v6, port) = doors().await;
    let (outbound, clock, looked) = led_by(vec![vec!["3ffe::1"], vec!["127.0.0.1", "::1"]]);
    let url = format!("https://rebind.example:{port}/");
    for calls in 1..=3 {
        assert_eq!(outbound.fetch_json(&url).await, Err(OutboundError));
        assert_eq!(looked.load(Ordering::SeqCst), calls, "one lookup a call");
        clock.advance(Duration::from_mins(1));
    }
    nobody_came(v4, v6).await;
}
