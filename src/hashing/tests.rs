//! What a hasher promises.

use super::*;

fn hasher(memory: u32, pepper: u8) -> Hasher {
    Hasher::new(memory, 1, 1, 0, [pepper; 32], &Random::System).unwrap()
}

async fn hash_of(hasher: &Hasher, password: &str) -> String {
    let place = hasher.reserve().unwrap();
    hasher.hash(&place, password.into(), &Random::System).await.unwrap()
}

async fn verdict(hasher: &Hasher, password: &str, stored: Option<&str>) -> Verdict {
    let place = hasher.reserve().unwrap();
    hasher.verify(&place, password.into(), stored.map(str::to_owned)).await.unwrap()
}

#[tokio::test]
async fn a_hash_knows_its_password_and_its_age() {
    let old = hasher(64, 1);
    let stored = hash_of(&old, "right").await;
    assert!(stored.starts_with("$argon2id$v=19$m=64,t=1,p=1$"));
    let today = verdict(&old, "right", Some(&stored)).await;
    assert_eq!(today, Verdict::Right { outdated: false });
    let later = verdict(&hasher(128, 1), "right", Some(&stored)).await;
    assert_eq!(later, Verdict::Right { outdated: true });
    assert_eq!(verdict(&old, "wrong", Some(&stored)).await, Verdict::Wrong);
    assert_eq!(verdict(&old, "right", None).await, Verdict::Wrong);
    let elsewhere = verdict(&hasher(64, 2), "right", Some(&stored)).await;
    assert_eq!(elsewhere, Verdict::Wrong, "without the pepper a hash is worth nothing");
}

#[test]
fn what_an_old_hash_saves_is_spent() {
    let params = |memory, passes, lanes| Params::new(memory, passes, lanes, None).unwrap();
    let stored = |used: &Params| hash(used, &[1; 32], "right", &[7; 16]).unwrap();
    let now = params(4096, 3, 1);
    let mut memory = Vec::new();
    for old in [params(64, 1, 1), params(2048, 3, 1), params(4096, 2, 1), params(4095, 3, 1)] {
        let (verdict, _) = verify(&now, &[1; 32], "right", &stored(&old), &mut memory).unwrap();
        assert_eq!(verdict, Verdict::Right { outdated: true });
        let (wrong, _) = verify(&now, &[1; 32], "x", &stored(&old), &mut memory).unwrap();
        assert_eq!(wrong, Verdict::Wrong);
    }
    // Whatever is left over, it is spent but for a hundredth of the whole, and fits into the
    // memory of a hash of today.
    for lanes in [1, 4] {
        let now = params(4096, 3, lanes);
        for left in [0, 1, 7, 8, 9, 31, 32, 33, 100, 4096, 12_000, 12_287] {
            let spent = filler(&now, left).unwrap();
            assert!(spent.as_ref().is_none_or(|one| one.block_count() <= now.block_count()));
            let missed = left.abs_diff(spent.as_ref().map_or(0, cost));
            assert!(missed <= cost(&now) / 100, "{left}: {missed}");
        }
    }
}

#[tokio::test]
async fn a_full_queue_is_told_before_anything_is_done() {
    let hasher = Hasher::new(64, 1, 1, 1, [1; 32], &Random::System).unwrap();
    let cores = hasher.permits.available_permits();
    let mut places: Vec<_> = (0..=cores).map(|_| hasher.reserve().unwrap()).collect();
    assert!(matches!(hasher.reserve(), Err(HashingError::Busy)), "found the queue full");
    places.pop();
    assert!(hasher.reserve().is_ok(), "who leaves makes room");
}

#[tokio::test]
async fn nobody_waits_longer_than_a_second() {
    let hasher = hasher(64, 1);
    let all = u32::try_from(hasher.permits.available_permits()).unwrap();
    let held = Arc::clone(&hasher.permits).acquire_many_owned(all).await.unwrap();
    let place = hasher.reserve().unwrap();
    let waited = hasher.verify(&place, "a".into(), None).await;
    assert!(matches!(waited, Err(HashingError::Busy)), "waited its second in vain");
    drop(held);
    assert!(hasher.verify(&place, "b".into(), None).await.is_ok());
}

#[tokio::test]
async fn while_a_core_is_kept_its_thread_and_its_places_rest() {
    let hasher = hasher(64, 1);
    let cores = std::thread::available_parallelism().unwrap().get();
    let places = || std::iter::from_fn(|| hasher.reserve().ok()).collect::<Vec<_>>().len();
    assert_eq!(places(), cores * 5);
    hasher.keep_core_free();
    assert_eq!(places(), (cores - 1).max(1) * 5, "fewer hash, so fewer wait");
    if cores == 1 {
        return;
    }
    let last = format!("hashing-{}", cores - 1);
    let mut by_last = 0;
    for _ in 0..30 {
        hasher.keep_core_free();
        let thread = hasher.threads.run(|_| Ok(std::thread::current().name().map(str::to_owned)));
        by_last += usize::from(thread.await.unwrap().as_ref() == Some(&last));
    }
    assert!(by_last <= 1, "it may have waited for one, but takes no more: {by_last}");
}
