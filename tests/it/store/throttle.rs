//! Tries at passwords: how many are looked at, whatever races and however slowly they come.

use latchkey::clock::Timestamp;
use latchkey::store::Store;
use latchkey::store::throttle::{self, Bounds};

use super::fixtures::at;
use crate::on_both_engines;

const MINUTE: i64 = 60;

/// Ten in a quarter of an hour, closed for a quarter of an hour; a hundred in a row.
fn bounds(now: i64) -> Bounds {
    Bounds {
        failures: 10,
        window_from: at(now - 15 * MINUTE),
        blocked_until: at(now + 15 * MINUTE),
        in_a_row: 100,
    }
}

async fn take(store: &Store, bucket: &str, now: i64) -> bool {
    let mut write = store.write().await.unwrap();
    let taken = throttle::take(&mut write, "ada", bucket, bounds(now), at(now)).await.unwrap();
    write.commit().await.unwrap();
    taken.is_some()
}

async fn write<T>(
    store: &Store,
    act: impl AsyncFnOnce(&mut latchkey::store::Db) -> Result<T, latchkey::store::StoreError>,
) -> T {
    let mut write = store.write().await.unwrap();
    let result = act(&mut write).await.unwrap();
    write.commit().await.unwrap();
    result
}

on_both_engines! {
    async fn ten_tries_are_looked_at_and_then_none_for_a_while(db: TestDatabase) {
        for second in 0..10 {
            assert!(take(&db, "", second).await, "try {second}");
        }
        assert!(!take(&db, "", 10).await);
        assert!(!take(&db, "", 9 + 15 * MINUTE - 1).await);
        // Another bucket of the same account is another matter.
        assert!(take(&db, "laptop", 10).await);
        // When the block is over there is a whole window of tries again.
        let after = 9 + 15 * MINUTE;
        for second in 0..10 {
            assert!(take(&db, "", after + second).await, "try {second} of the second window");
        }
        assert!(!take(&db, "", after + 10).await);
    }

    async fn tries_that_are_far_apart_block_nothing(db: TestDatabase) {
        for try_ in 0..60 {
            assert!(take(&db, "", try_ * 2 * MINUTE).await, "try {try_}");
        }
    }

    async fn a_hundred_in_a_row_close_the_way_for_good(db: TestDatabase) {
        let day = 24 * 60 * MINUTE;
        for try_ in 0..100 {
            assert!(take(&db, "laptop", try_ * day).await, "try {try_}");
        }
        assert!(!take(&db, "laptop", 400 * day).await);
        let spent = write(&db, async |db| throttle::is_password_spent(db, "ada", 100).await).await;
        assert!(spent, "its own failures in a known browser end the password");
        write(&db, async |db| throttle::forget(db, "ada").await).await;
        assert!(take(&db, "laptop", 400 * day).await, "after a reset all begins anew");
    }

    async fn a_success_begins_anew(db: TestDatabase) {
        for second in 0..10 {
            assert!(take(&db, "", second).await);
        }
        write(&db, async |db| throttle::succeed(db, "ada", "").await).await;
        assert!(take(&db, "", 11).await);
        // One in a known browser breaks the strangers' row, but not a block that has begun.
        for second in 12..21 {
            assert!(take(&db, "", second).await);
        }
        write(&db, async |db| throttle::break_row(db, "ada").await).await;
        assert!(!take(&db, "", 22).await);
        let tries = write(&db, async |db| throttle::find(db, "ada", "").await).await.unwrap();
        assert_eq!(tries.in_a_row, 0);
    }

    async fn racing_tries_are_no_more_than_slow_ones(db: TestDatabase) {
        let tasks: Vec<_> = (0..60)
            .map(|_| {
                let store = db.clone();
                tokio::spawn(async move { take(&store, "", 0).await })
            })
            .collect();
        let mut looked_at = 0;
        for task in tasks {
            looked_at += usize::from(task.await.unwrap());
        }
        assert_eq!(looked_at, 10);
    }

    async fn a_block_is_told_once(db: TestDatabase) {
        for second in 0..10 {
            take(&db, "", second).await;
        }
        let tell = async |db: &mut latchkey::store::Db| throttle::tell_once(db, "ada", "", at(11)).await;
        assert!(write(&db, tell).await);
        assert!(!write(&db, tell).await);
    }

    async fn names_that_nobody_has_are_forgotten_and_accounts_are_not(db: TestDatabase) {
        let now = Timestamp::from_millis(at(0).millis());
        for subject in ["?nobody", "?guessed", "0198f0a0-ada"] {
            write(&db, async |db| throttle::take(db, subject, "", bounds(0), now).await).await;
        }
        // However often: strangers could make rows that stay for good.
        write(&db, async |db| {
            let sql = "UPDATE throttle SET in_a_row = 100 WHERE subject = '?guessed'";
            sqlx::query(sql).execute(db).await.map(drop).map_err(latchkey::store::StoreError::from)
        })
        .await;
        let swept = write(&db, async |db| throttle::sweep(db, at(1), 50).await).await;
        assert_eq!(swept, 2);
        let kept = write(&db, async |db| throttle::find(db, "0198f0a0-ada", "").await).await;
        assert!(kept.is_some());
    }
}
