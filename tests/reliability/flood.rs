//! twenty times as many sign-ins as can be checked, from everywhere, while applications
//! refresh and introspect as ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use latchkey::paths;
use latchkey::secret::Random;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::door::Door;
use crate::load::{Going, Load, Mix, TOKENS, bystanders};
use crate::report::{Report, below_p99, ms, p99, quantile};
use crate::server::{PASSWORD, Place, Server, person};
use crate::wire::{Auth, Exchange, Log, Wire, csrf};

const ID: &str = "R-15";
const PEOPLE: usize = 8;
/// Enough that they keep up the pace while some of them wait for a password to be checked.
const CALLERS: u32 = 512;
/// Sign-ins offered for each that can be checked; the short version, of an unoptimized build, leaves
/// the machine some air.
const TIMES: [f64; 2] = [8.0, 20.0];
/// Token requests of a minute.
const MINUTE: usize = 200 * 60;
/// The memory of one hash.
const HASH: u64 = 19_456 * 1024;

pub async fn run(report: &mut Report) {
    let (mut place, cast) = Place::new();
    place.set("LATCHKEY_RATE_LIMITS__LOGIN_PER_MINUTE", "20");
    place.set("LATCHKEY_SERVER__TRUSTED_PROXIES", "[\"127.0.0.0/8\", \"::1/128\"]");
    let mut load = Load::new(&place, cast, PEOPLE);
    let (server, _) = place.serve();
    load.warm_up().await;
    load.mix = Mix::Tokens;
    same_cost(report, &place).await;

    let capacity = measure_capacity(report, &place).await;
    drop(load.exchanges());
    let going = load.go(200);
    tokio::time::sleep(report.pick(Duration::from_secs(2), Duration::from_secs(20))).await;
    let before = going.exchanges();
    let alone = p99(&before, TOKENS);
    report.fact(ID, "p50, p90, p98 of tokens without the flood", below_p99(&before, TOKENS));
    let times = report.pick(TIMES[0], TIMES[1]);
    let rate = capacity.max(5.0) * times;
    let elsewhere = elsewhere(report, &going, rate).await;
    report.fact(ID, "p99 of tokens while the flood is elsewhere", ms(elsewhere));
    let resident = server.resident();

    let flood = Flood::start(&place.base(), rate);
    let length = report.pick(Duration::from_secs(6), Duration::from_mins(5));
    let most = watch_memory(&server, length).await;
    let offered = flood.stop().await;
    let during = going.exchanges();
    going.stop(&mut load).await;
    look(report, &offered, &during, alone);
    report.fact(ID, "logins that can be checked a second", format!("{capacity:.0}"));
    let enough = offered.rate >= rate * 0.9;
    let figure = format!("{:.0}", offered.rate);
    let bound = format!("{times:.0} times as many, less 10 %");
    report.timed(ID, "logins offered a second", figure, &bound, enough);
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let bound = (resident + cores * HASH) * 11 / 10;
    let mib = |bytes: u64| format!("{} MiB", bytes >> 20);
    report.timed(ID, "memory", mib(most), &format!("≤ {}", mib(bound)), most <= bound);
    load.audit().await;
    report.none(ID, "violations of the ledger", &load.violations());
}

/// The p99 of tokens while as many callers flood another door: what they cost by themselves, because
/// they share the cores with the provider and with those who measure it.
async fn elsewhere(report: &Report, going: &Going, rate: f64) -> Duration {
    let door = Door::open();
    let flood = Flood::start(door.base(), rate);
    // They all connect at first, which nobody does who floods for minutes.
    tokio::time::sleep(report.pick(Duration::from_millis(500), Duration::from_secs(3))).await;
    drop(going.exchanges());
    tokio::time::sleep(report.pick(Duration::from_secs(2), Duration::from_secs(30))).await;
    let base = p99(&going.exchanges(), TOKENS);
    flood.stop().await;
    base
}

fn stranger() -> String {
    let [a, b, c] = Random::System.bytes();
    format!("100.{}.{a}.{}", b & 63, c)
}

/// A browser with the sign-in page open.
async fn browser(place: &Place, log: &Log) -> (Wire, String) {
    let mut wire = Wire::new(&place.base(), Arc::clone(log));
    let page = wire.get("login page", paths::LOGIN, Auth::None).await.expect("the page");
    let token = csrf(&page.body);
    (wire, token)
}

async fn try_in(wire: &mut Wire, token: &str, kind: &'static str, name: &str, word: &str) -> u16 {
    wire.from = Some(stranger());
    wire.cookies.remove("latchkey_session");
    let form = [("username", name), ("password", word), ("csrf", token)];
    let reply = wire.post(kind, paths::LOGIN, Auth::None, &form).await;
    reply.map_or(0, |reply| reply.status)
}

/// A wrong password takes as long for somebody as for nobody.
async fn same_cost(report: &mut Report, place: &Place) {
    let log = Log::default();
    let (mut wire, token) = browser(place, &log).await;
    for round in 0..6 {
        for number in 0..PEOPLE {
            let name = person(number);
            assert_eq!(try_in(&mut wire, &token, "known", &name, "Wrong-1-wrong").await, 422);
            let name = format!("nobody{number}-{round}");
            assert_eq!(try_in(&mut wire, &token, "unknown", &name, "Wrong-1-wrong").await, 422);
        }
    }
    let log = std::mem::take(&mut *log.lock().unwrap());
    let of = |kind| quantile(log.iter().filter(|one| one.kind == kind).map(|one| one.took), 0.5);
    let (known, unknown) = (of("known"), of("unknown"));
    let ratio = known.as_secs_f64() / unknown.as_secs_f64();
    let figure = format!("{} and {}", ms(known), ms(unknown));
    let alike = (0.85..1.18).contains(&ratio);
    report.timed(ID, "median for a known and an unknown name", figure, "within 15 %", alike);
}

/// Sign-ins a second that a few callers get through one after the other.
async fn measure_capacity(report: &Report, place: &Place) -> f64 {
    let log = Log::default();
    let length = report.pick(Duration::from_secs(1), Duration::from_secs(5));
    let begun = Instant::now();
    let tasks: Vec<_> = (0..4)
        .map(|caller| {
            let (base, log) = (place.base(), Arc::clone(&log));
            tokio::spawn(async move {
                let mut wire = Wire::new(&base, log);
                let page = wire.get("login page", paths::LOGIN, Auth::None).await.expect("it");
                let token = csrf(&page.body);
                let mut number = 0;
                while begun.elapsed() < length {
                    let name = format!("stranger{caller}-{number}");
                    try_in(&mut wire, &token, "login", &name, "Wrong-1-wrong").await;
                    number += 1;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("a caller");
    }
    let checked = log.lock().unwrap().iter().filter(|one| one.status == 422).count();
    f64::from(u32::try_from(checked).expect("few")) / begun.elapsed().as_secs_f64()
}

/// What became of the flood.
struct Offered {
    rate: f64,
    log: Vec<Exchange>,
    without_advice: u64,
}

struct Flood {
    runtime: Runtime,
    stop: Arc<AtomicBool>,
    log: Log,
    without_advice: Arc<AtomicU64>,
    tasks: Vec<JoinHandle<()>>,
    begun: Instant,
}

impl Flood {
    /// Callers who try to sign in at `base`, so many times a second in all.
    fn start(base: &str, rate: f64) -> Self {
        let (stop, log) = (Arc::new(AtomicBool::new(false)), Log::default());
        let without_advice = Arc::new(AtomicU64::new(0));
        let pause = Duration::from_secs_f64(f64::from(CALLERS) / rate.max(1.0));
        let runtime = bystanders();
        let tasks = (0..CALLERS).map(|number| {
            let caller = Caller {
                number,
                pause,
                wire: Wire::new(base, Arc::clone(&log)),
                stop: Arc::clone(&stop),
                without_advice: Arc::clone(&without_advice),
            };
            runtime.spawn(caller.call())
        });
        let tasks = tasks.collect();
        Self { runtime, stop, log, without_advice, tasks, begun: Instant::now() }
    }

    async fn stop(self) -> Offered {
        self.stop.store(true, Ordering::SeqCst);
        let took = self.begun.elapsed().as_secs_f64();
        for task in self.tasks {
            task.await.expect("a caller");
        }
        self.runtime.shutdown_background();
        let log = std::mem::take(&mut *self.log.lock().unwrap());
        let log: Vec<_> = log.into_iter().filter(|one| one.kind == "login").collect();
        let rate = f64::from(u32::try_from(log.len()).expect("few")) / took;
        Offered { rate, log, without_advice: self.without_advice.load(Ordering::Relaxed) }
    }
}

/// One of those whom the flood is made of.
struct Caller {
    number: u32,
    /// From one sign-in to the next.
    pause: Duration,
    wire: Wire,
    stop: Arc<AtomicBool>,
    without_advice: Arc<AtomicU64>,
}

impl Caller {
    /// One in four knows a password, the others are nobody.
    async fn call(mut self) {
        self.wire.patience = Duration::from_secs(10);
        let page = self.wire.get("login page", paths::LOGIN, Auth::None).await;
        let token = csrf(&page.map(|page| page.body).unwrap_or_default());
        let mut next = Instant::now() + self.pause * self.number / CALLERS;
        let mut tries = self.number;
        while !self.stop.load(Ordering::SeqCst) {
            tokio::time::sleep_until(next.into()).await;
            let nobody = format!("nobody-{}-{tries}", self.number);
            let (name, word) = match tries % 4 {
                0 => ("person0", PASSWORD),
                _ => (nobody.as_str(), "Wrong-1-wrong"),
            };
            self.wire.from = Some(stranger());
            self.wire.cookies.remove("latchkey_session");
            let form = [("username", name), ("password", word), ("csrf", &token)];
            let reply = self.wire.post("login", paths::LOGIN, Auth::None, &form).await;
            let alone = reply.is_some_and(|reply| reply.is_busy() && reply.retry_after.is_none());
            self.without_advice.fetch_add(u64::from(alone), Ordering::Relaxed);
            tries += 1;
            // Who had to wait makes up for it, within reason: the flood does not ebb.
            next += self.pause;
            let now = Instant::now();
            if now.saturating_duration_since(next) > Duration::from_secs(1) {
                next = now;
            }
        }
    }
}

async fn watch_memory(server: &Server, length: Duration) -> u64 {
    let (begun, mut most) = (Instant::now(), 0);
    while begun.elapsed() < length {
        most = most.max(server.resident());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    most
}

fn look(report: &mut Report, offered: &Offered, during: &[Exchange], base: Duration) {
    let tokens = p99(during, TOKENS);
    report.fact(ID, "p99 of tokens without the flood", ms(base));
    // Where load and provider share two cores, a hash on one of them leaves one for all the rest.
    let bound = Duration::from_millis(50).min((base * 2).max(Duration::from_millis(10)));
    report.within(ID, "p99 of tokens in the flood", tokens, bound);
    report.fact(ID, "p50, p90, p98 of tokens in the flood", below_p99(during, TOKENS));
    let of = |minute: &[Exchange]| ms(p99(minute, TOKENS));
    let minutes: Vec<_> = during.chunks(MINUTE).map(of).collect();
    report.fact(ID, "p99 by the minute", minutes.join(", "));
    let failed: Vec<_> = during.iter().filter(|one| one.status != 200).collect();
    let what = format!("token requests that failed, of {}", during.len());
    for one in &failed {
        eprintln!("  {ID} {} {} after {}", one.kind, one.status, ms(one.took));
    }
    report.must(ID, &what, failed.len(), "0", failed.is_empty());
    let admitted = |status: u16| status == 303 || status == 422;
    let (let_in, turned_away): (Vec<&Exchange>, Vec<&Exchange>) =
        offered.log.iter().partition(|one| admitted(one.status));
    report.fact(ID, "logins checked", let_in.len());
    report.fact(ID, "logins turned away", turned_away.len());
    let odd = turned_away.iter().filter(|one| ![429, 503].contains(&one.status)).count();
    report.must(ID, "turned away otherwise than by 429 or 503", odd, "0", odd == 0);
    let lonely = offered.without_advice;
    report.must(ID, "turned away without Retry-After", lonely, "0", lonely == 0);
    let slow = quantile(turned_away.iter().map(|one| one.took), 0.99);
    report.within(ID, "p99 until turned away", slow, Duration::from_millis(1200));
    let checked = quantile(let_in.iter().map(|one| one.took), 0.99);
    report.within(ID, "p99 of checked logins", checked, Duration::from_secs(2));
}
