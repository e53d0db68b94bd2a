//! Ends authorizations: each way is one statement, and with the row every token that hangs on it is
//! dead.

use crate::clock::Timestamp;
use crate::store::{Db, StoreError, revisions};

/// Kills an authorization with its code and all its tokens; `false` when it was dead before.
pub async fn revoke(
    db: &mut Db,
    id: &str,
    reason: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    revisions::lock(db).await?;
    // The code first, as a redemption takes them: neither then waits for the other.
    sqlx::query(
        "UPDATE authorization_codes SET consumed_at = $2 \
         WHERE authorization_id = $1 AND consumed_at IS NULL",
    )
    .bind(id)
    .bind(now)
    .execute(&mut *db)
    .await?;
    let done = sqlx::query(
        "UPDATE authorizations SET revoked_at = $2, revoke_reason = $3 \
         WHERE id = $1 AND revoked_at IS NULL",
    )
    .bind(id)
    .bind(now)
    .bind(reason)
    .execute(&mut *db)
    .await?;
    revisions::bump_if(db, done.rows_affected()).await
}

/// Kills all that a person allowed a client; the consent itself stays. Says how many.
pub async fn revoke_for_client_user(
    db: &mut Db,
    client_id: &str,
    user_id: &str,
    reason: &str,
    now: Timestamp,
) -> Result<u64, StoreError> {
    revisions::lock(db).await?;
    sqlx::query(
        "UPDATE authorization_codes SET consumed_at = $3 \
         WHERE consumed_at IS NULL AND authorization_id IN \
         (SELECT id FROM authorizations \
         WHERE client_id = $1 AND user_id = $2 AND revoked_at IS NULL)",
    )
    .bind(client_id)
    .bind(user_id)
    .bind(now)
    .execute(&mut *db)
    .await?;
    let done = sqlx::query(
        "UPDATE authorizations SET revoked_at = $3, revoke_reason = $4 \
         WHERE client_id = $1 AND user_id = $2 AND revoked_at IS NULL",
    )
    .bind(client_id)
    .bind(user_id)
    .bind(now)
    .bind(reason)
    .execute(&mut *db)
    .await?;
    revisions::bump_if(db, done.rows_affected()).await?;
    Ok(done.rows_affected())
}

/// Kills all that was allowed in a browser session, also what was to outlive it; says how many.
pub async fn revoke_for_session(
    db: &mut Db,
    session_id: &str,
    reason: &str,
    now: Timestamp,
) -> Result<u64, StoreError> {
    revisions::lock(db).await?;
    sqlx::query(
        "UPDATE authorization_codes SET consumed_at = $2 \
         WHERE consumed_at IS NULL AND authorization_id IN \
         (SELECT id FROM authorizations WHERE session_id = $1 AND revoked_at IS NULL)",
    )
    .bind(session_id)
    .bind(now)
    .execute(&mut *db)
    .await?;
    let done = sqlx::query(
        "UPDATE authorizations SET revoked_at = $2, revoke_reason = $3 \
         WHERE session_id = $1 AND revoked_at IS NULL",
    )
    .bind(session_id)
    .bind(now)
    .bind(reason)
    .execute(&mut *db)
    .await?;
    revisions::bump_if(db, done.rows_affected()).await?;
    Ok(done.rows_affected())
}

/// Kills all that a person allowed anyone; the consents stay. Says how many.
pub async fn revoke_for_user(
    db: &mut Db,
    user_id: &str,
    reason: &str,
    now: Timestamp,
) -> Result<u64, StoreError> {
    revisions::lock(db).await?;
    sqlx::query(
        "UPDATE authorization_codes SET consumed_at = $2 \
         WHERE consumed_at IS NULL AND authorization_id IN \
         (SELECT id FROM authorizations WHERE user_id = $1 AND revoked_at IS NULL)",
    )
    .bind(user_id)
    .bind(now)
    .execute(&mut *db)
    .await?;
    let done = sqlx::query(
        "UPDATE authorizations SET revoked_at = $2, revoke_reason = $3 \
         WHERE user_id = $1 AND revoked_at IS NULL",
    )
    .bind(user_id)
    .bind(now)
    .bind(reason)
    .execute(&mut *db)
    .await?;
    revisions::bump_if(db, done.rows_affected()).await?;
    Ok(done.rows_affected())
}
