//! a backup is made while others write, and restored on another machine.

use std::time::{Duration, Instant};

use latchkey::clock::{Clock, Timestamp};
use latchkey::protocol::claims::StandardClaims;
use latchkey::secret::Random;
use latchkey::store::users::{self, User};
use latchkey::store::{Store, backup};

use crate::ledger::Life;
use crate::load::Load;
use crate::report::Report;
use crate::server::{EVERYBODY, PEOPLE, Place};

const ID: &str = "R-19";

pub async fn run(report: &mut Report) {
    let (place, cast) = Place::new();
    let mut load = Load::new(&place, cast, PEOPLE);
    let many = report.pick(2_000, 100_000);
    fill(&place, many).await;
    let (server, _) = place.serve();
    load.warm_up().await;
    let going = load.go(100);
    tokio::time::sleep(report.pick(Duration::from_secs(1), Duration::from_secs(20))).await;
    going.stop(&mut load).await;
    // What they know now is from before the backup; they go on meanwhile and afterwards.
    let before = load.actors.clone();
    let going = load.go(100);
    let copy = place.folder().join("copy.db");
    let begun = Instant::now();
    let told = place.run(&["backup", "copy.db"], "");
    report.fact(ID, "time of the backup", crate::report::ms(begun.elapsed()));
    let sound = backup::examine(&copy).await.is_ok() && told.status.success();
    report.must(ID, "the copy is sound", sound, "true", sound);
    tokio::time::sleep(report.pick(Duration::from_secs(1), Duration::from_secs(10))).await;
    going.stop(&mut load).await;
    let failed = load.exchanges().iter().filter(|one| one.status >= 500).count();
    report.must(ID, "requests that failed while it was made", failed, "0", failed == 0);
    load.audit().await;
    report.none(ID, "violations at the original", &load.violations());
    server.stop();

    let elsewhere = moved(&place);
    let begun = Instant::now();
    elsewhere.good(&["restore", &copy.display().to_string()], "");
    let took = begun.elapsed();
    let bound = Duration::from_mins(5) * u32::try_from(many).expect("few") / 1_000_000;
    let bound = bound.max(Duration::from_secs(5));
    report.within(ID, &format!("time to restore {many} people"), took, bound);
    let sound = elsewhere.check_integrity().await.is_ok();
    report.must(ID, "what was restored is sound", sound, "true", sound);
    look(report, &elsewhere, many, &before, &load).await;
}

/// Many people, as the product keeps them.
async fn fill(place: &Place, many: usize) {
    let url = format!("sqlite://{}", place.database.display());
    let store = Store::open(&url).await.expect("the database");
    let now: Timestamp = Clock::System.now();
    for batch in 0..many.div_ceil(1000) {
        let mut db = store.write().await.expect("a write");
        for number in 0..1000 {
            let name = format!("crowd{batch}-{number}");
            let user = crowd(&name, now);
            users::insert(&mut db, &user).await.expect("a person");
        }
        db.commit().await.expect("written");
    }
    store.close().await;
}

fn crowd(name: &str, now: Timestamp) -> User {
    let email = format!("{name}@crowd.example");
    User {
        id: Random::System.id(now),
        username: name.to_owned(),
        username_key: name.to_owned(),
        email_key: Some(email.clone()),
        email: Some(email),
        email_verified_at: None,
        claims: StandardClaims::default(),
        created_at: now,
        updated_at: now,
        locked_at: None,
        lock_reason: None,
        admin_at: None,
        member_of: String::new(),
        appearance: None,
        sign_in_mails_off_at: None,
        removal_at: None,
        securing_at: None,
    }
}

/// Another machine under the same name: its own files, the same key.
fn moved(place: &Place) -> Place {
    let mut elsewhere = Place::empty();
    (elsewhere.public, elsewhere.management) = (place.public, place.management);
    elsewhere.set("LATCHKEY_ISSUER", &place.base());
    elsewhere.set("LATCHKEY_SERVER__LISTEN", &format!("127.0.0.1:{}", place.public));
    let management = format!("127.0.0.1:{}", place.management);
    elsewhere.set("LATCHKEY_SERVER__MANAGEMENT_LISTEN", &management);
    elsewhere.take_over(place, "keys");
    elsewhere
}

async fn look(
    report: &mut Report,
    elsewhere: &Place,
    many: usize,
    before: &[crate::ledger::Actor],
    after: &Load,
) {
    let listed = elsewhere.good(&["user", "list"], "").lines().count();
    let expected = many + EVERYBODY;
    report.must(ID, "people", listed, &format!("{expected}"), listed == expected);
    let (_server, _) = elsewhere.serve();
    let (mut revived, mut lost, mut looked) = (Vec::new(), Vec::new(), 0);
    for (old, new) in before.iter().zip(&after.actors) {
        let mut actor = old.clone();
        actor.violations.clear();
        // Sessions and tokens from before and after are dead, revoked or not.
        if actor.session == Life::Alive {
            let verifier = Random::System.token("");
            let reply = actor.ask_authorization(false, &verifier).await;
            looked += 1;
            if reply.is_none_or(|reply| reply.parameter("code").is_some()) {
                revived.push(format!("{}: a session lives", actor.name));
            }
        }
        for grant in old.grants.iter().chain(&new.grants) {
            looked += 2;
            let reply = actor.present(&grant.refresh).await;
            if reply.is_none_or(|reply| reply.status != 400) {
                revived.push(format!("{}: a refresh token lives", actor.name));
            }
            let reply = actor.ask_introspection("introspect", &grant.access).await;
            if reply.is_none_or(|reply| reply.active() != Some(false)) {
                revived.push(format!("{}: an access token lives", actor.name));
            }
        }
        // The password that was acknowledged before, or one that came while it was copied.
        let mut opens = false;
        for password in old.passwords.iter().chain(&new.passwords) {
            let reply = actor.try_password(password).await;
            opens |= reply.is_some_and(|reply| reply.status == 303);
        }
        if !opens {
            lost.push(format!("{}: no password is right", actor.name));
        }
    }
    report.none(ID, &format!("alive again, of {looked} sessions and tokens"), &revived);
    report.none(ID, "acknowledged passwords lost", &lost);
}
