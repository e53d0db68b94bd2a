//! Opens the listeners (public, management) and stops them gracefully.

mod assets;
pub mod background;
mod connection;
mod crowd;
mod guarded;
mod handing_over;
pub mod head;
mod limits;
mod listener;
mod management;
pub mod post;
pub mod provider;
mod requests;
mod room;
pub mod router;
mod shutdown;
pub mod sweeping;
pub mod tls;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::{Router, middleware};
use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::telemetry::Metrics;
use listener::Listener;
use requests::Requests;
use room::Room;
use tls::Certificate;

pub use limits::{Limits, Refusal};
pub use provider::Provider;
pub use shutdown::Shutdown;

/// Connections of the management listener at most.
const MANAGEMENT_CONNECTIONS: usize = 64;

/// Requests of the management listener at most: how full the other is does not matter here.
const MANAGEMENT_REQUESTS: usize = 256;

/// File descriptors that are kept for the database, logs and the management listener.
const RESERVED_FILES: usize = 128;

/// Both listeners, bound but not serving yet.
#[derive(Debug)]
pub struct Server {
    public: TcpListener,
    management: TcpListener,
    certificate: Option<Certificate>,
    limits: Limits,
    refusal: Refusal,
    metrics: Arc<Metrics>,
    max_connections: usize,
    max_requests: usize,
    drain_timeout: Duration,
}

impl Server {
    /// Opens both listeners and reads the certificate; port 0 lets the system choose.
    pub fn bind(config: &Config) -> anyhow::Result<Self> {
        let server = &config.server;
        let issuer = url::Url::parse(&config.issuer).ok();
        let host = issuer.as_ref().and_then(|url| url.host_str()).unwrap_or("localhost");
        let wanted = usize::try_from(server.max_connections)?;
        let max_connections = wanted.min(affordable_connections());
        if max_connections < wanted {
            tracing::warn!(
                max_connections,
                "fewer connections than configured: `ulimit -n` is low"
            );
        }
        Ok(Self {
            public: listen(server.listen).context("server.listen")?,
            management: listen(server.management_listen).context("server.management_listen")?,
            certificate: Certificate::open(&server.tls, host.trim_matches(['[', ']']))?,
            limits: Limits::default(),
            refusal: limits::plain_refusal,
            metrics: Arc::default(),
            max_connections,
            max_requests: usize::try_from(server.max_requests)?,
            drain_timeout: server.drain_timeout.get(),
        })
    }

    /// The same with other bounds.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// The same with other words for requests that are refused before they reach a door.
    #[must_use]
    pub fn with_refusals(self, refusal: Refusal) -> Self {
        Self { refusal, ..self }
    }

    /// The same with figures that others count into as well.
    #[must_use]
    pub fn with_metrics(self, metrics: Arc<Metrics>) -> Self {
        Self { metrics, ..self }
    }

    /// Where the public listener listens.
    pub fn public_addr(&self) -> std::io::Result<SocketAddr> {
        self.public.local_addr()
    }

    /// Where the management listener listens.
    pub fn management_addr(&self) -> std::io::Result<SocketAddr> {
        self.management.local_addr()
    }

    /// The certificate, when TLS is on.
    #[must_use]
    pub fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_ref()
    }

    /// The figures of `/metrics`.
    #[must_use]
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Serves until `shutdown`: then `/readyz` says no, a little later no connection is taken any
    /// more, and what was begun has `server.drain_timeout` to finish.
    pub async fn serve<F, Fut>(
        self,
        public: Router,
        readiness: F,
        shutdown: impl Into<Shutdown>,
    ) -> anyhow::Result<()>
    where
        F: Fn() -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let shutdown = shutdown.into();
        let stopping = shutdown.gracefully.child_token();
        let within = self.limits.readiness;
        let figures = Arc::clone(&self.metrics);
        let operators = management::routes(figures, readiness, within, stopping);
        let people =
            public.layer(middleware::from_fn_with_state(Arc::clone(&self.metrics), requests::log));

        let acceptor = self.certificate.as_ref().map(Certificate::acceptor).transpose()?;
        let reloading = tokio::spawn(reload_on_hangup(self.certificate));
        let limits = Arc::new(self.limits);
        let open = |router, tls, (connections, requests)| {
            let crowd = Arc::default();
            Listener {
                requests: Requests {
                    router,
                    limits: Arc::clone(&limits),
                    metrics: Arc::clone(&self.metrics),
                    room: Room::new(requests, &crowd),
                    refusal: self.refusal,
                    tasks: TaskTracker::new(),
                },
                tls,
                permits: Arc::new(Semaphore::new(connections)),
                crowd,
                connections: TaskTracker::new(),
                closed: CancellationToken::new(),
                draining: CancellationToken::new(),
                abort: shutdown.immediately.child_token(),
            }
        };
        let management = open(operators, None, (MANAGEMENT_CONNECTIONS, MANAGEMENT_REQUESTS));
        let public = open(people, acceptor, (self.max_connections, self.max_requests));
        let accepting = tokio::spawn(public.clone().run(self.public));
        let answering = tokio::spawn(management.clone().run(self.management));

        shutdown.gracefully.cancelled().await;
        tracing::info!("stopping");
        tokio::select! {
            () = shutdown.immediately.cancelled() => {}
            () = tokio::time::sleep(limits.lame_duck) => {}
        }
        public.stop(self.drain_timeout, &shutdown.immediately).await;
        management.stop(Duration::ZERO, &shutdown.immediately).await;
        accepting.await?;
        answering.await?;
        reloading.abort();
        tracing::info!("stopped");
        Ok(())
    }
}

impl Listener {
    /// Takes no new connections, lets those there are finish within `limit`, then drops them.
    async fn stop(&self, limit: Duration, immediately: &CancellationToken) {
        self.closed.cancel();
        self.draining.cancel();
        self.connections.close();
        self.requests.tasks.close();
        let finished = async {
            self.connections.wait().await;
            self.requests.tasks.wait().await;
        };
        tokio::select! {
            () = finished => {}
            () = tokio::time::sleep(limit) => {
                let cut = self.connections.len();
                if !limit.is_zero() && cut > 0 {
                    tracing::warn!(cut, "connections did not finish in time");
                }
            }
            () = immediately.cancelled() => {}
        }
        self.abort.cancel();
    }
}

/// What the system keeps at most for a reader that does not read; connections inherit it (Linux keeps
/// twice as much, with its own bookkeeping). Left to itself it may grow to some megabytes for each of
/// them. Each page and each asset fits in.
const SEND_BUFFER: u32 = 64 * 1024;

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    // A restart must not wait for the connections of its predecessor to be forgotten.
    socket.set_reuseaddr(true)?;
    socket.bind(address).and_then(|()| socket.listen(1024)).map_err(|error| {
        std::io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
    })
}

/// Without a certificate too: a SIGHUP that nobody listens for ends the process at once.
async fn reload_on_hangup(certificate: Option<Certificate>) {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else {
        tracing::warn!("cannot listen for SIGHUP: a new certificate needs a restart");
        return;
    };
    while hangup.recv().await.is_some() {
        let Some(certificate) = &certificate else {
            tracing::info!("SIGHUP: there is no certificate to read again");
            continue;
        };
        match certificate.reload() {
            Ok(()) => tracing::info!("the certificate was read again"),
            Err(error) => {
                let error = format!("{error:#}");
                tracing::error!(
                    error,
                    "the certificate could not be read again; the old one stays"
                );
            }
        }
    }
}

/// How many connections the process may hold open beside its other files (Linux tells).
fn affordable_connections() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let soft = line.and_then(|rest| rest.split_whitespace().next()?.parse::<usize>().ok());
    soft.map_or(usize::MAX, |files| files.saturating_sub(RESERVED_FILES).max(files / 4))
        .min(Semaphore::MAX_PERMITS)
}
