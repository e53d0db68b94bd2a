//! Authenticator apps that are being set up. Each belongs to the session or sign-in it was begun
//! in, so that no other browser is ever shown its seed.

use crate::clock::Timestamp;

use super::credentials::TotpCredential;
use super::{Db, StoreError};

/// Begins one in place of any other of this session or sign-in.
pub async fn begin(db: &mut Db, totp: &TotpCredential, within: &str) -> Result<(), StoreError> {
    let sql = "DELETE FROM totp_credentials \
               WHERE user_id = $1 AND enrolment = $2 AND confirmed_at IS NULL";
    sqlx::query(sql).bind(&totp.user_id).bind(within).execute(&mut *db).await?;
    sqlx::query(
        "INSERT INTO totp_credentials \
         (id, user_id, name, sealed_seed, last_step, created_at, enrolment) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&totp.id)
    .bind(&totp.user_id)
    .bind(&totp.name)
    .bind(&totp.sealed_seed)
    .bind(totp.last_step)
    .bind(totp.created_at)
    .bind(within)
    .execute(db)
    .await?;
    Ok(())
}

/// The one that was begun in this session or sign-in after `since`.
pub async fn find(
    db: &mut Db,
    user_id: &str,
    within: &str,
    since: Timestamp,
) -> Result<Option<TotpCredential>, StoreError> {
    let totp = sqlx::query_as(
        "SELECT id, user_id, name, sealed_seed, last_step, created_at, confirmed_at, last_used_at \
         FROM totp_credentials WHERE user_id = $1 AND enrolment = $2 AND confirmed_at IS NULL \
         AND created_at > $3 ORDER BY created_at DESC, id DESC LIMIT 1",
    )
    .bind(user_id)
    .bind(within)
    .bind(since)
    .fetch_optional(db)
    .await?;
    Ok(totp)
}

/// Names the one that was just confirmed; no session is tied to it any more.
pub async fn finish(db: &mut Db, id: &str, name: &str) -> Result<(), StoreError> {
    let sql = "UPDATE totp_credentials SET name = $2, enrolment = NULL WHERE id = $1";
    sqlx::query(sql).bind(id).bind(name).execute(db).await?;
    Ok(())
}

/// Forgets all that a person has begun, in whatever session.
pub async fn forget(db: &mut Db, user_id: &str) -> Result<(), StoreError> {
    let sql = "DELETE FROM totp_credentials WHERE user_id = $1 AND confirmed_at IS NULL";
    sqlx::query(sql).bind(user_id).execute(db).await?;
    Ok(())
}

/// Deletes at most `limit` that were begun before `before` and never confirmed.
pub async fn sweep(db: &mut Db, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "DELETE FROM totp_credentials WHERE id IN \
         (SELECT id FROM totp_credentials WHERE enrolment IS NOT NULL AND confirmed_at IS NULL \
         AND created_at < $1 LIMIT $2)",
    )
    .bind(before)
    .bind(limit)
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}
