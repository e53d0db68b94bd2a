//! Each thing that a person is told.

use std::time::Duration;

use latchkey::identity::people;
use latchkey::identity::two_factor;
use latchkey::notices::{self, Notice, Source};
use latchkey::store::{queue, users};
use scraper::{Html, Selector};

use crate::support::browser::CHROMIUM;
use crate::support::mails::Mail;
use crate::support::people::TestUser;
use crate::support::stage::Stage;
use crate::support::{Latchkey, START};

/// What somebody may choose as a name who means no good.
const HOSTILE: &str = "<b>Evil</b>\r\nBcc: eve@x.example\u{202e} & Co";

async fn tell(latchkey: &Latchkey, user: &TestUser, source: Source<'_>, notice: Notice<'_>) {
    let mut db = latchkey.app.store.write().await.expect("a transaction");
    let user = users::find(&mut db, &user.id).await.expect("an answer").expect("a person");
    notices::tell(&latchkey.app, &mut db, &user, source, notice).await.expect("told");
    db.commit().await.expect("a commit");
}

/// Every notice, with a part of its subject and of its words.
fn all<'a>(url: &'a str, reasons: &'a [String]) -> Vec<(Notice<'a>, &'static str, &'static str)> {
    let until = START + Duration::from_hours(24);
    vec![
        (Notice::PasswordChanged { by_support: false }, "password was changed", "If not, somebody"),
        (Notice::PasswordChanged { by_support: true }, "password was changed", "Support set a new"),
        (Notice::Recovery { url }, "Choose a new", "works once, for 30 minutes"),
        (Notice::TwoFactorOn, "Two-factor is on", "backup codes"),
        (Notice::TwoFactorOff { by_support: false }, "Two-factor is off", "was removed"),
        (Notice::TwoFactorOff { by_support: true }, "Two-factor is off", "Support removed"),
        (Notice::AuthenticatorAdded { name: HOSTILE }, "app was added", "can now give codes"),
        (Notice::AuthenticatorRemoved { name: HOSTILE }, "app was removed", "no longer gives"),
        (Notice::BackupCodeUsed { left: 7 }, "code was used", "You have 7 left."),
        (Notice::BackupCodeUsed { left: 3 }, "code was used", "only 3 left. Make new ones"),
        (Notice::BackupCodeUsed { left: 0 }, "code was used", "It was your last one."),
        (Notice::BackupCodesRenewed, "codes were replaced", "The old ones no longer work"),
        (Notice::BrowserTrusted { until }, "no longer asked", "until 3 March 2026, 09:00 UTC"),
        (Notice::ApplicationConnected { application: HOSTILE }, "was connected", "disconnect it"),
        (Notice::TheftDetected { application: HOSTILE }, "disconnected", "presented a second time"),
        (Notice::AccountLocked, "is locked", "Support locked your account"),
        (Notice::AccountUnlocked, "is unlocked", "You can sign in again"),
        (Notice::CodesBlocked, "are blocked", "somebody knows your password"),
        (Notice::SignInBlocked, "trying passwords", "not affected"),
        (Notice::EmailVerification { address: "new@people.example", url }, "Confirm", "confirm it"),
        (
            Notice::EmailChanged { old: "old@people.example", new: "new@people.example" },
            "was changed",
            "from old@people.example to new@people.example",
        ),
        (Notice::RemovalPlanned { at: until }, "will be removed", "on 3 March 2026"),
        (Notice::RemovalCalledOff, "account stays", "Nothing has changed"),
        (Notice::AccountRemoved, "account was removed", "are gone, as was asked for"),
        (Notice::SignInMailsOff, "new sign-ins are off", "no longer be told by mail when"),
        (
            Notice::UnfamiliarSignIn { session_id: "none", reasons },
            "New sign-in",
            "- A browser that you have not used before",
        ),
    ]
}

/// What holds for each mail, whatever it is about.
fn check(latchkey: &Latchkey, mail: &Mail) {
    let Mail { subject, text, html, .. } = mail;
    assert!(
        mail.says("2 March 2026, 09:00 UTC") || mail.headers["date"].contains("2026"),
        "{text}"
    );
    for words in [subject, text] {
        assert!(!words.contains(['\u{202e}', '\r', '\0']), "{words:?}");
        assert!(!words.contains("{{") && !words.contains("none"), "{words}");
    }
    assert_eq!(mail.headers["auto-submitted"], "auto-generated");
    assert!(!mail.headers.contains_key("bcc"), "{}", mail.raw);
    assert!(text.lines().all(|line| line.chars().count() < 200), "{text}");
    assert!(!text.contains("\n\n\n") && text.ends_with('\n'), "{text}");
    for link in mail.links() {
        assert!(link.starts_with(&latchkey.issuer), "{link}");
    }
    let page = Html::parse_document(html);
    let count = |selector: &str| page.select(&Selector::parse(selector).expect("css")).count();
    assert_eq!((count("h1"), count("title"), count("html[lang]")), (1, 1, 1), "{html}");
    let remote = "img, script, link, iframe, video, form, b";
    assert_eq!(count(remote), 0, "nothing is loaded, nothing runs: {html}");
    let fetched = ["url(", "@import", "src=", "@font-face", "background="];
    assert!(fetched.iter().all(|word| !html.contains(word)) && !html.contains("<b>"), "{html}");
    let title: String = page
        .select(&Selector::parse("title").expect("css"))
        .flat_map(|title| title.text())
        .collect();
    assert_eq!(&title, subject);
}

#[tokio::test]
async fn every_notice_says_what_when_where_and_what_to_do() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    let url = latchkey.at("/recover/sample");
    let reasons = ["A browser that you have not used before".to_owned()];
    let source = Source { address: "192.0.2.7", user_agent: CHROMIUM };
    for (notice, subject, words) in all(&url, &reasons) {
        let told = format!("{notice:?}");
        let place = match &notice {
            Notice::EmailVerification { .. } => "new@people.example",
            Notice::EmailChanged { .. } => "old@people.example",
            _ => "alice@people.example",
        };
        let before = latchkey.mails().await.len();
        tell(&latchkey, &alice, source, notice.clone()).await;
        let mails = latchkey.mails().await;
        assert_eq!(mails.len(), before + 1, "{told}");
        let mut found = mails
            .iter()
            .filter(|mail| mail.subject.contains(subject) && mail.says(words) && mail.to == place);
        let mail = found.next_back().unwrap_or_else(|| {
            let texts: Vec<_> = mails.iter().map(|mail| (&mail.subject, &mail.text)).collect();
            panic!("{told}: {texts:#?}")
        });
        check(&latchkey, mail);
        let by_operator = matches!(notice, Notice::AccountLocked | Notice::AccountUnlocked);
        assert_eq!(mail.says("192.0.2.7"), !by_operator, "{told}: {}", mail.text);
        assert_eq!(mail.says("With: Chrome 149 on Linux"), !by_operator, "{told}");
        let greeted = mail.text.starts_with("Hello Alice Moreau,");
        let stranger = matches!(notice, Notice::EmailVerification { .. });
        assert_eq!(greeted, !stranger, "a stranger is not told whose account it is: {told}");
        if stranger {
            assert!(!mail.raw.contains("Alice") && !mail.raw.contains("alice"), "{}", mail.raw);
        }
    }
}

#[tokio::test]
async fn only_mails_about_sign_ins_can_be_turned_off() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    let mut db = latchkey.app.store.write().await.expect("a transaction");
    users::set_sign_in_mails_off(&mut db, &alice.id, Some(START)).await.expect("an update");
    db.commit().await.expect("a commit");
    for (notice, ..) in all("https://id.example/x", &[]) {
        tell(&latchkey, &alice, Source::default(), notice).await;
    }
    let mails = latchkey.mails().await;
    assert_eq!(mails.len(), all("", &[]).len() - 1);
    assert!(mails.iter().all(|mail| !mail.subject.contains("New sign-in")));
}

#[tokio::test]
async fn only_a_place_that_is_a_guess_is_called_approximate() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    for (address, words) in [
        ("192.168.7.3", "From: 192.168.7.3 (your local network)"),
        ("8.8.8.8", "From: 8.8.8.8 (approximately United States)"),
        ("192.0.2.7", "From: 192.0.2.7"),
    ] {
        let source = Source { address, user_agent: "" };
        tell(&latchkey, &alice, source, Notice::TwoFactorOn).await;
        let mails = latchkey.mails().await;
        let mail = mails.iter().find(|mail| mail.says(&format!("From: {address}")));
        let mail = mail.expect("the mail from there");
        assert!(!mail.says("approximately Local") && !mail.says("Local network"), "{}", mail.text);
        match words.split_once('(') {
            Some((_, place)) => {
                assert!(mail.says(words), "{}", mail.text);
                assert!(mail.html.contains(place), "{}", mail.html);
            }
            None => assert!(!mail.says("7 ("), "nothing is known of it: {}", mail.text),
        }
    }
}

#[tokio::test]
async fn nobody_reads_a_mail_that_waits() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    tell(&latchkey, &alice, Source::default(), Notice::AccountUnlocked).await;
    let mut db = latchkey.app.store.write().await.expect("a transaction");
    let now = latchkey.clock.now();
    let jobs = queue::claim(&mut db, "mail", now, now, 10).await.expect("jobs");
    assert_eq!(jobs.len(), 1);
    let row = format!("{jobs:?}");
    for word in ["alice", "unlocked", "Hello"] {
        assert!(!row.contains(word), "{row}");
    }
}

#[tokio::test]
async fn what_support_does_is_told_without_where_from() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    latchkey.enrol(&alice, b"a seed of twenty bytes").await;
    people::lock(&latchkey.app, "alice", "asked for by phone").await.expect("locked");
    people::unlock(&latchkey.app, "alice").await.expect("unlocked");
    people::set_password(&latchkey.app, "alice", &"an0ther-Lamp%44".into()).await.expect("set");
    two_factor::reset(&latchkey.app, "alice").await.expect("reset");
    two_factor::reset(&latchkey.app, "alice").await.expect("nothing left to reset");
    let mut subjects: Vec<_> =
        latchkey.mails_to(&alice.email).await.into_iter().map(|mail| mail.subject).collect();
    subjects.sort();
    let told = [
        "Two-factor is off",
        "Your Latchkey account is locked",
        "Your Latchkey account is unlocked",
        "Your Latchkey password was changed",
    ];
    assert_eq!(subjects, told);
    let locked = latchkey.mail_about("is locked").await;
    assert!(!locked.raw.contains("asked for by phone"), "why is for support alone: {}", locked.raw);
    assert!(latchkey.mail_about("password").await.says("tell them at once"));
}

#[tokio::test]
async fn a_new_application_is_told_once_and_theft_at_once() {
    let mut stage = Stage::set().await;
    let ask = stage.ask_offline();
    let grant = stage.grant(&ask).await;
    let mails = stage.latchkey.mails().await;
    let connected: Vec<_> = mails.iter().filter(|m| m.subject.contains("connected")).collect();
    assert_eq!(connected.len(), 1);
    assert!(connected[0].says("“Photo Printer” may use your account"), "{}", connected[0].text);
    assert!(connected[0].says("127.0.0.1") || connected[0].says("From:"), "{}", connected[0].text);
    // The same application again is nothing new.
    stage.grant(&ask).await;
    // A refresh token from before the last: two parties hold one.
    let second = stage.refresh(&grant.refresh).await.good();
    let second = second["refresh_token"].as_str().expect("a token").to_owned();
    stage.refresh(&second).await.good();
    stage.latchkey.pass_seconds(60);
    stage.refresh(&grant.refresh).await.refuses(400, "invalid_grant");
    let mails = stage.latchkey.mails().await;
    let about = |words: &str| mails.iter().filter(|m| m.subject.contains(words)).count();
    assert_eq!((about("was connected"), about("We disconnected")), (1, 1));
    let code = stage.code(&ask).await;
    stage.redeem(&ask, &code).await.good();
    stage.redeem(&ask, &code).await.refuses(400, "invalid_grant");
    stage.redeem(&ask, &code).await.refuses(400, "invalid_grant");
    let mails = stage.latchkey.mails().await;
    let theft = mails.iter().filter(|m| m.subject.contains("We disconnected")).count();
    assert_eq!(theft, 2, "the same code again is no news");
}
