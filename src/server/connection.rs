//! One connection: what it is waiting for, and when it has waited too long.
//!
//! hyper's own header timer also runs between requests and does not run while it tells HTTP/1.1
//! from HTTP/2, so the connection keeps its own times: a guard around the stream notes what
//! happens, a watchdog beside it compares.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::limits::Limits;

/// No instant: nothing of this kind is going on.
const NEVER: u64 = u64::MAX;

/// A head longer than this is refused by hyper.
const HEAD_BYTES: usize = 32 * 1024;

/// What a connection is doing, in milliseconds since it was accepted.
#[derive(Debug)]
pub(super) struct Activity {
    start: Instant,
    in_flight: AtomicUsize,
    served: AtomicBool,
    http2: AtomicBool,
    idle_since: AtomicU64,
    head_since: AtomicU64,
    write_since: AtomicU64,
    head: Mutex<Vec<u8>>,
}

/// What the watchdog found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing was asked for a while: close politely.
    Idle,
    /// A header that does not end, or a reader that does not read: cut.
    Stalled,
}

impl Activity {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            in_flight: AtomicUsize::new(0),
            served: AtomicBool::new(false),
            http2: AtomicBool::new(false),
            idle_since: AtomicU64::new(0),
            head_since: AtomicU64::new(0),
            write_since: AtomicU64::new(NEVER),
            head: Mutex::new(Vec::new()),
        })
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(NEVER - 1)
    }

    /// A request's header has arrived; `InFlight` ends when the response has been handed over.
    pub(super) fn begin(self: &Arc<Self>, http2: bool) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::SeqCst);
        self.served.store(true, Ordering::SeqCst);
        self.http2.store(http2, Ordering::SeqCst);
        self.head_since.store(NEVER, Ordering::SeqCst);
        InFlight(Arc::clone(self))
    }

    /// Whether the header that just ended gave its length twice or in two ways (RFC 9112 §6.3):
    /// hyper picks one, a proxy before us may have picked the other.
    pub(super) fn take_ambiguous_head(&self) -> bool {
        let head = std::mem::take(&mut *self.head.lock().unwrap_or_else(PoisonError::into_inner));
        let (mut lengths, mut encodings) = (0, 0);
        for line in head.split(|byte| *byte == b'\n').skip(1) {
            if line.is_empty() || line == b"\r" {
                break;
            }
            let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
            lengths += usize::from(name.eq_ignore_ascii_case(b"content-length"));
            encodings += usize::from(name.eq_ignore_ascii_case(b"transfer-encoding"));
        }
        lengths + encodings > 1
    }

    fn noted_read(&self, bytes: &[u8]) {
        if bytes.is_empty() || self.in_flight.load(Ordering::SeqCst) > 0 {
            return;
        }
        let now = self.now();
        let _ = self.head_since.compare_exchange(NEVER, now, Ordering::SeqCst, Ordering::SeqCst);
        if !self.http2.load(Ordering::SeqCst) {
            let mut head = self.head.lock().unwrap_or_else(PoisonError::into_inner);
            let room = HEAD_BYTES.saturating_sub(head.len());
            head.extend(bytes.iter().take(room));
        }
    }

    fn verdict(&self, limits: &Limits) -> Option<Verdict> {
        let now = self.now();
        let passed = |since: &AtomicU64, limit: Duration| {
            let since = since.load(Ordering::SeqCst);
            since != NEVER && u128::from(now.saturating_sub(since)) >= limit.as_millis()
        };
        if passed(&self.write_since, limits.write_stall) {
            return Some(Verdict::Stalled);
        }
        if self.in_flight.load(Ordering::SeqCst) > 0 {
            return None;
        }
        // On HTTP/2 frames come between requests too; there the idle limit alone counts, once a
        // first request has come.
        let first = !self.served.load(Ordering::SeqCst);
        let in_head = first || !self.http2.load(Ordering::SeqCst);
        if in_head && passed(&self.head_since, limits.header_read) {
            return Some(Verdict::Stalled);
        }
        passed(&self.idle_since, limits.idle).then_some(Verdict::Idle)
    }

    /// Returns when the connection has waited too long for its client.
    pub(super) async fn watch(&self, limits: &Limits) -> Verdict {
        let shortest = limits.header_read.min(limits.idle).min(limits.write_stall);
        let tick = (shortest / 8).clamp(Duration::from_millis(5), Duration::from_secs(1));
        loop {
            tokio::time::sleep(tick).await;
            if let Some(verdict) = self.verdict(limits) {
                return verdict;
            }
        }
    }
}

/// A request whose response has not been handed over yet.
#[derive(Debug)]
pub(super) struct InFlight(Arc<Activity>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.idle_since.store(self.0.now(), Ordering::SeqCst);
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A stream that notes in `Activity` what happens on it.
#[derive(Debug)]
pub(super) struct Guarded<S> {
    stream: S,
    activity: Arc<Activity>,
}

impl<S> Guarded<S> {
    pub(super) fn new(stream: S, activity: Arc<Activity>) -> Self {
        Self { stream, activity }
    }

    fn noted<T>(&self, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_pending() {
            let now = self.activity.now();
            let since = &self.activity.write_since;
            let _ = since.compare_exchange(NEVER, now, Ordering::SeqCst, Ordering::SeqCst);
        }
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.activity.noted_read(buffer.filled().get(before..).unwrap_or_default());
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.noted(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.noted(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// All was taken: only this ends a stall, so that a reader of a byte a second gains nothing.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        if flushed.is_ready() {
            self.activity.write_since.store(NEVER, Ordering::SeqCst);
        }
        self.noted(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        self.noted(shut)
    }
}
