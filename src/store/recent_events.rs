//! What the overview of an account reads of the audit trail: the newest of a few kinds.

use crate::clock::Timestamp;

use super::events::Event;
use super::{Db, StoreError};

/// How many events of this kind the person has since then.
pub async fn count_of_kind(
    db: &mut Db,
    user_id: &str,
    kind: &str,
    since: Timestamp,
) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar(
        "SELECT COUNT(*) FROM events WHERE user_id = $1 AND kind = $2 AND at >= $3",
    )
    .bind(user_id)
    .bind(kind)
    .bind(since)
    .fetch_one(db)
    .await?;
    Ok(count)
}

/// A person's newest events whose kind begins with `prefix`.
pub async fn of_kind(
    db: &mut Db,
    user_id: &str,
    prefix: &str,
    since: Timestamp,
    limit: i64,
) -> Result<Vec<Event>, StoreError> {
    let events = sqlx::query_as(
        "SELECT id, at, kind, user_id, client_id, session_id, actor, address, user_agent, outcome, \
         details, request_id, attempt FROM events WHERE user_id = $1 AND at >= $2 \
         AND substr(kind, 1, length($3)) = $3 ORDER BY at DESC, id DESC LIMIT $4",
    )
    .bind(user_id)
    .bind(since)
    .bind(prefix)
    .bind(limit)
    .fetch_all(db)
    .await?;
    Ok(events)
}

/// What a person said of attempts to sign in: that a sign-in was theirs, or failures were.
pub async fn answers(
    db: &mut Db,
    user_id: &str,
    since: Timestamp,
    limit: i64,
) -> Result<Vec<Event>, StoreError> {
    // The two kinds that are excluded anyway are named for the index of the changes.
    let events = sqlx::query_as(
        "SELECT id, at, kind, user_id, client_id, session_id, actor, address, user_agent, outcome, \
         details, request_id, attempt FROM events WHERE user_id = $1 AND at >= $2 \
         AND kind <> 'sign_in' AND kind <> 'application_authorized' \
         AND kind IN ('sign_in_recognized', 'failures_recognized') \
         ORDER BY at DESC, id DESC LIMIT $3",
    )
    .bind(user_id)
    .bind(since)
    .bind(limit)
    .fetch_all(db)
    .await?;
    Ok(events)
}
