//! What must end when a backup is put back, and what was issued before that.

use crate::clock::Timestamp;

use super::{Db, StoreError, instance, revisions};

/// The word for the end of what was alive in a restored database.
const RESTORED: &str = "restored from a backup";
/// The name of the instant before which no token counts.
const TOKENS_NOT_BEFORE: &str = "tokens_not_before";

/// Ends everything that was alive when the backup was made: what was revoked since must not live
/// again. People sign in anew and applications ask anew; what is allowed stays allowed.
pub async fn begin(db: &mut Db, now: Timestamp) -> Result<(), StoreError> {
    revisions::lock(db).await?;
    let ends = [
        "UPDATE browser_sessions SET ended_at = $1, end_reason = $2 WHERE ended_at IS NULL",
        "UPDATE authorizations SET revoked_at = $1, revoke_reason = $2 WHERE revoked_at IS NULL",
    ];
    for sql in ends {
        sqlx::query(sql).bind(now).bind(RESTORED).execute(&mut *db).await?;
    }
    // Tokens of clients in their own name hang on no row that could end.
    instance::set(db, TOKENS_NOT_BEFORE, &now.millis().to_string()).await?;
    let sql = "UPDATE authorization_codes SET consumed_at = $1 WHERE consumed_at IS NULL";
    sqlx::query(sql).bind(now).execute(&mut *db).await?;
    // A code that was accepted after the backup must not be accepted again.
    let step = now.seconds() / 30 + 1;
    let sql = "UPDATE totp_credentials SET last_step = $1 WHERE last_step < $1";
    sqlx::query(sql).bind(step).execute(&mut *db).await?;
    sqlx::query("UPDATE devices SET trusted_until = NULL, trusted_at = NULL")
        .execute(&mut *db)
        .await?;
    for sql in [
        "DELETE FROM pending_sign_ins",
        "DELETE FROM pending_authorizations",
        "DELETE FROM links",
        "DELETE FROM kept_forms",
        "DELETE FROM queue",
    ] {
        sqlx::query(sql).execute(&mut *db).await?;
    }
    revisions::bump(db).await
}

/// The instant before which no token was issued that counts; the epoch's start if there was no
/// restoring. Requests go through [`super::Live::tokens_not_before`], which caches.
pub async fn tokens_not_before(db: &mut Db) -> Result<Timestamp, StoreError> {
    let Some(value) = instance::get(db, TOKENS_NOT_BEFORE).await? else {
        return Ok(Timestamp::from_millis(0));
    };
    value.parse().map(Timestamp::from_millis).map_err(|_| StoreError::Corrupt {
        table: "instance",
        id: TOKENS_NOT_BEFORE.to_owned(),
        cause: "column value: not a number".to_owned(),
    })
}
