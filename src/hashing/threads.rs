//! The threads that compute password hashes: few, and of low priority.
//!
//! A hash keeps a core busy for some ten milliseconds. On threads like all others, a flood of
//! sign-ins would make every token request wait for that long; on these the system lets whatever
//! else there is to do go first.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use argon2::Block;
use tokio::sync::oneshot;

/// How far these threads stand back (`nice`, of which there are 19): while others want the core, they get
/// about a tenth of it, so sign-ins go on under any load.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

type Job = Box<dyn FnOnce(&mut Vec<Block>) + Send>;

/// A few threads, each with memory for one hash that it keeps: given back to the allocator it
/// would stay with each thread that ever hashed.
pub(super) struct Threads {
    jobs: Sender<Job>,
}

impl Threads {
    /// Starts `count` threads, which end with the last handle to them.
    pub(super) fn start(count: usize) -> anyhow::Result<Self> {
        let (jobs, waiting) = channel();
        let waiting = Arc::new(Mutex::new(waiting));
        for number in 0..count {
            let waiting = Arc::clone(&waiting);
            std::thread::Builder::new()
                .name(format!("hashing-{number}"))
                .spawn(move || work(&waiting))
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

fn work(waiting: &Mutex<Receiver<Job>>) {
    stand_back();
    let mut memory = Vec::new();
    loop {
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
    use super::*;

    #[tokio::test]
    async fn a_panic_costs_its_own_request_only() {
        let threads = Threads::start(1).unwrap();
        let broken = threads.run(|_| -> anyhow::Result<()> { panic!("on purpose") }).await;
        assert!(broken.is_err());
        assert_eq!(threads.run(|_| Ok(7)).await.unwrap(), 7);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn others_go_first() {
        let nice = |id| rustix::process::getpriority_process(Some(id)).unwrap();
        let here = nice(rustix::thread::gettid());
        let threads = Threads::start(1).unwrap();
        let there = threads.run(move |_| Ok(nice(rustix::thread::gettid()))).await.unwrap();
        assert_eq!(there, (here + NICENESS).min(19));
    }
}
