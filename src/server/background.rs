//! What runs by the clock: jobs that repeat until the provider stops.

use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::secret::Random;

/// The jobs that run beside the requests.
#[derive(Clone, Debug, Default)]
pub struct Background {
    jobs: TaskTracker,
    stop: CancellationToken,
}

impl Background {
    /// Runs `job` now and then `every` so often, each time up to `jitter` later, so that equal
    /// nodes do not fall into step. A failure or panic is logged and the next run comes as usual.
    pub fn spawn<F, Fut>(&self, name: &'static str, every: Duration, jitter: Duration, job: F)
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let stop = self.stop.clone();
        self.jobs.spawn(async move {
            while !stop.is_cancelled() {
                // A task of its own, so that a panic ends one run and not the job.
                match tokio::spawn(job()).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => {
                        tracing::error!(job = name, error = format!("{error:#}"), "a job failed");
                    }
                    Err(_) => tracing::error!(job = name, "a job panicked"),
                }
                let pause = every + portion(jitter);
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(pause) => {}
                }
            }
        });
    }

    /// Is cancelled when the jobs are to stop: a long run looks at it between two steps.
    #[must_use]
    pub fn stopping(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Starts no further run and waits for those in progress, at most `within`; whether all ended.
    pub async fn stop(&self, within: Duration) -> bool {
        self.stop.cancel();
        self.jobs.close();
        tokio::time::timeout(within, self.jobs.wait()).await.is_ok()
    }
}

/// A random part of `whole`.
fn portion(whole: Duration) -> Duration {
    let part = u32::from(u16::from_be_bytes(Random::System.bytes()));
    whole * part / (1 << 16)
}
