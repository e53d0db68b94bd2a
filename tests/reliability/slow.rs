//! thousands of clients that send or read as slowly as they can, beside ordinary ones.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use latchkey::paths;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::load::{Load, Mix, TOKENS, bystanders};
use crate::report::{Report, below_p99, ms, p99, quantile};
use crate::server::{Place, Server, open_files};

const ID: &str = "R-16";
const PEOPLE: usize = 8;
/// Connections that the server takes at most, by default.
const PLACES: usize = 4096;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Header,
    Body,
    Reader,
    /// Asks over HTTP/2 and opens no window for the answer.
    Window,
}

/// The preface of HTTP/2, settings by which nothing of an answer may be sent, and a request for
/// `/login` (RFC 9113 §3.4, §6.5.2).
const NO_WINDOW: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\
    \0\0\x06\x04\0\0\0\0\0\0\x04\0\0\0\0\
    \0\0\x0d\x01\x05\0\0\0\x01\x82\x86\x04\x06/login\x01\x01x";

const KINDS: [Kind; 4] = [Kind::Header, Kind::Body, Kind::Reader, Kind::Window];

impl Kind {
    /// When the server must have closed it at the latest.
    fn bound(self) -> Duration {
        Duration::from_secs(if self == Self::Header { 15 } else { 30 })
    }
}

pub async fn run(report: &mut Report) {
    let (place, cast) = Place::new();
    let mut load = Load::new(&place, cast, PEOPLE);
    let (server, _) = place.serve();
    load.warm_up().await;
    load.mix = Mix::Tokens;
    drop(load.exchanges());
    let going = load.go(200);
    tokio::time::sleep(report.pick(Duration::from_secs(2), Duration::from_secs(20))).await;
    let before = going.exchanges();
    let base = p99(&before, TOKENS);
    report.fact(ID, "p50, p90, p98 of tokens without slow clients", below_p99(&before, TOKENS));

    let count = report.pick(200, 5000);
    let files = server.files();
    let runtime = bystanders();
    let clients = (0..count).map(|number| {
        let kind = KINDS[number % KINDS.len()];
        runtime.spawn(dawdle(place.address(), kind, number))
    });
    let clients: Vec<_> = clients.collect();
    let fresh = newcomers(&place, &server);
    let mut closed = Vec::new();
    for client in clients {
        closed.push(client.await.expect("a slow client"));
    }
    runtime.shutdown_background();
    let (newcomers, most_files) = fresh.stop().await;
    let during = going.exchanges();
    going.stop(&mut load).await;
    look(report, &closed, base, &during);
    report.fact(
        ID,
        "p99 of callers that connect anew",
        ms(quantile(newcomers.iter().copied(), 0.99)),
    );
    let bound = PLACES + 128;
    let figure = format!("{files}, at most {most_files}");
    report.must(
        ID,
        "file descriptors before and meanwhile",
        figure,
        &format!("≤ {bound}"),
        most_files <= bound,
    );
    report.fact(ID, "closed to make room", server.figure("displaced_connections"));
    load.audit().await;
    report.none(ID, "violations of the ledger", &load.violations());
}

fn look(
    report: &mut Report,
    closed: &[(Kind, Option<Duration>)],
    base: Duration,
    during: &[crate::wire::Exchange],
) {
    for kind in KINDS {
        let all = closed.iter().filter(|(one, _)| *one == kind);
        let late = all.clone().filter(|(_, took)| took.is_none_or(|took| took > kind.bound()));
        let late = late.count();
        let longest = quantile(all.clone().filter_map(|(_, took)| *took), 1.0);
        report.fact(
            ID,
            &format!("{kind:?}: longest until closed, of {}", all.clone().count()),
            ms(longest),
        );
        let what = format!("{kind:?}: open after {} s", kind.bound().as_secs());
        report.timed(ID, &what, late, "0", late == 0);
        let open = all.filter(|(_, took)| took.is_none()).count();
        report.must(ID, &format!("{kind:?}: never closed"), open, "0", open == 0);
    }
    let ours = p99(during, TOKENS);
    report.fact(ID, "p99 of tokens without slow clients", ms(base));
    // A machine may stand still for some milliseconds each second, which p99 sees or does not.
    let bound = (base * 2).max(Duration::from_millis(5));
    report.within(ID, "p99 of tokens beside slow clients", ours, bound);
    let what = "p50, p90, p98 of tokens beside slow clients";
    report.fact(ID, what, below_p99(during, TOKENS));
    let failed = during.iter().filter(|one| one.status != 200).count();
    let what = format!("ordinary requests that failed, of {}", during.len());
    report.timed(ID, &what, failed, "0", failed == 0);
}

/// Is as slow as its kind and says how long it was let; `None`: for ever.
async fn dawdle(address: SocketAddr, kind: Kind, number: usize) -> (Kind, Option<Duration>) {
    // They come within a second or two, not in one instant.
    tokio::time::sleep(Duration::from_micros(400) * u32::try_from(number).expect("few")).await;
    let socket = TcpSocket::new_v4().expect("a socket");
    if kind == Kind::Reader {
        let _ = socket.set_recv_buffer_size(4096);
    }
    let begun = Instant::now();
    let Ok(mut stream) = socket.connect(address).await else {
        return (kind, Some(begun.elapsed()));
    };
    let first: Vec<u8> = match kind {
        Kind::Header => "GET / HTTP/1.1\r\nhost: x\r\n".into(),
        Kind::Body => format!(
            "POST {} HTTP/1.1\r\nhost: x\r\ncontent-length: 60000\r\n\
             content-type: application/x-www-form-urlencoded\r\n\r\n",
            paths::TOKEN
        )
        .into(),
        // Far more than the buffers of both ends hold.
        Kind::Reader => "GET /assets/app.css HTTP/1.1\r\nhost: x\r\n\r\n".repeat(400).into(),
        Kind::Window => NO_WINDOW.to_vec(),
    };
    let begun = if stream.write_all(&first).await.is_err() { begun } else { Instant::now() };
    let took = closed_after(&mut stream, kind, begun).await;
    (kind, took)
}

async fn closed_after(stream: &mut TcpStream, kind: Kind, begun: Instant) -> Option<Duration> {
    if kind == Kind::Window {
        let lively = tokio::time::timeout(Duration::from_secs(90), acknowledge(stream));
        return lively.await.is_ok().then(|| begun.elapsed());
    }
    let mut buffer = [0; 512];
    while begun.elapsed() < Duration::from_secs(90) {
        let pause = Duration::from_millis(500);
        if kind == Kind::Reader {
            tokio::time::sleep(pause).await;
            // It reads nothing, so only writing shows that the other end is gone.
            if stream.write_all(b"\r\n").await.is_err() {
                return Some(begun.elapsed());
            }
            continue;
        }
        match tokio::time::timeout(pause, stream.read(&mut buffer)).await {
            Ok(Ok(0) | Err(_)) => return Some(begun.elapsed()),
            Err(_) if stream.write_all(b"a").await.is_err() => return Some(begun.elapsed()),
            // An answer, such as that it takes too long, after which the end comes; or a pause.
            Ok(Ok(_)) | Err(_) => {}
        }
    }
    None
}

/// Says that it is there whenever it is asked (RFC 9113 §6.7), until the server closes.
async fn acknowledge(stream: &mut TcpStream) {
    let mut head = [0; 9];
    while stream.read_exact(&mut head).await.is_ok() {
        let [high, middle, low, kind, flags, ..] = head;
        let mut payload =
            vec![0; usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low)];
        if stream.read_exact(&mut payload).await.is_err() {
            return;
        }
        if kind == 6 && flags & 1 == 0 {
            let answer = [&[0, 0, 8, 6, 1, 0, 0, 0, 0], payload.as_slice()].concat();
            let _ = stream.write_all(&answer).await;
        }
    }
}

/// Callers that come with a new connection each time, and how many files the server has open.
struct Newcomers {
    stop: tokio_util::sync::CancellationToken,
    task: tokio::task::JoinHandle<(Vec<Duration>, usize)>,
}

fn newcomers(place: &Place, server: &Server) -> Newcomers {
    let stop = tokio_util::sync::CancellationToken::new();
    let (address, stopped, id) = (place.address(), stop.clone(), server.id());
    let task = tokio::spawn(async move {
        let (mut times, mut most) = (Vec::new(), 0);
        while !stopped.is_cancelled() {
            let begun = Instant::now();
            if let Ok(mut stream) = TcpStream::connect(address).await {
                let ask =
                    b"GET /.well-known/jwks.json HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
                let mut answer = Vec::new();
                let _ = stream.write_all(ask).await;
                let _ = stream.read_to_end(&mut answer).await;
                times.push(begun.elapsed());
            }
            most = most.max(open_files(id));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        (times, most)
    });
    Newcomers { stop, task }
}

impl Newcomers {
    async fn stop(self) -> (Vec<Duration>, usize) {
        self.stop.cancel();
        self.task.await.expect("the newcomers")
    }
}
