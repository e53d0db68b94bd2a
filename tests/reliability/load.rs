//! Many actors at once, so many things a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::ledger::{Actor, Cast};
use crate::server::Place;
use crate::wire::{Exchange, Log};

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mix {
    /// Everything.
    All,
    /// Refreshing and introspecting, as programs do all day.
    Tokens,
}

/// The actors and what they have seen.
pub struct Load {
    pub mix: Mix,
    pub actors: Vec<Actor>,
    pub log: Log,
}

/// A load that goes on until it is told to stop.
pub struct Going {
    stop: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<Actor>>,
    log: Log,
}

impl Load {
    /// So many of the people whom `place` knows.
    pub fn new(place: &Place, cast: Cast, people: usize) -> Self {
        let (cast, log) = (Arc::new(cast), Log::default());
        let base = place.base();
        let actor = |number| Actor::new(&format!("person{number}"), &base, &cast, &log);
        Self { mix: Mix::All, actors: (0..people).map(actor).collect(), log: Arc::clone(&log) }
    }

    /// Signs everybody in and lets each get a few tokens.
    pub async fn warm_up(&mut self) {
        for actor in &mut self.actors {
            actor.sign_in().await;
            for _ in 0..3 {
                actor.authorize().await;
                actor.redeem().await;
            }
        }
    }

    /// Starts `rate` acts a second in all.
    pub fn go(&mut self, rate: u32) -> Going {
        let stop = Arc::new(AtomicBool::new(false));
        let actors = std::mem::take(&mut self.actors);
        let count = u32::try_from(actors.len()).expect("few");
        let mix = self.mix;
        let pause = Duration::from_secs(1) * count / rate.max(1);
        let tasks = actors.into_iter().enumerate().map(|(number, mut actor)| {
            let stop = Arc::clone(&stop);
            let lag = pause * u32::try_from(number).expect("few") / count;
            tokio::spawn(async move {
                let mut next = Instant::now() + lag;
                while !stop.load(Ordering::SeqCst) {
                    tokio::time::sleep_until(next.into()).await;
                    match mix {
                        Mix::All => actor.act().await,
                        Mix::Tokens if actor.dice(2) == 0 => actor.refresh().await,
                        Mix::Tokens => actor.introspect().await,
                    }
                    // Who was held up does not hurry afterwards.
                    next = (next + pause).max(Instant::now());
                }
                actor
            })
        });
        let tasks = tasks.collect();
        Going { stop, tasks, log: Arc::clone(&self.log) }
    }

    /// Looks at all that was acknowledged.
    pub async fn audit(&mut self) {
        let tasks = std::mem::take(&mut self.actors).into_iter().map(|mut actor| {
            tokio::spawn(async move {
                actor.audit().await;
                actor
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            self.actors.push(task.await.expect("an audit"));
        }
    }

    pub fn violations(&self) -> Vec<String> {
        self.actors.iter().flat_map(|actor| actor.violations.clone()).collect()
    }

    pub fn acks(&self) -> u64 {
        self.actors.iter().map(|actor| actor.acks).sum()
    }

    /// What was exchanged since the last call.
    pub fn exchanges(&self) -> Vec<Exchange> {
        std::mem::take(&mut *self.log.lock().unwrap())
    }
}

impl Going {
    /// Lets everybody finish what they are at.
    pub async fn stop(self, load: &mut Load) {
        self.stop.store(true, Ordering::SeqCst);
        for task in self.tasks {
            load.actors.push(task.await.expect("an actor"));
        }
    }

    /// What was exchanged since the last call.
    pub fn exchanges(&self) -> Vec<Exchange> {
        std::mem::take(&mut *self.log.lock().unwrap())
    }

    /// Where exchanges are noted.
    pub fn log(&self) -> Log {
        Arc::clone(&self.log)
    }
}
