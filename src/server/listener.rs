//! Accepts connections, bounded in number, and ends them gracefully.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection::{Activity, Verdict};
use super::crowd::Crowd;
use super::guarded::Guarded;
use super::requests::Requests;
use crate::telemetry::Metrics;
use crate::web::client_address::Peer;

/// Streams a client may have open on one HTTP/2 connection.
const STREAMS: u32 = 32;

/// How often it is looked again for somebody who can make room.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// A listener with what its connections share.
#[derive(Clone)]
pub(super) struct Listener {
    pub(super) requests: Requests,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) permits: Arc<Semaphore>,
    pub(super) crowd: Arc<Crowd>,
    pub(super) connections: TaskTracker,
    /// Take no new connections.
    pub(super) closed: CancellationToken,
    /// Finish what was begun on each connection.
    pub(super) draining: CancellationToken,
    /// Drop everything.
    pub(super) abort: CancellationToken,
}

impl Listener {
    /// Accepts until `closed`. One connection more than there are places is taken, so that it is
    /// known that somebody waits.
    pub(super) async fn run(self, socket: TcpListener) {
        loop {
            let accepted = tokio::select! {
                () = self.closed.cancelled() => return,
                accepted = socket.accept() => accepted,
            };
            let (stream, address) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    self.pause_after(&error).await;
                    continue;
                }
            };
            let permit = tokio::select! {
                () = self.closed.cancelled() => return,
                permit = self.place() => permit,
            };
            let this = self.clone();
            self.connections.spawn(async move {
                let abort = this.abort.clone();
                tokio::select! {
                    () = abort.cancelled() => {}
                    () = this.serve(stream, Peer(address)) => {}
                }
                drop(permit);
            });
        }
    }

    /// A place for one more connection, that of the slowest client if there is no other.
    async fn place(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Some(permit);
        }
        let mut permit = std::pin::pin!(Arc::clone(&self.permits).acquire_owned());
        loop {
            if self.crowd.make_room() {
                self.requests.metrics.count("displaced_connections");
            }
            if let Ok(permit) = tokio::time::timeout(LOOK_AGAIN, permit.as_mut()).await {
                return permit.ok();
            }
        }
    }

    /// A connection that is gone already costs nothing; when the process has no file descriptors
    /// left, trying again at once would only burn the processor.
    async fn pause_after(&self, error: &io::Error) {
        use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
        if matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted) {
            return;
        }
        self.requests.metrics.count("accept_errors");
        tracing::warn!(%error, "cannot accept a connection");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    async fn serve(self, stream: TcpStream, peer: Peer) {
        let metrics = Arc::clone(&self.requests.metrics);
        metrics.count("connections");
        let _open = Open::new(&metrics);
        // A delay of 40 ms is worse than a small packet; a failure here changes nothing else.
        let _ = stream.set_nodelay(true);
        let activity = Activity::new();
        let _place = self.crowd.join(Arc::clone(&activity));
        tokio::select! {
            () = activity.sent_away() => {}
            () = self.shake_hands(stream, peer, &activity) => {}
        }
    }

    async fn shake_hands(self, stream: TcpStream, peer: Peer, activity: &Arc<Activity>) {
        let Some(tls) = self.tls.clone() else { return self.speak(stream, peer, activity).await };
        let limit = self.requests.limits.header_read;
        match tokio::time::timeout(limit, tls.accept(stream)).await {
            Ok(Ok(stream)) => self.speak(stream, peer, activity).await,
            _ => self.requests.metrics.count("tls_failures"),
        }
    }

    async fn speak<S>(self, stream: S, peer: Peer, activity: &Arc<Activity>)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let builder = self.protocols();
        let limits = Arc::clone(&self.requests.limits);
        let service = service_fn(|request| {
            let answer = self.requests.clone().answer(request, peer, Arc::clone(activity));
            async move { Ok::<_, std::convert::Infallible>(answer.await) }
        });
        let io = TokioIo::new(Guarded::new(stream, Arc::clone(activity)));
        let mut connection = std::pin::pin!(builder.serve_connection(io, service));
        let closing = tokio::select! {
            _ended = connection.as_mut() => return,
            verdict = activity.watch(&limits) => verdict,
            () = self.draining.cancelled() => {
                connection.as_mut().graceful_shutdown();
                tokio::select! {
                    _ended = connection.as_mut() => return,
                    verdict = activity.watch(&limits) => verdict,
                }
            }
        };
        self.requests.metrics.count("closed_connections");
        if closing == Verdict::Idle {
            connection.as_mut().graceful_shutdown();
            let _ = tokio::time::timeout(Duration::from_secs(1), connection).await;
        }
    }

    /// HTTP/1.1 and HTTP/2 with their bounds.
    fn protocols(&self) -> Builder<TokioExecutor> {
        let limits = &self.requests.limits;
        let header_bytes = limits.header_bytes + limits.uri_bytes;
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(None)
            .max_headers(limits.headers)
            .max_buf_size((header_bytes + 8 * 1024).max(8 * 1024))
            .half_close(false);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(u32::try_from(header_bytes).unwrap_or(u32::MAX))
            .initial_stream_window_size(128 * 1024)
            .initial_connection_window_size(1024 * 1024)
            .max_send_buf_size(256 * 1024)
            .keep_alive_interval(limits.write_stall / 2)
            .keep_alive_timeout(limits.write_stall / 2);
        builder
    }
}

/// Counts a connection as long as it lives, however it ends.
struct Open(Arc<Metrics>);

impl Open {
    fn new(metrics: &Arc<Metrics>) -> Self {
        metrics.shift("open_connections", 1);
        Self(Arc::clone(metrics))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.shift("open_connections", -1);
    }
}
