//! The load: keep-alive HTTP/1.1 connections on one thread.
//!
//! It shares the machine with the server, so it is as plain as can be: a request is a piece of
//! text made beforehand, of an answer only status and length are read.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use futures_util::future::try_join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What one connection sends: given the body of the last answer, the next request, or none. It is
/// told of every answer, but its last request is not sent.
pub type Script = Box<dyn FnMut(Option<&[u8]>) -> Option<Vec<u8>> + Send>;

/// An answer.
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its header, as it came.
    pub head: String,
    /// Its body.
    pub body: Vec<u8>,
}

/// What was measured.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// Answers a second.
    pub rate: f64,
    /// How long each took, in microseconds.
    pub micros: Vec<u32>,
    /// Answers in all, also those before and after the time that counts.
    pub answers: usize,
    /// Answers with another status than expected.
    pub failures: usize,
}

/// The instants between which answers count.
#[derive(Clone, Copy)]
struct Window {
    opens: Instant,
    closes: Instant,
}

/// A request without a body.
pub fn get(address: SocketAddr, path: &str, more: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n{more}\r\n").into_bytes()
}

/// A request with a form for its body.
pub fn post(address: SocketAddr, path: &str, more: &str, form: &[(&str, &str)]) -> Vec<u8> {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\n{more}\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// Sends what `scripts` say, a connection each, and counts the answers after `warm_up`. What was
/// begun is finished.
pub fn run(
    address: SocketAddr,
    scripts: &mut [Script],
    expected: u16,
    warm_up: Duration,
    length: Duration,
) -> anyhow::Result<Measured> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let opens = Instant::now() + warm_up;
    let window = Window { opens, closes: opens + length };
    let talks = scripts.iter_mut().map(|script| talk(address, script, expected, window));
    let each = runtime.block_on(try_join_all(talks))?;
    let mut sum = Measured::default();
    for one in each {
        sum.micros.extend(one.micros);
        sum.answers += one.answers;
        sum.failures += one.failures;
    }
    sum.rate = sum.micros.len() as f64 / length.as_secs_f64();
    Ok(sum)
}

async fn talk(
    address: SocketAddr,
    script: &mut Script,
    expected: u16,
    window: Window,
) -> anyhow::Result<Measured> {
    let mut connection = Connection::open(address).await?;
    let mut measured = Measured::default();
    let mut last: Option<Range> = None;
    loop {
        let body = last.and_then(|range| connection.buffer.get(range.body..range.end));
        let Some(request) = script(body) else { return Ok(measured) };
        let begun = Instant::now();
        if begun >= window.closes {
            return Ok(measured);
        }
        let range = connection.exchange(&request).await?;
        let ended = Instant::now();
        measured.answers += 1;
        if range.status != expected {
            measured.failures += 1;
            eprintln!("unexpected answer: {}", String::from_utf8_lossy(&connection.buffer));
        } else if ended >= window.opens && ended < window.closes {
            measured.micros.push(u32::try_from((ended - begun).as_micros()).unwrap_or(u32::MAX));
        }
        last = Some(range);
        if measured.failures > 20 {
            bail!("too many unexpected answers");
        }
    }
}

/// Sends one request over a connection of its own.
pub async fn once(address: SocketAddr, request: &[u8]) -> anyhow::Result<Answer> {
    let mut connection = Connection::open(address).await?;
    let range = connection.exchange(request).await?;
    let part = |from, to| connection.buffer.get(from..to).unwrap_or_default();
    Ok(Answer {
        status: range.status,
        head: String::from_utf8_lossy(part(0, range.body)).into_owned(),
        body: part(range.body, range.end).to_vec(),
    })
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// Where in the buffer an answer lies.
#[derive(Clone, Copy)]
struct Range {
    status: u16,
    body: usize,
    end: usize,
}

impl Connection {
    async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(16 * 1024) })
    }

    async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<Range> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let mut range = None;
        loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                bail!("the server closed the connection");
            }
            if range.is_none() {
                range = head(&self.buffer)?;
            }
            if let Some(range) = range.filter(|range| self.buffer.len() >= range.end) {
                return Ok(range);
            }
        }
    }
}

/// Reads status and length of an answer whose header has arrived.
fn head(bytes: &[u8]) -> anyhow::Result<Option<Range>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(bytes.get(..end).unwrap_or_default())?;
    let status = text.get(9..12).context("an answer without a status")?.parse()?;
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .context("an answer without a length")?;
    let body = end + 4;
    Ok(Some(Range { status, body, end: body + length.parse::<usize>()? }))
}
