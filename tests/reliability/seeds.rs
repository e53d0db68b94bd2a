//! R-25s: many short lives beside a database that fails at random, each from a seed of its own.
//! A seed decides what its person does and which call of the store is struck; after each seed all
//! that was acknowledged is looked at. Several providers run in this process, each with a database
//! of its own, so that the faults of one seed strike that seed alone.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use latchkey::clock::Clock;
use latchkey::config::Config;
use latchkey::identity::people::{self, NewUser};
use latchkey::protocol::claims::StandardClaims;
use latchkey::secret::Random;
use latchkey::server::{Provider, Shutdown};
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use crate::faulty::{self, Dice, may_end};
use crate::ledger::{Actor, Cast};
use crate::report::Report;
use crate::server::{PASSWORD, PEOPLE, Place, person};
use crate::wire::{Exchange, Log};

const ID: &str = "R-25s";
/// Providers at a time.
const LANES: usize = 4;
/// Seeds from one empty database to the next; they repeat as a block.
const BLOCK: u64 = 250;
/// What a person does in one seed.
const ACTS: usize = 12;
/// The longest that a call of the store is held up, in milliseconds.
const SLOW: u64 = 4;
/// Grants that are carried from one seed to the next.
const CARRIED: usize = 3;

/// What all lanes found.
#[derive(Default)]
struct Found {
    next: AtomicU64,
    seeds: AtomicU64,
    acks: AtomicU64,
    calls: AtomicU64,
    struck: AtomicU64,
    requests: AtomicU64,
    refused: AtomicU64,
    odd: AtomicU64,
    violations: Mutex<Vec<String>>,
}

impl Found {
    /// Counts what was answered beside a failing database.
    fn note(&self, exchanges: &[Exchange]) {
        let count =
            |fits: fn(u16) -> bool| exchanges.iter().filter(|one| fits(one.status)).count() as u64;
        self.requests.fetch_add(exchanges.len() as u64, Ordering::Relaxed);
        self.refused.fetch_add(count(|status| status == 503), Ordering::Relaxed);
        self.odd.fetch_add(count(|status| !may_end(status)), Ordering::Relaxed);
    }
}

pub async fn run(report: &mut Report) {
    let wanted = report.pick(200, 100_000);
    let block = report.pick(50, BLOCK);
    let found = Arc::new(Found::default());
    let lanes = (0..LANES).map(|_| {
        let found = Arc::clone(&found);
        tokio::spawn(async move {
            loop {
                let first = found.next.fetch_add(block, Ordering::Relaxed);
                if first >= wanted || !found.violations.lock().unwrap().is_empty() {
                    return;
                }
                play(first..(first + block).min(wanted), &found).await;
            }
        })
    });
    for lane in lanes.collect::<Vec<_>>() {
        lane.await.expect("a lane");
    }
    let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let seeds = of(&found.seeds);
    report.must(ID, "seeds", seeds, &format!("≥ {wanted}"), seeds >= wanted);
    report.fact(ID, "acknowledged acts", of(&found.acks));
    report.fact(ID, "calls of the store", of(&found.calls));
    report.fact(ID, "of them struck", of(&found.struck));
    report.fact(ID, "requests", of(&found.requests));
    report.fact(ID, "answered by 503", of(&found.refused));
    let odd = of(&found.odd);
    report.must(ID, "answered otherwise than rightly or by 503", odd, "0", odd == 0);
    report.none(ID, "violations of the ledger", &found.violations.lock().unwrap());
}

/// A place of its own whose passwords cost next to nothing: the database is what is tried.
async fn place() -> (Place, Cast) {
    static TEMPLATE: OnceCell<(Place, Cast)> = OnceCell::const_new();
    let (template, cast) = TEMPLATE.get_or_init(populate).await;
    (template.copy(), cast.clone())
}

async fn populate() -> (Place, Cast) {
    let place = Place::empty();
    let cast = place.cast();
    let provider = Provider::start(config(&place), Clock::System, Random::System).await;
    let provider = provider.expect("it starts");
    for number in 0..PEOPLE {
        people::add_user(provider.app(), somebody(number)).await.expect("a person");
    }
    // What is not yet in the file would not be copied.
    let stop = CancellationToken::new();
    stop.cancel();
    provider.serve(Shutdown::from(stop)).await.expect("it ends");
    (place, cast)
}

fn somebody(number: usize) -> NewUser {
    NewUser {
        username: person(number),
        email: None,
        email_verified: false,
        claims: StandardClaims::default(),
        password: Some(PASSWORD.into()),
        admin: false,
    }
}

fn config(place: &Place) -> Config {
    let mut config = faulty::config(place);
    config.password.argon2_memory_kib = 64;
    config.password.argon2_iterations = 1;
    config
}

/// Plays some seeds one after the other on a provider of their own.
async fn play(seeds: std::ops::Range<u64>, found: &Found) {
    let (place, cast) = place().await;
    let (cast, log, dice) = (Arc::new(cast), Log::default(), Arc::new(Dice::patient(SLOW)));
    let (stop, serving) = faulty::start(config(&place), &dice).await;
    let base = place.base();
    let actor = |number| Actor::new(&person(number), &base, &cast, &log);
    let mut people: Vec<Actor> = (0..PEOPLE).map(actor).collect();
    // They begin in calm weather, with something to lose.
    for actor in &mut people {
        actor.settle_in().await;
    }
    for (turn, seed) in seeds.clone().enumerate() {
        let actor = &mut people[turn % PEOPLE];
        actor.random = Random::seeded(seed);
        while actor.grants.len() > CARRIED {
            actor.grants.pop_front();
        }
        log.lock().unwrap().clear();
        dice.start(seed);
        for _ in 0..ACTS {
            actor.act().await;
        }
        dice.stop();
        found.note(&log.lock().unwrap());
        actor.audit().await;
        found.seeds.fetch_add(1, Ordering::Relaxed);
        if !actor.violations.is_empty() {
            let of = format!("seed {seed} of the block from {}", seeds.start);
            let told = actor.violations.iter().map(|violation| format!("{of}: {violation}"));
            found.violations.lock().unwrap().extend(told);
            break;
        }
    }
    found.acks.fetch_add(people.iter().map(|actor| actor.acks).sum(), Ordering::Relaxed);
    let (calls, struck) = dice.counts();
    found.calls.fetch_add(calls, Ordering::Relaxed);
    found.struck.fetch_add(struck, Ordering::Relaxed);
    stop.cancel();
    serving.await.expect("the provider's task").expect("it ends well");
}
