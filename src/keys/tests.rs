//! Sealed records that were touched, key files that are wrong, and months of rotation.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use aws_lc_rs::hkdf;
use serde_json::json;

use super::*;
use crate::clock::Timestamp;
use crate::protocol::jwt::{Expect, KeyType, SigningAlg, verify};
use crate::secret::Random;
use crate::store::signing_keys::SigningKeyRow as KeyRow;

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn master() -> MasterKey {
    MasterKey::in_memory([7; 32], &Random::System)
}

#[test]
fn derived_keys_are_those_of_rfc_5869() {
    struct Bytes32;
    impl hkdf::KeyType for Bytes32 {
        fn len(&self) -> usize {
            32
        }
    }
    let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"latchkey master key");
    let mut expected = [0; 32];
    let info = ["latchkey/v1/cookies".as_bytes()];
    salt.extract(&[7; 32]).expand(&info, Bytes32).unwrap().fill(&mut expected).unwrap();
    let derived = |purpose| master().derive(&master().id(), purpose).to_vec();
    assert_eq!(derived("cookies"), expected);
    assert_ne!(derived("cookie"), expected);
}

#[test]
fn a_sealed_record_opens_only_where_it_lies_and_as_it_was() {
    let master = master();
    let alice = place("totp_credentials", "sealed_seed", "alice");
    let record = master.seal("totp", &alice, b"seed").unwrap();
    assert_eq!(*master.open_sealed("totp", &alice, &record).unwrap(), b"seed");
    assert_ne!(record, master.seal("totp", &alice, b"seed").unwrap());
    let bob = place("totp_credentials", "sealed_seed", "bob");
    assert!(master.open_sealed("totp", &bob, &record).is_err());
    assert!(master.open_sealed("signing-keys", &alice, &record).is_err());
    for at in 0..record.len() {
        let mut other = record.clone().into_bytes();
        other[at] = if other[at] == b'A' { b'B' } else { b'A' };
        let other = String::from_utf8(other).unwrap();
        assert!(master.open_sealed("totp", &alice, &other).is_err(), "{at}");
        assert!(master.open_sealed("totp", &alice, &record[..at]).is_err());
    }
    let stranger = MasterKey::in_memory([8; 32], &Random::System);
    let refusal = stranger.open_sealed("totp", &alice, &record).unwrap_err().to_string();
    assert!(refusal.contains("not in the keys folder"), "{refusal}");
}

#[test]
fn an_access_token_opens_only_as_it_was_sealed() {
    let sealer = LastingSecrets::in_memory(&Random::System).unwrap();
    let sealer = sealer.token_sealer(&Random::System).unwrap();
    let token = sealer.seal_token(b"a record of ours").unwrap();
    assert_eq!(sealer.open_token(&token).unwrap(), b"a record of ours");
    for (at, letter) in token.char_indices() {
        let recased = if letter.is_ascii_lowercase() {
            letter.to_ascii_uppercase()
        } else {
            letter.to_ascii_lowercase()
        };
        for changed in [recased, 'A', '_', '='] {
            let other = format!("{}{changed}{}", &token[..at], &token[at + 1..]);
            assert!(other == token || sealer.open_token(&other).is_none(), "{at}");
        }
        assert!(sealer.open_token(&token[..at]).is_none());
    }
    // 44 bytes leave unused bits in the last character: each other spelling of them is refused.
    let letters = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['-', '_']);
    let last = token.len() - 1;
    let spellings =
        letters.filter(|c| sealer.open_token(&format!("{}{c}", &token[..last])).is_some());
    assert_eq!(spellings.count(), 1);
    for more in ["=", "A", " ", "\n"] {
        assert!(sealer.open_token(&format!("{token}{more}")).is_none());
    }
    assert!(sealer.open_token(&"A".repeat(1 << 20)).is_none());
    let stranger = LastingSecrets::in_memory(&Random::System).unwrap();
    let stranger = stranger.token_sealer(&Random::System).unwrap();
    assert!(stranger.open_token(&token).is_none());
}

#[test]
fn the_first_start_makes_a_key_for_its_owner_alone() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("deep/keys");
    let first = MasterKey::open(&folder, false, &Random::System).unwrap();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&folder.join("master.key")), 0o600);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    let again = MasterKey::open(&folder, true, &Random::System).unwrap();
    assert_eq!(first.id(), again.id());
    assert_eq!(first.derive(&first.id(), "x"), again.derive(&again.id(), "x"));
}

#[test]
fn many_nodes_that_start_at_once_agree_on_one_key() {
    let home = tempfile::tempdir().unwrap();
    let starts: Vec<_> = (0..8)
        .map(|_| {
            let folder = home.path().join("keys");
            std::thread::spawn(move || MasterKey::open(&folder, false, &Random::System))
        })
        .collect();
    let mut ids: Vec<_> = starts.into_iter().map(|one| one.join().unwrap().unwrap().id()).collect();
    ids.dedup();
    assert_eq!(ids.len(), 1);
}

#[test]
fn a_key_that_is_missing_exposed_or_damaged_is_refused_in_one_sentence() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("master.key");
    let refusal = || MasterKey::open(home.path(), true, &Random::System).unwrap_err().to_string();
    assert!(refusal().contains("is missing"));
    assert!(!file.exists());
    MasterKey::open(home.path(), false, &Random::System).unwrap();
    for mode in [0o640, 0o604, 0o660, 0o610] {
        fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        assert!(refusal().contains("chmod 600"));
    }
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    let good = fs::read_to_string(&file).unwrap();
    for bad in ["", "\n", &good[..good.len() - 3], &good.replace("-v1", "-v2"), &good.repeat(2)] {
        fs::write(&file, bad).unwrap();
        assert!(refusal().contains("is damaged"), "{bad}");
        assert_eq!(fs::read_to_string(&file).unwrap(), bad);
    }
}

#[test]
fn a_replaced_master_key_still_opens_what_it_sealed() {
    let home = tempfile::tempdir().unwrap();
    let old = MasterKey::open(home.path(), false, &Random::System).unwrap();
    let record = old.seal("totp", "here", b"seed").unwrap();
    assert_eq!(key_of(&record), Some(old.id().as_str()));
    assert!(record.starts_with(&head(&old.id())));
    // It waits beside the old one, and only opens.
    replacing::prepare(home.path(), &Random::System).unwrap();
    let waiting = MasterKey::open(home.path(), true, &Random::System).unwrap().others();
    assert_eq!(waiting[0].0, "next.key");
    let changed = replacing::promote(home.path(), &old.id(), &Random::System).unwrap();
    assert_eq!(changed, (old.id(), waiting[0].1.clone()));
    let new = MasterKey::open(home.path(), true, &Random::System).unwrap();
    assert_eq!((new.id(), new.own_id()), (changed.1.clone(), changed.1.clone()));
    assert_eq!(new.others(), [(format!("former-{}.key", old.id()), old.id())]);
    assert_eq!(*new.open_sealed("totp", "here", &record).unwrap(), b"seed");
    let anew = new.seal("totp", "here", b"seed").unwrap();
    // A node that read the folder before finds the new key in it, and goes on sealing with its own
    // until it is told.
    assert_eq!(*old.open_sealed("totp", "here", &anew).unwrap(), b"seed");
    assert_eq!(key_of(&old.seal("totp", "here", b"seed").unwrap()), Some(changed.0.as_str()));
    assert!(old.follow(&new.id()) && !old.follow("AAAAAAAA"));
    assert_eq!(key_of(&old.seal("totp", "here", b"seed").unwrap()), Some(changed.1.as_str()));
    // The former key follows the database, too: nothing new is made.
    let back = replacing::promote(home.path(), &changed.0, &Random::System).unwrap();
    assert_eq!(back, (changed.1, changed.0));
}

#[test]
fn only_one_replaces_the_master_key_at_a_time() {
    let home = tempfile::tempdir().unwrap();
    let old = MasterKey::open(home.path(), false, &Random::System).unwrap();
    let _held = files::lock(home.path()).unwrap();
    let refusal = replacing::promote(home.path(), &old.id(), &Random::System).unwrap_err();
    assert!(refusal.to_string().contains("somebody else"), "{refusal}");
}

#[test]
fn the_ring_signs_with_the_newest_key_and_publishes_all_that_live() {
    let master = master();
    let make =
        |activates_at| KeyRow::generate(KeyType::P256, activates_at, START, &master).unwrap();
    let (mut old, current, next) = (make(START - DAY), make(START), make(START + HOUR));
    old.retires_at = Some(START);
    let mut gone = make(START - DAY);
    (gone.removed_at, gone.sealed) = (Some(START), String::new());
    let rows = [next.clone(), old.clone(), gone, current.clone()];
    let ring = KeyRing::load(&rows, &master).unwrap();
    let kid = |now| ring.active(SigningAlg::ES256, now).map(|key| key.kid.clone());
    assert_eq!(kid(START), Some(current.kid.clone()));
    assert_eq!(kid(START + HOUR), Some(next.kid.clone()));
    assert_eq!(kid(START - DAY), Some(old.kid.clone()));
    // The clock was set back to before any: the first that is not on its way out is published.
    assert_eq!(kid(START - DAY - DAY), Some(current.kid.clone()));
    assert!(ring.active(SigningAlg::RS256, START).is_none());
    let jwks = ring.jwks();
    let kids: Vec<_> = jwks["keys"].as_array().unwrap().iter().map(|key| &key["kid"]).collect();
    assert_eq!(kids, [&json!(next.kid), &json!(current.kid), &json!(old.kid)]);
    assert!(!jwks.to_string().contains("\"d\""));
    let key = ring.active(SigningAlg::ES256, START).unwrap();
    let token = key.sign(SigningAlg::ES256, "JWT", &json!({ "sub": "alice" })).unwrap();
    let expect = Expect { typ: Some(&["JWT"]), algs: &SigningAlg::ALL };
    assert!(verify(&token, ring.verifying_keys(), &expect).is_ok());
    // A sealed private half that was moved to another row.
    let swapped = KeyRow { sealed: old.sealed.clone(), ..current };
    assert!(KeyRing::load(&[swapped], &master).is_err());
}

fn row(key_type: KeyType, kid: String, created_at: Timestamp, activates_at: Timestamp) -> KeyRow {
    let key_type = key_type.name().to_owned();
    let (public_jwk, sealed) = (String::new(), String::new());
    let (retires_at, removed_at) = (None, None);
    KeyRow { kid, key_type, public_jwk, sealed, created_at, activates_at, retires_at, removed_at }
}

fn carry_out(rows: &mut Vec<KeyRow>, now: Timestamp, policy: &RotationPolicy) {
    for change in plan(rows, now, policy) {
        match change {
            KeyChange::Create { key_type, activates_at } => {
                rows.push(row(key_type, format!("key-{}", rows.len()), now, activates_at));
            }
            KeyChange::Retire { kid, at } => {
                rows.iter_mut().find(|row| row.kid == kid).unwrap().retires_at = Some(at);
            }
            KeyChange::Remove { kid } => {
                rows.iter_mut().find(|row| row.kid == kid).unwrap().removed_at = Some(now);
            }
        }
    }
    assert_eq!(plan(rows, now, policy), [], "a second run changes nothing");
}

fn signer(rows: &[KeyRow], key_type: KeyType, now: Timestamp) -> Option<&KeyRow> {
    let able = rows.iter().filter(|row| row.key_type == key_type.name() && row.signs(now));
    able.max_by_key(|row| row.age())
}

#[test]
fn over_a_year_somebody_always_signs_and_every_signature_finds_its_key() {
    let policy = RotationPolicy::default();
    let mut rows = Vec::new();
    let mut alive: Vec<(Timestamp, String)> = Vec::new();
    let step = Duration::from_mins(20);
    for minute in 0..(365 * 24 * 3) {
        let now = START + step * minute;
        // The machine is off for a week in spring, which rotation has to survive.
        let off = (100..107).contains(&(minute / 72));
        if !off {
            carry_out(&mut rows, now, &policy);
        }
        for key_type in KeyType::ALL {
            let key = signer(&rows, key_type, now).expect("somebody always signs");
            let first = key.created_at == START;
            assert!(first || now.since(key.created_at) >= policy.publish_before, "seen before use");
            alive.push((now + policy.retire_keep, key.kid.clone()));
        }
        alive.retain(|(until, _)| *until > now);
        let removed: Vec<_> = rows.iter().filter(|row| row.removed_at.is_some()).collect();
        assert!(alive.iter().all(|(_, kid)| removed.iter().all(|row| row.kid != *kid)));
    }
    let (made, left) = (rows.len(), rows.iter().filter(|row| row.removed_at.is_none()).count());
    assert!((36..=39).contains(&made), "{made} keys, a month each");
    assert!(left <= 9, "{left} keys are published");
}

#[test]
fn what_the_operator_does_by_hand_leaves_no_gap() {
    let policy = RotationPolicy::default();
    let mut rows = Vec::new();
    carry_out(&mut rows, START, &policy);
    let now = START + DAY;
    // Retired at once, with nobody to follow.
    rows[0].retires_at = Some(now);
    carry_out(&mut rows, now, &policy);
    assert!(signer(&rows, KeyType::Rsa, now).is_some_and(|key| key.created_at == now));
    // Retired half an hour from now, sooner than a successor can be published for an hour.
    let soon = now + HOUR / 2;
    rows[1].retires_at = Some(soon);
    carry_out(&mut rows, now, &policy);
    assert!(signer(&rows, KeyType::P256, soon).is_some_and(|key| key.activates_at == soon));
    // Rotated by hand: the new key waits its hour, then the old one retires.
    rows.push(row(KeyType::Ed25519, "by-hand".to_owned(), now, now + HOUR));
    carry_out(&mut rows, now, &policy);
    assert!(rows[2].retires_at.is_none());
    carry_out(&mut rows, now + HOUR, &policy);
    assert_eq!(rows[2].retires_at, Some(now + HOUR));
    assert_eq!(signer(&rows, KeyType::Ed25519, now + HOUR).unwrap().kid, "by-hand");
}
