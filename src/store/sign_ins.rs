//! A person's sign-in history: the events of one kind, searched by how they went.

use crate::clock::Timestamp;

use super::events::Event;
use super::row::record;
use super::{Db, StoreError};

/// Which attempts to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Which {
    /// All of them.
    #[default]
    All,
    /// Those that led in.
    Successful,
    /// Those with something wrong, and right passwords that no code followed.
    Failed,
    /// Those that were not looked at, or were right and yet refused.
    Blocked,
    /// Those that led in and were not as usual.
    Unusual,
    /// Right passwords that no code followed, typed where it was not as usual.
    HalfWay,
}

/// Attempts on one account.
#[derive(Clone, Copy, Debug)]
pub struct Search<'a> {
    /// Whose.
    pub user_id: &'a str,
    /// Which.
    pub which: Which,
    /// Only those at or after this instant.
    pub since: Timestamp,
    /// Only those before this one in the list: `at` and `id` of the last one seen.
    pub before: (Timestamp, &'a str),
    /// At most so many.
    pub limit: i64,
}

/// A search with one condition more; the columns are those of every event.
macro_rules! search {
    ($($condition:literal)+) => {
        concat!(
            "SELECT id, at, kind, user_id, client_id, session_id, actor, address, user_agent, \
             outcome, details, request_id, attempt FROM events \
             WHERE user_id = $1 AND kind = 'sign_in' AND at >= $2 AND (at, id) < ($3, $4) AND ",
            $($condition,)+
            " ORDER BY at DESC, id DESC LIMIT $5"
        )
    };
}

/// The attempts of a search, the newest first. A right password whose code followed counts as one
/// with that code, and is left out.
pub async fn list(db: &mut Db, search: Search<'_>) -> Result<Vec<Event>, StoreError> {
    let sql = match search.which {
        Which::All => search!(
            "(outcome <> 'second factor needed' OR NOT EXISTS (SELECT 1 FROM events done \
             WHERE done.attempt = events.attempt AND done.outcome = 'successful'))"
        ),
        Which::Successful => search!("outcome = 'successful'"),
        Which::Failed => search!(
            "outcome IN ('failed', 'second factor needed') AND \
             (outcome = 'failed' OR NOT EXISTS (SELECT 1 FROM events done \
             WHERE done.attempt = events.attempt AND done.outcome = 'successful'))"
        ),
        Which::Blocked => search!("outcome IN ('blocked', 'locked')"),
        // Within JSON a quote of somebody else's is written with a backslash, so that only our
        // own member can look like this.
        Which::Unusual => search!("outcome = 'successful' AND details LIKE '%\"unusual\":[\"%'"),
        Which::HalfWay => search!(
            "outcome = 'second factor needed' AND details LIKE '%\"unusual\":[\"%' \
             AND NOT EXISTS (SELECT 1 FROM events done \
             WHERE done.attempt = events.attempt AND done.outcome = 'successful')"
        ),
    };
    let events = sqlx::query_as(sql)
        .bind(search.user_id)
        .bind(search.since)
        .bind(search.before.0)
        .bind(search.before.1)
        .bind(search.limit)
        .fetch_all(db)
        .await?;
    Ok(events)
}

/// One attempt of a person's own history.
pub async fn find(db: &mut Db, user_id: &str, id: &str) -> Result<Option<Event>, StoreError> {
    let event = sqlx::query_as(
        "SELECT id, at, kind, user_id, client_id, session_id, actor, address, user_agent, outcome, \
         details, request_id, attempt FROM events \
         WHERE id = $1 AND user_id = $2 AND kind = 'sign_in'",
    )
    .bind(id)
    .bind(user_id)
    .fetch_optional(db)
    .await?;
    Ok(event)
}

/// A way in which a person signed in, and when first.
#[derive(Clone, Debug)]
pub struct Way {
    /// When first.
    pub at: Timestamp,
    /// With what.
    pub user_agent: Option<String>,
    /// From where, among what else was written down.
    pub details: serde_json::Value,
}

record!(Way in "events" by user_agent { at, user_agent, details as json });

/// The different ways of a person's newest `limit` sign-ins since `since`: few, however many
/// sign-ins there are.
pub async fn ways(
    db: &mut Db,
    user_id: &str,
    since: Timestamp,
    limit: i64,
) -> Result<Vec<Way>, StoreError> {
    let ways = sqlx::query_as(
        "SELECT MIN(at) AS at, user_agent, details FROM (SELECT at, user_agent, details FROM events \
         WHERE user_id = $1 AND kind = 'sign_in' AND outcome = 'successful' AND at >= $2 \
         ORDER BY at DESC, id DESC LIMIT $3) AS newest GROUP BY user_agent, details",
    )
    .bind(user_id)
    .bind(since)
    .bind(limit)
    .fetch_all(db)
    .await?;
    Ok(ways)
}

/// How many attempts went wrong after `since`; counts no further than `limit`.
pub async fn count_failures(
    db: &mut Db,
    user_id: &str,
    since: Timestamp,
    limit: i64,
) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar(
        "SELECT COUNT(*) FROM (SELECT id FROM events WHERE user_id = $1 AND kind = 'sign_in' \
         AND outcome IN ('failed', 'blocked') AND at > $2 LIMIT $3) AS failures",
    )
    .bind(user_id)
    .bind(since)
    .bind(limit)
    .fetch_one(db)
    .await?;
    Ok(count)
}

/// As many tries of a day with names that are nobody's stay in the trail, the first.
pub const UNKNOWN_KEPT_A_DAY: i64 = 10_000;

/// Deletes at most `limit` tries with names that are nobody's of the day from `begin` to `end`, beyond
/// the first [`UNKNOWN_KEPT_A_DAY`]: they are about no one who could want to read them, and anybody
/// can make them.
pub async fn trim_unknown(
    db: &mut Db,
    (begin, end): (Timestamp, Timestamp),
    limit: i64,
) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "DELETE FROM events WHERE id IN (SELECT id FROM events \
         WHERE kind = 'sign_in' AND user_id IS NULL AND at >= $1 AND at < $2 \
         ORDER BY at, id LIMIT $4 OFFSET $3)",
    )
    .bind(begin)
    .bind(end)
    .bind(UNKNOWN_KEPT_A_DAY)
    .bind(limit)
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

/// Deletes at most `limit` attempts from before `before`.
pub async fn sweep(db: &mut Db, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "DELETE FROM events WHERE id IN \
         (SELECT id FROM events WHERE kind = 'sign_in' AND at < $1 LIMIT $2)",
    )
    .bind(before)
    .bind(limit)
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}
