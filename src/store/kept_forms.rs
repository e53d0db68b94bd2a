//! What somebody typed before they were asked to confirm that it is they.

use crate::clock::Timestamp;

use super::row::record;
use super::{Db, StoreError};

/// A form that waits for its sender to confirm.
#[derive(Clone, Debug)]
pub struct KeptForm {
    /// The SHA-256 of the id in the address.
    pub id_hash: String,
    /// In which browser session it was sent.
    pub session_id: String,
    /// Where to.
    pub path: String,
    /// Its fields, sealed.
    pub sealed_fields: String,
    /// When it is forgotten.
    pub expires_at: Timestamp,
}

record!(KeptForm in "kept_forms" by id_hash {
    id_hash, session_id, path, sealed_fields, expires_at,
});

/// Keeps a form.
pub async fn insert(db: &mut Db, form: &KeptForm) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO kept_forms (id_hash, session_id, path, sealed_fields, expires_at) \
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(&form.id_hash)
    .bind(&form.session_id)
    .bind(&form.path)
    .bind(&form.sealed_fields)
    .bind(form.expires_at)
    .execute(db)
    .await?;
    Ok(())
}

/// Forgets the forms of a session but for the `most` that expire last.
pub async fn trim(db: &mut Db, session_id: &str, most: i64) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "DELETE FROM kept_forms WHERE id_hash IN \
         (SELECT id_hash FROM kept_forms WHERE session_id = $1 \
         ORDER BY expires_at DESC, id_hash LIMIT 1000 OFFSET $2)",
    )
    .bind(session_id)
    .bind(most)
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

/// Looks at a form of this session.
pub async fn find(
    db: &mut Db,
    id_hash: &str,
    session_id: &str,
    now: Timestamp,
) -> Result<Option<KeptForm>, StoreError> {
    let form = sqlx::query_as(
        "SELECT id_hash, session_id, path, sealed_fields, expires_at FROM kept_forms \
         WHERE id_hash = $1 AND session_id = $2 AND expires_at > $3",
    )
    .bind(id_hash)
    .bind(session_id)
    .bind(now)
    .fetch_optional(db)
    .await?;
    Ok(form)
}

/// Deletes at most `limit` forms that expired before `before`.
pub async fn sweep(db: &mut Db, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "DELETE FROM kept_forms WHERE id_hash IN \
         (SELECT id_hash FROM kept_forms WHERE expires_at < $1 LIMIT $2)",
    )
    .bind(before)
    .bind(limit)
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}
