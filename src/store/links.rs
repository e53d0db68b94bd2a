//! Links sent by mail: good once, for one purpose, for a while.

use crate::clock::Timestamp;

use super::row::{record, to_json};
use super::{Db, StoreError};

/// What a link is for; the token of one purpose is worth nothing for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Choosing a new password.
    Recovery,
    /// Proving that an address of mail is the person's.
    Email,
    /// Saying that a sign-in was somebody else's.
    NotMe,
}

impl Purpose {
    /// The word for it in the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Recovery => "recovery",
            Self::Email => "email",
            Self::NotMe => "not_me",
        }
    }
}

/// A link.
#[derive(Clone, Debug)]
pub struct Link {
    /// The SHA-256 of its token.
    pub token_hash: String,
    /// The word for what it is for.
    pub purpose: String,
    /// Whose.
    pub user_id: String,
    /// What else it is about.
    pub details: serde_json::Value,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it is worth nothing any more.
    pub expires_at: Timestamp,
    /// When it was used.
    pub used_at: Option<Timestamp>,
}

record!(Link in "links" by token_hash {
    token_hash, purpose, user_id, details as json, created_at, expires_at, used_at,
});

/// Adds a link.
pub async fn insert(db: &mut Db, link: &Link) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO links (token_hash, purpose, user_id, details, created_at, expires_at, \
         used_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&link.token_hash)
    .bind(&link.purpose)
    .bind(&link.user_id)
    .bind(to_json(&link.details)?)
    .bind(link.created_at)
    .bind(link.expires_at)
    .bind(link.used_at)
    .execute(db)
    .await?;
    Ok(())
}

/// The link of this token and purpose, if it is still good.
pub async fn find(
    db: &mut Db,
    purpose: Purpose,
    token_hash: &str,
    now: Timestamp,
) -> Result<Option<Link>, StoreError> {
    let link = sqlx::query_as(
        "SELECT token_hash, purpose, user_id, details, created_at, expires_at, used_at FROM links \
         WHERE token_hash = $1 AND purpose = $2 AND used_at IS NULL AND expires_at > $3",
    )
    .bind(token_hash)
    .bind(purpose.name())
    .bind(now)
    .fetch_optional(db)
    .await?;
    Ok(link)
}

/// Uses a link: of racing calls only one gets it.
pub async fn spend(
    db: &mut Db,
    purpose: Purpose,
    token_hash: &str,
    now: Timestamp,
) -> Result<Option<Link>, StoreError> {
    let link = sqlx::query_as(
        "UPDATE links SET used_at = $3 \
         WHERE token_hash = $1 AND purpose = $2 AND used_at IS NULL AND expires_at > $3 \
         RETURNING token_hash, purpose, user_id, details, created_at, expires_at, used_at",
    )
    .bind(token_hash)
    .bind(purpose.name())
    .bind(now)
    .fetch_optional(db)
    .await?;
    Ok(link)
}

/// The person's newest link of this purpose that is still good.
pub async fn newest(
    db: &mut Db,
    purpose: Purpose,
    user_id: &str,
    now: Timestamp,
) -> Result<Option<Link>, StoreError> {
    let link = sqlx::query_as(
        "SELECT token_hash, purpose, user_id, details, created_at, expires_at, used_at FROM links \
         WHERE user_id = $1 AND purpose = $2 AND used_at IS NULL AND expires_at > $3 \
         ORDER BY created_at DESC LIMIT 1",
    )
    .bind(user_id)
    .bind(purpose.name())
    .bind(now)
    .fetch_optional(db)
    .await?;
    Ok(link)
}

/// Notes in which browser a link that is still good was opened last.
pub async fn set_opened_in(
    db: &mut Db,
    token_hash: &str,
    browser_hash: &str,
) -> Result<bool, StoreError> {
    let sql = "UPDATE links SET opened_in = $2 WHERE token_hash = $1 AND used_at IS NULL";
    let done = sqlx::query(sql).bind(token_hash).bind(browser_hash).execute(db).await?;
    Ok(done.rows_affected() > 0)
}

/// The person's newest link of this purpose that is still good and was opened in this browser.
pub async fn opened_in(
    db: &mut Db,
    purpose: Purpose,
    user_id: &str,
    browser_hash: &str,
    now: Timestamp,
) -> Result<Option<Link>, StoreError> {
    let link = sqlx::query_as(
        "SELECT token_hash, purpose, user_id, details, created_at, expires_at, used_at FROM links \
         WHERE user_id = $1 AND purpose = $2 AND used_at IS NULL AND expires_at > $3 \
         AND opened_in = $4 ORDER BY created_at DESC LIMIT 1",
    )
    .bind(user_id)
    .bind(purpose.name())
    .bind(now)
    .bind(browser_hash)
    .fetch_optional(db)
    .await?;
    Ok(link)
}

/// How many links of this purpose the person got since then, whatever became of them.
pub async fn count_since(
    db: &mut Db,
    purpose: Purpose,
    user_id: &str,
    since: Timestamp,
) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar(
        "SELECT COUNT(*) FROM links WHERE user_id = $1 AND purpose = $2 AND created_at > $3",
    )
    .bind(user_id)
    .bind(purpose.name())
    .bind(since)
    .fetch_one(db)
    .await?;
    Ok(count)
}

/// Makes all of a person's links of this purpose worthless.
pub async fn void_all(db: &mut Db, purpose: Purpose, user_id: &str) -> Result<u64, StoreError> {
    let sql = "DELETE FROM links WHERE user_id = $1 AND purpose = $2 AND used_at IS NULL";
    Ok(sqlx::query(sql).bind(user_id).bind(purpose.name()).execute(db).await?.rows_affected())
}

/// Deletes at most `limit` links that expired before `before`.
pub async fn sweep(db: &mut Db, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "DELETE FROM links WHERE token_hash IN \
         (SELECT token_hash FROM links WHERE expires_at < $1 LIMIT $2)",
    )
    .bind(before)
    .bind(limit)
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}
