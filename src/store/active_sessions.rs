//! A person's active sessions as their own page lists them, and who was signed in to in each.

use crate::clock::Timestamp;

use super::sessions::BrowserSession;
use super::{Db, StoreError};

/// At a time, the most pairs of a session and a client that are read.
const PAIRS: i64 = 5000;

/// A client that a person signed in to in a browser session.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Visit {
    /// The session.
    pub session_id: String,
    /// The client.
    pub client_id: String,
}

/// A person's sessions that count at `now`, the last active first, without the one called
/// `except`; at most `limit`.
pub async fn list(
    db: &mut Db,
    user_id: &str,
    except: &str,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<BrowserSession>, StoreError> {
    let sessions = sqlx::query_as(
        "SELECT id, token_hash, user_id, created_at, last_active_at, auth_time, amr, acr, address, \
         user_agent, idle_ttl, expires_at, remembered_at, ended_at, end_reason, \
         device_id FROM browser_sessions WHERE user_id = $1 AND id <> $2 AND ended_at IS NULL \
         AND expires_at > $3 AND last_active_at + idle_ttl > $3 \
         ORDER BY last_active_at DESC, id DESC LIMIT $4",
    )
    .bind(user_id)
    .bind(except)
    .bind(now)
    .bind(limit)
    .fetch_all(db)
    .await?;
    Ok(sessions)
}

/// How many there are of them in all.
pub async fn count(
    db: &mut Db,
    user_id: &str,
    except: &str,
    now: Timestamp,
) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar(
        "SELECT COUNT(*) FROM browser_sessions WHERE user_id = $1 AND id <> $2 \
         AND ended_at IS NULL AND expires_at > $3 AND last_active_at + idle_ttl > $3",
    )
    .bind(user_id)
    .bind(except)
    .bind(now)
    .fetch_one(db)
    .await?;
    Ok(count)
}

/// Which clients hold something that was allowed in a person's sessions, the latest first.
pub async fn visits(db: &mut Db, user_id: &str) -> Result<Vec<Visit>, StoreError> {
    let visits = sqlx::query_as(
        "SELECT a.session_id, a.client_id FROM authorizations a \
         JOIN browser_sessions s ON s.id = a.session_id \
         WHERE a.user_id = $1 AND a.revoked_at IS NULL AND s.ended_at IS NULL \
         GROUP BY a.session_id, a.client_id ORDER BY MAX(a.created_at) DESC LIMIT $2",
    )
    .bind(user_id)
    .bind(PAIRS)
    .fetch_all(db)
    .await?;
    Ok(visits)
}

/// Which clients had redeemed a code in those of a person's sessions that were ended at `ended_at`.
/// Read after they were ended: no code of theirs is redeemed any more.
pub async fn visits_ended(
    db: &mut Db,
    user_id: &str,
    ended_at: Timestamp,
) -> Result<Vec<Visit>, StoreError> {
    let visits = sqlx::query_as(
        "SELECT DISTINCT a.session_id, a.client_id FROM browser_sessions s \
         JOIN authorizations a ON a.session_id = s.id \
         WHERE s.user_id = $1 AND s.ended_at = $2 AND a.redeemed_at IS NOT NULL",
    )
    .bind(user_id)
    .bind(ended_at)
    .fetch_all(db)
    .await?;
    Ok(visits)
}

/// Which clients a person was at, in sessions whose authorizations were revoked at that instant
/// without ending themselves: those that ended are told of by [`visits_ended`].
pub async fn visits_revoked(
    db: &mut Db,
    user_id: &str,
    revoked_at: Timestamp,
) -> Result<Vec<Visit>, StoreError> {
    let visits = sqlx::query_as(
        "SELECT DISTINCT a.session_id, a.client_id FROM authorizations a \
         LEFT JOIN browser_sessions s ON s.id = a.session_id \
         WHERE a.user_id = $1 AND a.revoked_at = $2 AND a.redeemed_at IS NOT NULL \
         AND (s.ended_at IS NULL OR s.ended_at <> $2)",
    )
    .bind(user_id)
    .bind(revoked_at)
    .fetch_all(db)
    .await?;
    Ok(visits)
}
