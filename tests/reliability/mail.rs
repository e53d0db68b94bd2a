//! R-25, in part: a mail server that takes connections and never says a word does not slow
//! down the sign-ins that people are told of by mail.

use std::net::TcpListener;
use std::time::Duration;

use crate::ledger::Actor;
use crate::load::Load;
use crate::report::{Report, ms, quantile};
use crate::server::Place;

const ID: &str = "R-25m";
const PEOPLE: usize = 4;

pub async fn run(report: &mut Report) {
    let hole = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = hole.local_addr().expect("an address").port();
    // The system itself takes the connections; nobody ever reads them.
    let (mut calm, mut silent) = (Vec::new(), Vec::new());
    let (folder, cast) = Place::new();
    let (mut into_hole, _) = Place::new();
    into_hole.set("LATCHKEY_MAIL__TRANSPORT", &format!("smtp://127.0.0.1:{port}"));
    let places = [folder, into_hole];
    let mut servers = Vec::new();
    let mut loads = Vec::new();
    for place in &places {
        loads.push(Load::new(place, cast.clone(), PEOPLE));
        servers.push(place.serve().0);
    }
    // In turn, so that what else the machine does hits both alike.
    for _ in 0..report.pick(10, 200) {
        for (load, times) in loads.iter_mut().zip([&mut calm, &mut silent]) {
            for actor in &mut load.actors {
                times.push(sign_in_from_a_new_browser(actor, report).await);
            }
            drop(load.exchanges());
        }
    }
    let p99 = |times: &[Duration]| quantile(times.iter().copied(), 0.99);
    let (calm99, silent99) = (p99(&calm), p99(&silent));
    report.fact(ID, &format!("p99 of {} logins, mails into a folder", calm.len()), ms(calm99));
    let bound = calm99.mul_f64(1.2);
    report.within(ID, "p99 of logins, mails into a black hole", silent99, bound);
    let panics = servers[1].figure("panics");
    report.must(ID, "panics", panics, "0", panics == 0.0);
    drop(hole);
}

/// A browser that was never seen before: its owner is told by mail.
async fn sign_in_from_a_new_browser(actor: &mut Actor, report: &mut Report) -> Duration {
    actor.wire.cookies.clear();
    let password = actor.passwords[0].clone();
    let begun = std::time::Instant::now();
    let reply = actor.try_password(&password).await;
    let took = begun.elapsed();
    if reply.as_ref().is_none_or(|reply| reply.status != 303) {
        report.none(ID, "a login failed", &[format!("{reply:?}")]);
    }
    took
}
