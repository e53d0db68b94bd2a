//! Many actors at once, so many things a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use crate::keeper::Keeper;
use crate::ledger::{Actor, Cast};
use crate::server::{Place, person};
use crate::support::Support;
use crate::wire::{Exchange, Log};

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mix {
    /// Everything.
    All,
    /// Refreshing and introspecting, as programs do all day.
    Tokens,
}

/// What [`Mix::Tokens`] asks for.
pub const TOKENS: &[&str] = &["introspect", "refresh"];

/// A thread of their own for those who are in the way, so that who measures does not queue up behind
/// them. They stand for other machines, so they leave the cores to the provider where it wants them.
/// It is to be shut down in the background.
pub fn bystanders() -> Runtime {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .on_thread_start(stand_back)
        .enable_all()
        .build();
    runtime.expect("a runtime")
}

fn stand_back() {
    let this = Some(rustix::thread::gettid());
    rustix::process::setpriority_process(this, 19).expect("a low priority");
}

/// The actors and what they have seen.
pub struct Load {
    pub mix: Mix,
    pub actors: Vec<Actor>,
    /// Who guards their account, beside the others.
    pub keeper: Option<Keeper>,
    /// Who works at the command line meanwhile.
    pub support: Option<Support>,
    /// Within which time a new signing key must be published, where the audit looks for that.
    pub published: Option<Duration>,
    pub log: Log,
}

/// A load that goes on until it is told to stop.
pub struct Going {
    stop: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<Actor>>,
    keeper: Option<JoinHandle<Keeper>>,
    support: Option<JoinHandle<Support>>,
    log: Log,
}

/// How long the keeper and support rest between two acts.
const REST: Duration = Duration::from_millis(80);

impl Load {
    /// So many of the people whom `place` knows.
    pub fn new(place: &Place, cast: Cast, people: usize) -> Self {
        let (cast, log) = (Arc::new(cast), Log::default());
        let base = place.base();
        let actor = |number| Actor::new(&person(number), &base, &cast, &log);
        Self {
            mix: Mix::All,
            actors: (0..people).map(actor).collect(),
            keeper: Some(Keeper::new(&base, &cast, &log)),
            support: Some(Support::new(place.terminal(), &base, &cast, &log)),
            published: None,
            log: Arc::clone(&log),
        }
    }

    /// Signs everybody in and lets each get a few tokens.
    pub async fn warm_up(&mut self) {
        for actor in &mut self.actors {
            actor.settle_in().await;
        }
    }

    /// Lets the keeper and the guest begin.
    pub async fn warm_up_others(&mut self) {
        for _ in 0..3 {
            if let Some(keeper) = &mut self.keeper {
                keeper.act().await;
            }
        }
        if let Some(support) = &mut self.support {
            support.act().await;
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
        let (keeper, support) = self.begin_others(&stop);
        Going { stop, tasks, keeper, support, log: Arc::clone(&self.log) }
    }

    /// Starts those who do what the others do not, where everything is done.
    fn begin_others(
        &mut self,
        stop: &Arc<AtomicBool>,
    ) -> (Option<JoinHandle<Keeper>>, Option<JoinHandle<Support>>) {
        if self.mix != Mix::All {
            return (None, None);
        }
        let stopped = Arc::clone(stop);
        let keeper = self.keeper.take().map(|mut keeper| {
            tokio::spawn(async move {
                while !stopped.load(Ordering::SeqCst) {
                    keeper.act().await;
                    tokio::time::sleep(REST).await;
                }
                keeper
            })
        });
        let stopped = Arc::clone(stop);
        let support = self.support.take().map(|mut support| {
            tokio::spawn(async move {
                while !stopped.load(Ordering::SeqCst) {
                    support.act().await;
                    tokio::time::sleep(REST).await;
                }
                support
            })
        });
        (keeper, support)
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
        if self.mix == Mix::All {
            let published = self.published;
            let keeper = async {
                if let Some(keeper) = &mut self.keeper {
                    keeper.audit().await;
                }
            };
            let support = async {
                if let Some(support) = &mut self.support {
                    support.audit(published).await;
                }
            };
            tokio::join!(keeper, support);
        }
    }

    /// Everybody who does something, with what they were told.
    fn everybody(&self) -> impl Iterator<Item = &Actor> {
        let keeper = self.keeper.iter().map(|keeper| &keeper.actor);
        let guest = self.support.iter().map(|support| &support.guest);
        self.actors.iter().chain(keeper).chain(guest)
    }

    pub fn violations(&self) -> Vec<String> {
        self.everybody().flat_map(|actor| actor.violations.clone()).collect()
    }

    pub fn acks(&self) -> u64 {
        self.everybody().map(|actor| actor.acks).sum()
    }

    /// How often what the many do not do was acknowledged, in words.
    pub fn rare(&self) -> String {
        const KINDS: [&str; 7] = [
            "consent given",
            "consent taken back",
            "two-factor on",
            "two-factor off",
            "backup code used",
            "locked out",
            "keys rotated",
        ];
        let count = |kind| -> u64 { self.everybody().filter_map(|one| one.rare.get(kind)).sum() };
        let counts: Vec<_> = KINDS.iter().map(|kind| format!("{kind} {}", count(kind))).collect();
        counts.join(", ")
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
        if let Some(task) = self.keeper {
            load.keeper = Some(task.await.expect("the keeper"));
        }
        if let Some(task) = self.support {
            load.support = Some(task.await.expect("support"));
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
