//! What a signed-in person does is done in the name of a session: it counts only while that
//! session does.

use crate::clock::Timestamp;

use super::sessions::BrowserSession;
use super::{Db, StoreError, revisions};

/// Begins what is done in the name of `session`, and holds it until the transaction ends: whatever
/// ends the session comes before or after all of it. [`StoreError::SignedOut`] when it has ended,
/// or goes on under another cookie, since it was looked at.
///
/// Call it before the first row is touched. The lock of revocations comes first, so that whoever
/// ends sessions (a lock, a new password) and whoever acts in one never wait for each other.
pub async fn begin(
    db: &mut Db,
    session: &BrowserSession,
    now: Timestamp,
) -> Result<(), StoreError> {
    revisions::lock(db).await?;
    let held = sqlx::query(
        "UPDATE browser_sessions SET last_active_at = last_active_at \
         WHERE id = $1 AND token_hash = $2 AND ended_at IS NULL AND expires_at > $3",
    )
    .bind(&session.id)
    .bind(&session.token_hash)
    .bind(now)
    .execute(db)
    .await?;
    if held.rows_affected() > 0 { Ok(()) } else { Err(StoreError::SignedOut) }
}
