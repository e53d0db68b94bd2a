//! nothing can be written any more; the disk is full, or the files are read-only.
//! What only reads goes on; what must write says so at once; nothing is acknowledged that is not
//! so; when it can be written again, all is well without a restart.

use std::time::{Duration, Instant};

use latchkey::paths;

use crate::load::Load;
use crate::obstacle::{Obstacle, Way};
use crate::report::{Report, quantile};
use crate::server::{PASSWORD, Place, Server, person};
use crate::wire::{Auth, Exchange, Log, Wire, csrf};

const PEOPLE: usize = 8;
const RATE: u32 = 100;
const READS: [&str; 4] = ["introspect", "userinfo", "keys", "metadata"];
/// What cannot be done without writing.
const WRITES: [&str; 11] = [
    "refresh",
    "redeem",
    "revoke",
    "authorize",
    "login",
    "logout",
    "password",
    "code",
    "turn on",
    "turn off",
    "disconnect",
];
/// What ends something: none of it may be acknowledged that is not so.
const ENDS: [&str; 4] = ["revoke", "logout", "turn off", "disconnect"];

/// the disk is full.
pub async fn full(report: &mut Report) {
    let ways: &[Way] = report
        .pick(&[Way::FullTmpfs, Way::NoGrowth], &[Way::FullExt4, Way::FullTmpfs, Way::NoGrowth]);
    run(report, "R-04", ways).await;
}

/// the files are read-only.
pub async fn read_only(report: &mut Report) {
    run(report, "R-05", &[Way::Immutable, Way::NoByte]).await;
}

async fn run(report: &mut Report, id: &str, ways: &[Way]) {
    let (mut place, cast) = Place::new();
    let mut load = Load::new(&place, cast, PEOPLE);
    let obstacle = Obstacle::prepare(&mut place, ways);
    let (server, _) = place.serve();
    if let Some(support) = load.support.as_mut().filter(|_| obstacle.has_its_own_mounts()) {
        support.terminal.within = Some(server.id());
    }
    report.fact(id, "writing is prevented by", format!("{:?}", obstacle.way));
    load.warm_up().await;
    load.warm_up_others().await;
    let going = load.go(RATE);
    let readers = read_on(&place);
    tokio::time::sleep(report.pick(Duration::from_secs(1), Duration::from_secs(10))).await;
    drop(going.exchanges());

    obstacle.raise(&server);
    let onset = refused_since(&going.log(), Duration::from_secs(30)).await;
    report.must(id, "writes are refused in the end", onset.is_some(), "true", onset.is_some());
    let onset = onset.unwrap_or_else(Instant::now);
    let mut thief = Thief::new(&place);
    let logins = thief.guess().await;
    tokio::time::sleep(report.pick(Duration::from_secs(4), Duration::from_mins(1))).await;
    let ended = Instant::now();
    let during: Vec<Exchange> =
        going.exchanges().into_iter().filter(|one| one.began >= onset).collect();
    look_at_storm(report, id, &during, &logins, obstacle.way);

    obstacle.lower(&server);
    let healed = thief.gets_in(Duration::from_secs(30)).await;
    let took = healed.map_or(Duration::from_secs(30), |at| at.saturating_duration_since(ended));
    report.must(
        id,
        "heals without a restart",
        healed.is_some() && server.is_alive(),
        "true",
        healed.is_some(),
    );
    report.within(id, "heals within", took, Duration::from_secs(5));
    tokio::time::sleep(Duration::from_secs(1)).await;
    going.stop(&mut load).await;
    readers.stop(report, id);
    load.audit().await;
    report.none(id, "violations of the ledger", &load.violations());
    report.fact(id, "among the acts", load.rare());
    report.fact(id, "acknowledged acts", load.acks());
    let examined = obstacle.examine(&server).await;
    let verdict = examined.as_ref().map_or_else(ToString::to_string, |()| "ok".into());
    report.must(id, "integrity_check", verdict, "ok", examined.is_ok());
    not_damaged(report, id, &server);
}

fn not_damaged(report: &mut Report, id: &str, server: &Server) {
    let panics = server.figure("panics");
    report.must(id, "panics", panics, "0", panics == 0.0);
}

/// Keys and metadata are fetched all the while.
struct Readers {
    task: tokio::task::JoinHandle<()>,
    log: Log,
}

fn read_on(place: &Place) -> Readers {
    let log = Log::default();
    let mut wire = Wire::new(&place.base(), log.clone());
    let task = tokio::spawn(async move {
        loop {
            wire.get("keys", paths::JWKS, Auth::None).await;
            wire.get("metadata", paths::OPENID_CONFIGURATION, Auth::None).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    Readers { task, log }
}

impl Readers {
    fn stop(self, report: &mut Report, id: &str) {
        self.task.abort();
        let all = std::mem::take(&mut *self.log.lock().unwrap());
        let failed = all.iter().filter(|one| one.status != 200).count();
        let what = format!("keys and metadata that failed, of {}", all.len());
        report.must(id, &what, failed, "0", failed == 0);
    }
}

/// When the first write was refused; from then on all are.
async fn refused_since(log: &Log, within: Duration) -> Option<Instant> {
    wait_for(log, within, |one| one.status == 503 && WRITES.contains(&one.kind)).await
}

async fn wait_for(
    log: &Log,
    within: Duration,
    fits: impl Fn(&Exchange) -> bool,
) -> Option<Instant> {
    let begun = Instant::now();
    while begun.elapsed() < within {
        let found = log.lock().unwrap().iter().find(|one| fits(one)).map(|one| one.began);
        if let Some(began) = found {
            return Some(began);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    None
}

/// Somebody tries passwords meanwhile: what is counted before it is looked at cannot be counted,
/// so nothing may be looked at, however right it is.
struct Thief {
    wire: Wire,
    name: String,
}

impl Thief {
    fn new(place: &Place) -> Self {
        Self { wire: Wire::new(&place.base(), Log::default()), name: person(PEOPLE) }
    }

    async fn tries(&mut self, password: &str) -> u16 {
        let page = self.wire.get("login page", paths::LOGIN, Auth::None).await;
        let token = csrf(&page.map(|page| page.body).unwrap_or_default());
        let form = [("username", self.name.as_str()), ("password", password), ("csrf", &token)];
        let reply = self.wire.post("login", paths::LOGIN, Auth::None, &form).await;
        reply.map_or(0, |reply| reply.status)
    }

    async fn guess(&mut self) -> Vec<u16> {
        let mut statuses = Vec::new();
        for number in 0..30 {
            let password = if number % 3 == 2 { PASSWORD } else { "Wrong-1-wrong" };
            statuses.push(self.tries(password).await);
        }
        statuses
    }

    /// When the right password opens the account again.
    async fn gets_in(&mut self, within: Duration) -> Option<Instant> {
        let begun = Instant::now();
        while begun.elapsed() < within {
            if self.tries(PASSWORD).await == 303 {
                return Some(Instant::now());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        None
    }
}

fn look_at_storm(report: &mut Report, id: &str, during: &[Exchange], logins: &[u16], way: Way) {
    let of = |kinds: &'static [&'static str]| {
        during.iter().filter(move |one| kinds.contains(&one.kind)).copied()
    };
    let failed = of(&READS).filter(|one| ![200, 401].contains(&one.status)).count();
    let what = format!("introspections and userinfos that failed, of {}", of(&READS).count());
    report.must(id, &what, failed, "0", failed == 0);
    let odd = of(&WRITES).filter(|one| ![200, 303, 400, 503].contains(&one.status)).count();
    report.must(id, "writes answered otherwise than by success or 503", odd, "0", odd == 0);
    let refused = of(&WRITES).filter(|one| one.status == 503).count();
    report.fact(id, &format!("writes refused by 503, of {}", of(&WRITES).count()), refused);
    let slowest = quantile(of(&WRITES).filter(|one| one.status == 503).map(|one| one.took), 1.0);
    report.within(id, "slowest refusal", slowest, Duration::from_secs(1));
    let ends = of(&ENDS).filter(|one| [200, 303].contains(&one.status)).count();
    // What fits into the space that the database has already is written, and the ledger looks
    // whether it is.
    if way == Way::NoGrowth {
        report.fact(id, "revocations and sign-outs acknowledged meanwhile", ends);
    } else {
        report.must(id, "revocations and sign-outs acknowledged meanwhile", ends, "0", ends == 0);
    }
    let opened = logins.iter().filter(|status| **status == 303).count();
    report.must(id, "sign-ins that succeeded meanwhile", opened, "0", opened == 0);
    let looked = logins.iter().filter(|status| ![503, 303].contains(status)).count();
    report.must(id, "passwords looked at without being counted", looked, "0", looked == 0);
}
