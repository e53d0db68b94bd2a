//! What ends when something happens to a session, an account or a client: session-bound and
//! offline tokens, cell by cell.

use latchkey::identity::clients::{ClientSecret, rotate_secret};
use latchkey::identity::people;
use latchkey::paths;

use crate::support::browser::Browser;
use crate::support::clients::{self, TestClient};
use crate::support::stage::{Ask, Grant, Stage};

/// Everything that may end.
struct Cast {
    stage: Stage,
    other: TestClient,
    /// A second browser of Alice.
    phone: Browser,
    bound: Grant,
    offline: Grant,
    /// Bound to the second browser's session.
    phones: Grant,
    /// Of another application, in the first browser.
    others: Grant,
}

impl Cast {
    async fn assemble() -> Self {
        let mut stage = Stage::set().await;
        let other = stage.latchkey.client(clients::other()).await;
        let bound = stage.grant(&stage.ask()).await;
        let offline = stage.grant(&stage.ask_offline()).await;
        let others = stage.grant(&Ask::of(&other)).await;
        let phone = stage.latchkey.browser();
        let here = std::mem::replace(&mut stage.browser, phone);
        let phones = stage.grant(&stage.ask()).await;
        let phone = std::mem::replace(&mut stage.browser, here);
        stage.latchkey.pass_seconds(1);
        Self { stage, other, phone, bound, offline, phones, others }
    }

    /// Whether this browser is signed in.
    async fn is_signed_in(&self, mut browser: Browser) -> bool {
        let page = browser.open(paths::ACCOUNT_SECURITY).await;
        !page.has("password")
    }

    /// Which of them live: the access tokens, then the refresh tokens that a client of the same
    /// credentials presents. Bound, offline, the phone's, the other application's.
    async fn living(&self) -> ([bool; 4], [bool; 4]) {
        let grants = [&self.bound, &self.offline, &self.phones, &self.others];
        let (mut access, mut refresh) = ([false; 4], [false; 4]);
        for (at, grant) in grants.into_iter().enumerate() {
            access[at] = self.stage.is_alive(&grant.access).await;
            let client = if at == 3 { &self.other } else { &self.stage.web };
            let answer = self.stage.refresh_by(client, &grant.refresh).await;
            refresh[at] = answer.status == 200;
            assert!(refresh[at] || matches!(answer.status.as_u16(), 400 | 401), "{answer}");
        }
        (access, refresh)
    }
}

#[derive(Clone, Copy, Debug)]
enum Happening {
    Nothing,
    SignOut,
    SignOutEverywhere,
    EndThisSession,
    EndThePhonesSession,
    EndAllOthers,
    PasswordSet,
    Lock,
    LockAndUnlock,
    RevokeConsent,
    RemoveClient,
    DisableClient,
    RotateSecret,
    SessionExpires,
}

impl Happening {
    async fn happen(self, cast: &mut Cast) {
        let app = cast.stage.latchkey.app.clone();
        match self {
            Self::Nothing => {}
            Self::SignOut => cast.stage.sign_out().await,
            Self::SignOutEverywhere => drop(people::sign_out(&app, "alice").await.unwrap()),
            Self::EndThisSession => {
                cast.stage.end_session("Current session").await;
            }
            Self::EndThePhonesSession => {
                cast.stage.end_session("Last active").await;
            }
            Self::EndAllOthers => cast.stage.end_other_sessions().await,
            Self::PasswordSet => cast.stage.set_password("an0ther-Orbit%lamp").await,
            Self::Lock => cast.stage.lock().await,
            Self::LockAndUnlock => {
                cast.stage.lock().await;
                assert!(!cast.stage.is_alive(&cast.offline.access).await, "locked");
                cast.stage.refresh(&cast.offline.refresh).await.refuses(400, "invalid_grant");
                people::unlock(&app, "alice").await.unwrap();
            }
            Self::RevokeConsent => cast.stage.revoke_consent().await,
            Self::RemoveClient => cast.stage.remove_client().await,
            Self::DisableClient => cast.stage.disable_client().await,
            Self::RotateSecret => {
                let (_, secret) =
                    rotate_secret(&app, "web", ClientSecret::Generated).await.unwrap();
                let old = cast.stage.refresh(&cast.bound.refresh).await;
                old.refuses(401, "invalid_client");
                cast.stage.web.secret = secret;
            }
            Self::SessionExpires => {
                // Access tokens are over by then, whatever they hang on.
                cast.stage.latchkey.pass(std::time::Duration::from_hours(24));
            }
        }
    }
}

const ALL: [bool; 4] = [true; 4];
const NONE: [bool; 4] = [false; 4];
const OFFLINE: [bool; 4] = [false, true, false, false];
const NOT_HERE: [bool; 4] = [false, true, true, false];
const NOT_THE_PHONES: [bool; 4] = [true, true, false, true];
const OTHERS: [bool; 4] = [false, false, false, true];

type Row = (Happening, [bool; 2], [bool; 4], [bool; 4]);

/// What happens, which sessions live on (the first browser's, the phone's), and which access and
/// refresh tokens.
const TABLE: [Row; 14] = [
    (Happening::Nothing, [true, true], ALL, ALL),
    (Happening::SignOut, [false, true], NOT_HERE, NOT_HERE),
    (Happening::SignOutEverywhere, [false, false], OFFLINE, OFFLINE),
    (Happening::EndThisSession, [false, true], NOT_HERE, NOT_HERE),
    (Happening::EndThePhonesSession, [true, false], NOT_THE_PHONES, NOT_THE_PHONES),
    (Happening::EndAllOthers, [true, false], NOT_THE_PHONES, NOT_THE_PHONES),
    (Happening::PasswordSet, [false, false], NONE, NONE),
    (Happening::Lock, [false, false], NONE, NONE),
    // Access tokens from before a lock stay dead.
    (Happening::LockAndUnlock, [false, false], NONE, OFFLINE),
    (Happening::RevokeConsent, [true, true], OTHERS, OTHERS),
    (Happening::RemoveClient, [true, true], OTHERS, OTHERS),
    (Happening::DisableClient, [true, true], OTHERS, OTHERS),
    (Happening::RotateSecret, [true, true], ALL, ALL),
    (Happening::SessionExpires, [false, false], NONE, OFFLINE),
];

#[tokio::test]
async fn what_ends_and_what_lives_on() {
    for (happening, sessions, access, refresh) in TABLE {
        let mut cast = Cast::assemble().await;
        // What is kept of a token from before must not be believed after.
        assert!(cast.stage.is_alive(&cast.bound.access).await);
        happening.happen(&mut cast).await;
        let lives = cast.living().await;
        assert_eq!(lives, (access, refresh), "{happening:?}: access and refresh tokens");
        let (here, phone) = (cast.stage.browser.clone(), cast.phone.clone());
        let signed_in = [cast.is_signed_in(here).await, cast.is_signed_in(phone).await];
        assert_eq!(signed_in, sessions, "{happening:?}: sessions");
    }
}

#[tokio::test]
async fn another_node_knows_at_once() {
    let mut cast = Cast::assemble().await;
    let node = cast.stage.latchkey.another_node().await;
    let there = |access: String| {
        let (endpoints, rs) = (node.endpoints.clone(), cast.stage.rs.clone());
        async move { crate::support::stage::is_alive(&endpoints, &rs, &access).await }
    };
    assert!(there(cast.bound.access.clone()).await && there(cast.offline.access.clone()).await);
    let (bound, offline) = (cast.bound.access.clone(), cast.offline.access.clone());
    let pending = [there(bound), there(offline)];
    cast.stage.sign_out().await;
    let mut alive = Vec::new();
    for one in pending {
        alive.push(one.await);
    }
    assert_eq!(alive, [false, true]);
    people::lock(&node.app, "alice", "a test").await.unwrap();
    assert!(!cast.stage.is_alive(&cast.offline.access).await, "locked by the other node");
}
