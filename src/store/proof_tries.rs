//! How often a signed-in browser has tried to prove once more who sits before it. A row goes with
//! its session.

use crate::clock::Timestamp;

use super::{Db, StoreError};

/// Counts a try of this session, before it is looked at: of racing ones each counts. Gives how
/// many there were and when the last one that mattered was.
///
/// Tries from before `since` are forgotten. Beyond `most` the time stands still, so that asking on
/// and on does not put off the end of the pause.
pub async fn count(
    db: &mut Db,
    session_id: &str,
    most: i64,
    since: Timestamp,
    now: Timestamp,
) -> Result<(i64, Timestamp), StoreError> {
    let counted = sqlx::query_as(
        "INSERT INTO proof_tries (session_id, tries, last_at) VALUES ($1, 1, $2) \
         ON CONFLICT (session_id) DO UPDATE SET \
         tries = CASE WHEN proof_tries.last_at > $3 THEN proof_tries.tries + 1 ELSE 1 END, \
         last_at = CASE WHEN proof_tries.last_at > $3 AND proof_tries.tries >= $4 \
         THEN proof_tries.last_at ELSE excluded.last_at END RETURNING tries, last_at",
    )
    .bind(session_id)
    .bind(now)
    .bind(since)
    .bind(most)
    .fetch_one(db)
    .await?;
    Ok(counted)
}

/// Takes a try back that was never looked at.
pub async fn take_back(db: &mut Db, session_id: &str) -> Result<(), StoreError> {
    let sql = "UPDATE proof_tries SET tries = tries - 1 WHERE session_id = $1 AND tries > 0";
    sqlx::query(sql).bind(session_id).execute(db).await?;
    Ok(())
}

/// Forgets the tries of a session: one was right.
pub async fn forget(db: &mut Db, session_id: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM proof_tries WHERE session_id = $1")
        .bind(session_id)
        .execute(db)
        .await?;
    Ok(())
}
