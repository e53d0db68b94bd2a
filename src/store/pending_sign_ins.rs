//! Sign-ins that still owe the second factor: never a session.

use crate::clock::Timestamp;

use super::row::record;
use super::{Db, StoreError};

/// A browser that has proven a password but still owes a second factor; never a session.
#[derive(Clone, Debug)]
pub struct PendingSignIn {
    /// The SHA-256 of what the cookie holds.
    pub id_hash: String,
    /// Whose password it was.
    pub user_id: String,
    /// When it was proven.
    pub password_at: Timestamp,
    /// When the record was made.
    pub created_at: Timestamp,
    /// When it is worth nothing any more.
    pub expires_at: Timestamp,
    /// When the person asked to be kept signed in.
    pub remembered_at: Option<Timestamp>,
}

record!(PendingSignIn in "pending_sign_ins" by id_hash {
    id_hash, user_id, password_at, created_at, expires_at, remembered_at,
});

/// Adds a browser that owes a second factor.
pub async fn insert(db: &mut Db, pending: &PendingSignIn) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO pending_sign_ins (id_hash, user_id, password_at, created_at, expires_at, \
         remembered_at) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(&pending.id_hash)
    .bind(&pending.user_id)
    .bind(pending.password_at)
    .bind(pending.created_at)
    .bind(pending.expires_at)
    .bind(pending.remembered_at)
    .execute(db)
    .await?;
    Ok(())
}

/// Adds a browser that has proven all it had to, and owes another password.
pub async fn insert_proven(
    db: &mut Db,
    pending: &PendingSignIn,
    proof: &str,
) -> Result<(), StoreError> {
    insert(db, pending).await?;
    let sql = "UPDATE pending_sign_ins SET proof = $2 WHERE id_hash = $1";
    sqlx::query(sql).bind(&pending.id_hash).bind(proof).execute(db).await?;
    Ok(())
}

/// The browser that owes another password, and what it has proven.
pub async fn find_proven(
    db: &mut Db,
    id_hash: &str,
    now: Timestamp,
) -> Result<Option<(PendingSignIn, String)>, StoreError> {
    let sql = "SELECT proof FROM pending_sign_ins \
               WHERE id_hash = $1 AND expires_at > $2 AND proof IS NOT NULL";
    let proof: Option<String> =
        sqlx::query_scalar(sql).bind(id_hash).bind(now).fetch_optional(&mut *db).await?;
    let Some(proof) = proof else { return Ok(None) };
    let pending = sqlx::query_as(
        "SELECT id_hash, user_id, password_at, created_at, expires_at, remembered_at \
         FROM pending_sign_ins WHERE id_hash = $1 AND expires_at > $2",
    )
    .bind(id_hash)
    .bind(now)
    .fetch_optional(db)
    .await?;
    Ok(pending.map(|pending| (pending, proof)))
}

/// The browser that owes a second factor, if its time is not over.
pub async fn find(
    db: &mut Db,
    id_hash: &str,
    now: Timestamp,
) -> Result<Option<PendingSignIn>, StoreError> {
    let pending = sqlx::query_as(
        "SELECT id_hash, user_id, password_at, created_at, expires_at, remembered_at \
         FROM pending_sign_ins \
         WHERE id_hash = $1 AND expires_at > $2 AND proof IS NULL",
    )
    .bind(id_hash)
    .bind(now)
    .fetch_optional(db)
    .await?;
    Ok(pending)
}

/// Counts one try at the second factor; `None` when the sign-in is over.
pub async fn count_try(
    db: &mut Db,
    id_hash: &str,
    now: Timestamp,
) -> Result<Option<i64>, StoreError> {
    let tries = sqlx::query_scalar(
        "UPDATE pending_sign_ins SET tries = tries + 1 \
         WHERE id_hash = $1 AND expires_at > $2 RETURNING tries",
    )
    .bind(id_hash)
    .bind(now)
    .fetch_optional(db)
    .await?;
    Ok(tries)
}

/// Notes that the sign-in showed the first code of an authenticator app that it set up; `false`
/// when its time is over.
pub async fn prove(db: &mut Db, id_hash: &str, now: Timestamp) -> Result<bool, StoreError> {
    let sql = "UPDATE pending_sign_ins SET proven_at = $2 WHERE id_hash = $1 AND expires_at > $2";
    Ok(sqlx::query(sql).bind(id_hash).bind(now).execute(db).await?.rows_affected() > 0)
}

/// When it did that.
pub async fn proven_at(
    db: &mut Db,
    id_hash: &str,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let sql = "SELECT proven_at FROM pending_sign_ins WHERE id_hash = $1 AND expires_at > $2";
    let proven: Option<Option<Timestamp>> =
        sqlx::query_scalar(sql).bind(id_hash).bind(now).fetch_optional(db).await?;
    Ok(proven.flatten())
}

/// Forgets that browser; of racing calls only one gets `true`.
pub async fn remove(db: &mut Db, id_hash: &str) -> Result<bool, StoreError> {
    let sql = "DELETE FROM pending_sign_ins WHERE id_hash = $1";
    Ok(sqlx::query(sql).bind(id_hash).execute(db).await?.rows_affected() > 0)
}

/// Forgets every browser that proved this person's password and owes the code: the password is
/// another one now. Says how many there were.
pub async fn remove_for_user(db: &mut Db, user_id: &str) -> Result<u64, StoreError> {
    let sql = "DELETE FROM pending_sign_ins WHERE user_id = $1";
    Ok(sqlx::query(sql).bind(user_id).execute(db).await?.rows_affected())
}

/// Deletes at most `limit` of those that expired before `before`.
pub async fn sweep(db: &mut Db, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "DELETE FROM pending_sign_ins WHERE id_hash IN \
         (SELECT id_hash FROM pending_sign_ins WHERE expires_at < $1 LIMIT $2)",
    )
    .bind(before)
    .bind(limit)
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}
