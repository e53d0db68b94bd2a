//! `/account/two-factor`: set up, backup codes, a lost phone, trusted browsers.

use latchkey::identity::{groups, people, two_factor};
use latchkey::paths;
use latchkey::store::events::{self, Event, Filter};
use latchkey::store::{backup_codes, credentials};
use serde_json::json;

use crate::support::Latchkey;
use crate::support::browser::Browser;
use crate::support::clients;
use crate::support::flow::{
    address, claims_of, exchange, sign_in, sign_in_with, text, type_in, walk,
};
use crate::support::people::TestUser;
use crate::support::phone::{Phone, codes_of, from_base32};

/// An instance, Alice, and her browser after signing in.
async fn alice_is_here() -> (Latchkey, TestUser, Browser) {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    let mut browser = latchkey.browser();
    sign_in(&mut browser, &alice).await;
    (latchkey, alice, browser)
}

async fn events_of(latchkey: &Latchkey, user: &TestUser) -> Vec<Event> {
    let mut db = latchkey.app.store.read().await.expect("a read");
    let filter = Filter { user_id: Some(&user.id), since: None, before: None, limit: 500 };
    let mut events = events::list(&mut db, filter).await.expect("events");
    events.reverse();
    events
}

fn kinds(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.kind.as_str()).collect()
}

#[tokio::test]
async fn two_factor_is_set_up_in_three_steps() {
    let (latchkey, alice, mut browser) = alice_is_here().await;
    let page = browser.open(paths::ACCOUNT_TWO_FACTOR).await;
    assert!(page.says("Two-factor is off"), "{page}");
    let before = browser.cookies().value("latchkey_session");
    // Scan: as a picture, as a link, as a key to type.
    let page = browser.open(page.link("Set up two-factor").as_str()).await;
    let phone = Phone::scan(&page);
    assert_eq!(phone.seed.len(), 20, "RFC 4226 §4: 160 bits");
    assert_eq!(from_base32(&page.texts("#key")[0]), phone.seed);
    let link = &page.attributes("#otpauth", "href")[0];
    assert!(link.starts_with("otpauth://totp/Latchkey:alice?") && link.contains("issuer=Latchkey"));
    assert_eq!(page.attributes("svg.qr", "role"), ["img"]);
    assert!(page.body.len() < 40_000, "{} bytes", page.body.len());
    // Confirm.
    let page = page.fill("name", "Pixel 9").fill("code", &phone.code(&latchkey, 0));
    let page = browser.submit(&page, "Turn on").await.page();
    assert_eq!(page.heading(), "Save your backup codes");
    let codes = codes_of(&page);
    let letters = |code: &str| code.len() == 19 && code.split('-').all(|group| group.len() == 4);
    assert!(codes.iter().all(|code| letters(code)), "{codes:?}");
    let file = &page.attributes("a[download]", "href")[0];
    assert!(file.starts_with("data:text/plain"), "{file}");
    assert_ne!(browser.cookies().value("latchkey_session"), before, "more rights, another cookie");
    // Save.
    let unsaved = browser.open(paths::ACCOUNT_TWO_FACTOR).await;
    assert!(unsaved.says("You have not said yet that you keep the codes"), "{unsaved}");
    let page = browser.submit(&page, "I have saved them").await.page();
    assert_eq!(page.url.path(), paths::ACCOUNT_TWO_FACTOR);
    assert!(page.says("Pixel 9") && page.says("10 of your codes"), "{page}");
    assert!(!page.says("You have not said yet"), "{page}");
    // From now on the code is asked for; the one that confirmed is used up.
    let (mut other, owed) = latchkey.owing(&alice).await;
    let used = owed.fill("code", &phone.code(&latchkey, 0));
    let refused = other.submit(&used, "Verify").await.page();
    assert_eq!(refused.status, 422, "{refused}");
    let entered = phone.answer(&latchkey, &mut other, refused).await;
    assert_eq!(entered.url.path(), paths::ACCOUNT_SECURITY);
    let events = events_of(&latchkey, &alice).await;
    for kind in ["backup_codes_made", "authenticator_added", "two_factor_on"] {
        let event = events.iter().find(|event| event.kind == kind).expect(kind);
        assert!(event.address.is_some() && event.user_agent.is_some(), "{event:?}");
        assert!(event.session_id.is_some(), "{event:?}");
        assert!(!json!(event).to_string().contains(&codes[0]), "{event:?}");
    }
}

#[tokio::test]
async fn a_wrong_clock_is_explained_and_not_accepted() {
    let (latchkey, alice, mut browser) = alice_is_here().await;
    for (steps, told) in [
        (8, "4 minutes ahead"),
        (-8, "4 minutes behind"),
        (2, "1 minute ahead"),
        (20, "10 minutes ahead"),
        (25, "The code is not right"),
    ] {
        let page = browser.open(paths::ACCOUNT_TWO_FACTOR_SET_UP).await;
        let phone = Phone::scan(&page);
        let page = page.fill("code", &phone.code(&latchkey, steps)).fill("name", "My <b>phone");
        let page = browser.submit(&page, "Turn on").await.page();
        assert_eq!(page.status, 422, "{steps}: {page}");
        assert!(page.says(told), "{steps}: {page}");
        assert_eq!(page.value("name"), "My <b>phone", "nothing must be typed twice");
        assert_eq!(Phone::scan(&page), phone, "the same code is shown again");
    }
    // At a sign-in the clock is only hinted at: how far it is off would help whoever guesses.
    let (phone, _) = latchkey.turn_on(&mut browser).await;
    let (mut other, mut page) = latchkey.owing(&alice).await;
    for n in 1..=2 {
        latchkey.pass_seconds(60);
        page = page.fill("code", &phone.code(&latchkey, 4));
        page = other.submit(&page, "Verify").await.page();
        assert_eq!(page.says("time on your phone is set automatically"), n > 1, "{page}");
        assert!(!page.says("minutes"), "{page}");
    }
}

#[tokio::test]
async fn the_same_seed_is_shown_until_it_is_confirmed_or_an_hour_old() {
    let (latchkey, alice, mut browser) = alice_is_here().await;
    let seen = Phone::scan(&browser.open(paths::ACCOUNT_TWO_FACTOR_SET_UP).await);
    assert_eq!(Phone::scan(&browser.open(paths::ACCOUNT_TWO_FACTOR_SET_UP).await), seen);
    // Another browser of hers is never shown it.
    let mut other = latchkey.browser();
    sign_in(&mut other, &alice).await;
    assert_ne!(Phone::scan(&other.open(paths::ACCOUNT_TWO_FACTOR_SET_UP).await), seen);
    latchkey.pass_seconds(3601);
    let mut later = latchkey.browser();
    sign_in(&mut later, &alice).await;
    let old = later.open(paths::ACCOUNT_TWO_FACTOR_SET_UP).await;
    latchkey.pass_seconds(200);
    latchkey::server::sweeping::sweep(&latchkey.app).await.expect("a sweep");
    let mut db = latchkey.app.store.read().await.expect("a read");
    let left = credentials::list_totp(&mut db, &alice.id).await.expect("a list");
    assert_eq!(left.len(), 1, "those of an hour ago are swept");
    drop(db);
    let phone = Phone::scan(&old);
    let page = later.submit(&old.fill("code", &phone.code(&latchkey, 0)), "Turn on").await.page();
    assert_eq!(page.heading(), "Save your backup codes");
}

#[tokio::test]
async fn who_took_so_long_that_they_had_to_confirm_is_told_to_scan_again() {
    let (latchkey, alice, mut browser) = alice_is_here().await;
    let page = browser.open(paths::ACCOUNT_TWO_FACTOR_SET_UP).await;
    let seen = Phone::scan(&page);
    assert!(!page.says("new code"), "{page}");
    latchkey.pass_seconds(301);
    let page = page.fill("code", &seen.code(&latchkey, 0)).fill("name", "Pixel");
    let page = browser.submit(&page, "Turn on").await.page();
    assert_eq!(page.heading(), "Confirm it’s you");
    let page = page.fill("password", &alice.password);
    let page = browser.submit(&page, "Confirm").await.page();
    assert_eq!(page.heading(), "Set up two-factor");
    assert!(page.says("so this is a new code."), "{page}");
    assert_eq!((page.status.as_u16(), page.value("name")), (200, "Pixel"), "nothing is wrong yet");
    let phone = Phone::scan(&page);
    assert_ne!(phone, seen, "whoever held the cookie of before has seen that one");
    let page = page.fill("code", &phone.code(&latchkey, 0));
    let page = browser.submit(&page, "Turn on").await.page();
    assert_eq!(page.heading(), "Save your backup codes");
}

#[tokio::test]
async fn who_must_sign_in_before_replacing_a_phone_still_replaces_it() {
    let (latchkey, alice, mut browser) = alice_is_here().await;
    let (phone, _) = latchkey.turn_on(&mut browser).await;
    latchkey.pass_seconds(30);
    for one in ["1", "0198f0a0-0000-7000-8000-000000000000"] {
        let mut other = latchkey.browser();
        let asked = format!("{}?replace={one}", paths::ACCOUNT_TWO_FACTOR_SET_UP);
        let page = other.open(&asked).await;
        let owed = type_in(&mut other, page, "alice", &alice.password).await.page();
        let page = phone.answer(&latchkey, &mut other, owed).await;
        assert_eq!(page.heading(), "Set up a new phone", "{page}");
        latchkey.pass_seconds(30);
    }
    // Also where the session ended on the way.
    let page = browser.open(&format!("{}?replace=1", paths::ACCOUNT_TWO_FACTOR_SET_UP)).await;
    people::sign_out(&latchkey.app, "alice").await.expect("signed out");
    let page = browser.submit(&page.fill("code", "000000"), "Replace the old one").await.page();
    let owed = type_in(&mut browser, page, "alice", &alice.password).await.page();
    let page = phone.answer(&latchkey, &mut browser, owed).await;
    assert_eq!(page.heading(), "Set up a new phone", "{page}");
}

#[tokio::test]
async fn apps_have_names_and_go_one_by_one() {
    let (latchkey, alice, mut browser) = alice_is_here().await;
    let (first, _) = latchkey.turn_on(&mut browser).await;
    let overview = browser.open(paths::ACCOUNT_TWO_FACTOR).await;
    let page = browser.open(overview.link("Add another app").as_str()).await;
    let second = Phone::scan(&page);
    assert_ne!(second, first);
    let page = page.fill("name", "Tablet").fill("code", &second.code(&latchkey, 0));
    let page = browser.submit(&page, "Add this app").await.page();
    assert!(page.says("The authenticator app was added"), "{page}");
    assert!(page.says("Pixel") && page.says("Tablet") && page.says("10 of your codes"), "{page}");
    for phone in [&first, &second] {
        latchkey.enter_with(&alice, phone).await;
    }
    let page = browser.open(page.link("Remove Pixel").as_str()).await;
    assert_eq!(page.heading(), "Remove Pixel ?");
    assert!(page.says("Two-factor stays on with Tablet"), "{page}");
    let page = browser.submit(&page, "Remove it").await.page();
    assert!(page.says("The authenticator app was removed") && !page.says("Pixel"), "{page}");
    let (mut other, owed) = latchkey.owing(&alice).await;
    let refused = first.answer(&latchkey, &mut other, owed).await;
    assert_eq!(refused.status, 422, "a removed app signs nobody in");
    latchkey.enter_with(&alice, &second).await;
    // The last one goes only with all of two-factor.
    let page = browser.open(page.link("Remove Tablet").as_str()).await;
    assert_eq!(page.url.path(), paths::ACCOUNT_TWO_FACTOR_OFF, "{page}");
    let page = browser.submit(&page, "Turn off").await.page();
    assert!(page.says("Two-factor is off"), "{page}");
    sign_in(&mut latchkey.browser(), &alice).await;
    let events = events_of(&latchkey, &alice).await;
    let kinds = kinds(&events);
    assert!(kinds.contains(&"authenticator_removed") && kinds.contains(&"two_factor_off"));
    let mut db = latchkey.app.store.read().await.expect("a read");
    assert_eq!(backup_codes::count_left(&mut db, &alice.id).await.expect("a count"), 0);
}

#[tokio::test]
async fn backup_codes_sign_in_once_each_and_are_shown_as_used() {
    let (latchkey, alice, mut browser) = alice_is_here().await;
    let (_, codes) = latchkey.turn_on(&mut browser).await;
    // As typed by hand: small letters, blanks, an O for a zero.
    let typed = codes[2].to_lowercase().replace('-', " ").replace('0', "o");
    let (mut other, owed) = latchkey.owing(&alice).await;
    let page = latchkey.use_backup_code(&mut other, &owed, &typed).await;
    assert_eq!(page.url.path(), paths::ACCOUNT_TWO_FACTOR_RECOVERED, "{page}");
    assert!(page.says("9 backup codes left"), "{page}");
    assert_eq!(page.link("I still have my phone").path(), paths::ACCOUNT_SECURITY);
    let page = other.open(paths::ACCOUNT_TWO_FACTOR).await;
    assert!(page.says("Code 3 Used just now"), "{page}");
    assert!(page.says("You signed in with a backup code"), "{page}");
    let (mut again, owed) = latchkey.owing(&alice).await;
    let page = latchkey.use_backup_code(&mut again, &owed, &codes[2]).await;
    assert_eq!(page.status, 422);
    assert_eq!(page.heading(), "Enter a backup code", "it still asks for the same kind");
    assert!(page.says("was used before"), "{page}");
    // Six more: then it warns.
    for code in &codes[3..9] {
        latchkey.pass_seconds(31);
        let (mut one, owed) = latchkey.owing(&alice).await;
        latchkey.use_backup_code(&mut one, &owed, code).await;
    }
    let page = browser.open(paths::ACCOUNT_TWO_FACTOR).await;
    assert!(page.says("Only 3 left"), "{page}");
    let used = events_of(&latchkey, &alice).await;
    let used: Vec<_> = used.iter().filter(|event| event.kind == "backup_code_used").collect();
    assert_eq!(used.len(), 7);
    assert_eq!(used[6].details["left"], 3);
}

#[tokio::test]
async fn new_backup_codes_end_the_old_ones() {
    let (latchkey, alice, mut browser) = alice_is_here().await;
    let (phone, old) = latchkey.turn_on(&mut browser).await;
    let page = browser.open(paths::ACCOUNT_BACKUP_CODES).await;
    assert!(page.says("The 10 codes that you have left stop working"), "{page}");
    let page = browser.submit(&page, "Make new codes").await.page();
    let new = codes_of(&page);
    assert!(new.iter().all(|code| !old.contains(code)));
    // Writing them down may take longer than a proof is fresh.
    latchkey.pass_seconds(900);
    let page = browser.submit(&page, "I have saved them").await.page();
    assert!(page.says("Keep your backup codes"), "{page}");
    let (mut other, owed) = latchkey.owing(&alice).await;
    let page = latchkey.use_backup_code(&mut other, &owed, &old[0]).await;
    assert_eq!(page.status, 422, "{page}");
    let page = other.submit(&page.fill("code", &new[0]), "Verify").await.page();
    assert_eq!(page.url.path(), paths::ACCOUNT_TWO_FACTOR_RECOVERED);
    latchkey.enter_with(&alice, &phone).await;
}

#[tokio::test]
async fn a_lost_phone_is_replaced_after_a_backup_code() {
    let (latchkey, alice, mut browser) = alice_is_here().await;
    let (lost, codes) = latchkey.turn_on(&mut browser).await;
    let (mut other, owed) = latchkey.owing(&alice).await;
    let page = latchkey.use_backup_code(&mut other, &owed, &codes[0]).await;
    let overview = other.open(paths::ACCOUNT_SECURITY).await;
    assert!(overview.says("You signed in with a backup code"), "{overview}");
    assert_eq!(overview.link("Set up a new phone").path(), paths::ACCOUNT_TWO_FACTOR_RECOVERED);
    let page = other.open(page.link("Set up a new phone").as_str()).await;
    assert_eq!(page.heading(), "Set up a new phone");
    let new = Phone::scan(&page);
    let wrong = other.submit(&page.clone().fill("code", "000000"), "Replace").await.page();
    assert_eq!(wrong.heading(), "Set up a new phone", "a wrong code forgets nothing");
    let page = wrong.fill("code", &new.code(&latchkey, 0)).fill("name", "New one");
    let page = other.submit(&page, "Replace the old one").await.page();
    assert!(page.says("what it replaced no longer does") && !page.says("Pixel"), "{page}");
    assert!(page.says("9 of your codes"), "{page}");
    let overview = other.open(paths::ACCOUNT_SECURITY).await;
    assert!(!overview.says("You signed in with a backup code"), "{overview}");
    let (mut third, owed) = latchkey.owing(&alice).await;
    let page = lost.answer(&latchkey, &mut third, owed).await;
    assert_eq!(page.status, 422, "the lost phone signs nobody in");
    latchkey.enter_with(&alice, &new).await;
}

#[tokio::test]
async fn of_several_apps_one_can_be_replaced() {
    let (latchkey, alice, mut browser) = alice_is_here().await;
    let (pixel, _) = latchkey.turn_on(&mut browser).await;
    // They are listed in the order in which they came.
    latchkey.pass_seconds(1);
    let page = browser.open(paths::ACCOUNT_TWO_FACTOR).await;
    assert!(page.says("New phone? Replace") && !page.says("Replace all"), "{page}");
    assert!(!page.says("Replace Pixel"), "there is but one: {page}");
    let tablet = latchkey.add_app(&mut browser, "Tablet").await;
    // All of them, and from there only the one that is gone.
    let page = browser.open(paths::ACCOUNT_TWO_FACTOR).await;
    let page = browser.open(page.link("New phone? Replace all").as_str()).await;
    assert!(page.says("takes the place of Pixel and Tablet"), "{page}");
    let page = browser.open(page.link("only Tablet").as_str()).await;
    assert!(page.says("takes the place of Tablet : its codes"), "{page}");
    let gone = page.clone();
    let new = Phone::scan(&page);
    let wrong = browser.submit(&page.fill("code", "000000"), "Replace the old one").await.page();
    assert!(wrong.says("takes the place of Tablet : its codes"), "{wrong}");
    let page = wrong.fill("code", &new.code(&latchkey, 0)).fill("name", "Fairphone");
    let page = browser.submit(&page, "Replace the old one").await.page();
    assert!(page.says("Fairphone") && page.says("Pixel") && !page.says("Tablet"), "{page}");
    assert!(latchkey.mails_to(&alice.email).await.iter().any(|mail| mail.says("Tablet")));
    latchkey.enter_with(&alice, &new).await;
    latchkey.pass_seconds(30);
    latchkey.enter_with(&alice, &pixel).await;
    let (mut other, owed) = latchkey.owing(&alice).await;
    assert_eq!(tablet.answer(&latchkey, &mut other, owed).await.status, 422);
    // The list leads to each of them, too; one that is gone is replaced by nothing.
    let page = browser.open(paths::ACCOUNT_TWO_FACTOR).await;
    let page = browser.open(page.link("Replace Pixel").as_str()).await;
    assert!(page.says("takes the place of Pixel : its codes"), "{page}");
    let page = browser.open(gone.url.as_str()).await;
    assert_eq!(page.heading(), "Add an authenticator app", "{page}");
}

#[tokio::test]
async fn the_phone_is_replaced_also_where_there_are_as_many_as_there_may_be() {
    let latchkey = Latchkey::start_with(|config| {
        config.login.two_factor_required_for = vec!["group:staff".into()];
    })
    .await;
    let alice = latchkey.alice().await;
    let mut browser = latchkey.browser();
    sign_in(&mut browser, &alice).await;
    latchkey.turn_on(&mut browser).await;
    let app = &latchkey.app;
    let mut db = app.store.write().await.expect("a write");
    let first = credentials::list_totp(&mut db, &alice.id).await.expect("a list");
    for n in 1..two_factor::MAX_AUTHENTICATORS {
        let mut another = first[0].clone();
        another.id = app.random.id(app.clock.now());
        another.name = format!("Phone {n}");
        credentials::insert_totp(&mut db, &another).await.expect("another one");
    }
    db.commit().await.expect("a commit");
    let page = browser.open(paths::ACCOUNT_TWO_FACTOR).await;
    assert!(page.says("Phone 9") && !page.says("Add another app"), "{page}");
    let page = browser.open(paths::ACCOUNT_TWO_FACTOR_SET_UP).await;
    assert_eq!(page.url.path(), paths::ACCOUNT_TWO_FACTOR, "not one more: {page}");
    // Where a rule demands two-factor, the page that cannot turn it off leads there.
    groups::set_groups(app, "alice", &["staff".to_owned()]).await.expect("a group");
    let page = browser.open(paths::ACCOUNT_TWO_FACTOR_OFF).await;
    let page = browser.open(page.link("Set up a new phone").as_str()).await;
    assert_eq!(page.heading(), "Set up a new phone");
    let new = Phone::scan(&page);
    let page = page.fill("code", &new.code(&latchkey, 0)).fill("name", "New one");
    let page = browser.submit(&page, "Replace them all").await.page();
    assert!(page.says("New one") && !page.says("Pixel") && !page.says("Phone"), "{page}");
    latchkey.enter_with(&alice, &new).await;
}

#[tokio::test]
async fn an_application_is_not_kept_waiting_after_a_backup_code() {
    let (latchkey, alice, mut browser) = alice_is_here().await;
    let web = latchkey.client(clients::web()).await;
    let (_, codes) = latchkey.turn_on(&mut browser).await;
    let mut other = latchkey.browser();
    let login = other.arrive(&address(&latchkey.issuer, &web, &[])).await.page();
    let owed = type_in(&mut other, login, "alice", &alice.password).await.page();
    let page = other.open(owed.link("Use a backup code instead").as_str()).await;
    let arrival = other.submit(&page.fill("code", &codes[0]), "Verify").await;
    let came = walk(&mut other, &alice, arrival).await;
    let code = came.parameter("code").expect("a code");
    let tokens = exchange(&latchkey.endpoints, &web.credentials(), &web, &code).await.good();
    let id = claims_of(text(&tokens, "id_token"));
    assert_eq!(id["acr"], "urn:latchkey:acr:mfa");
    assert_eq!(id["amr"], json!(["pwd", "mfa"]), "no one-time password was shown");
}

#[tokio::test]
async fn a_trusted_browser_is_spared_the_code_for_thirty_days() {
    let (latchkey, alice, mut browser) = alice_is_here().await;
    let (phone, _) = latchkey.turn_on(&mut browser).await;
    let (mut home, owed) = latchkey.owing(&alice).await;
    assert!(owed.says("Trust this browser for 30 days"), "{owed}");
    let form = owed.submission("Verify");
    assert!(form.fields.iter().all(|(name, _)| name != "trust"), "nobody trusts by accident");
    let page = phone.answer(&latchkey, &mut home, owed.tick("trust")).await;
    assert_eq!(page.url.path(), paths::ACCOUNT_SECURITY);
    let again = async |home: &mut Browser| {
        let out = home.open(paths::LOGOUT).await;
        home.submit(&out, "Sign out").await.page();
        sign_in_with(home, "alice", &alice.password).await.url.path().to_owned()
    };
    assert_eq!(again(&mut home).await, paths::ACCOUNT_SECURITY);
    let events = events_of(&latchkey, &alice).await;
    let spared = |event: &&Event| event.details["method"] == "trusted_browser";
    let spared = events.iter().find(spared).expect("the history says why no code was asked for");
    assert_eq!((spared.kind.as_str(), spared.outcome.as_str()), ("sign_in", "successful"));
    assert!(kinds(&events).contains(&"browser_trusted"));
    // Only there, and only for a while.
    latchkey.owing(&alice).await;
    let page = home.open(paths::ACCOUNT_TWO_FACTOR).await;
    assert!(page.says("This browser") && page.says("no code until 1 April 2026"), "{page}");
    latchkey.pass_seconds(30 * 86_400);
    let page = sign_in_with(&mut home, "alice", &alice.password).await;
    assert_eq!(page.url.path(), paths::LOGIN_TWO_FACTOR);
}

#[tokio::test]
async fn a_trusted_browser_can_be_trusted_no_more() {
    let (latchkey, alice, mut browser) = alice_is_here().await;
    let (phone, _) = latchkey.turn_on(&mut browser).await;
    let mut trusted = Vec::new();
    for _ in 0..3 {
        let (mut one, owed) = latchkey.owing(&alice).await;
        phone.answer(&latchkey, &mut one, owed.tick("trust")).await;
        trusted.push(one);
    }
    let overview = browser.open(paths::ACCOUNT_TWO_FACTOR).await;
    let urls = overview.attributes(".rows a[href*='/browsers/']", "href");
    assert_eq!(urls.len(), 3, "{overview}");
    let page = browser.open(&urls[0]).await;
    assert!(page.heading().starts_with("Stop trusting Chrome"), "{page}");
    let page = browser.submit(&page, "Stop trusting").await.page();
    assert!(page.says("That browser will be asked for a code"), "{page}");
    assert_eq!(browser.open(&urls[0]).await.status, 404, "there is nothing left to end");
    let page = browser.open(page.link("Stop trusting all").as_str()).await;
    assert!(page.says("All 2 of them"), "{page}");
    let page = browser.submit(&page, "Stop trusting").await.page();
    assert!(page.says("None. When you sign in with a code"), "{page}");
    for mut one in trusted {
        let page = one.open(paths::LOGOUT).await;
        one.submit(&page, "Sign out").await.page();
        let page = sign_in_with(&mut one, "alice", &alice.password).await;
        assert_eq!(page.url.path(), paths::LOGIN_TWO_FACTOR);
    }
}

#[tokio::test]
async fn trust_is_offered_only_where_the_operator_allows_it() {
    let latchkey = Latchkey::start_with(|config| {
        config.login.trust_browser_for = "0s".parse().expect("a duration");
    })
    .await;
    let alice = latchkey.alice().await;
    let mut browser = latchkey.browser();
    sign_in(&mut browser, &alice).await;
    let (phone, _) = latchkey.turn_on(&mut browser).await;
    let (mut home, owed) = latchkey.owing(&alice).await;
    assert!(!owed.has("trust"), "{owed}");
    // Nor by a form of one's own.
    latchkey.pass_seconds(30);
    let mut form = owed.clone().fill("code", &phone.code(&latchkey, 0)).submission("Verify");
    form.fields.push(("trust".into(), "on".into()));
    home.send(&owed, form).await.page();
    let out = home.open(paths::LOGOUT).await;
    home.submit(&out, "Sign out").await.page();
    let page = sign_in_with(&mut home, "alice", &alice.password).await;
    assert_eq!(page.url.path(), paths::LOGIN_TWO_FACTOR, "{page}");
    let page = browser.open(paths::ACCOUNT_TWO_FACTOR).await;
    assert!(
        !page.texts("main h2").iter().any(|heading| heading.contains("Trusted browsers")),
        "{page}"
    );
}
