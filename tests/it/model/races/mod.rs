//! Many at once: whatever comes of it must be what would have come of some order, one after the
//! other; and every answer that somebody got before somebody else asked counts for them.

mod arms;
mod checker;
mod operation;
mod scenes;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Barrier;

use super::budget::{self, Clock};
use super::command::{Act, SEATS};
use super::runner::{Held, Runner};
use super::world::Seat;
use crate::support::Latchkey;
use arms::Brought;
use checker::{Record, explain};
use operation::{Operation, Seen, State};
use scenes::SCENES;

/// Races of a usual run, and how long they may take.
const RACES: usize = 240;
const TIME: Duration = Duration::from_secs(35);

/// A server, or two over one database, with the model beside them.
pub struct Track {
    runner: Runner,
    second: Option<Latchkey>,
    passwords: u32,
    outcomes: BTreeMap<String, usize>,
}

impl Track {
    async fn open() -> Self {
        let runner = Runner::start().await;
        let postgres = runner.latchkey.app.config.database.url.starts_with("postgres");
        let second = if postgres { Some(runner.latchkey.another_node().await) } else { None };
        Self { runner, second, passwords: 0, outcomes: BTreeMap::new() }
    }

    /// The node whose turn it is.
    fn node(&self, turn: usize) -> &Latchkey {
        self.second.as_ref().filter(|_| turn % 2 == 1).unwrap_or(&self.runner.latchkey)
    }

    /// A password that nobody had before.
    fn new_password(&mut self) -> u32 {
        let most = self.runner.world.people.iter().map(|person| person.password).max();
        self.passwords = self.passwords.max(most.unwrap_or_default()) + 1;
        self.passwords
    }

    /// A browser that was never here.
    fn new_seat(&mut self) -> usize {
        self.runner.browsers.push(self.runner.latchkey.browser());
        self.runner.world.seats.push(Seat::default());
        self.runner.browsers.len() - 1
    }

    /// Lets all begin at once, looks at what came of it, and finds the order that explains it.
    async fn race(&mut self, all: Vec<Operation>, looks: impl Fn(&[Seen]) -> Vec<Operation>) {
        let mut arms = Vec::new();
        for (number, operation) in all.iter().enumerate() {
            arms.push(self.arm(number, operation).await);
        }
        let begin = State::of(&self.runner.world);
        let (start, counter) = (Arc::new(Barrier::new(arms.len())), Arc::new(AtomicU64::new(0)));
        let tasks = arms.into_iter().map(|arm| {
            let (start, counter) = (Arc::clone(&start), Arc::clone(&counter));
            tokio::spawn(async move {
                start.wait().await;
                let from = counter.fetch_add(1, Ordering::SeqCst);
                let came = arm.await;
                (from, came, counter.fetch_add(1, Ordering::SeqCst))
            })
        });
        let (mut history, mut brought) = (Vec::new(), Vec::new());
        for (task, operation) in tasks.collect::<Vec<_>>().into_iter().zip(all) {
            let (from, (seen, came), to) = task.await.expect("an answer");
            history.push(Record { operation, seen, from, to });
            brought.push(came);
        }
        let seen: Vec<_> = history.iter().map(|record| record.seen.clone()).collect();
        for operation in looks(&seen) {
            self.look_after(operation, &counter, (&mut history, &mut brought)).await;
        }
        for of in 0..history.len() {
            if matches!(history[of].seen, Seen::Tokens(_)) {
                let operation = Operation::IsGood { of };
                self.look_after(operation, &counter, (&mut history, &mut brought)).await;
            }
        }
        let apply = |state: &mut State, number: usize, operation: &Operation| {
            state.apply(number, operation)
        };
        let named: Vec<_> = history.iter().filter_map(|one| one.operation.refers_to()).collect();
        let Some(end) = explain(&begin, (&history, &named), &apply) else {
            let lines: Vec<_> = history.iter().map(|one| format!("    {one:?}\n")).collect();
            panic!("no order explains what was seen:\n{}", lines.concat());
        };
        self.count(&seen);
        self.adopt(end, &brought);
    }

    async fn look_after(
        &mut self,
        operation: Operation,
        counter: &AtomicU64,
        (history, brought): (&mut Vec<Record<Operation, Seen>>, &mut Vec<Brought>),
    ) {
        let from = counter.fetch_add(1, Ordering::SeqCst);
        let (seen, came) = self.look(&operation, brought).await;
        let to = counter.fetch_add(1, Ordering::SeqCst);
        history.push(Record { operation, seen, from, to });
        brought.push(came);
    }

    fn count(&mut self, seen: &[Seen]) {
        for one in seen {
            let name = match one {
                Seen::Tokens(_) => "Tokens".to_owned(),
                other => format!("{other:?}"),
            };
            *self.outcomes.entry(name).or_default() += 1;
        }
    }

    /// The world goes on as the order left it.
    fn adopt(&mut self, end: State, brought: &[Brought]) {
        let runner = &mut self.runner;
        for grant in runner.held.len()..end.world.grants.len() {
            let of = end.grants.iter().find(|(_, made)| **made == grant).map(|(of, _)| *of);
            let of = of.expect("an operation made it");
            let (ask, code) = brought[of].code.clone().expect("it brought a code");
            runner.held.push(Held { ask, code, refresh: BTreeMap::new() });
        }
        for token in runner.access.len()..end.world.tokens.len() {
            let of = end.tokens.iter().find(|(_, made)| **made == token).map(|(of, _)| *of);
            let came = &brought[of.expect("an operation made it")];
            runner.access.push(came.access.clone().expect("it brought tokens"));
            let made = &end.world.tokens[token];
            if let Some((generation, text)) = came.refresh.clone() {
                assert_eq!(generation, made.generation);
                runner.held[made.grant].refresh.insert(generation, text);
            }
        }
        runner.world = end.world;
    }

    /// Before the next race: nobody is locked out, no strange browsers are left.
    async fn tidy(&mut self) {
        self.runner.look_at_browsers().await;
        for who in 0..self.runner.users.len() {
            self.runner.support(who, Act::Unlock).await;
        }
        self.runner.browsers.truncate(SEATS);
        self.runner.world.seats.truncate(SEATS);
        for person in &mut self.runner.world.people {
            person.known.retain(|seat, _| *seat < SEATS);
            person.trusted.retain(|seat, _| *seat < SEATS);
        }
        self.runner.pass(30);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happens_at_once_happens_in_some_order() {
    let (races, clock) = (budget::cases(RACES), Clock::start(TIME));
    let mut track = Track::open().await;
    let (mut run, mut played) = (0, BTreeMap::new());
    for number in 0..races {
        if clock.is_over() {
            break;
        }
        // A database that grows for ever makes the model slow, not the server.
        if number % 200 == 199 {
            track = Track { outcomes: track.outcomes, ..Track::open().await };
        }
        let (scene, variant) = (number % SCENES.len(), number / SCENES.len());
        println!("race {number}: {}, variant {variant}", SCENES[scene]);
        track.play(scene, variant).await;
        track.tidy().await;
        run += 1;
        *played.entry(SCENES[scene]).or_insert(0_usize) += 1;
    }
    println!("{run} races in {:.0} s: {:?}", clock.seconds(), track.outcomes);
    assert!(run >= SCENES.len(), "each of them at least once: {played:?}");
}
