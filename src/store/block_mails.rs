//! When a person was last told that strangers were shut out of their account.

use crate::clock::Timestamp;

use super::{Db, StoreError};

/// Notes that the person is told at `now`, unless they were told after `quiet_since`; of racing
/// calls one gets `true`.
pub async fn note(
    db: &mut Db,
    user_id: &str,
    now: Timestamp,
    quiet_since: Timestamp,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "INSERT INTO block_mails (user_id, told_at) VALUES ($1, $2) \
         ON CONFLICT (user_id) DO UPDATE SET told_at = excluded.told_at \
         WHERE block_mails.told_at <= $3",
    )
    .bind(user_id)
    .bind(now)
    .bind(quiet_since)
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}
