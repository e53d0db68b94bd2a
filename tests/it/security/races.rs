//! S-023, S-037, S-042, S-140: the same thing at the same time, on two nodes over one PostgreSQL and on
//! one over SQLite. However it ends, at most one wins, nothing breaks, and what was revoked stays
//! dead.

use std::sync::Arc;

use latchkey::paths;
use secrecy::SecretString;
use tokio::sync::Barrier;

use crate::support::Latchkey;
use crate::support::clients::TestClient;
use crate::support::database::{postgres_url, sqlite_url};
use crate::support::endpoint::{Answer, Endpoints};
use crate::support::happenings::{disconnect, revoke_consent};
use crate::support::stage::{Grant, Stage, is_alive};

/// How often each race is run: `LATCHKEY_TEST_RACES` times where it is set.
fn rounds() -> usize {
    let asked = std::env::var("LATCHKEY_TEST_RACES").ok();
    asked.map_or(20, |asked| asked.parse().expect("a number"))
}

/// A stage whose requests go to all nodes in turn.
struct Track {
    stage: Stage,
    second: Option<Latchkey>,
    _folder: Option<tempfile::TempDir>,
}

impl Track {
    async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = sqlite_url(&folder);
        let latchkey = Latchkey::start_with(|config| config.database.url = url).await;
        Self { stage: Stage::on(latchkey).await, second: None, _folder: Some(folder) }
    }

    async fn postgres() -> Self {
        let url = postgres_url().await;
        let latchkey = Latchkey::start_with(|config| config.database.url = url).await;
        let second = latchkey.another_node().await;
        Self { stage: Stage::on(latchkey).await, second: Some(second), _folder: None }
    }

    /// The endpoints of the node whose turn it is.
    fn node(&self, turn: usize) -> Endpoints {
        match &self.second {
            Some(second) if turn % 2 == 1 => second.endpoints.clone(),
            _ => self.stage.latchkey.endpoints.clone(),
        }
    }

    /// Sends a form to the token endpoint from so many at once.
    async fn race(&self, runners: usize, form: &[(&str, &str)]) -> Vec<Answer> {
        let start = Arc::new(Barrier::new(runners));
        let form = owned(form);
        let tasks = (0..runners).map(|turn| {
            let (node, start, form) = (self.node(turn), Arc::clone(&start), form.clone());
            let client = self.stage.web.clone();
            tokio::spawn(async move {
                start.wait().await;
                post(&node, &client, &form).await
            })
        });
        let mut answers = Vec::new();
        for task in tasks.collect::<Vec<_>>() {
            answers.push(task.await.unwrap());
        }
        answers
    }

    /// Whether an access token counts, on every node.
    async fn is_alive(&self, access: &str) -> bool {
        let alive = self.stage.is_alive(access).await;
        if let Some(second) = &self.second {
            let there = is_alive(&second.endpoints, &self.stage.rs, access).await;
            assert_eq!(there, alive, "the nodes do not agree");
        }
        alive
    }
}

async fn post(node: &Endpoints, client: &TestClient, form: &[(String, String)]) -> Answer {
    let form: Vec<_> = form.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    node.post(paths::TOKEN, &client.credentials(), &form).await
}

/// Those that won; all others must have been told `invalid_grant`.
fn winners(answers: &[Answer]) -> Vec<Grant> {
    let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|one| one.status == 200);
    for answer in lost {
        answer.refuses(400, "invalid_grant");
    }
    won.into_iter().map(Grant::read).collect()
}

/// S-023
async fn a_code_has_one_winner(mut track: Track) {
    for _ in 0..rounds() {
        let ask = track.stage.ask_offline();
        let code = track.stage.code(&ask).await;
        let won = winners(&track.race(50, &ask.redemption(&code)).await);
        assert_eq!(won.len(), 1, "winners");
        for grant in won {
            // All others presented the code again.
            assert!(!track.is_alive(&grant.access).await);
            track.stage.refresh(&grant.refresh).await.refuses(400, "invalid_grant");
        }
    }
}

/// S-037
async fn a_refresh_token_has_one_successor(mut track: Track) {
    for round in 0..rounds() {
        let grant = track.stage.grant(&track.stage.ask_offline()).await;
        // In each other round the last reply was lost, long ago.
        let lost = if round % 2 == 1 {
            let lost = Grant::read(&track.stage.refresh(&grant.refresh).await);
            track.stage.latchkey.pass_seconds(60);
            Some(lost)
        } else {
            None
        };
        let form = [("grant_type", "refresh_token"), ("refresh_token", grant.refresh.as_str())];
        let won = winners(&track.race(20, &form).await);
        let mut successors: Vec<_> = won.iter().map(|grant| grant.refresh.as_str()).collect();
        successors.sort_unstable();
        successors.dedup();
        assert_eq!(successors.len(), 1, "one refresh token lives, in round {round}");
        assert_eq!(won.len(), 20, "within the grace all get the same one, in round {round}");
        for grant in &won {
            assert!(track.is_alive(&grant.access).await);
        }
        if let Some(lost) = lost {
            assert!(!track.is_alive(&lost.access).await, "the unseen successor lives");
        }
        assert!(track.stage.refresh(successors[0]).await.status.is_success());
        track.stage.refresh(&grant.refresh).await.refuses(400, "invalid_grant");
    }
}

/// How an authorization ends during a race.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    AtTheEndpoint,
    Consent,
    Page,
    SignOut,
    Password,
    Lock,
}

/// S-042
async fn nothing_outlives_its_revocation(mut track: Track) {
    let ends =
        [End::AtTheEndpoint, End::Consent, End::Page, End::Password, End::Lock, End::SignOut];
    for round in 0..rounds() * 2 {
        let end = ends[round % ends.len()];
        let ask = if end == End::SignOut { track.stage.ask() } else { track.stage.ask_offline() };
        let grant = track.stage.grant(&ask).await;
        let start = Arc::new(Barrier::new(5));
        let chains: Vec<_> = (0..4)
            .map(|turn| {
                let (node, start) = (track.node(turn), Arc::clone(&start));
                let (client, first) = (track.stage.web.clone(), grant.clone());
                tokio::spawn(async move { chain(&node, &client, first, &start).await })
            })
            .collect();
        start.wait().await;
        finish(&mut track, end, &grant).await;
        let mut minted = vec![grant];
        for chain in chains {
            minted.extend(chain.await.unwrap());
        }
        for grant in minted {
            assert!(!track.is_alive(&grant.access).await, "{end:?}: an access token lives");
            let answer = track.stage.refresh(&grant.refresh).await;
            assert_eq!(answer.status, 400, "{end:?}: {answer}");
        }
        if end == End::Lock {
            let app = &track.stage.latchkey.app;
            latchkey::identity::people::unlock(app, "alice").await.unwrap();
        }
    }
}

/// Refreshes as long as it goes.
async fn chain(
    node: &Endpoints,
    client: &TestClient,
    mut grant: Grant,
    start: &Barrier,
) -> Vec<Grant> {
    let mut minted = Vec::new();
    start.wait().await;
    for _ in 0..30 {
        let form = [("grant_type", "refresh_token"), ("refresh_token", grant.refresh.as_str())];
        let answer = node.post(paths::TOKEN, &client.credentials(), &form).await;
        if answer.status != 200 {
            answer.refuses(400, "invalid_grant");
            break;
        }
        grant = Grant::read(&answer);
        minted.push(grant.clone());
    }
    minted
}

/// Ends what `grant` hangs on, from another node than the first where there is one.
async fn finish(track: &mut Track, end: End, grant: &Grant) {
    let node = track.second.as_ref().unwrap_or(&track.stage.latchkey);
    let app = Arc::clone(&node.app);
    match end {
        End::AtTheEndpoint => {
            let form = [("token", grant.refresh.as_str())];
            let credentials = track.stage.web.credentials();
            let answer = node.endpoints.post(paths::REVOKE, &credentials, &form).await;
            assert_eq!(answer.status, 200, "{answer}");
        }
        End::Consent => {
            revoke_consent(&app, &track.stage.alice.id, &track.stage.web.id).await;
        }
        End::Page => {
            let done = disconnect(&mut track.stage.browser, "Photo Printer").await;
            assert!(done.status.is_success(), "{done}");
        }
        End::SignOut => track.stage.sign_out().await,
        End::Password => {
            let new = SecretString::from(track.stage.alice.password.clone());
            latchkey::identity::people::set_password(&app, "alice", &new).await.unwrap();
            crate::support::happenings::let_it_last(&app, &track.stage.alice.id).await;
        }
        End::Lock => {
            latchkey::identity::people::lock(&app, "alice", "a race").await.unwrap();
        }
    }
}

/// S-140: codes on their way and silent requests, while the person disconnects the application.
async fn nothing_under_way_outlives_a_disconnection(mut track: Track) {
    for round in 0..rounds() {
        let ask = track.stage.ask_offline();
        let mut codes = Vec::new();
        for _ in 0..3 {
            codes.push(track.stage.code(&ask).await);
        }
        let start = Arc::new(Barrier::new(6));
        let redeeming = codes.iter().enumerate().map(|(turn, code)| {
            let (node, start) = (track.node(turn), Arc::clone(&start));
            let (client, form) = (track.stage.web.clone(), owned(&ask.redemption(code)));
            tokio::spawn(async move {
                start.wait().await;
                post(&node, &client, &form).await
            })
        });
        let redeeming: Vec<_> = redeeming.collect();
        let silent = ask.clone().with("prompt", "none");
        let asking = (0..2).map(|_| {
            let (mut tab, start) = (track.stage.browser.new_tab(), Arc::clone(&start));
            let address = silent.address();
            tokio::spawn(async move {
                start.wait().await;
                let told = tab.arrive(&address).await.departure();
                let error = told.parameter("error");
                assert!(
                    matches!(error.as_deref(), None | Some("consent_required")),
                    "{}",
                    told.url
                );
                told.parameter("code")
            })
        });
        let asking: Vec<_> = asking.collect();
        start.wait().await;
        let done = disconnect(&mut track.stage.browser, "Photo Printer").await;
        assert!(done.says("No application is connected"), "round {round}: {done}");
        let mut answers = Vec::new();
        for task in redeeming {
            answers.push(task.await.unwrap());
        }
        for task in asking {
            if let Some(code) = task.await.unwrap() {
                answers.push(track.stage.redeem(&silent, &code).await);
            }
        }
        for grant in winners(&answers) {
            assert!(!track.is_alive(&grant.access).await, "round {round}: an access token lives");
            track.stage.refresh(&grant.refresh).await.refuses(400, "invalid_grant");
        }
        let arrival = track.stage.browser.arrive(&silent.address()).await;
        track.stage.refused("afterwards", &silent, arrival, "consent_required");
    }
}

fn owned(form: &[(&str, &str)]) -> Vec<(String, String)> {
    form.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Several revocations of the same tokens at once: none stands in another's way.
async fn revocations_do_not_get_stuck(mut track: Track) {
    for round in 0..rounds() {
        let mut grants = Vec::new();
        for _ in 0..3 {
            grants.push(track.stage.grant(&track.stage.ask_offline()).await);
            grants.push(track.stage.grant(&track.stage.ask()).await);
        }
        let start = Arc::new(Barrier::new(grants.len() + 1));
        let tasks = grants.iter().enumerate().map(|(turn, grant)| {
            let (node, start) = (track.node(turn), Arc::clone(&start));
            let (client, token) = (track.stage.web.clone(), grant.refresh.clone());
            tokio::spawn(async move {
                start.wait().await;
                let form = [("token", token.as_str())];
                node.post(paths::REVOKE, &client.credentials(), &form).await
            })
        });
        let tasks: Vec<_> = tasks.collect();
        let app = Arc::clone(&track.stage.latchkey.app);
        start.wait().await;
        if round % 2 == 0 {
            latchkey::identity::people::lock(&app, "alice", "a race").await.unwrap();
            latchkey::identity::people::unlock(&app, "alice").await.unwrap();
        } else {
            latchkey::identity::people::sign_out(&app, "alice").await.unwrap();
            revoke_consent(&app, &track.stage.alice.id, &track.stage.web.id).await;
        }
        for task in tasks {
            let answer = task.await.unwrap();
            assert_eq!(answer.status, 200, "{answer}");
        }
        for grant in grants {
            assert!(!track.is_alive(&grant.access).await);
        }
    }
}

/// Each race on both engines.
macro_rules! races {
    ($($name:ident runs $race:ident;)+) => {$(
        mod $name {
            use super::{Track, $race};

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                $race(Track::sqlite().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                $race(Track::postgres().await).await;
            }
        }
    )+};
}

races! {
    s_023_a_code_redeemed_in_parallel runs a_code_has_one_winner;
    s_037_a_refresh_token_redeemed_in_parallel runs a_refresh_token_has_one_successor;
    s_042_a_revocation_against_refreshes runs nothing_outlives_its_revocation;
    s_140_a_disconnection_against_codes runs nothing_under_way_outlives_a_disconnection;
    s_042_a_revocation_against_others runs revocations_do_not_get_stuck;
}
