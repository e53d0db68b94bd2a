//! a database that fails at random: before a transaction, before its COMMIT, after its
//! COMMIT, or only slowly. The provider runs in this process, because nothing in the program makes
//! faults; all else is as it is deployed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use latchkey::clock::Clock;
use latchkey::config::Config;
use latchkey::secret::Random;
use latchkey::server::{Provider, Shutdown};
use latchkey::store::faults::{Fate, Point};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::load::Load;
use crate::report::Report;
use crate::server::Place;

const ID: &str = "R-25";
const PEOPLE: usize = 8;
/// One in so many calls of the store fails, and as many are slow.
const ONE_IN: u64 = 25;
/// The longest that a call is held up, in milliseconds.
const SLOW: u64 = 20;

/// What decides, by a seed of its own for each stretch.
pub struct Dice {
    on: AtomicBool,
    state: AtomicU64,
    calls: AtomicU64,
    struck: AtomicU64,
    slow: u64,
}

impl Dice {
    /// Holds calls up for less than `slow` milliseconds.
    pub fn patient(slow: u64) -> Self {
        let none = || AtomicU64::new(0);
        Self { on: AtomicBool::new(false), state: none(), calls: none(), struck: none(), slow }
    }

    pub fn start(&self, seed: u64) {
        self.state.store(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, Ordering::SeqCst);
        self.on.store(true, Ordering::SeqCst);
    }

    pub fn stop(&self) {
        self.on.store(false, Ordering::SeqCst);
    }

    /// An xorshift generator: the same seed decides the same, call for call.
    fn roll(&self) -> u64 {
        let step = |mut x: u64| {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            Some(x)
        };
        let before = self.state.fetch_update(Ordering::SeqCst, Ordering::SeqCst, step);
        before.unwrap_or(1).wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32
    }

    pub fn fate(&self, _: Point) -> Fate {
        if !self.on.load(Ordering::SeqCst) {
            return Fate::Pass;
        }
        self.calls.fetch_add(1, Ordering::Relaxed);
        let fate = match self.roll() % ONE_IN {
            0 => Fate::Fail,
            1 => Fate::Wait(Duration::from_millis(self.roll() % self.slow)),
            _ => return Fate::Pass,
        };
        self.struck.fetch_add(1, Ordering::Relaxed);
        fate
    }

    /// How many calls there were while it was on, and how many of them it struck.
    pub fn counts(&self) -> (u64, u64) {
        (self.calls.load(Ordering::Relaxed), self.struck.load(Ordering::Relaxed))
    }
}

/// A provider in this process, whose store fails as `dice` decides; it serves until it is told to
/// stop.
pub async fn start(
    config: Config,
    dice: &Arc<Dice>,
) -> (CancellationToken, JoinHandle<anyhow::Result<()>>) {
    let provider = Provider::start(config, Clock::System, Random::System).await.expect("it starts");
    let plan = Arc::clone(dice);
    provider.app().store.break_by(Arc::new(move |point| plan.fate(point)));
    let stop = CancellationToken::new();
    let serving = tokio::spawn(provider.serve(Shutdown::from(stop.clone())));
    (stop, serving)
}

/// How `place` is configured.
pub fn config(place: &Place) -> Config {
    Config::read("", "", place.environment()).expect("a configuration")
}

/// Whether a request may end so where the database may fail: rightly, or by 503.
pub fn may_end(status: u16) -> bool {
    [200, 303, 400, 401, 503].contains(&status)
}

pub async fn run(report: &mut Report) {
    let (place, cast) = Place::new();
    let mut load = Load::new(&place, cast, PEOPLE);
    let dice = Arc::new(Dice::patient(SLOW));
    let (stop, _) = start(config(&place), &dice).await;
    load.warm_up().await;
    load.warm_up_others().await;
    drop(load.exchanges());
    let length = report.pick(Duration::from_secs(7), Duration::from_mins(10));
    let (begun, mut seeds, mut statuses) = (Instant::now(), 0, Vec::new());
    while begun.elapsed() < length && load.violations().is_empty() {
        seeds += 1;
        dice.start(seeds);
        // Commands are processes of their own and take their time.
        let resting = if seeds % 4 == 1 { None } else { load.support.take() };
        let going = load.go(400);
        tokio::time::sleep(Duration::from_millis(400)).await;
        going.stop(&mut load).await;
        dice.stop();
        statuses.extend(load.exchanges().into_iter().map(|one| one.status));
        // A write that nobody waits for any more may still be under way.
        tokio::time::sleep(Duration::from_millis(50)).await;
        load.audit().await;
        load.support = load.support.take().or(resting);
        drop(load.exchanges());
    }
    let odd = statuses.iter().filter(|status| !may_end(**status)).count();
    report.fact(ID, "seeds", seeds);
    let (calls, struck) = dice.counts();
    report.fact(ID, "calls of the store", calls);
    report.fact(ID, "of them struck", struck);
    report.fact(ID, "requests", statuses.len());
    let refused = statuses.iter().filter(|status| **status == 503).count();
    report.fact(ID, "answered by 503", refused);
    report.must(ID, "answered otherwise than rightly or by 503", odd, "0", odd == 0);
    report.fact(ID, "among the acts", load.rare());
    report.none(ID, "violations of the ledger", &load.violations());
    stop.cancel();
}
