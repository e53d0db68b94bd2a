//! Jobs that repeat.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use latchkey::server::background::Background;

const MILLISECOND: Duration = Duration::from_millis(1);

#[tokio::test]
async fn a_job_runs_again_after_failures_and_panics_until_it_is_stopped() {
    let runs = Arc::new(AtomicU32::new(0));
    let background = Background::default();
    let count = Arc::clone(&runs);
    background.spawn("test", MILLISECOND, MILLISECOND, move || {
        let run = count.fetch_add(1, Ordering::SeqCst);
        async move {
            assert_ne!(run, 1, "the second run panics");
            anyhow::ensure!(run != 2, "the third run fails");
            Ok(())
        }
    });
    while runs.load(Ordering::SeqCst) < 5 {
        tokio::time::sleep(MILLISECOND).await;
    }
    assert!(background.stop(Duration::from_secs(5)).await);
    let stopped = runs.load(Ordering::SeqCst);
    tokio::time::sleep(20 * MILLISECOND).await;
    assert_eq!(runs.load(Ordering::SeqCst), stopped);
}

#[tokio::test]
async fn stopping_waits_for_a_run_in_progress_but_not_for_ever() {
    let background = Background::default();
    background.spawn("stuck", MILLISECOND, Duration::ZERO, std::future::pending);
    tokio::task::yield_now().await;
    assert!(!background.stop(20 * MILLISECOND).await);
}
