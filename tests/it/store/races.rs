//! What happens when several do the same thing at the same time.

use std::sync::Arc;

use latchkey::store::{
    StoreError, authorization_requests, authorizations, consents, credentials, sessions,
    used_assertions, users,
};
use tokio::sync::Barrier;

use super::fixtures::{START, ada_and_her_printer, at, authorization, code, scope, user};
use crate::on_both_engines;

on_both_engines! {
    async fn a_code_has_one_winner(db: TestDatabase) {
        ada_and_her_printer(&db, &["a"]).await;
        let mut write = db.write().await.unwrap();
        authorization_requests::insert_code(&mut write, &code("c", "a")).await.unwrap();
        write.commit().await.unwrap();
        let start = Arc::new(Barrier::new(12));
        let tasks = (0..12).map(|_| {
            let (store, start) = (db.clone(), Arc::clone(&start));
            tokio::spawn(async move {
                start.wait().await;
                let mut write = store.write().await.unwrap();
                let won = authorization_requests::consume_code(&mut write, "c", "printer", at(1)).await;
                write.commit().await.unwrap();
                won.unwrap()
            })
        });
        let mut winners = 0;
        for task in tasks.collect::<Vec<_>>() {
            if let Some(code) = task.await.unwrap() {
                assert_eq!(code.authorization_id, "a");
                assert_eq!(code.consumed_at, Some(at(1)));
                winners += 1;
            }
        }
        assert_eq!(winners, 1);
    }

    async fn a_generation_is_rotated_once(db: TestDatabase) {
        ada_and_her_printer(&db, &["a"]).await;
        let start = Arc::new(Barrier::new(12));
        let tasks = (0..12).map(|_| {
            let (store, start) = (db.clone(), Arc::clone(&start));
            tokio::spawn(async move {
                start.wait().await;
                let mut write = store.write().await.unwrap();
                let rotated =
                    authorizations::rotate(&mut write, "a", 1, at(1), at(7200)).await.unwrap();
                write.commit().await.unwrap();
                rotated
            })
        });
        let mut winners = Vec::new();
        for task in tasks.collect::<Vec<_>>() {
            winners.extend(task.await.unwrap());
        }
        assert_eq!(winners.len(), 1);
        assert_eq!((winners[0].generation, winners[0].previous_generation), (2, Some(1)));
        assert_eq!(winners[0].idle_expires_at, at(7200));
    }

    async fn a_pair_has_one_standing_consent(db: TestDatabase) {
        ada_and_her_printer(&db, &[]).await;
        let mut write = db.write().await.unwrap();
        consents::revoke(&mut write, "consent", "u-ada", "x", START).await.unwrap();
        write.commit().await.unwrap();
        let tasks = (0..12).map(|number| {
            let store = db.clone();
            tokio::spawn(async move {
                let wanted = scope(if number % 2 == 0 { "openid email" } else { "openid phone" });
                let mut write = store.write().await.unwrap();
                let id = format!("consent-{number}");
                let consent =
                    consents::allow(&mut write, &id, "u-ada", "printer", &wanted, at(number)).await;
                write.commit().await.unwrap();
                consent.unwrap().consent.id
            })
        });
        let mut ids = Vec::new();
        for task in tasks.collect::<Vec<_>>() {
            ids.push(task.await.unwrap());
        }
        ids.dedup();
        assert_eq!(ids.len(), 1);
        let standing = consents::list(&mut db.read().await.unwrap(), "u-ada").await.unwrap();
        assert_eq!(standing.len(), 1);
        let mut tokens: Vec<_> = standing[0].1.to_string().split(' ').map(str::to_owned).collect();
        tokens.sort();
        assert_eq!(tokens, ["email", "openid", "phone"]);
    }

    async fn what_a_session_bore_does_not_outlive_its_end(db: TestDatabase) {
        let ids: Vec<String> = (0..8).map(|number| format!("a{number}")).collect();
        let names: Vec<&str> = ids.iter().map(String::as_str).collect();
        ada_and_her_printer(&db, &names).await;
        let mut write = db.write().await.unwrap();
        let offline = authorizations::Authorization {
            offline_at: Some(START),
            ..authorization("offline")
        };
        authorizations::insert(&mut write, &offline).await.unwrap();
        write.commit().await.unwrap();
        let rotations = ids.iter().map(|id| {
            let (store, id) = (db.clone(), id.clone());
            tokio::spawn(async move {
                let mut generation = 1;
                loop {
                    let mut write = store.write().await.unwrap();
                    let rotated =
                        authorizations::rotate(&mut write, &id, generation, at(1), at(7200)).await;
                    write.commit().await.unwrap();
                    match rotated.unwrap() {
                        Some(authorization) => generation = authorization.generation,
                        None => break,
                    }
                }
            })
        });
        let rotations: Vec<_> = rotations.collect();
        let mut write = db.write().await.unwrap();
        assert!(sessions::end(&mut write, "session", "signed_out", at(2)).await.unwrap());
        write.commit().await.unwrap();
        for rotation in rotations {
            rotation.await.unwrap();
        }
        let mut read = db.read().await.unwrap();
        for id in &ids {
            let dead = authorizations::find(&mut read, id).await.unwrap().unwrap();
            assert_eq!(dead.revoked_at, Some(at(2)));
            assert_eq!(dead.revoke_reason.as_deref(), Some("signed_out"));
        }
        let alive = authorizations::find(&mut read, "offline").await.unwrap().unwrap();
        assert_eq!(alive.revoked_at, None);
        assert!(!sessions::end(&mut db.write().await.unwrap(), "session", "x", at(3)).await.unwrap());
    }

    async fn an_assertion_that_is_being_forgotten_is_not_good_again(db: TestDatabase) {
        for round in 0..20 {
            let jti = format!("jti {round}");
            let mut write = db.write().await.unwrap();
            assert!(
                used_assertions::insert_once(&mut write, "printer", &jti, at(round)).await.unwrap()
            );
            write.commit().await.unwrap();
            let tasks = (0..6).map(|number| {
                let (store, jti) = (db.clone(), jti.clone());
                tokio::spawn(async move {
                    let mut write = store.write().await.unwrap();
                    let again = if number % 3 == 1 {
                        used_assertions::sweep(&mut write, at(round + 1), 9).await.unwrap();
                        false
                    } else {
                        used_assertions::insert_once(&mut write, "printer", &jti, at(round))
                            .await
                            .unwrap()
                    };
                    write.commit().await.unwrap();
                    again
                })
            });
            for task in tasks.collect::<Vec<_>>() {
                assert!(!task.await.unwrap(), "round {round}");
            }
        }
    }

    async fn names_requests_steps_and_assertions_are_taken_once(db: TestDatabase) {
        ada_and_her_printer(&db, &[]).await;
        let mut write = db.write().await.unwrap();
        let totp = credentials::TotpCredential {
            id: "t".into(), user_id: "u-ada".into(), name: "Phone".into(), sealed_seed: "s".into(),
            last_step: 0, created_at: START, confirmed_at: Some(START),
            last_used_at: None,
        };
        credentials::insert_totp(&mut write, &totp).await.unwrap();
        write.commit().await.unwrap();
        let tasks = (0..8).map(|number| {
            let store = db.clone();
            tokio::spawn(async move {
                let mut write = store.write().await.unwrap();
                let step = credentials::use_totp_step(&mut write, "t", 77, at(1)).await.unwrap();
                let assertion =
                    used_assertions::insert_once(&mut write, "printer", "jti", at(60)).await;
                write.commit().await.unwrap();
                let mut write = store.write().await.unwrap();
                let eve = users::User { id: format!("u-{number}"), ..user("eve") };
                let name = match users::insert(&mut write, &eve).await {
                    Ok(()) => write.commit().await.is_ok(),
                    Err(StoreError::Conflict) => false,
                    Err(error) => panic!("{error}"),
                };
                [step, assertion.unwrap(), name].map(i32::from)
            })
        });
        let mut won = [0; 3];
        for task in tasks.collect::<Vec<_>>() {
            for (sum, one) in won.iter_mut().zip(task.await.unwrap()) {
                *sum += one;
            }
        }
        assert_eq!(won, [1, 1, 1]);
    }
}
