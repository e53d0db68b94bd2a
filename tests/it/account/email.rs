//! Changing the address of mail: by a link to the new one, in the hands of who asked for it.

use latchkey::identity::acts::Act;
use latchkey::identity::email::{self, Asked};
use latchkey::identity::people;
use latchkey::identity::sessions::Whereabouts;
use latchkey::paths;
use latchkey::store::sessions;

use super::about_oneself::user;
use crate::support::Latchkey;
use crate::support::flow::sign_in;
use crate::support::happenings::let_it_last;
use crate::support::people::TestUser;
use crate::support::stage::Stage;

/// Asks for a link in the name of `who`, who is signed in somewhere, as their form does.
async fn ask(latchkey: &Latchkey, who: &TestUser, address: &str) -> Asked {
    let user = user(latchkey, &who.id).await;
    let session = {
        let mut db = latchkey.app.store.read().await.expect("a connection");
        let sessions = sessions::list(&mut db, &who.id).await.expect("sessions");
        sessions.into_iter().next().expect("a session")
    };
    let whereabouts = Whereabouts::default();
    let act = Act { user: &user, session: &session, whereabouts: &whereabouts };
    email::ask(&latchkey.app, act, address).await.expect("an answer")
}

/// The path of the link that is sent for `address`.
async fn link(latchkey: &Latchkey, who: &TestUser, address: &str) -> String {
    match ask(latchkey, who, address).await {
        Asked::Sent { url: Some(url) } => {
            url.strip_prefix(&latchkey.issuer).expect("our own address").to_owned()
        }
        other => panic!("no link: {other:?}"),
    }
}

#[tokio::test]
async fn a_new_address_counts_once_its_link_was_opened_and_confirmed() {
    let mut stage = Stage::signed_in().await;
    let page = stage.browser.open(paths::ACCOUNT_EMAIL).await;
    assert!(page.says("alice@people.example Confirmed"), "{page}");
    let page = page.fill("email", "Alice@New.example");
    let sent = stage.browser.submit(&page, "Send a link").await.page();
    assert!(sent.says("Waiting for Alice@New.example"), "{sent}");
    assert!(sent.says("alice@people.example Confirmed"), "nothing changed yet: {sent}");
    let path = link(&stage.latchkey, &stage.alice, "Alice@New.example").await;
    // Programs that read mail open links too: looking changes nothing, however often.
    for _ in 0..2 {
        let shown = stage.browser.open(&path).await;
        assert_eq!(shown.heading(), "Confirm this address");
        assert!(shown.says("Alice@New.example"), "{shown}");
    }
    let shown = stage.browser.open(&path).await;
    let before = user(&stage.latchkey, &stage.alice.id).await;
    assert_eq!(before.email.as_deref(), Some("alice@people.example"));
    let done = stage.browser.submit(&shown, "Confirm this address").await.page();
    assert!(done.says("Your email address is confirmed."), "{done}");
    let after = user(&stage.latchkey, &stage.alice.id).await;
    assert_eq!(after.email.as_deref(), Some("Alice@New.example"));
    assert_eq!(after.email_key.as_deref(), Some("alice@new.example"));
    assert_eq!(after.email_verified_at, Some(stage.latchkey.clock.now()));
    assert_eq!(stage.events("email_changed").await, 1);
    // Once is all it is good for.
    let again = stage.browser.open(&path).await;
    assert_eq!(again.status, 404, "{again}");
}

#[tokio::test]
async fn a_link_is_worth_nothing_when_late_replaced_or_canceled() {
    let mut stage = Stage::signed_in().await;
    let first = link(&stage.latchkey, &stage.alice, "one@new.example").await;
    let second = link(&stage.latchkey, &stage.alice, "two@new.example").await;
    assert_eq!(stage.browser.open(&first).await.status, 404, "it was replaced");
    let shown = stage.browser.open(&second).await;
    assert_eq!(shown.status, 200);
    let page = stage.browser.open(paths::ACCOUNT_EMAIL).await;
    let canceled = stage.browser.submit(&page, "cancel").await.page();
    assert!(!canceled.says("Waiting for"), "{canceled}");
    let changes = stage.browser.open(paths::ACCOUNT_CHANGES).await;
    assert!(changes.says("A link to confirm an email address was canceled"), "{changes}");
    assert_eq!(stage.events("email_link_canceled").await, 1);
    stage.browser.submit(&page, "cancel").await.page();
    assert_eq!(stage.events("email_link_canceled").await, 1, "there was none any more");
    let late = stage.browser.submit(&shown, "Confirm this address").await.page();
    assert_eq!(late.status, 404, "{late}");
    let third = link(&stage.latchkey, &stage.alice, "three@new.example").await;
    stage.latchkey.pass_seconds(24 * 3600 + 1);
    let mut browser = stage.latchkey.browser();
    sign_in(&mut browser, &stage.alice).await;
    assert_eq!(browser.open(&third).await.status, 404, "it is too old");
    let user = user(&stage.latchkey, &stage.alice.id).await;
    assert_eq!(user.email.as_deref(), Some("alice@people.example"));
}

#[tokio::test]
async fn s_139_a_link_of_somebody_else_is_as_good_as_none() {
    let mut stage = Stage::signed_in().await;
    let bob = stage.latchkey.bob().await;
    let mut other = stage.latchkey.browser();
    sign_in(&mut other, &bob).await;
    let path = link(&stage.latchkey, &stage.alice, "alice@new.example").await;
    let nothing = "/account/profile/email/bm9ib2R5LWtub3dzLXRoaXMtdG9rZW4tb2YtNDMtYWJj";
    let (theirs, none) = (other.open(&path).await, other.open(nothing).await);
    assert_eq!((theirs.status, none.status), (none.status, theirs.status));
    assert_eq!(theirs.status, 404);
    assert_eq!(theirs.text(), none.text(), "both are told the same");
    // Nor does her form do anything in his hands.
    let shown = stage.browser.open(&path).await;
    let mut form = shown.submission("Confirm this address");
    for (name, value) in &mut form.fields {
        if name == "csrf" {
            theirs.value("csrf").clone_into(value);
        }
    }
    assert_eq!(other.send(&theirs, form).await.page().status, 404);
    let bobs = user(&stage.latchkey, &bob.id).await;
    assert_eq!(bobs.email.as_deref(), Some("bob@people.example"));
    let done = stage.browser.submit(&shown, "Confirm this address").await.page();
    assert!(done.says("Your email address is confirmed."), "it was not spent: {done}");
}

#[tokio::test]
async fn who_is_not_signed_in_does_that_first() {
    let stage = Stage::signed_in().await;
    let path = link(&stage.latchkey, &stage.alice, "alice@new.example").await;
    let mut browser = stage.latchkey.browser();
    let login = browser.open(&path).await;
    assert_eq!(login.url.path(), paths::LOGIN);
    assert!(!login.url.as_str().contains("profile/email/"), "the token stands nowhere else");
    let page = crate::support::flow::type_in(&mut browser, login, "alice", &stage.alice.password);
    let page = page.await.page();
    // The link is found again without its token, in this browser alone.
    assert_eq!(page.url.path(), paths::ACCOUNT_EMAIL_OPENED, "{page}");
    assert_eq!(page.heading(), "Confirm this address");
    let mut elsewhere = stage.browser.new_tab();
    let there = elsewhere.open(paths::ACCOUNT_EMAIL_OPENED).await;
    assert_eq!(there.url.path(), paths::ACCOUNT_EMAIL, "{there}");
    let done = browser.submit(&page, "Confirm this address").await.page();
    assert!(done.says("Your email address is confirmed."), "{done}");
    let after = user(&stage.latchkey, &stage.alice.id).await;
    assert_eq!(after.email.as_deref(), Some("alice@new.example"));
    assert_eq!(browser.open(&path).await.status, 404, "it is used up");
}

#[tokio::test]
async fn a_link_that_was_opened_counts_for_nobody_else_who_signs_in_there() {
    let stage = Stage::signed_in().await;
    let bob = stage.latchkey.bob().await;
    let path = link(&stage.latchkey, &stage.alice, "alice@new.example").await;
    let mut browser = stage.latchkey.browser();
    let login = browser.open(&path).await;
    let page = crate::support::flow::type_in(&mut browser, login, "bob", &bob.password);
    let page = page.await.page();
    assert_eq!(page.url.path(), paths::ACCOUNT_EMAIL, "{page}");
    assert!(!page.says("alice@new.example"), "{page}");
    for who in [&stage.alice, &bob] {
        let user = user(&stage.latchkey, &who.id).await;
        assert_eq!(user.email.as_deref(), Some(who.email.as_str()));
    }
}

#[tokio::test]
async fn who_comes_back_from_confirming_is_told_what_to_press() {
    let mut stage = Stage::signed_in().await;
    let alice = stage.alice.clone();
    link(&stage.latchkey, &alice, "alice@new.example").await;
    for (button, words) in [
        ("Send it once more", "Press “Send it once more” again"),
        ("Cancel this", "Press “Cancel this” again"),
        ("Send a link", "Press “Send a link” again"),
    ] {
        stage.latchkey.pass_seconds(301);
        let page = stage.browser.open(paths::ACCOUNT_EMAIL).await.fill("email", "x@new.example");
        let asked = stage.browser.submit(&page, button).await.page();
        assert_eq!(asked.url.path(), paths::ACCOUNT_CONFIRM, "{button}: {asked}");
        let asked = asked.fill("password", &alice.password);
        let back = stage.browser.submit(&asked, "Confirm").await.page();
        assert!(back.says(words), "{button}: {back}");
        assert!(back.says("Waiting for alice@new.example"), "nothing was done yet: {back}");
    }
}

#[tokio::test]
async fn nobody_learns_whether_an_address_is_somebody_elses() {
    let mut stage = Stage::signed_in().await;
    stage.latchkey.bob().await;
    let mut seen = Vec::new();
    for address in ["bob@people.example", "free@people.example"] {
        let page = stage.browser.open(paths::ACCOUNT_EMAIL).await.fill("email", address);
        let sent = stage.browser.submit(&page, "Send a link").await.page();
        seen.push(sent.text().replace(address, "ADDRESS"));
    }
    assert_eq!(seen[0], seen[1]);
    let asked = ask(&stage.latchkey, &stage.alice, "BOB@people.example").await;
    assert!(matches!(asked, Asked::Sent { url: None }), "nothing is sent to bob: {asked:?}");
}

#[tokio::test]
async fn an_address_that_was_taken_meanwhile_is_not_taken_away() {
    let mut stage = Stage::signed_in().await;
    let path = link(&stage.latchkey, &stage.alice, "carol@people.example").await;
    let shown = stage.browser.open(&path).await;
    let carol = stage.latchkey.person("carol", serde_json::json!({})).await;
    let late = stage.browser.submit(&shown, "Confirm this address").await.page();
    assert_eq!(late.status, 404, "{late}");
    let carol = user(&stage.latchkey, &carol.id).await;
    assert_eq!(carol.email.as_deref(), Some("carol@people.example"));
}

#[tokio::test]
async fn what_is_no_address_is_said_and_no_mailbox_is_flooded() {
    let mut stage = Stage::signed_in().await;
    for typed in ["", "alice", "a b@x.example", "a@", "@b.example", "a@b@c", "a@x\u{7}.example"] {
        let page = stage.browser.open(paths::ACCOUNT_EMAIL).await.fill("email", typed);
        let again = stage.browser.submit(&page, "Send a link").await.page();
        assert_eq!(again.status, 422, "{typed:?}: {again}");
        assert_eq!(again.value("email"), typed);
    }
    let page = stage.browser.open(paths::ACCOUNT_EMAIL).await;
    let page = page.fill("email", "ALICE@people.example");
    let same = stage.browser.submit(&page, "Send a link").await.page();
    assert!(same.says("This is your address already"), "{same}");
    for n in 0..5 {
        let address = format!("victim{n}@people.example");
        let sent = ask(&stage.latchkey, &stage.alice, &address).await;
        assert!(matches!(sent, Asked::Sent { .. }), "{sent:?}");
    }
    let more = ask(&stage.latchkey, &stage.alice, "victim9@people.example").await;
    assert!(matches!(more, Asked::TooMany), "{more:?}");
    stage.latchkey.pass_seconds(3601);
    let later = ask(&stage.latchkey, &stage.alice, "victim9@people.example").await;
    assert!(matches!(later, Asked::Sent { .. }), "{later:?}");
}

#[tokio::test]
async fn s_118_the_link_bears_the_configured_name_whatever_the_request_says() {
    let stage = Stage::signed_in().await;
    let csrf = {
        let mut browser = stage.browser.new_tab();
        browser.open(paths::ACCOUNT_EMAIL).await.value("csrf").to_owned()
    };
    let url: reqwest::Url = stage.latchkey.at(paths::ACCOUNT_EMAIL).parse().expect("an address");
    let home = url.origin().ascii_serialization();
    for (name, value) in [
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
        ("forwarded", "host=evil.example;proto=https"),
        ("x-forwarded-prefix", "/evil.example"),
    ] {
        let fields = [("email", "alice@new.example"), ("csrf", csrf.as_str())]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let headers = [("origin", home.as_str()), ("sec-fetch-site", "same-origin"), (name, value)];
        let answer = crate::support::flow::post_raw(&stage.browser, &url, &fields, &headers).await;
        let location = answer.headers().get("location").map(|to| to.to_str().expect("ASCII"));
        assert_eq!(location, Some("/account/profile/email?done=sent"), "{name}");
    }
    let Asked::Sent { url: Some(url) } =
        ask(&stage.latchkey, &stage.alice, "alice@new.example").await
    else {
        panic!("no link");
    };
    assert!(url.starts_with(&format!("{}/account/profile/email/", stage.latchkey.issuer)), "{url}");
}

#[tokio::test(flavor = "multi_thread")]
async fn racing_requests_send_no_more_links_than_slow_ones() {
    let stage = Stage::signed_in().await;
    let user = user(&stage.latchkey, &stage.alice.id).await;
    let session = {
        let mut db = stage.latchkey.app.store.read().await.expect("a connection");
        sessions::list(&mut db, &user.id).await.expect("sessions").remove(0)
    };
    // What else happens pushes no request out of the count.
    let mut db = stage.latchkey.app.store.write().await.expect("a write");
    for _ in 0..510 {
        let event = latchkey::store::events::Event {
            user_id: Some(user.id.clone()),
            ..stage.latchkey.app.event("signed_out")
        };
        latchkey::store::events::record(&mut db, &event).await.expect("recorded");
    }
    db.commit().await.expect("a commit");
    let tries = (0..12).map(|number| {
        let (app, user, session) = (stage.latchkey.app.clone(), user.clone(), session.clone());
        tokio::spawn(async move {
            let whereabouts = Whereabouts::default();
            let act = Act { user: &user, session: &session, whereabouts: &whereabouts };
            email::ask(&app, act, &format!("alice{number}@new.example")).await
        })
    });
    let mut sent = 0;
    for came in futures_util::future::join_all(tries).await {
        sent += usize::from(matches!(came.expect("no panic"), Ok(Asked::Sent { .. })));
    }
    assert_eq!(sent, 5);
}

#[tokio::test]
async fn a_link_dies_with_the_password_and_with_a_lock() {
    for what in ["a new password", "support’s password", "a lock"] {
        let mut stage = Stage::signed_in().await;
        let path = link(&stage.latchkey, &stage.alice, "thief@new.example").await;
        let app = &stage.latchkey.app;
        match what {
            "a new password" => {
                let page = stage.browser.open(paths::ACCOUNT_PASSWORD).await;
                let page = page.fill("password", &stage.alice.password);
                let page = page.fill("new_password", "N3w-Harbour%Gull");
                let page = page.fill("new_password_again", "N3w-Harbour%Gull");
                let page = stage.browser.submit(&page, "Change password").await.page();
                assert_eq!(page.status, 200, "{page}");
            }
            "a lock" => {
                people::lock(app, "alice", "a test").await.expect("locked");
                people::unlock(app, "alice").await.expect("unlocked");
                sign_in(&mut stage.browser, &stage.alice).await;
            }
            _ => {
                let new = "N3w-Harbour%Gull".into();
                people::set_password(app, "alice", &new).await.expect("set");
                let_it_last(app, &stage.alice.id).await;
                stage.alice.password = "N3w-Harbour%Gull".to_owned();
                sign_in(&mut stage.browser, &stage.alice).await;
            }
        }
        assert_eq!(stage.browser.open(&path).await.status, 404, "{what}");
    }
}
