//! Every record goes in and comes out, and each change changes what it says.

use latchkey::protocol::error::{ErrorCode, OAuthError};
use latchkey::store::authorization_requests::{self, PendingAuthorization};
use latchkey::store::credentials::{self, PasswordCredential, TotpCredential};
use latchkey::store::events::{self, Event, Filter};
use latchkey::store::pending_sign_ins::{self, PendingSignIn};
use latchkey::store::sessions::{self, Proof};
use latchkey::store::signing_keys::{self, SigningKeyRow};
use latchkey::store::users::{self, Email, User};
use latchkey::store::{
    StoreError, applications, authorizations, clients, consents, instance, revoked_tokens,
    used_assertions,
};
use serde_json::json;

use super::fixtures::{
    START, ada_and_her_printer, at, authorization, client, code, request, scope, session, user,
};
use crate::on_both_engines;

on_both_engines! {
    async fn people(db: TestDatabase) {
        let mut write = db.write().await.unwrap();
        for name in ["Ada", "bob", "cyd"] {
            users::insert(&mut write, &user(name)).await.unwrap();
        }
        let bare = User { email: None, email_key: None, email_verified_at: None, ..user("dan") };
        users::insert(&mut write, &bare).await.unwrap();
        let ada = users::find_by_login(&mut write, "ada").await.unwrap().unwrap();
        assert_eq!((ada.id.as_str(), ada.username.as_str()), ("u-Ada", "Ada"));
        assert_eq!(ada.email_verified_at, Some(START));
        let same = users::find_by_login(&mut write, "ada@example.com").await.unwrap().unwrap();
        assert_eq!(same.id, ada.id);
        assert!(users::find_by_login(&mut write, "Ada").await.unwrap().is_none());
        assert!(users::find(&mut write, "u-dan").await.unwrap().unwrap().email.is_none());

        let mut seen = Vec::new();
        while seen.len() < 4 {
            let after = seen.last().map(|user: &User| user.id.clone());
            let page = users::list(&mut write, after.as_deref(), 3).await.unwrap();
            assert!(!page.is_empty());
            seen.extend(page);
        }
        assert!(users::list(&mut write, Some(&seen[3].id), 3).await.unwrap().is_empty());

        assert!(users::lock(&mut write, "u-bob", "asked", at(1)).await.unwrap());
        assert!(!users::lock(&mut write, "u-bob", "again", at(2)).await.unwrap());
        let bob = users::find(&mut write, "u-bob").await.unwrap().unwrap();
        assert_eq!((bob.locked_at, bob.lock_reason.as_deref()), (Some(at(1)), Some("asked")));
        assert!(users::unlock(&mut write, "u-bob", at(3)).await.unwrap());
        assert!(!users::unlock(&mut write, "u-bob", at(3)).await.unwrap());
        let claims = serde_json::from_value(json!({ "nickname": "B" })).unwrap();
        assert!(users::set_claims(&mut write, "u-bob", &claims, at(4)).await.unwrap());
        let email = Email { address: "B@x.example", key: "b@x.example", verified_at: None };
        assert!(users::set_email(&mut write, "u-bob", Some(email), at(5)).await.unwrap());
        assert!(users::set_admin(&mut write, "u-bob", Some(at(6)), at(6)).await.unwrap());
        let bob = users::find_by_login(&mut write, "b@x.example").await.unwrap().unwrap();
        assert_eq!(bob.email.as_deref(), Some("B@x.example"));
        assert_eq!((bob.email_verified_at, bob.admin_at), (None, Some(at(6))));
        assert_eq!(serde_json::to_value(&bob.claims).unwrap()["nickname"], "B");
        assert_eq!((bob.locked_at, bob.updated_at), (None, at(6)));
        assert!(users::set_email(&mut write, "u-bob", None, at(7)).await.unwrap());
        assert!(!users::set_email(&mut write, "nobody", None, at(7)).await.unwrap());

        sessions::insert(&mut write, &session("s", "u-bob")).await.unwrap();
        assert!(users::remove(&mut write, "u-bob").await.unwrap());
        assert!(!users::remove(&mut write, "u-bob").await.unwrap());
        assert!(sessions::find(&mut write, "s").await.unwrap().is_none());
        write.commit().await.unwrap();

        let mut write = db.write().await.unwrap();
        let taken = Email { address: "x", key: "ada@example.com", verified_at: None };
        let error = users::set_email(&mut write, "u-dan", Some(taken), at(8)).await.unwrap_err();
        assert!(matches!(error, StoreError::Conflict), "{error:?}");
    }

    async fn credentials_of_a_person(db: TestDatabase) {
        let mut write = db.write().await.unwrap();
        users::insert(&mut write, &user("ada")).await.unwrap();
        assert!(credentials::find(&mut write, "u-ada").await.unwrap().is_none());
        for hash in ["first", "second"] {
            let password = PasswordCredential {
                user_id: "u-ada".into(), hash: hash.into(), set_at: at(1),
            };
            credentials::set(&mut write, &password).await.unwrap();
        }
        assert!(!credentials::replace_hash_if(&mut write, "u-ada", "first", "x").await.unwrap());
        assert!(credentials::replace_hash_if(&mut write, "u-ada", "second", "third").await.unwrap());
        let password = credentials::find(&mut write, "u-ada").await.unwrap().unwrap();
        assert_eq!((password.hash.as_str(), password.set_at), ("third", at(1)));

        let totp = TotpCredential {
            id: "t".into(), user_id: "u-ada".into(), name: "Phone".into(), sealed_seed: "s".into(),
            last_step: 0, created_at: START, confirmed_at: None,
            last_used_at: None,
        };
        credentials::insert_totp(&mut write, &totp).await.unwrap();
        assert!(!credentials::has_second_factor(&mut write, "u-ada").await.unwrap());
        assert!(!credentials::use_totp_step(&mut write, "t", 5, at(1)).await.unwrap());
        assert!(credentials::confirm_totp(&mut write, "t", 5, at(2)).await.unwrap());
        assert!(!credentials::confirm_totp(&mut write, "t", 6, at(2)).await.unwrap());
        assert!(credentials::has_second_factor(&mut write, "u-ada").await.unwrap());
        assert!(!credentials::use_totp_step(&mut write, "t", 5, at(1)).await.unwrap());
        assert!(credentials::use_totp_step(&mut write, "t", 6, at(1)).await.unwrap());
        let listed = credentials::list_totp(&mut write, "u-ada").await.unwrap();
        assert_eq!((listed[0].last_step, listed[0].confirmed_at), (6, Some(at(2))));
        assert_eq!(credentials::remove_totp(&mut write, "u-ada").await.unwrap(), 1);
        assert!(!credentials::has_second_factor(&mut write, "u-ada").await.unwrap());
    }

    async fn browser_sessions(db: TestDatabase) {
        let mut write = db.write().await.unwrap();
        users::insert(&mut write, &user("ada")).await.unwrap();
        for id in ["s1", "s2", "s3"] {
            sessions::insert(&mut write, &session(id, "u-ada")).await.unwrap();
        }
        let db = &mut *write;
        let (found, person) = sessions::find_live(db, "hash of s1", at(1)).await.unwrap().unwrap();
        assert_eq!((found.id.as_str(), person.username.as_str()), ("s1", "ada"));
        assert_eq!((found.user_id.as_str(), person.id.as_str()), ("u-ada", "u-ada"));
        assert_eq!(found.created_at, START);
        assert!(sessions::find_live(db, "hash of s1", at(3600)).await.unwrap().is_none());
        sessions::touch(db, "s1", at(3000)).await.unwrap();
        sessions::touch(db, "s1", at(2000)).await.unwrap();
        let (found, _) = sessions::find_live(db, "hash of s1", at(3600)).await.unwrap().unwrap();
        assert_eq!(found.last_active_at, at(3000));
        assert!(found.is_live(at(6599)) && !found.is_live(at(6600)) && !found.is_live(at(90_000)));
        assert!(sessions::find_live(db, "hash of s1", at(86_400)).await.unwrap().is_none());

        let proof = Proof { auth_time: at(3500), amr: "pwd otp mfa", acr: "urn:latchkey:acr:mfa" };
        assert!(sessions::rotate(db, "s1", "new", proof, at(3500)).await.unwrap());
        assert!(sessions::find_live(db, "hash of s1", at(3501)).await.unwrap().is_none());
        let (found, _) = sessions::find_live(db, "new", at(3501)).await.unwrap().unwrap();
        assert_eq!((found.amr.as_str(), found.auth_time), ("pwd otp mfa", at(3500)));

        users::lock(db, "u-ada", "x", at(1)).await.unwrap();
        assert!(sessions::find_live(db, "new", at(3501)).await.unwrap().is_none());
        users::unlock(db, "u-ada", at(1)).await.unwrap();
        let order: Vec<_> =
            sessions::list(db, "u-ada").await.unwrap().into_iter().map(|s| s.id).collect();
        assert_eq!(order, ["s1", "s2", "s3"]);
        assert_eq!(sessions::end_all(db, "u-ada", Some("s2"), "others", at(9)).await.unwrap(), 2);
        assert_eq!(sessions::list(db, "u-ada").await.unwrap().len(), 1);
        assert!(!sessions::rotate(db, "s1", "newer", proof, at(9)).await.unwrap());
        let ended = sessions::find(db, "s1").await.unwrap().unwrap();
        assert_eq!((ended.ended_at, ended.end_reason.as_deref()), (Some(at(9)), Some("others")));
        assert_eq!(sessions::end_all(db, "u-ada", None, "all", at(9)).await.unwrap(), 1);
        assert_eq!(sessions::sweep(db, at(86_401), 2).await.unwrap(), 2);
        assert_eq!(sessions::sweep(db, at(86_401), 2).await.unwrap(), 1);

        let owes = PendingSignIn {
            id_hash: "p".into(), user_id: "u-ada".into(), password_at: START, created_at: START,
            expires_at: at(300),
            remembered_at: None,
        };
        pending_sign_ins::insert(db, &owes).await.unwrap();
        assert_eq!(pending_sign_ins::find(db, "p", at(1)).await.unwrap().unwrap().password_at, START);
        assert!(pending_sign_ins::find(db, "p", at(300)).await.unwrap().is_none());
        assert_eq!(pending_sign_ins::count_try(db, "p", at(1)).await.unwrap(), Some(1));
        assert_eq!(pending_sign_ins::count_try(db, "p", at(1)).await.unwrap(), Some(2));
        assert_eq!(pending_sign_ins::count_try(db, "p", at(300)).await.unwrap(), None);
        assert!(pending_sign_ins::remove(db, "p").await.unwrap());
        assert!(!pending_sign_ins::remove(db, "p").await.unwrap());
        pending_sign_ins::insert(db, &owes).await.unwrap();
        assert_eq!(pending_sign_ins::sweep(db, at(301), 9).await.unwrap(), 1);
    }

    async fn registered_clients(db: TestDatabase) {
        let mut write = db.write().await.unwrap();
        for id in ["a", "b", "c"] {
            clients::insert(&mut write, &client(id)).await.unwrap();
        }
        let found = clients::find(&mut write, "b").await.unwrap().unwrap();
        assert_eq!(found.metadata, client("b").metadata);
        assert_eq!(clients::list(&mut write, Some("a"), 9).await.unwrap().len(), 2);
        let owner = clients::resource_owner(&mut write, "https://b.example/api").await.unwrap();
        assert_eq!(owner.as_deref(), Some("b"));
        let mut changed = client("b");
        changed.metadata.resources = vec!["https://new.example".to_owned()];
        changed.updated_at = at(5);
        assert!(clients::update(&mut write, &changed).await.unwrap());
        assert!(!clients::update(&mut write, &client("nobody")).await.unwrap());
        assert!(clients::resource_owner(&mut write, "https://b.example/api").await.unwrap().is_none());
        assert!(clients::set_secret(&mut write, "b", None, at(6)).await.unwrap());
        assert!(clients::find(&mut write, "b").await.unwrap().unwrap().secret_hash.is_none());
        assert!(clients::remove(&mut write, "b", at(7)).await.unwrap());
        assert!(!clients::remove(&mut write, "b", at(7)).await.unwrap());
        assert!(clients::resource_owner(&mut write, "https://new.example").await.unwrap().is_none());
        write.commit().await.unwrap();
        let mut write = db.write().await.unwrap();
        let mut thief = client("thief");
        thief.metadata.resources = vec!["https://a.example/api".to_owned()];
        let error = clients::insert(&mut write, &thief).await.unwrap_err();
        assert!(matches!(error, StoreError::Conflict), "{error:?}");
    }

    async fn requests_in_progress_and_their_codes(db: TestDatabase) {
        ada_and_her_printer(&db, &["a"]).await;
        let mut write = db.write().await.unwrap();
        let db = &mut *write;
        let pending = PendingAuthorization {
            id: "r".into(), browser_hash: "h".into(), client_id: "printer".into(),
            request: request(), hinted_subject: None, created_at: START,
            expires_at: at(600), account_selected_at: None, decided_at: None, decision: None,
            decided_by: None, finished_at: None,
            source: "192.0.2.1".into(),
        };
        authorization_requests::insert(db, &pending).await.unwrap();
        assert!(authorization_requests::find(db, "r", "other", at(1)).await.unwrap().is_none());
        assert!(authorization_requests::find(db, "r", "h", at(600)).await.unwrap().is_none());
        assert!(authorization_requests::select_account(db, "r", at(2)).await.unwrap());
        assert!(authorization_requests::decide(db, "r", "denied", Some("u-ada"), at(3)).await.unwrap());
        assert!(!authorization_requests::decide(db, "r", "allowed", None, at(4)).await.unwrap());
        assert!(authorization_requests::finish(db, "r", at(5)).await.unwrap());
        assert!(!authorization_requests::finish(db, "r", at(5)).await.unwrap());
        assert!(!authorization_requests::select_account(db, "r", at(6)).await.unwrap());
        let found = authorization_requests::find(db, "r", "h", at(6)).await.unwrap().unwrap();
        assert_eq!((found.account_selected_at, found.decided_at), (Some(at(2)), Some(at(3))));
        assert_eq!(found.decision.as_deref(), Some("denied"));
        assert_eq!(found.request, request());
        assert_eq!((found.decided_by.as_deref(), found.finished_at), (Some("u-ada"), Some(at(5))));
        assert_eq!(authorization_requests::sweep(db, at(601), 9).await.unwrap(), 1);

        for hash in ["c1", "c2"] {
            authorization_requests::insert_code(db, &code(hash, "a")).await.unwrap();
        }
        assert!(authorization_requests::consume_code(db, "c1", "printer", at(60)).await.unwrap().is_none());
        assert!(authorization_requests::consume_code(db, "c1", "calendar", at(59)).await.unwrap().is_none());
        assert!(authorization_requests::consume_code(db, "c1", "printer", at(59)).await.unwrap().is_some());
        assert!(authorization_requests::consume_code(db, "c1", "printer", at(59)).await.unwrap().is_none());
        let used = authorization_requests::find_code(db, "c1").await.unwrap().unwrap();
        assert_eq!(used.consumed_at, Some(at(59)));
        assert!(authorizations::revoke(db, "a", "replay", at(59)).await.unwrap());
        assert!(authorization_requests::consume_code(db, "c2", "printer", at(59)).await.unwrap().is_none());
        assert_eq!(authorization_requests::sweep_codes(db, at(61), 9).await.unwrap(), 2);
    }

    async fn consents_of_a_person(db: TestDatabase) {
        ada_and_her_printer(&db, &["a", "b"]).await;
        let mut write = db.write().await.unwrap();
        let db = &mut *write;
        authorization_requests::insert_code(db, &code("c", "a")).await.unwrap();
        let wider = scope("openid email");
        let allowed = consents::allow(db, "x", "u-ada", "printer", &wider, at(5)).await.unwrap();
        assert_eq!((allowed.consent.id.as_str(), allowed.consent.granted_at), ("consent", START));
        assert_eq!((allowed.is_new, allowed.added.to_string().as_str()), (false, "email"));
        consents::touch(db, "consent", "192.0.2.1", at(9)).await.unwrap();
        consents::touch(db, "consent", "192.0.2.2", at(8)).await.unwrap();
        let (consent, allowed) = consents::find(db, "u-ada", "printer").await.unwrap().unwrap();
        assert_eq!(consent.last_used_at, at(9));
        assert_eq!(consent.last_used_address.as_deref(), Some("192.0.2.1"));
        let held = consents::hold(db, "u-ada", "printer", at(7)).await.unwrap().unwrap();
        assert_eq!((held.id.as_str(), held.last_used_at), ("consent", at(9)));
        let each = applications::scopes(db, "u-ada").await.unwrap();
        let each: Vec<_> = each.iter().map(|one| (one.scope.as_str(), one.granted_at)).collect();
        assert_eq!(each, [("openid", START), ("profile", START), ("email", at(5))]);
        assert_eq!(allowed.to_string(), "openid profile email");
        clients::insert(db, &client("bare")).await.unwrap();
        consents::allow(db, "y", "u-ada", "bare", &scope(""), at(6)).await.unwrap();
        let listed = consents::list(db, "u-ada").await.unwrap();
        assert_eq!(listed.len(), 2);
        assert_eq!((listed[0].0.id.as_str(), listed[1].0.id.as_str()), ("consent", "y"));
        assert!(listed[1].1.is_empty());

        assert!(!consents::revoke(db, "consent", "u-eve", "x", at(9)).await.unwrap());
        assert!(consents::revoke(db, "consent", "u-ada", "x", at(9)).await.unwrap());
        assert!(!consents::revoke(db, "consent", "u-ada", "x", at(9)).await.unwrap());
        assert!(consents::find(db, "u-ada", "printer").await.unwrap().is_none());
        let late = authorization_requests::consume_code(db, "c", "printer", at(9)).await.unwrap();
        assert!(late.is_none());
        assert!(consents::hold(db, "u-ada", "printer", at(9)).await.unwrap().is_none());
        let again = consents::allow(db, "z", "u-ada", "printer", &wider, at(10)).await.unwrap();
        assert_eq!((again.consent.id.as_str(), again.consent.granted_at), ("z", at(10)));
        assert!(again.is_new && again.added == wider);
        let ended = consents::revoke_all(db, "u-ada", "x", at(11)).await.unwrap();
        assert_eq!(ended.len(), 2);
        assert!(consents::revoke_all(db, "u-ada", "x", at(11)).await.unwrap().is_empty());
        assert!(applications::scopes(db, "u-ada").await.unwrap().is_empty());
    }

    async fn authorizations_and_their_generations(db: TestDatabase) {
        ada_and_her_printer(&db, &["a", "b", "c"]).await;
        let mut write = db.write().await.unwrap();
        let db = &mut *write;
        let found = authorizations::find(db, "a").await.unwrap().unwrap();
        assert_eq!(format!("{found:?}"), format!("{:?}", authorization("a")));
        assert!(authorizations::mark_redeemed(db, "a", at(1)).await.unwrap());
        assert!(!authorizations::mark_redeemed(db, "a", at(1)).await.unwrap());

        // The answer to a rotation is lost: nothing of 2 is seen, so 3 takes its place.
        assert!(authorizations::rotate(db, "a", 2, at(2), at(9)).await.unwrap().is_none());
        let two = authorizations::rotate(db, "a", 1, at(2), at(9)).await.unwrap().unwrap();
        assert_eq!((two.generation, two.seen_generation), (2, 1));
        let three = authorizations::replace_unseen(db, "a", 2, at(3), at(99)).await.unwrap().unwrap();
        assert_eq!((three.generation, three.previous_generation), (3, Some(1)));
        assert_eq!(three.rotated_at, Some(at(3)));
        assert!(authorizations::replace_unseen(db, "a", 2, at(3), at(99)).await.unwrap().is_none());
        assert_eq!(revoked_tokens::dead_generations(db, "a").await.unwrap(), [2]);
        assert!(revoked_tokens::contains(db, "a:2").await.unwrap());
        // Once something of 3 was seen, 3 stays.
        assert!(authorizations::mark_seen(db, "a", 3).await.unwrap());
        assert!(!authorizations::mark_seen(db, "a", 3).await.unwrap());
        assert!(authorizations::replace_unseen(db, "a", 3, at(4), at(99)).await.unwrap().is_none());
        let four = authorizations::rotate(db, "a", 3, at(5), at(9)).await.unwrap().unwrap();
        assert_eq!((four.generation, four.seen_generation), (4, 3));

        assert!(authorizations::revoke(db, "a", "replay", at(6)).await.unwrap());
        assert!(!authorizations::revoke(db, "a", "again", at(7)).await.unwrap());
        assert!(authorizations::rotate(db, "a", 4, at(8), at(9)).await.unwrap().is_none());
        assert!(authorizations::replace_unseen(db, "a", 4, at(8), at(99)).await.unwrap().is_none());
        assert!(!authorizations::mark_redeemed(db, "a", at(8)).await.unwrap());
        assert!(applications::footholds(db, "u-ada", at(8)).await.unwrap().is_empty(), "no code was redeemed");
        assert!(authorizations::mark_redeemed(db, "b", at(8)).await.unwrap());
        let held = applications::footholds(db, "u-ada", at(8)).await.unwrap();
        assert_eq!((held.len(), held[0].count), (1, 1));
        assert!(held[0].session_is_live(at(8)));
        let count = authorizations::revoke_for_client_user(db, "other", "u-ada", "x", at(8)).await;
        assert_eq!(count.unwrap(), 0);
        let count = authorizations::revoke_for_client_user(db, "printer", "u-ada", "x", at(8)).await;
        assert_eq!(count.unwrap(), 2);
        assert_eq!(authorizations::revoke_for_user(db, "u-ada", "x", at(8)).await.unwrap(), 0);
        assert_eq!(authorizations::sweep(db, at(86_401), 2).await.unwrap(), 2);
        assert_eq!(authorizations::sweep(db, at(86_401), 2).await.unwrap(), 1);
    }

    async fn tokens_assertions_and_facts(db: TestDatabase) {
        let mut write = db.write().await.unwrap();
        let db = &mut *write;
        revoked_tokens::insert(db, "t", at(10)).await.unwrap();
        revoked_tokens::insert(db, "t", at(10)).await.unwrap();
        assert!(revoked_tokens::contains(db, "t").await.unwrap());
        assert_eq!(revoked_tokens::sweep(db, at(11), 9).await.unwrap(), 1);
        assert!(!revoked_tokens::contains(db, "t").await.unwrap());
        assert!(used_assertions::insert_once(db, "a", "j", at(10)).await.unwrap());
        assert!(used_assertions::insert_once(db, "b", "j", at(10)).await.unwrap());
        assert!(!used_assertions::insert_once(db, "a", "j", at(10)).await.unwrap());
        assert!(used_assertions::insert_once(db, "a", "k", at(20)).await.unwrap());
        assert_eq!(used_assertions::sweep(db, at(11), 9).await.unwrap(), 2);
        // What is forgotten is no good for ever, nor what expired by then.
        assert!(!used_assertions::insert_once(db, "a", "j", at(10)).await.unwrap());
        assert!(!used_assertions::insert_once(db, "a", "new", at(9)).await.unwrap());
        assert!(used_assertions::insert_once(db, "a", "l", at(11)).await.unwrap());
        assert!(used_assertions::insert_once(db, "c", "j", at(9)).await.unwrap());
        assert_eq!(used_assertions::sweep(db, at(30), 9).await.unwrap(), 5);
        assert!(!used_assertions::insert_once(db, "a", "k", at(20)).await.unwrap());
        assert_eq!(used_assertions::sweep_notes(db, at(11), 9).await.unwrap(), 2);
        assert!(!used_assertions::insert_once(db, "a", "other", at(20)).await.unwrap());
        assert!(used_assertions::insert_once(db, "b", "other", at(10)).await.unwrap());
        assert!(instance::get(db, "n").await.unwrap().is_none());
        instance::set(db, "n", "v").await.unwrap();
        instance::set(db, "n", "w").await.unwrap();
        instance::set(db, "o", "v").await.unwrap();
        assert_eq!(instance::get(db, "n").await.unwrap().as_deref(), Some("w"));
        assert_eq!(instance::list(db, "n").await.unwrap(), [("n".into(), "w".into())]);

        let key = SigningKeyRow {
            kid: "k".into(), key_type: "rsa".into(), public_jwk: "{}".into(), sealed: "s".into(),
            created_at: START, activates_at: at(1), retires_at: None, removed_at: None,
        };
        signing_keys::insert(db, &key).await.unwrap();
        signing_keys::lock(db).await.unwrap();
        signing_keys::lock(db).await.unwrap();
        assert!(signing_keys::set_retires(db, "k", at(5)).await.unwrap());
        assert_eq!(signing_keys::list(db).await.unwrap()[0].retires_at, Some(at(5)));
        assert!(signing_keys::remove(db, "k", at(6)).await.unwrap());
        assert!(!signing_keys::remove(db, "k", at(6)).await.unwrap());
        assert!(signing_keys::list(db).await.unwrap().is_empty());
    }

    async fn the_audit_trail(db: TestDatabase) {
        let mut write = db.write().await.unwrap();
        let db = &mut *write;
        for number in 0..10 {
            let event = Event {
                id: format!("e{number}"), at: at(number / 2), kind: "sign_in".into(),
                user_id: Some(if number % 2 == 0 { "u-ada" } else { "u-bob" }.into()),
                client_id: None, session_id: None, actor: None, address: Some("::1".into()),
                user_agent: None, outcome: "ok".into(), details: json!({ "number": number }),
                request_id: None, attempt: None,
            };
            events::record(db, &event).await.unwrap();
        }
        let ids = |events: Vec<Event>| -> Vec<String> { events.into_iter().map(|e| e.id).collect() };
        let all = Filter { user_id: None, since: None, before: None, limit: 3 };
        let page = events::list(db, all).await.unwrap();
        assert_eq!(page[0].details["number"], 9);
        let last = page[2].clone();
        assert_eq!(ids(page), ["e9", "e8", "e7"]);
        let next = Filter { before: Some((last.at, &last.id)), ..all };
        assert_eq!(ids(events::list(db, next).await.unwrap()), ["e6", "e5", "e4"]);
        let hers = Filter { user_id: Some("u-ada"), since: Some(at(3)), ..all };
        assert_eq!(ids(events::list(db, hers).await.unwrap()), ["e8", "e6"]);
        assert_eq!(ids(events::list_after(db, (at(4), "e8"), 9).await.unwrap()), ["e9"]);
        assert_eq!(events::sweep(db, at(1), 9).await.unwrap(), 2);
        assert_eq!(ids(events::list_after(db, (START, ""), 2).await.unwrap()), ["e2", "e3"]);
    }
}

#[test]
fn only_what_passes_is_temporary_to_a_client() {
    let told = |error: StoreError| OAuthError::from(error).code;
    assert_eq!(told(StoreError::Unavailable("x".into())), ErrorCode::TemporarilyUnavailable);
    assert_eq!(told(StoreError::Conflict), ErrorCode::ServerError);
    assert_eq!(told(StoreError::Other(anyhow::anyhow!("x"))), ErrorCode::ServerError);
}
