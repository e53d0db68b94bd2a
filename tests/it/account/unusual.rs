//! What is unusual about a sign-in, told end to end: places by a small table of cities, times by the
//! clock, and the mail that follows.

use std::net::Ipv4Addr;
use std::time::Duration;

use latchkey::paths;
use latchkey::store::events::{self, Event, Filter};

use super::scene::{NEW, Scene, change, is_changed};
use crate::support::Latchkey;
use crate::support::browser::Browser;
use crate::support::flow::{sign_in, sign_in_with};
use crate::support::mmdb::{self, Value};
use crate::support::people::TestUser;

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

const VIENNA: &str = "192.0.2.7";
const GRAZ: &str = "198.51.100.7";
const SAO_PAULO: &str = "203.0.113.7";

fn city(name: &'static str, country: &'static str, (latitude, longitude): (f64, f64)) -> Value {
    Value::Map(vec![
        ("city", Value::Text(name)),
        ("country_code", Value::Text(country)),
        ("latitude", Value::Double(latitude)),
        ("longitude", Value::Double(longitude)),
    ])
}

/// Alice in Vienna, with a browser that has signed in once.
struct Journey {
    latchkey: Latchkey,
    alice: TestUser,
    browser: Browser,
}

impl Journey {
    async fn begin() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("cities.mmdb");
        let places = [
            (VIENNA, city("Vienna", "AT", (48.21, 16.37))),
            (GRAZ, city("Graz", "AT", (47.07, 15.44))),
            (SAO_PAULO, city("São Paulo", "BR", (-23.55, -46.63))),
        ];
        let network = |address: &str| -> Ipv4Addr { address.parse().expect("an address") };
        let records: Vec<_> =
            places.iter().map(|(address, place)| (network(address), place)).collect();
        std::fs::write(&file, mmdb::file(&records)).expect("a file");
        let latchkey = Latchkey::start_with(|config| {
            config.server.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
            config.geoip.database = Some(file);
        })
        .await;
        let alice = latchkey.alice().await;
        let browser = latchkey.browser();
        let mut journey = Self { latchkey, alice, browser };
        assert!(journey.sign_in_from(VIENNA).await.is_empty(), "the first is not unusual");
        assert_eq!(journey.mails().await, 0);
        journey
    }

    /// Signs in there, always in the same browser; says what was unusual about it.
    async fn sign_in_from(&mut self, address: &str) -> Vec<String> {
        // She has closed it in between; it is remembered all the same.
        self.browser.cookies().close();
        self.browser.address = Some(address.to_owned());
        sign_in(&mut self.browser, &self.alice).await;
        let newest = self.events().await.into_iter().next().expect("a sign-in");
        assert_eq!(newest.address.as_deref(), Some(address));
        let reasons = newest.details["unusual"].as_array().expect("a list");
        reasons.iter().map(|one| one.as_str().expect("a name").to_owned()).collect()
    }

    async fn events(&self) -> Vec<Event> {
        let mut db = self.latchkey.app.store.read().await.expect("a read");
        let user_id = Some(self.alice.id.as_str());
        let filter = Filter { user_id, since: None, before: None, limit: 1000 };
        let mut events = events::list(&mut db, filter).await.expect("events");
        events.retain(|event| event.kind == "sign_in");
        events
    }

    /// How many mails about sign-ins were sent.
    async fn mails(&self) -> usize {
        let mails = self.latchkey.mails_to(&self.alice.email).await;
        mails.iter().filter(|mail| mail.subject.to_lowercase().contains("sign-in")).count()
    }

    /// What the newest row of the history says.
    async fn told(&mut self) -> String {
        let page = self.browser.open(paths::ACCOUNT_HISTORY).await;
        page.texts(".log-row").into_iter().next().expect("a row")
    }
}

#[tokio::test]
async fn another_city_of_a_known_country_is_told_on_the_page_alone() {
    let mut journey = Journey::begin().await;
    journey.latchkey.pass(DAY);
    assert_eq!(journey.sign_in_from(GRAZ).await, ["new_city"]);
    let told = journey.told().await;
    assert!(told.contains("Unusual: New city"), "{told}");
    assert!(told.contains("Graz, Austria (approximate)"), "{told}");
    assert_eq!(journey.mails().await, 0, "the browser is hers and so is the country");
    journey.latchkey.pass(DAY);
    assert!(journey.sign_in_from(GRAZ).await.is_empty(), "only once");
}

#[tokio::test]
async fn an_hour_at_which_one_never_comes_is_told_on_the_page_alone() {
    let mut journey = Journey::begin().await;
    for _ in 0..9 {
        journey.latchkey.pass(DAY);
        assert!(journey.sign_in_from(VIENNA).await.is_empty());
    }
    journey.latchkey.pass(12 * HOUR);
    assert_eq!(journey.sign_in_from(VIENNA).await, ["unusual_hour"]);
    let told = journey.told().await;
    assert!(told.contains("Unusual: Unusual time of day"), "{told}");
    assert_eq!(journey.mails().await, 0);
}

#[tokio::test]
async fn a_new_country_is_told_by_mail_although_the_browser_is_known() {
    let mut journey = Journey::begin().await;
    journey.latchkey.pass(5 * DAY);
    assert_eq!(journey.sign_in_from(SAO_PAULO).await, ["new_country"]);
    let told = journey.told().await;
    assert!(told.contains("Unusual: New country"), "{told}");
    assert!(told.contains("São Paulo, Brazil (approximate)"), "{told}");
    assert_eq!(journey.mails().await, 1);
    assert!(journey.latchkey.mail_about("sign-in").await.says("New country"));
}

#[tokio::test]
async fn a_journey_that_nobody_makes_is_told_by_mail_although_all_is_known() {
    let mut journey = Journey::begin().await;
    journey.latchkey.pass(5 * DAY);
    journey.sign_in_from(SAO_PAULO).await;
    journey.latchkey.pass(5 * DAY);
    assert!(journey.sign_in_from(VIENNA).await.is_empty(), "there was time enough");
    let before = journey.mails().await;
    journey.latchkey.pass(HOUR);
    assert_eq!(journey.sign_in_from(SAO_PAULO).await, ["impossible_travel"]);
    let told = journey.told().await;
    assert!(told.contains("Unusual: Too far from your last sign-in"), "{told}");
    assert_eq!(journey.mails().await, before + 1);
    let mail = journey.latchkey.mail_about("sign-in").await;
    assert!(mail.says("Too far from your last sign-in"));
}

#[tokio::test]
async fn what_fails_elsewhere_is_judged_when_it_is_shown() {
    let mut journey = Journey::begin().await;
    journey.latchkey.pass(DAY);
    let mut stranger = journey.latchkey.browser();
    stranger.address = Some(SAO_PAULO.to_owned());
    stranger.user_agent = "curl/8.5.0".into();
    for _ in 0..3 {
        journey.latchkey.pass_seconds(1);
        sign_in_with(&mut stranger, "alice", "wrong").await;
    }
    let failed = &journey.events().await[0];
    assert_eq!(failed.outcome, "failed");
    assert!(failed.details.get("unusual").is_none(), "being refused takes no more work");
    journey.latchkey.pass(DAY);
    journey.sign_in_from(VIENNA).await;
    let page = journey.browser.open(&format!("{}?show=unusual", paths::ACCOUNT_HISTORY)).await;
    let rows = page.texts(".log-row");
    assert_eq!(rows.len(), 3, "{rows:?}");
    let words = "Unusual: New country · New browser or device";
    assert!(rows.iter().all(|row| row.contains("Wrong password") && row.contains(words)));
    let file = journey.browser.submit(&page, "CSV for spreadsheets").await.page();
    assert_eq!(file.body.matches("New country; New browser or device").count(), 3);
    let overview = journey.browser.open(paths::ACCOUNT_SECURITY).await;
    let question = "3 failed attempts from São Paulo, Brazil (approximate), where you have not signed in before. \
                    Was it you?";
    assert!(overview.says(question) && overview.says("1 day ago"), "{overview}");
    assert_eq!(overview.link("Look at them").query(), Some("show=unusual"));
}

#[tokio::test]
async fn somebody_who_has_the_password_but_no_code_is_told_of_until_it_is_another_one() {
    let mut scene = Scene::with_two_factor().await;
    scene.latchkey.pass_seconds(60);
    let mut stranger = scene.latchkey.browser();
    stranger.user_agent = "curl/8.5.0".into();
    let password = scene.alice.password.clone();
    let owed = sign_in_with(&mut stranger, "alice", &password).await;
    let question = "Somebody else may know your password";
    let page = scene.browser.open(paths::ACCOUNT_SECURITY).await;
    assert!(!page.says(question), "the code may still come: {page}");
    stranger.submit(&owed.fill("code", "000000"), "Verify").await.page();
    let page = scene.browser.open(paths::ACCOUNT_SECURITY).await;
    assert!(page.says(question) && page.says("no right code followed"), "{page}");
    assert_eq!(page.link("Change it").path(), paths::ACCOUNT_PASSWORD);
    // One's own sign-in, finished in another browser, is none.
    scene.signed_in(&password).await;
    let page = scene.browser.open(paths::ACCOUNT_SECURITY).await;
    assert!(page.says(question), "{page}");
    assert!(is_changed(&change(&mut scene.browser, &password, NEW).await));
    let page = scene.browser.open(paths::ACCOUNT_SECURITY).await;
    assert!(!page.says(question), "{page}");
}
