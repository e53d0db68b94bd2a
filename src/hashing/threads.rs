//! The threads that compute password hashes: few, and of low priority.
//!
//! A hash keeps a core busy for some ten milliseconds. On threads like all others, a flood of
//! sign-ins would make every token request wait for that long; on these the system lets whatever
//! else there is to do go first. While programs ask, the last of them takes nothing.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use argon2::Block;
use tokio::sync::oneshot;

use super::free_core::FreeCore;

/// How far these threads stand back (`nice`, of which there are 19): while others want the core, they get
/// about a tenth of it, so sign-ins go on under any load.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// How often the last thread looks whether its core is still to be free.
const LOOK_EVERY: Duration = Duration::from_millis(50);

type Job = Box<dyn FnOnce(&mut Vec<Block>) + Send>;

/// A few threads, each with memory for one hash that it keeps: given back to the allocator it
/// would stay with each thread that ever hashed.
pub(super) struct Threads {
    jobs: Sender<Job>,
}

impl Threads {
    /// Starts `count` threads, which end with the last handle to them. If there are several, the
    /// last takes nothing while a core is kept free, but for one job if it waited for one before.
    pub(super) fn start(count: usize, free_core: &Arc<FreeCore>) -> anyhow::Result<Self> {
        let (jobs, waiting) = channel();
        let waiting = Arc::new(Mutex::new(waiting));
        for number in 0..count {
            let waiting = Arc::clone(&waiting);
            let is_last = count > 1 && number == count - 1;
            let free_core = is_last.then(|| Arc::clone(free_core));
            std::thread::Builder::new()
                .name(format!("hashing-{number}"))
                .spawn(move || work(&waiting, free_core.as_deref()))
                .context("starting a thread that hashes passwords")?;
        }
        Ok(Self { jobs })
    }

    /// Has `job` done by the next thread that is free. It is done also when nobody waits for its
    /// result any more.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Vec<Block>) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let (done, result) = oneshot::channel();
        let job = Box::new(move |memory: &mut Vec<Block>| {
            let _ = done.send(job(memory));
        });
        self.jobs.send(job).ok().context("no thread hashes passwords")?;
        result.await.context("hashing a password was broken off")?
    }
}

fn work(waiting: &Mutex<Receiver<Job>>, free_core: Option<&FreeCore>) {
    stand_back();
    let mut memory = Vec::new();
    loop {
        while free_core.is_some_and(FreeCore::is_kept) {
            std::thread::sleep(LOOK_EVERY);
        }
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        // A panic costs its own request only; what it left in the memory is written over.
        let _ = catch_unwind(AssertUnwindSafe(|| job(&mut memory)));
    }
}

/// Lets others go first. Where the system does not allow that, hashing works all the same.
fn stand_back() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{getpriority_process, setpriority_process};
        let this = Some(rustix::thread::gettid());
        let lower = getpriority_process(this)
            .and_then(|nice| setpriority_process(this, (nice + NICENESS).min(19)));
        if let Err(error) = lower {
            tracing::debug!(%error, "threads that hash passwords keep their priority");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;

    use super::*;

    fn threads(count: usize) -> Threads {
        Threads::start(count, &Arc::default()).unwrap()
    }

    #[tokio::test]
    async fn a_panic_costs_its_own_request_only() {
        let threads = threads(1);
        let broken = threads.run(|_| -> anyhow::Result<()> { panic!("on purpose") }).await;
        assert!(broken.is_err());
        assert_eq!(threads.run(|_| Ok(7)).await.unwrap(), 7);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn others_go_first() {
        let nice = |id| rustix::process::getpriority_process(Some(id)).unwrap();
        let here = nice(rustix::thread::gettid());
        let there = threads(1).run(move |_| Ok(nice(rustix::thread::gettid()))).await.unwrap();
        assert_eq!(there, (here + NICENESS).min(19));
    }

    /// Jobs that end only when so many of them are under way at the same time.
    async fn together(threads: &Threads, count: usize) {
        let all = Arc::new(Barrier::new(count));
        let jobs = (0..count).map(|_| {
            let all = Arc::clone(&all);
            threads.run(move |_| Ok(all.wait()))
        });
        let ended = tokio::time::timeout(Duration::from_secs(30), join_all(jobs)).await;
        for job in ended.expect("so many threads") {
            job.unwrap();
        }
    }

    /// How many of some short jobs are under way at the same time, at most.
    async fn most_at_once(threads: &Threads) -> usize {
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let jobs = (0..50).map(|_| {
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            threads.run(move |_| {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(2));
                now.fetch_sub(1, Ordering::SeqCst);
                Ok(())
            })
        });
        join_all(jobs).await;
        most.load(Ordering::SeqCst)
    }

    #[tokio::test]
    async fn one_core_is_free_while_it_is_kept() {
        let free_core = Arc::new(FreeCore::lasting(Duration::from_mins(10)));
        free_core.keep();
        for (count, busy) in [(1, 1), (2, 1), (4, 3)] {
            let threads = Threads::start(count, &free_core).unwrap();
            together(&threads, busy).await;
            let most = most_at_once(&threads).await;
            assert!(most <= busy, "{most} of {count}");
        }
    }

    #[tokio::test]
    async fn all_cores_work_when_none_is_kept() {
        let free_core = Arc::new(FreeCore::lasting(Duration::from_millis(200)));
        together(&Threads::start(2, &free_core).unwrap(), 2).await;
        free_core.keep();
        together(&Threads::start(2, &free_core).unwrap(), 2).await;
        assert!(!free_core.is_kept(), "both cores were busy though one was to be free");
    }
}
