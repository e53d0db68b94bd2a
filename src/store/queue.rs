//! Work to do later: mails, logout notices. It is put here in the transaction of what causes it.

use crate::clock::Timestamp;

use super::row::record;
use super::{Db, StoreError};

/// One thing to do.
#[derive(Clone, Debug)]
pub struct Job {
    /// The record's id.
    pub id: String,
    /// What kind of work: `mail`, `recovery`, `sign_in_blocked`, `logout_notice`.
    pub kind: String,
    /// What is to be sent to whom, sealed.
    pub sealed: String,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When to try next.
    pub due_at: Timestamp,
    /// When it is given up.
    pub expires_at: Timestamp,
    /// How often it was tried.
    pub tries: i64,
}

record!(Job in "queue" by id { id, kind, sealed, created_at, due_at, expires_at, tries });

/// Adds a job.
pub async fn push(db: &mut Db, job: &Job) -> Result<(), StoreError> {
    push_from(db, job, "").await
}

/// Adds a job that somebody at `source` asked for.
pub async fn push_from(db: &mut Db, job: &Job, source: &str) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO queue (id, kind, sealed, created_at, due_at, expires_at, tries, source) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(&job.id)
    .bind(&job.kind)
    .bind(&job.sealed)
    .bind(job.created_at)
    .bind(job.due_at)
    .bind(job.expires_at)
    .bind(job.tries)
    .bind(source)
    .execute(db)
    .await?;
    Ok(())
}

/// Whether there is anything to do of a kind, or to give up.
pub async fn is_due(db: &mut Db, kind: &str, now: Timestamp) -> Result<bool, StoreError> {
    let sql = "SELECT id FROM queue WHERE kind = $1 AND due_at <= $2 LIMIT 1";
    let found: Option<String> =
        sqlx::query_scalar(sql).bind(kind).bind(now).fetch_optional(db).await?;
    Ok(found.is_some())
}

/// How many jobs of a kind wait, counted up to `most`.
pub async fn count_up_to(db: &mut Db, kind: &str, most: i64) -> Result<i64, StoreError> {
    let sql = "SELECT COUNT(*) FROM (SELECT id FROM queue WHERE kind = $1 LIMIT $2) AS waiting";
    Ok(sqlx::query_scalar(sql).bind(kind).bind(most).fetch_one(db).await?)
}

/// Drops at most `limit` jobs of a kind that `source` asked for beyond its `most` newest.
pub async fn drop_beyond(
    db: &mut Db,
    (kind, source): (&str, &str),
    most: i64,
    limit: i64,
) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "DELETE FROM queue WHERE id IN (SELECT id FROM queue WHERE kind = $1 AND source = $2 \
         ORDER BY created_at DESC, id DESC LIMIT $4 OFFSET $3)",
    )
    .bind(kind)
    .bind(source)
    .bind(most)
    .bind(limit)
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

/// Drops so `many` jobs of a kind: the oldest of the sources that have most, so that who has few
/// keeps them.
pub async fn trim(db: &mut Db, kind: &str, many: i64) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "DELETE FROM queue WHERE id IN (SELECT id FROM (SELECT id, created_at, \
         ROW_NUMBER() OVER (PARTITION BY source ORDER BY created_at DESC, id DESC) AS nth \
         FROM queue WHERE kind = $1) AS ranked ORDER BY nth DESC, created_at LIMIT $2)",
    )
    .bind(kind)
    .bind(many)
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

/// Takes at most `limit` due jobs of a kind and puts each off until `again_at`, so that no other
/// node takes it meanwhile and it comes back if this one never says [`done`].
pub async fn claim(
    db: &mut Db,
    kind: &str,
    now: Timestamp,
    again_at: Timestamp,
    limit: i64,
) -> Result<Vec<Job>, StoreError> {
    let jobs = sqlx::query_as(
        "UPDATE queue SET due_at = $3, tries = tries + 1 WHERE due_at <= $2 AND id IN \
         (SELECT id FROM queue WHERE kind = $1 AND due_at <= $2 AND expires_at > $2 \
         ORDER BY due_at LIMIT $4) \
         RETURNING id, kind, sealed, created_at, due_at, expires_at, tries",
    )
    .bind(kind)
    .bind(now)
    .bind(again_at)
    .bind(limit)
    .fetch_all(db)
    .await?;
    Ok(jobs)
}

/// Puts a job that failed off until then.
pub async fn put_off(db: &mut Db, id: &str, due_at: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE queue SET due_at = $2 WHERE id = $1";
    sqlx::query(sql).bind(id).bind(due_at).execute(db).await?;
    Ok(())
}

/// Removes and gives at most `limit` jobs of a kind whose time is over.
pub async fn take_expired(
    db: &mut Db,
    kind: &str,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<Job>, StoreError> {
    let jobs = sqlx::query_as(
        "DELETE FROM queue WHERE id IN \
         (SELECT id FROM queue WHERE kind = $1 AND due_at <= $2 AND expires_at <= $2 LIMIT $3) \
         RETURNING id, kind, sealed, created_at, due_at, expires_at, tries",
    )
    .bind(kind)
    .bind(now)
    .bind(limit)
    .fetch_all(db)
    .await?;
    Ok(jobs)
}

/// Removes a job that is done.
pub async fn done(db: &mut Db, id: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM queue WHERE id = $1").bind(id).execute(db).await?;
    Ok(())
}

/// Deletes at most `limit` jobs that were given up before `before`.
pub async fn sweep(db: &mut Db, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "DELETE FROM queue WHERE id IN (SELECT id FROM queue WHERE expires_at < $1 LIMIT $2)",
    )
    .bind(before)
    .bind(limit)
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}
