//! The live cache: quick, and never older than a confirmed revocation.

use std::sync::Arc;

use latchkey::store::{
    Standing, Store, authorizations, clients, consents, revoked_tokens, sessions, users,
};

use super::fixtures::{ada_and_her_printer, at, authorization, client};
use crate::on_both_engines;

async fn stands(store: &Store, id: &str) -> bool {
    store.standing(id).await.unwrap().is_some_and(|standing| alive(&standing))
}

fn alive(standing: &Standing) -> bool {
    let deaths = [
        standing.authorization.revoked_at,
        standing.user_locked_at,
        standing.session_ended_at,
        standing.consent_revoked_at,
        standing.client_disabled_at,
    ];
    deaths.iter().all(Option::is_none)
}

/// Commits what `change` does through the handle of another node.
macro_rules! elsewhere {
    ($db:ident, |$write:ident| $change:expr) => {{
        let other = $db.another().await;
        let mut $write = other.write().await.unwrap();
        let changed = $change.await.unwrap();
        $write.commit().await.unwrap();
        changed
    }};
}

on_both_engines! {
    async fn a_revocation_elsewhere_is_seen_by_the_next_call(db: TestDatabase) {
        ada_and_her_printer(&db, &["a", "b"]).await;
        assert!(stands(&db, "a").await && stands(&db, "b").await);
        assert!(elsewhere!(db, |write| authorizations::revoke(&mut write, "a", "x", at(1))));
        assert!(!stands(&db, "a").await);
        assert!(stands(&db, "b").await);
        assert!(elsewhere!(db, |write| users::lock(&mut write, "u-ada", "x", at(1))));
        assert!(!stands(&db, "b").await);
        assert!(elsewhere!(db, |write| users::unlock(&mut write, "u-ada", at(1))));
        assert!(stands(&db, "b").await);
        assert!(elsewhere!(db, |write| sessions::end(&mut write, "session", "x", at(1))));
        assert!(!stands(&db, "b").await);
    }

    async fn a_consent_taken_back_elsewhere_is_seen_by_the_next_call(db: TestDatabase) {
        ada_and_her_printer(&db, &["a"]).await;
        assert!(stands(&db, "a").await);
        assert!(!elsewhere!(db, |write| consents::revoke(&mut write, "consent", "u-eve", "x", at(1))));
        assert!(stands(&db, "a").await);
        assert!(elsewhere!(db, |write| consents::revoke(&mut write, "consent", "u-ada", "x", at(1))));
        let standing = db.standing("a").await.unwrap().unwrap();
        assert!(!alive(&standing));
        assert_eq!(standing.consent_revoked_at, Some(at(1)));
        assert_eq!(standing.authorization.revoke_reason.as_deref(), Some("x"));
    }

    async fn a_client_changed_elsewhere_is_seen_by_the_next_call(db: TestDatabase) {
        ada_and_her_printer(&db, &["a"]).await;
        assert_eq!(db.client("printer").await.unwrap().unwrap().secret_hash.as_deref(), Some("secret"));
        assert!(elsewhere!(db, |write| clients::set_secret(&mut write, "printer", Some("new"), at(1))));
        assert_eq!(db.client("printer").await.unwrap().unwrap().secret_hash.as_deref(), Some("new"));
        let disabled = clients::ClientRecord { disabled_at: Some(at(1)), ..client("printer") };
        assert!(elsewhere!(db, |write| clients::update(&mut write, &disabled)));
        assert!(!stands(&db, "a").await);
        assert!(elsewhere!(db, |write| clients::remove(&mut write, "printer", at(2))));
        assert!(db.client("printer").await.unwrap().is_none());
        assert!(!stands(&db, "a").await);
        let dead = db.standing("a").await.unwrap().unwrap();
        assert_eq!(dead.authorization.revoke_reason.as_deref(), Some("client_removed"));
    }

    async fn a_token_revoked_elsewhere_is_seen_by_the_next_call(db: TestDatabase) {
        ada_and_her_printer(&db, &["a"]).await;
        assert!(!db.token_revoked("t").await.unwrap());
        elsewhere!(db, |write| revoked_tokens::insert(&mut write, "t", at(600)));
        assert!(db.token_revoked("t").await.unwrap());
        assert!(db.standing("a").await.unwrap().unwrap().dead_generations.is_empty());
        elsewhere!(db, |write| authorizations::rotate(&mut write, "a", 1, at(1), at(600)));
        let replaced = elsewhere!(db, |write| authorizations::replace_unseen(&mut write, "a", 2, at(2), at(99)));
        assert_eq!(replaced.unwrap().generation, 3);
        assert_eq!(db.standing("a").await.unwrap().unwrap().dead_generations, [2]);
        assert!(db.token_revoked("a:2").await.unwrap());
    }

    async fn an_authorization_falls_with_a_session_that_is_gone(db: TestDatabase) {
        ada_and_her_printer(&db, &["a"]).await;
        let mut write = db.write().await.unwrap();
        assert_eq!(sessions::sweep(&mut write, at(90_000), 10).await.unwrap(), 1);
        write.commit().await.unwrap();
        let standing = db.standing("a").await.unwrap().unwrap();
        assert!(standing.session_ended_at.is_some() && !alive(&standing));
    }

    async fn a_thousand_calls_share_the_reads_of_the_revision(db: TestDatabase) {
        ada_and_her_printer(&db, &["a"]).await;
        assert!(stands(&db, "a").await);
        let before = db.counters().revision_reads;
        let calls = (0..1000).map(|_| {
            let store = db.clone();
            tokio::spawn(async move { stands(&store, "a").await })
        });
        for call in calls.collect::<Vec<_>>() {
            assert!(call.await.unwrap());
        }
        let reads = db.counters().revision_reads - before;
        assert!((1..300).contains(&reads), "{reads} reads for 1000 calls");
    }

    async fn what_is_cached_is_not_copied(db: TestDatabase) {
        ada_and_her_printer(&db, &["a"]).await;
        let first = db.standing("a").await.unwrap().unwrap();
        assert!(Arc::ptr_eq(&first, &db.standing("a").await.unwrap().unwrap()));
        db.forget("a");
        assert!(!Arc::ptr_eq(&first, &db.standing("a").await.unwrap().unwrap()));
        assert!(db.standing("nobody's").await.unwrap().is_none());
    }

    async fn what_is_cached_counts_by_its_weight(db: TestDatabase) {
        ada_and_her_printer(&db, &["a"]).await;
        let mut write = db.write().await.unwrap();
        let claims = (0..100).map(|n| (format!("claim-{n}"), serde_json::json!({})));
        let claims: serde_json::Map<_, _> = claims.collect();
        for (id, resource, nonce, claims) in [
            ("resource", "x".repeat(4000), None, serde_json::json!({})),
            ("nonce", String::new(), Some("x".repeat(4000)), serde_json::json!({})),
            ("claims", String::new(), None, serde_json::json!({ "userinfo": claims })),
        ] {
            let claims = serde_json::from_value(claims).unwrap();
            let heavy = authorizations::Authorization { resource, nonce, claims, ..authorization(id) };
            authorizations::insert(&mut write, &heavy).await.unwrap();
        }
        write.commit().await.unwrap();
        let mut before = db.counters().cached_bytes;
        for (id, least, most) in
            [("a", 500, 3000), ("resource", 4500, 8000), ("nonce", 4500, 8000), ("claims", 4500, 40_000)]
        {
            db.standing(id).await.unwrap().unwrap();
            let now = db.counters().cached_bytes;
            assert!((least..most).contains(&(now - before)), "{id}: {}", now - before);
            before = now;
        }
        db.client("printer").await.unwrap().unwrap();
        assert!(db.counters().cached_bytes > before);
    }

    async fn readers_never_see_a_revocation_undone(db: TestDatabase) {
        let ids: Vec<String> = (0..40).map(|number| format!("a{number}")).collect();
        let names: Vec<&str> = ids.iter().map(String::as_str).collect();
        ada_and_her_printer(&db, &names).await;
        let other = db.another().await;
        let readers = (0..4).map(|_| {
            let (store, ids) = (db.clone(), ids.clone());
            tokio::spawn(async move {
                for _ in 0..3 {
                    for id in &ids {
                        let _ = stands(&store, id).await;
                    }
                }
            })
        });
        let readers: Vec<_> = readers.collect();
        for id in &ids {
            let mut write = other.write().await.unwrap();
            authorizations::revoke(&mut write, id, "x", at(1)).await.unwrap();
            write.commit().await.unwrap();
            assert!(!stands(&db, id).await, "{id} still stands after its revocation was confirmed");
        }
        for reader in readers {
            reader.await.unwrap();
        }
    }
}
