//! killed at random times under load, and started again.

use std::time::{Duration, Instant};

use crate::load::Load;
use crate::report::{Report, quantile};
use crate::server::Place;

const PEOPLE: usize = 8;
const RATE: u32 = 200;

pub async fn run(report: &mut Report) {
    let id = "R-01";
    let (place, cast) = Place::new();
    let mut load = Load::new(&place, cast, PEOPLE);
    // A provider that has just started knows all keys.
    load.published = Some(Duration::from_secs(1));
    let (mut server, _) = place.serve();
    load.warm_up().await;
    load.warm_up_others().await;
    let cycles = report.pick(5, 200);
    let (mut starts, mut damaged, mut exchanges) = (Vec::new(), Vec::new(), 0);
    let begun = Instant::now();
    for cycle in 0..cycles {
        let going = load.go(RATE);
        tokio::time::sleep(Duration::from_millis(300 + u64::from(dice()))).await;
        server.kill();
        let (again, took) = place.serve();
        server = again;
        starts.push(took);
        going.stop(&mut load).await;
        load.audit().await;
        exchanges += load.exchanges().len();
        if let Err(error) = place.check_integrity().await {
            damaged.push(error);
        }
        if cycle % 20 == 19 {
            eprintln!("  {} cycles, {} acts", cycle + 1, load.acks());
        }
        if load.violations().len() + damaged.len() > 20 {
            break;
        }
    }
    report.fact(id, "cycles", starts.len());
    report.fact(id, "took", format!("{:.0} s", begun.elapsed().as_secs_f64()));
    report.fact(id, "requests", exchanges);
    report.fact(id, "acknowledged acts", load.acks());
    report.fact(id, "among the acts", load.rare());
    report.none(id, "acknowledgements lost, and other violations", &load.violations());
    report.none(id, "integrity_check failed", &damaged);
    report.fact(
        id,
        "median time until ready",
        crate::report::ms(quantile(starts.iter().copied(), 0.5)),
    );
    let slowest = quantile(starts.into_iter(), 1.0);
    report.within(id, "longest time until ready", slowest, Duration::from_secs(2));
    let code = server.stop();
    report.must(id, "exit code at the end", code, "0", code == 0);
}

/// How many milliseconds a cycle goes on beyond the least.
fn dice() -> u16 {
    let bytes: [u8; 2] = latchkey::secret::Random::System.bytes();
    u16::from_be_bytes(bytes) % 1200
}
