//! Clients of HTTP/2 that ask and do not let the answer through (S-171, S-172).

use std::time::{Duration, Instant};

use latchkey::server::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::{Running, get_path, local, quick, start, status};

/// Kinds of frames (RFC 9113 §6).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;

/// A client that writes its frames by hand.
struct Client {
    read: OwnedReadHalf,
    write: OwnedWriteHalf,
    /// Bytes of bodies that came.
    taken: usize,
    /// Answers that came to their end.
    ended: usize,
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

impl Client {
    /// Lets `window` bytes of each answer through at first.
    async fn connect(server: &Running, window: u32) -> Self {
        let mut stream = TcpStream::connect(server.public).await.unwrap();
        let setting = [&[0, 4], window.to_be_bytes().as_slice()].concat();
        let settings = frame(SETTINGS, 0, 0, &setting);
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        stream.write_all(&settings).await.unwrap();
        let (read, write) = stream.into_split();
        Self { read, write, taken: 0, ended: 0 }
    }

    async fn send(&mut self, frame: Vec<u8>) {
        // Who was cut off learns it when it reads.
        let _ = self.write.write_all(&frame).await;
    }

    async fn get(&mut self, stream: u32, path: &str) {
        let length = |text: &str| u8::try_from(text.len()).unwrap();
        // GET and http of HPACK's static table, then `:path` and `:authority` in letters.
        let mut block = vec![0x82, 0x86, 0x04, length(path)];
        block.extend(path.as_bytes());
        block.extend([0x01, 1, b'x']);
        self.send(frame(HEADERS, 0b101, stream, &block)).await;
    }

    async fn open(&mut self, stream: u32, bytes: u32) {
        self.send(frame(WINDOW_UPDATE, 0, stream, &bytes.to_be_bytes())).await;
    }

    /// Takes what comes, and answers whether it still lives, for so long; whether the server let
    /// it live so long.
    async fn lives_for(&mut self, time: Duration) -> bool {
        tokio::time::timeout(time, self.listen()).await.is_err()
    }

    /// Returns when the server has closed.
    async fn listen(&mut self) {
        loop {
            let mut head = [0; 9];
            if self.read.read_exact(&mut head).await.is_err() {
                return;
            }
            let [high, middle, low, kind, flags, ..] = head;
            let length = u32::from_be_bytes([0, high, middle, low]);
            let mut payload = vec![0; usize::try_from(length).unwrap()];
            if self.read.read_exact(&mut payload).await.is_err() {
                return;
            }
            match (kind, flags & 1) {
                (DATA, end) => {
                    self.taken += payload.len();
                    self.ended += usize::from(end);
                }
                (PING | SETTINGS, 0) => {
                    let answer = if kind == PING { payload.as_slice() } else { &[] };
                    self.send(frame(kind, 1, 0, answer)).await;
                }
                _ => {}
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_lets_nothing_through_is_cut_off() {
    // That it was idle is not why.
    let server = start(&local(), Limits { idle: Duration::from_mins(1), ..quick() });
    let mut client = Client::connect(&server, 0).await;
    let begun = Instant::now();
    client.get(1, "/hello").await;
    assert!(!client.lives_for(Duration::from_secs(5)).await, "still open");
    assert!(begun.elapsed() >= Duration::from_millis(390), "{:?}", begun.elapsed());
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert_eq!(client.taken, 0);
    assert_eq!(server.metrics.counted("closed_connections"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_of_a_byte_at_a_time_is_cut_off() {
    let server = start(&local(), Limits { idle: Duration::from_mins(1), ..quick() });
    for (first, path) in [(0, "/page"), (1, "/page"), (4095, "/page"), (100, "/large")] {
        let mut client = Client::connect(&server, first).await;
        let begun = Instant::now();
        client.get(1, path).await;
        // One less than it would take to see the end of the page.
        let mut bytes = 4095 - first;
        while client.lives_for(Duration::from_millis(20)).await {
            assert!(begun.elapsed() < Duration::from_secs(5), "{path}: still open");
            if bytes > 0 {
                bytes -= 1;
                client.open(1, 1).await;
            }
        }
        assert_eq!(client.ended, 0);
        assert!(begun.elapsed() < Duration::from_secs(2), "{path}: {:?}", begun.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_taken_do_not_excuse_one_that_is_not() {
    let server = start(&local(), Limits { idle: Duration::from_mins(1), ..quick() });
    let mut client = Client::connect(&server, 4096).await;
    client.get(1, "/large").await;
    let begun = Instant::now();
    let mut stream = 3;
    while client.lives_for(Duration::from_millis(50)).await {
        assert!(begun.elapsed() < Duration::from_secs(5), "still open");
        client.get(stream, "/hello").await;
        stream += 2;
    }
    assert!(client.ended > 0, "the others were answered");
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_takes_all_in_time_stays() {
    let server = start(&local(), Limits { idle: Duration::from_mins(1), ..quick() });
    let mut client = Client::connect(&server, 0).await;
    for (stream, answers) in [(1, 1), (3, 2), (5, 3), (7, 4)] {
        client.get(stream, "/page").await;
        assert!(client.lives_for(Duration::from_millis(100)).await);
        client.open(stream, 4000).await;
        assert!(client.lives_for(Duration::from_millis(50)).await);
        client.open(stream, 96).await;
        assert!(client.lives_for(Duration::from_millis(50)).await);
        assert_eq!(client.ended, answers);
    }
    assert!(client.lives_for(Duration::from_millis(600)).await, "nothing is owed");
    assert_eq!(client.taken, 4 * 4096);
    assert_eq!(server.metrics.counted("closed_connections"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_lets_nothing_through_makes_room() {
    let mut config = local();
    config.server.max_connections = 4;
    let server = start(&config, Limits::default());
    let mut slow = Vec::new();
    for _ in 0..4 {
        let mut client = Client::connect(&server, 0).await;
        client.get(1, "/hello").await;
        slow.push(tokio::spawn(async move { client.listen().await }));
    }
    for newcomer in 0..8 {
        let begun = Instant::now();
        assert_eq!(status(&get_path(server.public, "/hello").await), 200, "{newcomer}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{newcomer}: {:?}", begun.elapsed());
    }
    assert!(server.metrics.counted("displaced_connections") >= 1);
    assert!(slow.iter().any(tokio::task::JoinHandle::is_finished));
}
