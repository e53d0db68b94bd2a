//! C: authorization codes.

use latchkey::identity::people;
use latchkey::paths;
use latchkey::secret::sha256;
use latchkey::store::authorization_requests as requests;

use crate::support::clients;
use crate::support::endpoint::Credentials;
use crate::support::stage::{Ask, Grant, Stage, walk_on};

#[tokio::test]
async fn s_022_a_replayed_code_kills_its_family() {
    let mut stage = Stage::set().await;
    for ask in [stage.ask(), stage.ask_offline()] {
        let code = stage.code(&ask).await;
        let grant = Grant::read(&stage.redeem(&ask, &code).await);
        assert!(stage.is_alive(&grant.access).await);
        let before = stage.events("code_replayed").await;
        stage.redeem(&ask, &code).await.refuses(400, "invalid_grant");
        stage.is_dead("replayed", &grant).await;
        assert_eq!(stage.events("code_replayed").await, before + 1, "the person is told");
        stage.redeem(&ask, &code).await.refuses(400, "invalid_grant");
        assert_eq!(stage.events("code_replayed").await, before + 1, "but once");
    }
}

#[tokio::test]
async fn s_022_tokens_of_a_refresh_die_with_a_replayed_code_too() {
    let mut stage = Stage::set().await;
    let ask = stage.ask_offline();
    let code = stage.code(&ask).await;
    let first = Grant::read(&stage.redeem(&ask, &code).await);
    let second = Grant::read(&stage.refresh(&first.refresh).await);
    assert!(stage.is_alive(&second.access).await);
    stage.latchkey.pass_seconds(30);
    stage.redeem(&ask, &code).await.refuses(400, "invalid_grant");
    stage.is_dead("the first", &first).await;
    stage.is_dead("the second", &second).await;
}

#[tokio::test]
async fn s_024_another_client_cannot_redeem_a_code_nor_spoil_it() {
    let mut stage = Stage::set().await;
    let other = stage.latchkey.client(clients::other()).await;
    let spa = stage.latchkey.client(clients::spa()).await;
    let m2m = stage.latchkey.client(clients::m2m()).await;
    let ask = stage.ask();
    let code = stage.code(&ask).await;
    for thief in [&other, &spa] {
        stage.token(thief, &ask.redemption(&code)).await.refuses(400, "invalid_grant");
    }
    stage.token(&m2m, &ask.redemption(&code)).await.refuses(400, "unauthorized_client");
    let web = Credentials::Public("web".into());
    let form = ask.redemption(&code);
    let answer = stage.latchkey.endpoints.post(paths::TOKEN, &web, &form).await;
    answer.refuses(401, "invalid_client");
    assert!(stage.redeem(&ask, &code).await.status.is_success(), "strangers spoilt the code");
}

#[tokio::test]
async fn s_025_a_code_counts_to_the_last_bit() {
    let mut stage = Stage::set().await;
    let ask = stage.ask();
    let code = stage.code(&ask).await;
    let twin = stage.code(&stage.ask()).await;
    let half = code.len() / 2;
    let flip = |at: usize| {
        let changed = if &code[at..=at] == "A" { "B" } else { "A" };
        format!("{}{changed}{}", &code[..at], &code[at + 1..])
    };
    let mut tampered: Vec<String> = (0..code.len()).step_by(3).map(flip).collect();
    tampered.extend([
        flip(code.len() - 1),
        code[..code.len() - 1].to_owned(),
        code[..half].to_owned(),
        code.trim_start_matches("lk_ac_").to_owned(),
        format!("{code}A"),
        format!("{code}="),
        format!(" {code}"),
        format!("{code}\n"),
        code.to_uppercase(),
        code.to_lowercase(),
        format!("{}{}", &code[..half], &twin[half..]),
        format!("{}{}", &twin[..half], &code[half..]),
        sha256(&code),
        "x".repeat(100_000),
    ]);
    for tampered in tampered.iter().filter(|tampered| **tampered != code) {
        stage.redeem(&ask, tampered).await.refuses(400, "invalid_grant");
    }
    stage.redeem(&ask, "").await.refuses(400, "invalid_request");
    assert!(stage.redeem(&ask, &code).await.status.is_success());
}

#[tokio::test]
async fn s_026_nothing_counts_as_what_it_is_not() {
    let mut stage = Stage::set().await;
    let ask = stage.ask_offline();
    let grant = stage.grant(&ask).await;
    let code = stage.code(&ask).await;
    let consent = stage.browser.arrive(&stage.ask().with("prompt", "consent").address()).await;
    let consent = consent.page();
    let cookie = |name| stage.browser.cookies().value(name).expect("a cookie");
    let others = [
        ("csrf", consent.value("csrf").to_owned()),
        ("request", consent.value("request").to_owned()),
        ("session", cookie("session")),
        ("browser", cookie("browser")),
        ("verifier", ask.verifier.clone().expect("a verifier")),
        ("secret", stage.web.secret.clone().expect("a secret")),
    ];
    let mut codes = vec![("refresh", grant.refresh.clone())];
    codes.extend([("access", grant.access.clone()), ("id", grant.id.clone())]);
    codes.extend(others.clone());
    let mut refreshes = vec![("code", code.clone())];
    refreshes.extend([("access", grant.access.clone()), ("id", grant.id.clone())]);
    refreshes.extend(others.clone());
    let mut bearers = vec![("code", code.clone()), ("refresh", grant.refresh.clone())];
    bearers.push(("id", grant.id.clone()));
    bearers.extend(others);
    for (what, value) in &codes {
        let answer = stage.redeem(&ask, value).await;
        assert_eq!(answer.status, 400, "{what} as code: {answer}");
        answer.refuses(400, "invalid_grant");
    }
    for (what, value) in &refreshes {
        let answer = stage.refresh(value).await;
        assert_eq!(answer.status, 400, "{what} as refresh token: {answer}");
        answer.refuses(400, "invalid_grant");
    }
    for (what, value) in &bearers {
        assert!(!stage.is_alive_as_bearer(value).await, "{what} as access token");
    }
    // None of it did any harm.
    assert!(stage.redeem(&ask, &code).await.status.is_success());
    assert!(stage.refresh(&grant.refresh).await.status.is_success());
}

impl Stage {
    /// Whether the userinfo endpoint takes it.
    async fn is_alive_as_bearer(&self, value: &str) -> bool {
        let bearer = Credentials::Bearer(value.to_owned());
        let answer = self.latchkey.endpoints.get(paths::USERINFO, &bearer).await;
        if answer.status == 200 {
            return true;
        }
        answer.refuses(401, "invalid_token");
        false
    }
}

/// What may happen between a code and its redemption.
#[derive(Clone, Copy, Debug)]
enum Between {
    SignOut,
    SignOutByAdministrator,
    Lock,
    LockAndUnlock,
    ChangePassword,
    RevokeConsent,
    RemoveUser,
    DisableClient,
    RemoveClient,
    RotateSecret,
    OtherPerson,
}

async fn happen(stage: &mut Stage, between: Between) {
    let app = stage.latchkey.app.clone();
    match between {
        Between::SignOut => stage.sign_out().await,
        Between::SignOutByAdministrator => {
            people::sign_out(&app, "alice").await.unwrap();
        }
        Between::Lock => stage.lock().await,
        Between::LockAndUnlock => {
            stage.lock().await;
            people::unlock(&app, "alice").await.unwrap();
        }
        Between::ChangePassword => stage.set_password("an0ther-Orbit%lamp").await,
        Between::RevokeConsent => stage.revoke_consent().await,
        Between::RemoveUser => {
            people::remove(&app, "alice").await.unwrap();
        }
        Between::DisableClient => stage.disable_client().await,
        Between::RemoveClient => stage.remove_client().await,
        Between::RotateSecret => {
            use latchkey::identity::clients::{ClientSecret, rotate_secret};
            rotate_secret(&app, "web", ClientSecret::Generated).await.unwrap();
        }
        Between::OtherPerson => {
            let bob = stage.latchkey.bob().await;
            let ask = stage.ask().with("prompt", "login");
            stage.latchkey.pass_seconds(1);
            let arrival = stage.browser.arrive(&ask.address()).await;
            walk_on(&mut stage.browser, &bob, arrival).await.departure();
        }
    }
}

#[tokio::test]
async fn s_027_what_happens_before_the_redemption_counts() {
    let cases = [
        (Between::SignOut, 400),
        (Between::SignOutByAdministrator, 400),
        (Between::Lock, 400),
        (Between::LockAndUnlock, 400),
        (Between::ChangePassword, 400),
        (Between::RevokeConsent, 400),
        (Between::RemoveUser, 400),
        (Between::DisableClient, 401),
        (Between::RemoveClient, 401),
        (Between::RotateSecret, 401),
        (Between::OtherPerson, 400),
    ];
    for (between, status) in cases {
        let mut stage = Stage::set().await;
        let ask = stage.ask();
        let code = stage.code(&ask).await;
        happen(&mut stage, between).await;
        let answer = stage.redeem(&ask, &code).await;
        assert_eq!(answer.status.as_u16(), status, "{between:?}: {answer}");
        let error = if status == 400 { "invalid_grant" } else { "invalid_client" };
        answer.refuses(status, error);
    }
}

#[tokio::test]
async fn s_028_a_code_lives_for_a_minute() {
    let mut stage = Stage::set().await;
    let ask = stage.ask();
    let code = stage.code(&ask).await;
    stage.latchkey.pass_seconds(59);
    assert!(stage.redeem(&ask, &code).await.status.is_success());
    let code = stage.code(&ask).await;
    stage.latchkey.pass_seconds(61);
    stage.redeem(&ask, &code).await.refuses(400, "invalid_grant");
    assert_eq!(stage.events("code_replayed").await, 0, "to be late is no theft");
}

#[tokio::test]
async fn s_029_a_code_is_long_and_kept_as_a_hash_only() {
    let mut stage = Stage::set().await;
    let mut codes = std::collections::BTreeSet::new();
    for _ in 0..20 {
        codes.insert(stage.code(&stage.ask()).await);
    }
    assert_eq!(codes.len(), 20);
    for code in &codes {
        assert_eq!(code.strip_prefix("lk_ac_").map(str::len), Some(43), "256 bits in base64url");
        let mut db = stage.latchkey.app.store.read().await.unwrap();
        assert!(requests::find_code(&mut db, code).await.unwrap().is_none());
        assert!(requests::find_code(&mut db, &sha256(code)).await.unwrap().is_some());
    }
    let ask = stage.ask_offline();
    let grant = stage.grant(&ask).await;
    assert!(stage.refresh(&grant.refresh).await.status.is_success());
    let session = stage.browser.cookies().value("session").expect("a cookie");
    let url = stage.latchkey.app.config.database.url.clone();
    let Some(path) = url.strip_prefix("sqlite://") else { return };
    let mut kept = std::fs::read(path).unwrap();
    kept.extend(std::fs::read(format!("{path}-wal")).unwrap_or_default());
    let kept = String::from_utf8_lossy(&kept);
    let secrets = [&grant.access, &grant.refresh, &grant.id, &session, &stage.alice.password];
    for secret in codes.iter().chain(secrets).chain(stage.web.secret.iter()) {
        assert!(!kept.contains(secret.as_str()), "the database holds {secret}");
    }
    assert!(kept.contains(&sha256(&session)), "the look was in the wrong place");
}

#[tokio::test]
async fn s_030_an_injected_code_does_not_fit_the_victims_verifier() {
    let stage = Stage::set().await;
    let bob = stage.latchkey.bob().await;
    let spa = stage.latchkey.client(clients::spa()).await;
    for client in [stage.web.clone(), spa] {
        let (attackers, victims) = (Ask::of(&client), Ask::of(&client));
        let mut attacker = stage.latchkey.browser();
        let arrival = attacker.arrive(&attackers.address()).await;
        let came = walk_on(&mut attacker, &bob, arrival).await.departure();
        let code = came.parameter("code").expect("a code");
        stage.redeem(&victims, &code).await.refuses(400, "invalid_grant");
        stage.redeem(&attackers, &code).await.refuses(400, "invalid_grant");
    }
}
