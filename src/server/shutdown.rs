//! When to stop: the first signal asks, the second insists.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The two degrees of stopping.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    /// Finish what was begun and stop.
    pub gracefully: CancellationToken,
    /// Drop everything.
    pub immediately: CancellationToken,
}

impl From<CancellationToken> for Shutdown {
    /// One that is only ever asked politely.
    fn from(gracefully: CancellationToken) -> Self {
        Self { gracefully, immediately: CancellationToken::new() }
    }
}

impl Shutdown {
    /// Listens for SIGTERM and SIGINT from now on.
    pub fn on_signals() -> std::io::Result<Self> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let shutdown = Self::default();
        let (gracefully, immediately) = (shutdown.gracefully.clone(), shutdown.immediately.clone());
        tokio::spawn(async move {
            for token in [gracefully, immediately] {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                token.cancel();
            }
        });
        Ok(shutdown)
    }
}
