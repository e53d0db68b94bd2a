//! Measures whether the time of a refused sign-in tells what is wrong with it (S-109).
//!
//! Each kind of refusal is held against that of a known name with a wrong password: how often a
//! sample of the one takes longer than a sample of the other (the area under the ROC curve: 0.5
//! says nothing, 1 says all). `scripts/timing` runs it. The kinds take turns, so that whatever
//! else the machine does hits all alike.
#![forbid(unsafe_code)]
#![expect(clippy::cast_precision_loss, reason = "no figure here has so many digits")]

mod instance;
mod samples;

use anyhow::Context;

use instance::Instance;
use samples::Samples;

/// Samples of each kind, unless the command line says otherwise.
const SAMPLES: usize = 1000;
/// The most that a kind may stand out by (SECURITY: AUC 0.45 to 0.55).
const BOUND: f64 = 0.05;

/// A kind of refusal, and what it must not be told from.
struct Kind {
    name: &'static str,
    /// The names of its accounts begin so.
    prefix: &'static str,
    like: &'static str,
    /// Whether passwords of these are looked at.
    evaluated: bool,
}

const WRONG: &str = "wrong password";
const BLOCKED: &str = "blocked, known";

const KINDS: &[Kind] = &[
    Kind { name: WRONG, prefix: "wrong", like: WRONG, evaluated: true },
    Kind { name: "wrong password, again", prefix: "again", like: WRONG, evaluated: true },
    Kind { name: "unknown name", prefix: "nobody", like: WRONG, evaluated: true },
    Kind { name: "locked", prefix: "locked", like: WRONG, evaluated: true },
    Kind { name: "no password", prefix: "unset", like: WRONG, evaluated: true },
    Kind { name: "hash with older parameters", prefix: "older", like: WRONG, evaluated: true },
    Kind { name: BLOCKED, prefix: "shut", like: BLOCKED, evaluated: false },
    Kind { name: "blocked, known, again", prefix: "closed", like: BLOCKED, evaluated: false },
    Kind { name: "blocked, unknown", prefix: "noone", like: BLOCKED, evaluated: false },
];

fn main() -> anyhow::Result<()> {
    // `cargo bench` adds an option of its own.
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with('-'));
    let wanted = match arguments.next() {
        Some(number) => number.parse().context("how many samples?")?,
        None => SAMPLES,
    };
    let folder = tempfile::tempdir().context("a folder")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run(folder.path(), wanted))
}

async fn run(folder: &std::path::Path, wanted: usize) -> anyhow::Result<()> {
    let accounts = wanted.div_ceil(instance::TRIES);
    let prefixes: Vec<_> = KINDS.iter().map(|kind| (kind.prefix, kind.evaluated)).collect();
    let mut instance = Instance::start(folder, &prefixes, accounts).await?;
    let mut samples: Vec<Samples> = KINDS.iter().map(|_| Samples::default()).collect();
    let mut order: Vec<usize> = (0..KINDS.len()).collect();
    for round in 0..wanted + instance::WARM_UP {
        // Another order each time: nobody always comes after the same one.
        order.rotate_left(1 + round % 4);
        let (half, rest) = (order.len() / 2, order.len().div_ceil(2));
        order.swap(round % half, half + round % rest);
        for &at in &order {
            let (Some(kind), Some(samples)) = (KINDS.get(at), samples.get_mut(at)) else {
                continue;
            };
            let took = instance.refused(kind.prefix, round % accounts, kind.evaluated).await?;
            if round >= instance::WARM_UP {
                samples.add(took);
            }
        }
    }
    report(&samples);
    Ok(())
}

fn report(samples: &[Samples]) {
    println!("{:<28} {:>9} {:>9}  AUC against      95 %", "", "median ms", "IQR ms");
    for (kind, own) in KINDS.iter().zip(samples) {
        let like = KINDS.iter().position(|other| other.name == kind.like);
        let Some(like) = like.and_then(|at| samples.get(at)) else { continue };
        let (low, high) = own.quartiles();
        let figures = format!("{:<28} {:>9.3} {:>9.3}", kind.name, own.median(), high - low);
        if kind.name == kind.like {
            println!("{figures}");
            continue;
        }
        let (auc, error) = own.auc(like);
        let (from, to) = (auc - 1.96 * error, auc + 1.96 * error);
        let told = (auc - 0.5).abs() > BOUND;
        let words = if told { "  told apart" } else { "" };
        println!("{figures}  {auc:.3} {:<16} {from:.3} to {to:.3}{words}", kind.like);
    }
}
