//! One connection: what it is waiting for, and when it has waited too long.
//!
//! hyper's own header timer also runs between requests and does not run while it tells HTTP/1.1
//! from HTTP/2, so the connection keeps its own times: a guard around the stream (`guarded`) notes
//! what happens, a watchdog beside it compares.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::handing_over::Unwritten;
use super::head::{end_of_head, is_ambiguous};
use super::limits::Limits;

/// No instant: nothing of this kind is going on.
const NEVER: u64 = u64::MAX;

/// More than hyper ever holds before it makes a request of it, or refuses it.
const HEAD_BYTES: usize = 64 * 1024;

/// Notes that something began, unless it had begun before.
fn start(since: &AtomicU64, now: u64) {
    let _ = since.compare_exchange(NEVER, now, Ordering::SeqCst, Ordering::SeqCst);
}

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
    body_since: AtomicU64,
    unwritten: Unwritten,
    heads: Mutex<Heads>,
    away: CancellationToken,
}

/// The bytes of HTTP/1.1 that were read and of which no request was made yet, as far as they
/// belong to heads.
#[derive(Debug, Default)]
struct Heads {
    bytes: Vec<u8>,
    /// What is still to come of the body of the request before.
    body_left: u64,
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
        Self::since(Instant::now())
    }

    /// That of a connection that was accepted then.
    pub(super) fn since(start: Instant) -> Arc<Self> {
        Arc::new(Self {
            start,
            in_flight: AtomicUsize::new(0),
            served: AtomicBool::new(false),
            http2: AtomicBool::new(false),
            idle_since: AtomicU64::new(0),
            head_since: AtomicU64::new(0),
            write_since: AtomicU64::new(NEVER),
            body_since: AtomicU64::new(NEVER),
            unwritten: Unwritten::default(),
            heads: Mutex::default(),
            away: CancellationToken::new(),
        })
    }

    fn now(&self) -> u64 {
        self.at(Instant::now())
    }

    fn at(&self, instant: Instant) -> u64 {
        let passed = instant.saturating_duration_since(self.start);
        u64::try_from(passed.as_millis()).unwrap_or(NEVER - 1)
    }

    /// A request's header has arrived; `InFlight` ends when the response has been written.
    pub(super) fn begin(self: &Arc<Self>, http2: bool) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::SeqCst);
        self.served.store(true, Ordering::SeqCst);
        self.http2.store(http2, Ordering::SeqCst);
        self.head_since.store(NEVER, Ordering::SeqCst);
        InFlight { activity: Arc::clone(self), answered_at: None }
    }

    /// Whether the head that just ended can be read in two ways, and a proxy before us may have
    /// read it in the other: its length is given twice or in two ways (RFC 9112 §6.3), or a line
    /// ends in a bare line feed (§2.2). `body` is how long the body is that follows, if that is
    /// known: what comes after it is the next head.
    pub(super) fn take_ambiguous_head(&self, body: Option<u64>) -> bool {
        let mut heads = self.heads.lock().unwrap_or_else(PoisonError::into_inner);
        if self.http2.load(Ordering::SeqCst) {
            *heads = Heads::default();
            return false;
        }
        let Some(end) = end_of_head(&heads.bytes) else {
            *heads = Heads::default();
            return true;
        };
        let after = heads.bytes.split_off(end);
        let head = std::mem::replace(&mut heads.bytes, after);
        // Of a body whose length nobody knows, all that follows is taken for a part.
        heads.body_left = body.unwrap_or(u64::MAX);
        heads.skip_body();
        is_ambiguous(&head)
    }

    /// The rest of a body is waited for, or `here`.
    pub(super) fn body_is(&self, here: bool) {
        if here {
            self.body_since.store(NEVER, Ordering::SeqCst);
        } else {
            start(&self.body_since, self.now());
        }
    }

    /// How long this connection has kept us waiting `now`: for a header, a body, a reader, or the
    /// next request. Zero while it is we who are at work.
    pub(super) fn waiting_for(&self, now: Instant) -> Duration {
        let now = self.at(now);
        let since = |at: &AtomicU64| Some(at.load(Ordering::SeqCst)).filter(|at| *at != NEVER);
        let idle = self.in_flight.load(Ordering::SeqCst) == 0;
        let in_head = !self.http2.load(Ordering::SeqCst) || !self.served.load(Ordering::SeqCst);
        let head = since(&self.head_since).filter(|_| in_head);
        let between = head.or_else(|| since(&self.idle_since)).filter(|_| idle);
        let at_it = [since(&self.write_since), since(&self.body_since), self.unwritten.oldest()];
        let waiting = at_it.into_iter().flatten().min().or(between);
        Duration::from_millis(waiting.map_or(0, |since| now.saturating_sub(since)))
    }

    /// Its place is needed: the connection is to end.
    pub(super) fn send_away(&self) {
        self.away.cancel();
    }

    pub(super) fn is_sent_away(&self) -> bool {
        self.away.is_cancelled()
    }

    /// Returns when [`Self::send_away`] was called.
    pub(super) async fn sent_away(&self) {
        self.away.cancelled().await;
    }

    /// These bytes came.
    pub(super) fn noted_read(&self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if self.in_flight.load(Ordering::SeqCst) == 0 {
            start(&self.head_since, self.now());
        }
        if !self.http2.load(Ordering::SeqCst) {
            let mut heads = self.heads.lock().unwrap_or_else(PoisonError::into_inner);
            let of_body = usize::try_from(heads.body_left).unwrap_or(usize::MAX).min(bytes.len());
            heads.body_left -= of_body as u64;
            let room = HEAD_BYTES.saturating_sub(heads.bytes.len());
            heads.bytes.extend(bytes.iter().skip(of_body).take(room));
        }
    }

    /// A write has to wait, unless one had to before.
    pub(super) fn noted_stall(&self) {
        start(&self.write_since, self.now());
    }

    /// All that was written has been taken.
    pub(super) fn noted_flush(&self) {
        self.write_since.store(NEVER, Ordering::SeqCst);
    }

    fn verdict(&self, limits: &Limits) -> Option<Verdict> {
        let now = self.now();
        let over = |since: u64, limit: Duration| {
            u128::from(now.saturating_sub(since)) >= limit.as_millis()
        };
        let passed = |since: &AtomicU64, limit: Duration| {
            let since = since.load(Ordering::SeqCst);
            since != NEVER && over(since, limit)
        };
        // On HTTP/2 the socket takes all that the client's window lets through, so that nothing
        // stalls there. A byte of window now and then does not help: the whole response counts.
        let unwritten = self.unwritten.oldest();
        if passed(&self.write_since, limits.write_stall)
            || unwritten.is_some_and(|since| over(since, limits.write_stall))
        {
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

impl Heads {
    fn skip_body(&mut self) {
        let of_body = usize::try_from(self.body_left).unwrap_or(usize::MAX).min(self.bytes.len());
        self.bytes.drain(..of_body);
        self.body_left -= of_body as u64;
    }
}

/// A request whose response has not been written yet.
#[derive(Debug)]
pub(super) struct InFlight {
    activity: Arc<Activity>,
    answered_at: Option<u64>,
}

impl InFlight {
    /// The response is ready: from now on it is the client who is waited for.
    pub(super) fn answered(mut self) -> Self {
        let now = self.activity.now();
        self.activity.unwritten.begin(now);
        self.answered_at = Some(now);
        self
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some(since) = self.answered_at {
            self.activity.unwritten.end(since);
        }
        self.activity.idle_since.store(self.activity.now(), Ordering::SeqCst);
        self.activity.in_flight.fetch_sub(1, Ordering::SeqCst);
    }
}
