//! E: refresh tokens. What a predecessor gets is told in `oauth/refresh_token.rs`.

use std::time::Duration;

use latchkey::identity::{clients as registry, people};
use latchkey::paths;
use serde_json::Value;

use crate::support::Latchkey;
use crate::support::clients;
use crate::support::endpoint::Credentials;
use crate::support::stage::{Ask, Grant, Stage};

const HOUR: Duration = Duration::from_hours(1);

#[tokio::test]
async fn s_036_a_predecessor_after_its_successor_was_used_kills_the_family() {
    let mut stage = Stage::set().await;
    // Whether the refresh token of the successor was used, and how late the predecessor comes.
    for (used, seconds) in [(true, 0), (true, 60), (false, 60)] {
        let first = stage.grant(&stage.ask_offline()).await;
        let second = Grant::read(&stage.refresh(&first.refresh).await);
        let third = if used {
            Grant::read(&stage.refresh(&second.refresh).await)
        } else {
            assert!(stage.is_alive(&second.access).await);
            second.clone()
        };
        stage.latchkey.pass_seconds(seconds);
        let before = stage.events("refresh_token_replayed").await;
        stage.refresh(&first.refresh).await.refuses(400, "invalid_grant");
        assert_eq!(stage.events("refresh_token_replayed").await, before + 1);
        for (what, grant) in [("first", &first), ("second", &second), ("third", &third)] {
            stage.is_dead(what, grant).await;
        }
        assert_eq!(stage.events("refresh_token_replayed").await, before + 1, "told once");
    }
}

#[tokio::test]
async fn s_038_a_reply_that_got_lost_is_forgiven_once_whatever_time_passed() {
    for seconds in [0, 11, 3600] {
        let mut stage = Stage::set().await;
        let first = stage.grant(&stage.ask_offline()).await;
        // The server commits, the client never reads the answer.
        let lost = Grant::read(&stage.refresh(&first.refresh).await);
        stage.latchkey.pass_seconds(seconds);
        let second = Grant::read(&stage.refresh(&first.refresh).await);
        assert!(stage.is_alive(&second.access).await, "after {seconds} s");
        if seconds > 10 {
            assert_ne!(second.refresh, lost.refresh, "after {seconds} s");
            assert!(!stage.is_alive(&lost.access).await, "after {seconds} s");
        } else {
            assert_eq!(second.refresh, lost.refresh, "after {seconds} s");
        }
        let third = Grant::read(&stage.refresh(&second.refresh).await);
        stage.latchkey.pass_seconds(11);
        stage.refresh(&first.refresh).await.refuses(400, "invalid_grant");
        stage.is_dead("third", &third).await;
    }
}

#[tokio::test]
async fn s_039_a_replay_is_noticed_after_a_restart_and_on_another_node() {
    let mut stage = Stage::set().await;
    let first = stage.grant(&stage.ask_offline()).await;
    let second = Grant::read(&stage.refresh(&first.refresh).await);
    let third = Grant::read(&stage.refresh(&second.refresh).await);
    let node = stage.latchkey.another_node().await;
    let form = [("grant_type", "refresh_token"), ("refresh_token", first.refresh.as_str())];
    let answer = node.endpoints.post(paths::TOKEN, &stage.web.credentials(), &form).await;
    answer.refuses(400, "invalid_grant");
    stage.is_dead("on the first node", &third).await;
}

#[tokio::test]
async fn s_040_a_refresh_token_is_its_clients_alone() {
    let mut stage = Stage::set().await;
    let other = stage.latchkey.client(clients::other()).await;
    let spa = stage.latchkey.client(clients::spa()).await;
    let grant = stage.grant(&stage.ask_offline()).await;
    let spas = stage.grant(&Ask::of(&spa).with("scope", "openid offline_access")).await;
    for thief in [&other, &spa] {
        stage.refresh_by(thief, &grant.refresh).await.refuses(400, "invalid_grant");
    }
    stage.refresh(&spas.refresh).await.refuses(400, "invalid_grant");
    let form = [("grant_type", "refresh_token"), ("refresh_token", grant.refresh.as_str())];
    for credentials in [Credentials::None, Credentials::Public("web".into())] {
        let answer = stage.latchkey.endpoints.post(paths::TOKEN, &credentials, &form).await;
        answer.refuses(401, "invalid_client");
    }
    // Nobody was harmed.
    assert!(stage.refresh(&grant.refresh).await.status.is_success());
    assert!(stage.refresh_by(&spa, &spas.refresh).await.status.is_success());
}

#[tokio::test]
async fn s_041_what_happens_before_a_refresh_counts_at_the_first_try() {
    for what in ["lock", "remove user", "revoke consent", "disable client", "remove client"] {
        let mut stage = Stage::set().await;
        let grant = stage.grant(&stage.ask_offline()).await;
        assert!(stage.is_alive(&grant.access).await, "{what}");
        let app = stage.latchkey.app.clone();
        match what {
            "lock" => stage.lock().await,
            "remove user" => drop(people::remove(&app, "alice").await.unwrap()),
            "revoke consent" => stage.revoke_consent().await,
            "disable client" => stage.disable_client().await,
            _ => stage.remove_client().await,
        }
        let answer = stage.refresh(&grant.refresh).await;
        if what.ends_with("client") {
            answer.refuses(401, "invalid_client");
        } else {
            answer.refuses(400, "invalid_grant");
        }
        assert!(!stage.is_alive(&grant.access).await, "{what}");
    }
}

#[tokio::test]
async fn s_043_rotation_never_extends_the_absolute_life() {
    let latchkey = Latchkey::start_with(|config| {
        config.tokens.refresh_absolute_confidential = "5h".parse().unwrap();
        config.tokens.refresh_absolute_public = "3h".parse().unwrap();
    });
    let mut stage = Stage::on(latchkey.await).await;
    let spa = stage.latchkey.client(clients::spa()).await;
    for (client, hours) in [(stage.web.clone(), 5), (spa, 3)] {
        let ask = Ask::of(&client).with("scope", "openid offline_access").with("prompt", "login");
        stage.latchkey.pass_seconds(1);
        let mut grant = stage.grant(&ask).await;
        for hour in 1..hours {
            stage.latchkey.pass(HOUR);
            let answer = stage.refresh_by(&client, &grant.refresh).await;
            assert!(answer.status.is_success(), "hour {hour} of {}: {answer}", client.id);
            grant = Grant::read(&answer);
        }
        stage.latchkey.pass(HOUR);
        stage.refresh_by(&client, &grant.refresh).await.refuses(400, "invalid_grant");
        assert!(!stage.is_alive(&grant.access).await);
    }
}

#[tokio::test]
async fn s_043_an_access_token_does_not_outlive_its_authorization() {
    let latchkey = Latchkey::start_with(|config| {
        config.tokens.refresh_absolute_confidential = "1h".parse().unwrap();
    });
    let mut stage = Stage::on(latchkey.await).await;
    let grant = stage.grant(&stage.ask_offline()).await;
    stage.latchkey.pass(Duration::from_mins(58));
    let late = Grant::read(&stage.refresh(&grant.refresh).await);
    assert_eq!(late.body["expires_in"], 120);
}

#[tokio::test]
async fn s_044_a_scope_may_be_narrowed_for_once_and_never_widened() {
    let mut stage = Stage::set().await;
    let ask = stage.ask().with("scope", "openid email offline_access");
    let grant = stage.grant(&ask).await;
    let with_scope = |token: &str, scope: &str| {
        [("grant_type", "refresh_token"), ("refresh_token", token), ("scope", scope)]
            .map(|(name, value)| (name, value.to_owned()))
    };
    let mut token = grant.refresh;
    for (scope, wide) in [
        ("openid email profile", true),
        ("phone", true),
        ("openid", false),
        ("openid email offline_access", false),
        ("email openid", false),
    ] {
        let form = with_scope(&token, scope);
        let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = stage.token(&stage.web, &form).await;
        if wide {
            answer.refuses(400, "invalid_scope");
            continue;
        }
        let next = Grant::read(&answer);
        let words = |text: &str| {
            let mut words: Vec<_> = text.split(' ').map(str::to_owned).collect();
            words.sort();
            words
        };
        assert_eq!(words(next.body["scope"].as_str().unwrap()), words(scope));
        token = next.refresh;
    }
}

#[tokio::test]
async fn s_045_what_is_offline_outlives_the_session_until_the_scope_is_withdrawn() {
    let mut stage = Stage::set().await;
    let bound = stage.grant(&stage.ask()).await;
    let offline = stage.grant(&stage.ask_offline()).await;
    stage.sign_out().await;
    stage.is_dead("bound to the session", &bound).await;
    assert!(stage.is_alive(&offline.access).await);
    let offline = Grant::read(&stage.refresh(&offline.refresh).await);
    let mut metadata = stage.web.metadata.clone();
    metadata["scope"] = Value::from("openid profile email");
    registry::update(&stage.latchkey.app, "web", metadata).await.unwrap();
    stage.refresh(&offline.refresh).await.refuses(400, "invalid_grant");
}

#[tokio::test]
async fn s_046_a_malformed_token_is_refused_calmly() {
    let mut stage = Stage::set().await;
    let grant = stage.grant(&stage.ask_offline()).await;
    let good = grant.refresh.as_str();
    let mut bad = vec![
        "x".to_owned(),
        "lk_rt_".to_owned(),
        "lk_rt_!!!!".to_owned(),
        "lk_rt_====".to_owned(),
        format!("lk_rt_{}", "A".repeat(1_000_000)),
        "\u{e9}".repeat(50),
        format!("{good}A"),
        format!("{good}="),
        format!(" {good}"),
        good.to_lowercase(),
        good.replacen("lk_rt_", "lk_at_", 1),
    ];
    // Each shorter one, and each with another character somewhere.
    bad.extend((1..good.len()).step_by(7).map(|length| good[..length].to_owned()));
    bad.push(good[..good.len() - 1].to_owned());
    bad.extend((6..good.len()).step_by(5).map(|at| {
        let changed = if &good[at..=at] == "A" { "B" } else { "A" };
        format!("{}{changed}{}", &good[..at], &good[at + 1..])
    }));
    for bad in bad.iter().filter(|bad| bad.as_str() != good) {
        let answer = stage.refresh(bad).await;
        assert_eq!(answer.status, 400, "{bad:.60}: {answer}");
        answer.refuses(400, "invalid_grant");
    }
    stage.refresh("").await.refuses(400, "invalid_request");
    assert!(stage.refresh(good).await.status.is_success());
}
