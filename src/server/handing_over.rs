//! A response on its way to its client: it counts as in flight until its last byte was written.
//!
//! On HTTP/2 hyper lets go of a body once the client's window has let the first byte of it
//! through, and the rest waits in its buffers for as long as the client likes (RFC 9113 §5.2). So
//! the bytes themselves hold on to what counts the request.

use std::collections::BTreeMap;
use std::io::IoSlice;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use bytes::Buf;
use hyper::body::{Frame, SizeHint};

/// A response's body; `G` is dropped when the last byte of it was written.
pub(super) struct Counted<G> {
    body: Body,
    guard: Arc<G>,
}

impl<G> Counted<G> {
    pub(super) fn new(body: Body, guard: G) -> Self {
        Self { body, guard: Arc::new(guard) }
    }
}

impl<G> HttpBody for Counted<G> {
    type Data = Held<G>;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let held = |bytes| Held { bytes, _guard: Arc::clone(&self.guard) };
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(held))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Bytes of a body that were not written yet.
pub(super) struct Held<G> {
    bytes: Bytes,
    _guard: Arc<G>,
}

impl<G> Buf for Held<G> {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        self.bytes.chunks_vectored(slices)
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
    }

    fn copy_to_bytes(&mut self, length: usize) -> Bytes {
        self.bytes.copy_to_bytes(length)
    }
}

/// Since when responses have been ready that were not written yet: how many at each instant.
#[derive(Debug, Default)]
pub(super) struct Unwritten(Mutex<BTreeMap<u64, usize>>);

impl Unwritten {
    fn instants(&self) -> MutexGuard<'_, BTreeMap<u64, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin(&self, since: u64) {
        *self.instants().entry(since).or_default() += 1;
    }

    pub(super) fn end(&self, since: u64) {
        let mut instants = self.instants();
        if let Some(count) = instants.get_mut(&since) {
            *count -= 1;
            if *count == 0 {
                instants.remove(&since);
            }
        }
    }

    /// Since when the one has been ready that waits longest.
    pub(super) fn oldest(&self) -> Option<u64> {
        self.instants().keys().next().copied()
    }
}
