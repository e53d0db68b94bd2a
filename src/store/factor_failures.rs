//! Wrong codes of the second factor, counted apart from wrong passwords.

use super::{Db, StoreError};

/// What stands against a person's second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failures {
    /// Wrong codes since the last right one.
    pub in_a_row: i64,
    /// The step of 30 seconds in which the last wrong one came.
    pub step: i64,
    /// How many came in it.
    pub in_step: i64,
}

/// Reads the count and keeps everybody else from this person's factors until the transaction
/// ends: of racing codes, confirmations and removals each sees what the one before it did.
pub async fn hold(db: &mut Db, user_id: &str) -> Result<Failures, StoreError> {
    let (in_a_row, step, in_step) = sqlx::query_as(
        "INSERT INTO factor_failures (user_id, in_a_row, step, in_step) VALUES ($1, 0, 0, 0) \
         ON CONFLICT (user_id) DO UPDATE SET in_a_row = factor_failures.in_a_row \
         RETURNING in_a_row, step, in_step",
    )
    .bind(user_id)
    .fetch_one(db)
    .await?;
    Ok(Failures { in_a_row, step, in_step })
}

/// How many wrong codes there were since the last right one.
pub async fn in_a_row(db: &mut Db, user_id: &str) -> Result<i64, StoreError> {
    let sql = "SELECT in_a_row FROM factor_failures WHERE user_id = $1";
    let found: Option<i64> = sqlx::query_scalar(sql).bind(user_id).fetch_optional(db).await?;
    Ok(found.unwrap_or(0))
}

/// Counts a wrong code in this step, after [`hold`]; says how many came in a row by now, each
/// number to one caller only.
pub async fn count(db: &mut Db, user_id: &str, step: i64) -> Result<i64, StoreError> {
    let in_a_row = sqlx::query_scalar(
        "UPDATE factor_failures SET in_a_row = in_a_row + 1, \
         in_step = CASE WHEN step = $2 THEN in_step + 1 ELSE 1 END, step = $2 \
         WHERE user_id = $1 RETURNING in_a_row",
    )
    .bind(user_id)
    .bind(step)
    .fetch_one(db)
    .await?;
    Ok(in_a_row)
}

/// Forgets them: a right code came, support unlocked the account, or there is no factor any more.
pub async fn clear(db: &mut Db, user_id: &str) -> Result<(), StoreError> {
    let sql = "UPDATE factor_failures SET in_a_row = 0, in_step = 0 WHERE user_id = $1";
    sqlx::query(sql).bind(user_id).execute(db).await?;
    Ok(())
}
