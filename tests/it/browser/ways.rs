//! Every link of the account's pages is followed by a click, from wherever it stands, and the buttons
//! are pressed that the longer walks do not come by.

use std::collections::{BTreeMap, BTreeSet};

use latchkey::paths;
use latchkey::store::events::{self, Event};
use latchkey::store::sessions;
use serde_json::{Value, json};

use crate::support::Latchkey;
use crate::support::chromium::{Chromium, Scripts};
use crate::support::clients;
use crate::support::flow::sign_in_with;
use crate::support::phone::Phone;
use crate::support::stage::{Ask, Stage};

/// The links that can be seen, and where they stand among all.
const LINKS: &str = "return Array.from(document.querySelectorAll('a[href]'), (link, at) => ({
        at, href: link.getAttribute('href'), inside: !!link.closest('main'),
        words: link.textContent.trim().replace(/\\s+/g, ' ') + ' ' + link.id + ' ' + link.className,
        shown: link.getClientRects().length > 0 && !link.hasAttribute('download')
    })).filter(link => link.shown && link.href.startsWith('/'))";

/// Whether another page has come, and with which status.
const STATUS: &str = "return document.readyState === 'complete' \
    && !document.documentElement.hasAttribute('data-left') \
    && performance.getEntriesByType('navigation')[0].responseStatus";

/// The address without what tells one application, session or browser from another.
fn kind_of(address: &str) -> String {
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let path = path.split('#').next().unwrap_or_default();
    let names = path.split('/').map(|part| if part.len() > 30 { "{id}" } else { part });
    let further = if PAGERS.iter().any(|name| query.contains(name)) { "?further" } else { "" };
    names.collect::<Vec<_>>().join("/") + further
}

/// What the addresses of further pages of a list hold.
const PAGERS: [&str; 3] = ["before=", "after=", "page="];

async fn status(chromium: &Chromium) -> u64 {
    for _ in 0..300 {
        if let Some(status) = chromium.ask(STATUS).await.as_u64() {
            return status;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("nothing came after {}", chromium.address().await)
}

/// Alice, who has two apps, two applications, two other browsers that are trusted, and failures.
async fn busy(scripts: Scripts) -> (Stage, Chromium) {
    let mut stage = Stage::set().await;
    let calendar = stage.latchkey.client(clients::other()).await;
    stage.grant(&stage.ask_offline()).await;
    stage.grant(&Ask::of(&calendar)).await;
    // More of everything than one page shows.
    for number in 0..15 {
        let mut metadata = clients::other();
        metadata["client_id"] = json!(format!("calendar-{number}"));
        let client = stage.latchkey.client(metadata).await;
        stage.grant(&Ask::of(&client)).await;
    }
    more_events(&stage, 30).await;
    let latchkey = &stage.latchkey;
    let (phone, _) = latchkey.turn_on(&mut stage.browser).await;
    latchkey.pass_seconds(30);
    latchkey.add_app(&mut stage.browser, "Tablet").await;
    for _ in 0..2 {
        latchkey.pass_seconds(30);
        let (mut home, owed) = latchkey.owing(&stage.alice).await;
        phone.answer(latchkey, &mut home, owed.tick("trust")).await;
    }
    sign_in_with(&mut latchkey.browser(), "alice", "not-the-Passw0rd!").await;
    latchkey.pass_seconds(30);
    let chromium = Chromium::start(scripts).await;
    chromium.visit(&latchkey.at(paths::ACCOUNT_SECURITY)).await;
    chromium.sign_in("alice", &stage.alice.password).await;
    chromium.sees("Enter your code").await;
    chromium.fill("code", &phone.code(latchkey, 0)).await;
    chromium.click("#verify").await;
    chromium.sees("Your account").await;
    (stage, chromium)
}

/// So many sign-ins and changes more.
async fn more_events(stage: &Stage, count: u32) {
    let app = &stage.latchkey.app;
    let mut db = app.store.write().await.expect("a write");
    for kind in ["sign_in", "profile_changed"] {
        for _ in 0..count {
            let event = Event {
                user_id: Some(stage.alice.id.clone()),
                address: Some("127.0.0.1".into()),
                outcome: "successful".into(),
                details: json!({ "method": "password" }),
                ..app.event(kind)
            };
            events::record(&mut db, &event).await.expect("an event");
        }
    }
    db.commit().await.expect("a commit");
}

async fn every_link(scripts: Scripts) {
    let (stage, chromium) = busy(scripts).await;
    let pages = paths::PAGES.iter().filter(|page| **page != paths::ACCOUNT_EMAIL_OPENED);
    let mut pages: BTreeMap<_, _> = pages.map(|page| (kind_of(page), (*page).to_owned())).collect();
    let mut todo: Vec<_> = pages.keys().cloned().collect();
    let mut followed = BTreeSet::new();
    while let Some(page) = todo.pop() {
        let address = stage.latchkey.at(&pages[&page]);
        chromium.visit(&address).await;
        let Value::Array(links) = chromium.ask(LINKS).await else { panic!("{page}: no list") };
        for link in links {
            let href = link["href"].as_str().unwrap_or_default().to_owned();
            let place = if link["inside"] == json!(true) { page.as_str() } else { "around" };
            // The list of all settings, and what is around each page, is the same without scripts.
            if scripts == Scripts::Off && (place == "around" || place == paths::ACCOUNT_FIND) {
                continue;
            }
            // A list may have many of a kind, each called otherwise.
            let words = link["words"].as_str().unwrap_or_default();
            let name = if kind_of(&href).contains("{id}") { "" } else { words };
            if !followed.insert((place.to_owned(), kind_of(&href), name.to_owned())) {
                continue;
            }
            chromium.visit(&address).await;
            let mark = format!(
                "document.documentElement.setAttribute('data-left', '');
                 document.querySelectorAll('a[href]')[{}].setAttribute('data-next', '')",
                link["at"]
            );
            chromium.ask(&mark).await;
            chromium.click("[data-next]").await;
            let status = status(&chromium).await;
            assert!(status < 400, "{words:?} on {page} leads to {href}: {status}");
            let came = chromium.address().await;
            let whole = format!("{}?{}", came.path(), came.query().unwrap_or_default());
            let kind = kind_of(&whole);
            let path = if kind.ends_with("?further") { whole } else { came.path().to_owned() };
            if kind.starts_with("/account/") && pages.insert(kind.clone(), path).is_none() {
                todo.push(kind);
            }
        }
    }
    let enough = if scripts == Scripts::On { 100 } else { 70 };
    assert!(followed.len() > enough, "too few: {followed:#?}");
    let followed: BTreeSet<_> = followed.into_iter().map(|(_, to, _)| to).collect();
    let further = [paths::ACCOUNT_HISTORY, paths::ACCOUNT_CHANGES, paths::ACCOUNT_APPLICATIONS];
    let further = further.map(|list| format!("{list}?further"));
    let about = [paths::ACCOUNT_SESSION_END, paths::ACCOUNT_AUTHENTICATOR_REMOVE];
    for wanted in about.map(str::to_owned).iter().chain(&further) {
        assert!(followed.contains(wanted), "{wanted} is not among {followed:#?}");
    }
    chromium.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_link_leads_somewhere() {
    every_link(Scripts::On).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_link_leads_somewhere_without_scripts() {
    every_link(Scripts::Off).await;
}

/// What is left: staying signed in, stopping on the way, chips, files, colors, codes on paper.
async fn buttons(scripts: Scripts) {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    let chromium = Chromium::start(scripts).await;
    let visit = async |path: &str| chromium.visit(&latchkey.at(path)).await;
    let shown = async |selector: &str| {
        let count = format!("return document.querySelectorAll({selector:?}).length");
        chromium.ask(&count).await
    };
    visit(paths::ACCOUNT_PROTECT).await;
    chromium.sees("Sign in").await;
    if scripts == Scripts::On {
        chromium.click("[data-reveals]").await;
        chromium.words("#password[type=text]").await;
    }
    chromium.click("#remember").await;
    chromium.sign_in(&alice.username, &alice.password).await;
    chromium.sees("Secure your account").await;
    let session = {
        let mut db = latchkey.app.store.read().await.expect("a read");
        let mut all = sessions::list(&mut db, &alice.id).await.expect("sessions");
        all.pop().expect("one")
    };
    assert!(session.remembered_at.is_some(), "the tick counts");
    chromium.click("form button[value=begin]").await;
    chromium.click("#stop").await;
    chromium.sees("Your account").await;
    assert_eq!(shown("[href='/account/security/protect'].banner").await, json!(0));

    visit(paths::LOGOUT).await;
    chromium.look("Sign out of Latchkey?").await;
    chromium.click("#stay").await;
    chromium.sees("Your account").await;

    visit(paths::ACCOUNT_HISTORY).await;
    for chip in ["unusual", "successful", "failed", "blocked", "all"] {
        let chip = format!(".chip[value={chip}]");
        if shown(&chip).await == json!(0) {
            continue;
        }
        chromium.click(&chip).await;
        chromium.words(&format!("{chip}[aria-pressed=true]")).await;
        chromium.look("Sign-in history").await;
    }
    let folder = tempfile::tempdir().expect("a folder");
    chromium.keep_files_in(folder.path()).await;
    visit(paths::ACCOUNT_HISTORY_EXPORT).await;
    chromium.click("#csv").await;
    let file = chromium.file(folder.path(), "csv").await;
    assert!(file.contains("successful"), "{file}");

    visit(paths::ACCOUNT_APPEARANCE).await;
    chromium.click("label[for=color-own]").await;
    chromium.ask("document.getElementById('own').value = '#7a1fa2'").await;
    if scripts == Scripts::On {
        let changed = "document.getElementById('own').dispatchEvent(new Event('change', \
                       { bubbles: true }))";
        chromium.ask(changed).await;
        chromium.words("#saved[data-state=saved]").await;
    } else {
        chromium.click("#save").await;
        chromium.words("main .note.good").await;
    }
    visit(paths::ACCOUNT_APPEARANCE).await;
    assert_eq!(chromium.ask("return document.getElementById('own').value").await, "#7a1fa2");
    assert_eq!(shown("#color-own:checked").await, json!(1));
    chromium.look("Appearance").await;

    visit(paths::ACCOUNT_TWO_FACTOR_SET_UP).await;
    chromium.sees("Set up two-factor").await;
    let link = "return document.querySelector('#otpauth').getAttribute('href')";
    let phone = Phone::read(chromium.ask(link).await.as_str().expect("a link"));
    // Neither a clipboard nor a printer is there: what they are given is looked at.
    let given = "navigator.clipboard.writeText = text => { \
                     document.body.setAttribute('data-given', text); return Promise.resolve(); }; \
                 window.print = () => document.body.setAttribute('data-given', 'on paper');";
    let on = scripts == Scripts::On;
    if on {
        chromium.ask(given).await;
        chromium.click("[data-copies=key]").await;
        chromium.words("body[data-given]").await;
        let key = chromium.ask("return document.body.getAttribute('data-given')").await;
        let typed = chromium.ask("return document.getElementById('key').textContent").await;
        let typed: String = typed.as_str().expect("a key").split_whitespace().collect();
        assert_eq!(key, typed, "without the blanks between");
    }
    chromium.fill("code", &phone.code(&latchkey, 0)).await;
    chromium.click("#confirm").await;
    chromium.sees("Save your backup codes").await;
    if on {
        chromium.ask(given).await;
        chromium.click("[data-copies=codes]").await;
        chromium.words("body[data-given]").await;
        let list = chromium.ask("return document.body.getAttribute('data-given')").await;
        assert_eq!(list.as_str().map(|list| list.lines().count()), Some(10), "{list}");
        chromium.click("[data-prints]").await;
        chromium.words("body[data-given='on paper']").await;
    }
    // They were not said to be kept; the page of two-factor asks once more.
    visit(paths::ACCOUNT_TWO_FACTOR).await;
    chromium.look("Two-factor").await;
    chromium.click(".note [name=saved]").await;
    chromium.words("main .note.good").await;
    assert_eq!(shown(".note [name=saved]").await, json!(0));

    chromium.click("#sign-out").await;
    chromium.look("You are signed out").await;
    chromium.click("#sign-in-again").await;
    chromium.sees("Sign in").await;
    chromium.click("a[href^='/recover']").await;
    chromium.sees("Forgot your password?").await;
    chromium.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_other_button_does_what_it_says() {
    buttons(Scripts::On).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_other_button_does_what_it_says_without_scripts() {
    buttons(Scripts::Off).await;
}
