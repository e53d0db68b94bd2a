//! One thing after the other: histories drawn at random, each on a server of its own.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Mutex;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tokio::runtime::Runtime;

use super::budget::{self, Clock};
use super::command::Command;
use super::drawing::command;
use super::runner::{Ledger, Runner};
use super::shrink::{Failure, shrink};

/// Histories of a usual run, and the steps of the longest.
const CASES: usize = 60;
const LONGEST: usize = 60;
/// Steps that a usual run must have taken, or it proved little.
const LEAST: usize = 2000;
/// How long a usual run may take: a fraction of it, unless the machine hardly moves.
const TIME: Duration = Duration::from_mins(5);
/// As many run beside one another.
const LANES: usize = 2;

/// What a run did.
#[derive(Debug, Default)]
struct Done {
    histories: usize,
    steps: usize,
    looks: usize,
    outcomes: BTreeMap<String, usize>,
}

/// What every run must have come across, or it proved little.
const REACHED: [&str; 15] = [
    "Answer",
    "Consent",
    "Owes",
    "Blocked",
    "Locked",
    "(\"exchange\", false, true)",
    "(\"exchange\", true, false)",
    "(\"refresh\", \"next\")",
    "(\"refresh\", \"the same again\")",
    "(\"refresh\", \"theft\")",
    "\"disconnected\"",
    "\"password changed\"",
    "\"recovered\"",
    "(\"switched\", false)",
    "(\"machine\", true)",
];

/// Runs one history from its beginning on a fresh server.
async fn run(history: &[Command]) -> Result<Ledger, Failure> {
    let step = Mutex::new(0);
    let whole = async {
        let mut runner = Runner::start().await;
        for (at, command) in history.iter().enumerate() {
            *step.lock().expect("nobody else has it") = at;
            runner.step(command).await;
        }
        *step.lock().expect("nobody else has it") = history.len();
        runner.look_at_everything().await;
        runner.ledger
    };
    let ended = AssertUnwindSafe(whole).catch_unwind().await;
    ended.map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
        let step = *step.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Failure { step, why: text.unwrap_or_default() }
    })
}

/// The history of this number: the same in every run with this seed.
fn draw(seed: u64, case: usize) -> Vec<Command> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&u64::try_from(case).expect("a number").to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let histories = proptest::collection::vec(command(), LONGEST / 2..=LONGEST);
    histories.new_tree(&mut runner).expect("a history").current()
}

fn report(seed: u64, case: usize, failure: Failure, runtime: &Runtime) -> ! {
    let mut history = draw(seed, case);
    let (length, step) = (history.len(), failure.step);
    history.truncate(step + 1);
    let (small, why) = shrink(history, failure.why, |steps| runtime.block_on(run(steps)).err());
    let steps: Vec<_> = small.iter().map(|step| format!("    {step:?},\n")).collect();
    panic!(
        "history {case} of LATCHKEY_MODEL_SEED={seed} fails at step {step} of {length}; of these \
         {} steps as well:\n{}{why}",
        small.len(),
        steps.concat()
    );
}

#[test]
fn the_server_does_as_the_model_says() {
    let threads =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = threads.expect("a runtime");
    let (seed, cases) = (budget::seed(), budget::cases(CASES));
    let clock = Clock::start(TIME);
    let failed = runtime.block_on(async {
        let mut done = Done::default();
        let one = |case: usize| {
            let late = clock.is_over();
            async move {
                let ended = tokio::spawn(async move {
                    if late { Ok(Ledger::default()) } else { run(&draw(seed, case)).await }
                });
                (case, ended.await.expect("panics are caught"))
            }
        };
        let mut all = stream::iter(0..cases).map(one).buffer_unordered(LANES);
        while let Some((case, ended)) = all.next().await {
            match ended {
                Ok(ledger) if ledger.steps == 0 => {}
                Ok(ledger) => {
                    done.histories += 1;
                    done.steps += ledger.steps;
                    done.looks += ledger.looks;
                    for (outcome, times) in ledger.outcomes {
                        *done.outcomes.entry(outcome).or_default() += times;
                    }
                    if budget::is_long() && done.histories % 25 == 0 {
                        println!("{done:?} after {:.0} s", clock.seconds());
                    }
                }
                Err(failure) => return Some((case, failure)),
            }
        }
        println!("{done:?} in {:.0} s, seed {seed}", clock.seconds());
        if !budget::is_long() {
            assert!(done.steps >= LEAST, "too few steps in {:.0} s: {done:?}", clock.seconds());
        }
        if done.histories >= CASES / 2 {
            let missed = REACHED.iter().filter(|one| !done.outcomes.contains_key(**one));
            assert_eq!(missed.collect::<Vec<_>>(), Vec::<&&str>::new(), "{done:?}");
        }
        None
    });
    if let Some((case, failure)) = failed {
        report(seed, case, failure, &runtime);
    }
}
