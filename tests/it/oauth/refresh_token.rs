//! What a refresh token gets that was replaced before (RFC 9700 §4.14.2): a lost reply and two
//! tabs are forgiven, theft never goes unseen.

use crate::support::Latchkey;
use crate::support::clients;
use crate::support::stage::{Ask, Grant, Stage};

/// A stage with a grant that was refreshed once: both.
async fn refreshed() -> (Stage, Grant, Grant) {
    let mut stage = Stage::set().await;
    let first = stage.grant(&stage.ask_offline()).await;
    let second = Grant::read(&stage.refresh(&first.refresh).await);
    (stage, first, second)
}

#[tokio::test]
async fn within_the_grace_the_predecessor_gets_the_same_successor() {
    let (stage, first, second) = refreshed().await;
    for seconds in [0, 5, 5] {
        stage.latchkey.pass_seconds(seconds);
        let again = Grant::read(&stage.refresh(&first.refresh).await);
        assert_eq!(again.refresh, second.refresh);
        assert!(stage.is_alive(&again.access).await && stage.is_alive(&second.access).await);
    }
    assert_eq!(stage.events("refresh_token_replayed").await, 0);
}

#[tokio::test]
async fn two_tabs_that_refresh_at_once_both_go_on() {
    let (stage, first, tab_a) = refreshed().await;
    // The other tab had read the old token before this one stored the new.
    let tab_b = Grant::read(&stage.refresh(&first.refresh).await);
    assert!(stage.is_alive(&tab_a.access).await && stage.is_alive(&tab_b.access).await);
    let tab_a = Grant::read(&stage.refresh(&tab_a.refresh).await);
    stage.latchkey.pass_seconds(3);
    let tab_b = Grant::read(&stage.refresh(&tab_b.refresh).await);
    assert_eq!(tab_a.refresh, tab_b.refresh);
    assert!(stage.is_alive(&tab_a.access).await && stage.is_alive(&tab_b.access).await);
    assert_eq!(stage.events("refresh_token_replayed").await, 0);
}

#[tokio::test]
async fn after_the_grace_an_unseen_successor_is_replaced_and_dead() {
    let (stage, first, lost) = refreshed().await;
    stage.latchkey.pass_seconds(11);
    let second = Grant::read(&stage.refresh(&first.refresh).await);
    assert_ne!(second.refresh, lost.refresh);
    assert!(!stage.is_alive(&lost.access).await, "the access token of the lost reply lives");
    assert!(stage.is_alive(&second.access).await);
    assert_eq!(stage.events("refresh_token_replayed").await, 0);
    // Whoever holds the lost reply is a thief.
    stage.refresh(&lost.refresh).await.refuses(400, "invalid_grant");
    assert_eq!(stage.events("refresh_token_replayed").await, 1);
    stage.is_dead("after the theft", &second).await;
}

#[tokio::test]
async fn a_reply_may_be_lost_again_and_again() {
    let (stage, first, lost) = refreshed().await;
    let mut all_lost = vec![lost];
    for _ in 0..4 {
        stage.latchkey.pass_seconds(60);
        all_lost.push(Grant::read(&stage.refresh(&first.refresh).await));
    }
    let newest = all_lost.pop().unwrap();
    for lost in &all_lost {
        assert!(!stage.is_alive(&lost.access).await);
    }
    assert!(stage.is_alive(&newest.access).await);
    let next = Grant::read(&stage.refresh(&newest.refresh).await);
    assert!(stage.is_alive(&next.access).await);
}

#[tokio::test]
async fn a_seen_successor_means_theft() {
    // Seen by its access token at our endpoints, or by its refresh token.
    for by_refresh in [false, true] {
        let (stage, first, second) = refreshed().await;
        if by_refresh {
            stage.refresh(&second.refresh).await.good();
        } else {
            assert!(stage.is_alive(&second.access).await);
        }
        stage.latchkey.pass_seconds(11);
        stage.refresh(&first.refresh).await.refuses(400, "invalid_grant");
        assert_eq!(stage.events("refresh_token_replayed").await, 1);
        stage.is_dead("the first", &first).await;
        stage.is_dead("the second", &second).await;
    }
}

#[tokio::test]
async fn an_older_one_is_theft_at_any_time() {
    for seconds in [0, 60] {
        let (stage, first, second) = refreshed().await;
        let third = Grant::read(&stage.refresh(&second.refresh).await);
        stage.latchkey.pass_seconds(seconds);
        stage.refresh(&first.refresh).await.refuses(400, "invalid_grant");
        stage.is_dead("the third", &third).await;
        assert_eq!(stage.events("refresh_token_replayed").await, 1);
    }
}

#[tokio::test]
async fn theft_ends_one_authorization_and_no_other() {
    let mut stage = Stage::set().await;
    let bystander = stage.grant(&stage.ask_offline()).await;
    let first = stage.grant(&stage.ask_offline()).await;
    let second = Grant::read(&stage.refresh(&first.refresh).await);
    stage.refresh(&second.refresh).await.good();
    stage.refresh(&first.refresh).await.refuses(400, "invalid_grant");
    assert!(stage.is_alive(&bystander.access).await);
    assert!(stage.refresh(&bystander.refresh).await.status.is_success());
    // The person stays signed in and may begin anew.
    assert!(stage.browser.arrive(&stage.ask().address()).await.departure().url.has_host());
}

#[tokio::test]
async fn a_grace_of_zero_turns_it_off() {
    let latchkey = Latchkey::start_with(|config| {
        config.tokens.refresh_grace = "0s".parse().unwrap();
    });
    let mut stage = Stage::on(latchkey.await).await;
    let first = stage.grant(&stage.ask_offline()).await;
    let lost = Grant::read(&stage.refresh(&first.refresh).await);
    let second = Grant::read(&stage.refresh(&first.refresh).await);
    assert_ne!(second.refresh, lost.refresh, "a lost reply is still forgiven");
    assert!(stage.is_alive(&second.access).await);
    stage.refresh(&first.refresh).await.refuses(400, "invalid_grant");
}

#[tokio::test]
async fn a_refresh_token_that_is_not_used_ends() {
    let mut stage = Stage::set().await;
    let grant = stage.grant(&stage.ask_offline()).await;
    stage.latchkey.pass(std::time::Duration::from_hours(24 * 13));
    let grant = Grant::read(&stage.refresh(&grant.refresh).await);
    stage.latchkey.pass(std::time::Duration::from_hours(24 * 14));
    stage.refresh(&grant.refresh).await.refuses(400, "invalid_grant");
    assert_eq!(stage.events("refresh_token_replayed").await, 0);
}

#[tokio::test]
async fn a_public_client_refreshes_by_its_id_and_gets_a_new_id_token() {
    let mut stage = Stage::set().await;
    let spa = stage.latchkey.client(clients::spa()).await;
    let first = stage.grant(&Ask::of(&spa).with("scope", "openid offline_access")).await;
    let second = Grant::read(&stage.refresh_by(&spa, &first.refresh).await);
    assert_ne!(first.refresh, second.refresh, "it must rotate");
    assert!(!second.id.is_empty());
    assert!(stage.is_alive(&second.access).await);
}
