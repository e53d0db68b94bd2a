//! The audit trail, which is also a person's sign-in history.

use serde::Serialize;

use crate::clock::Timestamp;

use super::row::{record, to_json};
use super::{Db, StoreError};

/// One thing that happened.
#[derive(Clone, Debug, Serialize)]
pub struct Event {
    /// The record's id; ids sort by time.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: String,
    /// Whom it is about.
    pub user_id: Option<String>,
    /// Which client it is about.
    pub client_id: Option<String>,
    /// In which browser session.
    pub session_id: Option<String>,
    /// Who did it, when it was not the person it is about.
    pub actor: Option<String>,
    /// Where from.
    pub address: Option<String>,
    /// With what.
    pub user_agent: Option<String>,
    /// How it went.
    pub outcome: String,
    /// What else is worth knowing.
    pub details: serde_json::Value,
    /// During which request, if it was one.
    pub request_id: Option<String>,
    /// To which sign-in an attempt belongs: its password and its code name the same.
    pub attempt: Option<String>,
}

record!(Event in "events" by id {
    id, at, kind, user_id, client_id, session_id, actor, address, user_agent, outcome,
    details as json, request_id, attempt,
});

/// Which events to list.
#[derive(Clone, Copy, Debug)]
pub struct Filter<'a> {
    /// Only those about this person.
    pub user_id: Option<&'a str>,
    /// Only those at or after this instant.
    pub since: Option<Timestamp>,
    /// Only those before this one in the list: the `at` and `id` of the last one seen.
    pub before: Option<(Timestamp, &'a str)>,
    /// At most so many.
    pub limit: i64,
}

/// Adds an event.
pub async fn record(db: &mut Db, event: &Event) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO events (id, at, kind, user_id, client_id, session_id, actor, address, \
         user_agent, outcome, details, request_id, attempt) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    )
    .bind(&event.id)
    .bind(event.at)
    .bind(&event.kind)
    .bind(&event.user_id)
    .bind(&event.client_id)
    .bind(&event.session_id)
    .bind(&event.actor)
    .bind(&event.address)
    .bind(&event.user_agent)
    .bind(&event.outcome)
    .bind(to_json(&event.details)?)
    .bind(&event.request_id)
    .bind(&event.attempt)
    .execute(db)
    .await?;
    Ok(())
}

/// Events, the newest first.
pub async fn list(db: &mut Db, filter: Filter<'_>) -> Result<Vec<Event>, StoreError> {
    let since = filter.since.unwrap_or(Timestamp::from_millis(i64::MIN));
    let (at, id) = filter.before.unwrap_or((Timestamp::from_millis(i64::MAX), ""));
    let events =
        match filter.user_id {
            Some(user_id) => sqlx::query_as(
                "SELECT id, at, kind, user_id, client_id, session_id, actor, address, user_agent, \
                 outcome, details, request_id, attempt FROM events \
                 WHERE user_id = $4 AND at >= $1 AND (at, id) < ($2, $3) \
                 ORDER BY at DESC, id DESC LIMIT $5",
            )
            .bind(since)
            .bind(at)
            .bind(id)
            .bind(user_id)
            .bind(filter.limit)
            .fetch_all(db)
            .await?,
            None => sqlx::query_as(
                "SELECT id, at, kind, user_id, client_id, session_id, actor, address, user_agent, \
                 outcome, details, request_id, attempt FROM events WHERE at >= $1 AND (at, id) < ($2, $3) \
                 ORDER BY at DESC, id DESC LIMIT $4",
            )
            .bind(since)
            .bind(at)
            .bind(id)
            .bind(filter.limit)
            .fetch_all(db)
            .await?,
        };
    Ok(events)
}

/// The events that come after this one (its `at` and `id`), the oldest first: to follow the trail.
pub async fn list_after(
    db: &mut Db,
    after: (Timestamp, &str),
    limit: i64,
) -> Result<Vec<Event>, StoreError> {
    let events = sqlx::query_as(
        "SELECT id, at, kind, user_id, client_id, session_id, actor, address, user_agent, outcome, \
         details, request_id, attempt FROM events WHERE (at, id) > ($1, $2) ORDER BY at, id LIMIT $3",
    )
    .bind(after.0)
    .bind(after.1)
    .bind(limit)
    .fetch_all(db)
    .await?;
    Ok(events)
}

/// What a person may want to know of beside their sign-ins, the newest first: all kinds but those
/// that come with every sign-in. `before` is the `at` and `id` of the last one seen.
pub async fn list_changes(
    db: &mut Db,
    user_id: &str,
    before: (Timestamp, &str),
    limit: i64,
) -> Result<Vec<Event>, StoreError> {
    let events = sqlx::query_as(
        "SELECT id, at, kind, user_id, client_id, session_id, actor, address, user_agent, \
         outcome, details, request_id, attempt FROM events \
         WHERE user_id = $1 AND kind <> 'sign_in' AND kind <> 'application_authorized' \
         AND (at, id) < ($2, $3) ORDER BY at DESC, id DESC LIMIT $4",
    )
    .bind(user_id)
    .bind(before.0)
    .bind(before.1)
    .bind(limit)
    .fetch_all(db)
    .await?;
    Ok(events)
}

/// Deletes at most `limit` events from before `before`.
pub async fn sweep(db: &mut Db, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE at < $1 LIMIT $2)",
    )
    .bind(before)
    .bind(limit)
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}
