//! What ends when: every row of the table of revocations, cell by cell, each through the page, the
//! command or the endpoint that does it. Two browsers of Alice, two applications, each let in for the
//! session alone and to stay; and Bob, whom nothing concerns.

use latchkey::identity::people;
use latchkey::notices::{self, Notice, Source};
use latchkey::paths;
use latchkey::secret::sha256;
use latchkey::store::{sessions, users};

use crate::support::browser::Browser;
use crate::support::clients::{self, TestClient};
use crate::support::flow::{sign_in, text};
use crate::support::happenings::disconnect;
use crate::support::page::Page;
use crate::support::people::TestUser;
use crate::support::program::Program;
use crate::support::stage::{Ask, Grant, Stage, walk_on};

/// Where tokens came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Born {
    /// In which of Alice's browsers.
    browser: usize,
    /// For which application.
    client: usize,
    /// Whether they may outlive the session.
    offline: bool,
}

struct Held {
    born: Born,
    ask: Ask,
    code: String,
    grant: Grant,
}

struct Cast {
    stage: Stage,
    browsers: [Browser; 2],
    clients: [TestClient; 2],
    held: Vec<Held>,
    bobs: Held,
    bobs_browser: Browser,
}

/// What Alice chooses in place of her password.
const NEW: &str = "an0ther-Orbit%lamp";

async fn let_in(
    stage: &Stage,
    browser: &mut Browser,
    user: &TestUser,
    born: Born,
    ask: Ask,
) -> Held {
    let arrival = browser.arrive(&ask.address()).await;
    let came = walk_on(browser, user, arrival).await.departure();
    let code = came.parameter("code").expect("a code");
    let grant = Grant::read(&stage.redeem(&ask, &code).await);
    Held { born, ask, code, grant }
}

impl Cast {
    async fn assemble() -> Self {
        let stage = Stage::set().await;
        let clients = [stage.web.clone(), stage.latchkey.client(clients::other()).await];
        let mut browsers = [stage.latchkey.browser(), stage.latchkey.browser()];
        let mut held = Vec::new();
        for (at, browser) in browsers.iter_mut().enumerate() {
            for (client, registered) in clients.iter().enumerate() {
                for offline in [false, true] {
                    let scope = if offline { "openid offline_access" } else { "openid" };
                    let ask = Ask::of(registered).with("scope", scope);
                    let born = Born { browser: at, client, offline };
                    held.push(let_in(&stage, browser, &stage.alice, born, ask).await);
                }
            }
        }
        let bob = stage.latchkey.bob().await;
        let born = Born { browser: 9, client: 0, offline: true };
        let mut bobs_browser = stage.latchkey.browser();
        let bobs = let_in(&stage, &mut bobs_browser, &bob, born, stage.ask_offline()).await;
        for one in held.iter().chain([&bobs]) {
            // What a node remembers of a token from before must not be believed after.
            assert!(stage.is_alive(&one.grant.access).await);
        }
        stage.latchkey.pass_seconds(1);
        Self { stage, browsers, clients, held, bobs, bobs_browser }
    }

    /// The program of an operator, beside the server.
    fn operator(&self) -> Program {
        let config = &self.stage.latchkey.app.config;
        let mut program = Program::new();
        program.set("LATCHKEY_ISSUER", &config.issuer);
        program.set("LATCHKEY_DATABASE__URL", &config.database.url);
        program.set("LATCHKEY_KEYS__DIRECTORY", &config.keys.directory.display().to_string());
        program
    }

    /// Alice before her first browser.
    async fn does(&mut self, act: impl AsyncFnOnce(&mut Stage)) {
        std::mem::swap(&mut self.stage.browser, &mut self.browsers[0]);
        act(&mut self.stage).await;
        std::mem::swap(&mut self.stage.browser, &mut self.browsers[0]);
    }

    /// She changes her password on its page.
    async fn changes_password(&mut self, prepare: impl FnOnce(Page) -> Page) {
        let page = self.browsers[0].open(paths::ACCOUNT_PASSWORD).await;
        let page = page.fill("password", &self.stage.alice.password).fill("new_password", NEW);
        let page = prepare(page.fill("new_password_again", NEW));
        let page = self.browsers[0].submit(&page, "Change password").await.page();
        assert!(page.says("Your password is changed"), "{page}");
    }

    /// The link of a mail about her second browser.
    async fn not_me_link(&self) -> String {
        let app = &self.stage.latchkey.app;
        let mut db = app.store.write().await.expect("a transaction");
        let token = self.browsers[1].cookies().value("session").expect("a session");
        let found = sessions::find_live(&mut db, &sha256(&token), app.clock.now()).await;
        let (session, _) = found.expect("an answer").expect("it lives");
        let alice = users::find(&mut db, &session.user_id).await.expect("an answer");
        let alice = alice.expect("Alice");
        let reasons = ["A test wrote this".to_owned()];
        let notice = Notice::UnfamiliarSignIn { session_id: &session.id, reasons: &reasons };
        let told = notices::tell(app, &mut db, &alice, Source::default(), notice);
        told.await.expect("told");
        db.commit().await.expect("a commit");
        let mails = self.stage.latchkey.mails().await;
        let mail = mails.iter().find(|mail| mail.says("A test wrote this")).expect("the mail");
        mail.link("/not-me/")
    }

    fn of(&self, born: Born) -> &Held {
        self.held.iter().find(|one| one.born == born).expect("it was let in")
    }

    async fn check(&mut self, event: What) {
        for at in 0..2 {
            let page = self.browsers[at].open(paths::ACCOUNT_SECURITY).await;
            let signed_in = page.url.path() == paths::ACCOUNT_SECURITY;
            assert_eq!(signed_in, event.keeps_browser(at), "{event:?}: browser {at}: {page}");
        }
        for one in &self.held {
            let born = one.born;
            let alive = self.stage.is_alive(&one.grant.access).await;
            assert_eq!(alive, event.keeps_access(born), "{event:?}: access token {born:?}");
        }
        for one in &self.held {
            let (born, client) = (one.born, &self.clients[one.born.client]);
            let answer = self.stage.refresh_by(client, &one.grant.refresh).await;
            let works = answer.status == 200;
            assert_eq!(works, event.keeps_refresh(born), "{event:?}: refresh {born:?}: {answer}");
            if works {
                let renewed = Grant::read(&answer);
                assert!(self.stage.is_alive(&renewed.access).await, "{event:?}: renewed {born:?}");
            } else {
                assert!(matches!(answer.status.as_u16(), 400 | 401), "{event:?}: {answer}");
            }
        }
        let page = self.bobs_browser.open(paths::ACCOUNT_SECURITY).await;
        assert_eq!(page.url.path(), paths::ACCOUNT_SECURITY, "{event:?}: Bob: {page}");
        let bob = &self.bobs.grant;
        let web_stays = event != What::ClientRemoved;
        assert_eq!(self.stage.is_alive(&bob.access).await, web_stays, "{event:?}: Bob");
        let answer = self.stage.refresh_by(&self.clients[0], &bob.refresh).await;
        assert_eq!(answer.status == 200, web_stays, "{event:?}: Bob: {answer}");
    }
}

/// Which tokens a replay is about.
const REPLAYED: Born = Born { browser: 0, client: 0, offline: true };

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    ApplicationRevoked,
    AllApplicationsRevoked,
    SignedOut,
    SessionEnded,
    OtherSessionsEnded,
    CalledSomebodyElses,
    PasswordChanged,
    PasswordAndApplications,
    PasswordRecovered,
    SignedOutBySupport,
    PasswordSetBySupport,
    RefreshReplayed,
    CodeReplayed,
    Locked,
    LockedAndUnlocked,
    ClientRemoved,
    SecretRotated,
}

impl What {
    const ALL: [Self; 17] = [
        Self::ApplicationRevoked,
        Self::AllApplicationsRevoked,
        Self::SignedOut,
        Self::SessionEnded,
        Self::OtherSessionsEnded,
        Self::CalledSomebodyElses,
        Self::PasswordChanged,
        Self::PasswordAndApplications,
        Self::PasswordRecovered,
        Self::SignedOutBySupport,
        Self::PasswordSetBySupport,
        Self::RefreshReplayed,
        Self::CodeReplayed,
        Self::Locked,
        Self::LockedAndUnlocked,
        Self::ClientRemoved,
        Self::SecretRotated,
    ];

    fn keeps_browser(self, browser: usize) -> bool {
        match self {
            Self::SignedOut => browser != 0,
            Self::SessionEnded
            | Self::OtherSessionsEnded
            | Self::CalledSomebodyElses
            | Self::PasswordChanged
            | Self::PasswordAndApplications => browser != 1,
            Self::PasswordRecovered
            | Self::SignedOutBySupport
            | Self::PasswordSetBySupport
            | Self::Locked
            | Self::LockedAndUnlocked => false,
            _ => true,
        }
    }

    fn keeps_refresh(self, born: Born) -> bool {
        match self {
            Self::ApplicationRevoked | Self::ClientRemoved => born.client != 0,
            Self::SignedOut => born.offline || born.browser != 0,
            Self::SessionEnded | Self::OtherSessionsEnded | Self::PasswordChanged => {
                born.offline || born.browser != 1
            }
            Self::CalledSomebodyElses => born.browser != 1,
            Self::SignedOutBySupport | Self::LockedAndUnlocked => born.offline,
            Self::AllApplicationsRevoked
            | Self::PasswordAndApplications
            | Self::PasswordRecovered
            | Self::PasswordSetBySupport
            | Self::Locked => false,
            Self::RefreshReplayed | Self::CodeReplayed => born != REPLAYED,
            Self::SecretRotated => true,
        }
    }

    /// Access tokens die with what they hang on; those from before a lock stay dead after it.
    fn keeps_access(self, born: Born) -> bool {
        self != Self::LockedAndUnlocked && self.keeps_refresh(born)
    }

    async fn happen(self, cast: &mut Cast) {
        match self {
            Self::ApplicationRevoked => {
                let page = disconnect(&mut cast.browsers[0], "Photo Printer").await;
                assert!(page.status.is_success(), "{page}");
            }
            Self::AllApplicationsRevoked => {
                let page = cast.browsers[0].open(paths::ACCOUNT_APPLICATIONS_REVOKE_ALL).await;
                let page = cast.browsers[0].submit(&page, "Revoke all").await.page();
                assert!(page.status.is_success(), "{page}");
            }
            Self::SignedOut => {
                let page = cast.browsers[0].open(paths::LOGOUT).await;
                cast.browsers[0].submit(&page, "sign out").await.page();
            }
            Self::SessionEnded => {
                cast.does(async |stage| drop(stage.end_session("Last active").await)).await;
            }
            Self::OtherSessionsEnded => {
                cast.does(async |stage| stage.end_other_sessions().await).await;
            }
            Self::CalledSomebodyElses => {
                let link = cast.not_me_link().await;
                let mut elsewhere = cast.stage.latchkey.browser();
                let page = elsewhere.open(&link).await;
                elsewhere.submit(&page, "End that session").await.page();
            }
            Self::PasswordChanged => cast.changes_password(|page| page).await,
            Self::PasswordAndApplications => {
                cast.changes_password(|page| page.tick("end_applications")).await;
            }
            Self::PasswordRecovered => {
                let link = cast.stage.latchkey.recovery_link(&cast.stage.alice).await;
                let mut elsewhere = cast.stage.latchkey.browser();
                let page = elsewhere.open(&link).await.fill("password", NEW).fill("repeat", NEW);
                elsewhere.submit(&page, "Set new password").await.page();
            }
            Self::SignedOutBySupport => {
                cast.operator().run(&["user", "sign-out", "alice"]).good();
            }
            Self::PasswordSetBySupport => {
                let command = ["user", "set-password", "alice", "--password-stdin"];
                cast.operator().run_with(&command, NEW).good();
            }
            Self::RefreshReplayed => replay_refresh(cast).await,
            Self::CodeReplayed => {
                let held = cast.of(REPLAYED);
                cast.stage.redeem(&held.ask, &held.code).await.refuses(400, "invalid_grant");
            }
            Self::Locked => {
                let command = ["user", "lock", "alice", "--reason", "a test"];
                cast.operator().run(&command).good();
            }
            Self::LockedAndUnlocked => {
                // As `user lock` and `user unlock` do it, but by the clock of this test: what is
                // made after an unlock counts.
                cast.stage.lock().await;
                for one in &cast.held {
                    cast.stage.is_dead_to(&cast.clients[one.born.client], &one.grant).await;
                }
                cast.stage.latchkey.pass_seconds(1);
                people::unlock(&cast.stage.latchkey.app, "alice").await.expect("unlocked");
            }
            Self::ClientRemoved => {
                cast.operator().run(&["client", "remove", "web"]).good();
            }
            Self::SecretRotated => {
                let rotated = cast.operator().run(&["client", "rotate-secret", "web"]).json();
                cast.clients[0].secret = Some(text(&rotated, "client_secret").to_owned());
            }
        }
    }
}

/// The thief comes second, with the token that the client has already renewed.
async fn replay_refresh(cast: &mut Cast) {
    let held = cast.held.iter_mut().find(|one| one.born == REPLAYED).expect("it was let in");
    let client = &cast.clients[REPLAYED.client];
    let stolen = held.grant.refresh.clone();
    let renewed = Grant::read(&cast.stage.refresh_by(client, &stolen).await);
    held.grant = Grant::read(&cast.stage.refresh_by(client, &renewed.refresh).await);
    cast.stage.refresh_by(client, &stolen).await.refuses(400, "invalid_grant");
}

#[tokio::test]
async fn every_cell_of_the_table() {
    for what in What::ALL {
        let mut cast = Cast::assemble().await;
        what.happen(&mut cast).await;
        cast.check(what).await;
    }
}

#[tokio::test]
async fn after_an_unlock_a_person_and_their_applications_go_on() {
    let mut cast = Cast::assemble().await;
    What::LockedAndUnlocked.happen(&mut cast).await;
    let alice = cast.stage.alice.clone();
    sign_in(&mut cast.browsers[0], &alice).await;
    let page = cast.browsers[0].open(paths::ACCOUNT_APPLICATIONS).await;
    assert!(page.says("Photo Printer") && page.says("Calendar"), "consents stand: {page}");
    let ask = cast.stage.ask();
    let born = Born { browser: 0, client: 0, offline: false };
    let grant = let_in(&cast.stage, &mut cast.browsers[0], &alice, born, ask).await.grant;
    assert!(cast.stage.is_alive(&grant.access).await);
}
