//! People.

use crate::clock::Timestamp;
use crate::protocol::claims::StandardClaims;

use super::row::{record, to_json};
use super::{Db, StoreError, revisions};

/// A person's record.
#[derive(Clone, Debug)]
pub struct User {
    /// The `sub` of OpenID Connect Core §2.
    pub id: String,
    /// The name as the person wrote it.
    pub username: String,
    /// The name in its canonical form: what is looked up.
    pub username_key: String,
    /// The address as the person wrote it.
    pub email: Option<String>,
    /// The address in its canonical form.
    pub email_key: Option<String>,
    /// When the person proved that the address is theirs.
    pub email_verified_at: Option<Timestamp>,
    /// The standard claims (OpenID Connect Core §5.1) without those about the address.
    pub claims: StandardClaims,
    /// When the record was made.
    pub created_at: Timestamp,
    /// When the record last changed.
    pub updated_at: Timestamp,
    /// Since when the person may do nothing.
    pub locked_at: Option<Timestamp>,
    /// Why.
    pub lock_reason: Option<String>,
    /// Since when the person is an administrator.
    pub admin_at: Option<Timestamp>,
    /// The groups the person is in: names between spaces.
    pub member_of: String,
    /// How the person wants our pages to look, as JSON.
    pub appearance: Option<String>,
    /// Since when the person wants no mail about sign-ins.
    pub sign_in_mails_off_at: Option<Timestamp>,
    /// When the account will be removed, because its owner asked for it.
    pub removal_at: Option<Timestamp>,
    /// Since when the person secures their account, step by step.
    pub securing_at: Option<Timestamp>,
}

record!(User in "users" by id {
    id, username, username_key, email, email_key, email_verified_at, claims as json, created_at,
    updated_at, locked_at, lock_reason, admin_at, member_of, appearance, sign_in_mails_off_at,
    removal_at, securing_at,
});

/// The columns of a whole record.
macro_rules! columns {
    () => {
        "id, username, username_key, email, email_key, email_verified_at, claims, created_at, \
         updated_at, locked_at, lock_reason, admin_at, member_of, appearance, \
         sign_in_mails_off_at, removal_at, securing_at"
    };
}

impl User {
    /// All standard claims: those that were set, and those that the record itself knows better.
    #[must_use]
    pub fn all_claims(&self) -> StandardClaims {
        let username = || Some(self.username.clone());
        StandardClaims {
            preferred_username: self.claims.preferred_username.clone().or_else(username),
            email: self.email.clone(),
            email_verified: self.email.as_ref().map(|_| self.email_verified_at.is_some()),
            updated_at: Some(self.updated_at.seconds()),
            ..self.claims.clone()
        }
    }

    /// Reads the person's columns of a join, which bear the prefix `user_`.
    pub(super) fn joined(row: &sqlx::any::AnyRow) -> sqlx::Result<Self> {
        Self::read(row, "user_")
    }
}

/// An address of electronic mail, as a person's record holds it.
#[derive(Clone, Copy, Debug)]
pub struct Email<'a> {
    /// As written.
    pub address: &'a str,
    /// In its canonical form.
    pub key: &'a str,
    /// When it was proven.
    pub verified_at: Option<Timestamp>,
}

/// Adds a person; `Conflict` when the name or the address is taken.
pub async fn insert(db: &mut Db, user: &User) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO users (id, username, username_key, email, email_key, email_verified_at, \
         claims, created_at, updated_at, locked_at, lock_reason, admin_at, member_of, appearance, \
         sign_in_mails_off_at, removal_at, securing_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
    )
    .bind(&user.id)
    .bind(&user.username)
    .bind(&user.username_key)
    .bind(&user.email)
    .bind(&user.email_key)
    .bind(user.email_verified_at)
    .bind(to_json(&user.claims)?)
    .bind(user.created_at)
    .bind(user.updated_at)
    .bind(user.locked_at)
    .bind(&user.lock_reason)
    .bind(user.admin_at)
    .bind(&user.member_of)
    .bind(&user.appearance)
    .bind(user.sign_in_mails_off_at)
    .bind(user.removal_at)
    .bind(user.securing_at)
    .execute(db)
    .await?;
    Ok(())
}

/// The person of this id.
pub async fn find(db: &mut Db, id: &str) -> Result<Option<User>, StoreError> {
    let user = sqlx::query_as(concat!("SELECT ", columns!(), " FROM users WHERE id = $1"))
        .bind(id)
        .fetch_optional(db)
        .await?;
    Ok(user)
}

/// The person who signs in with this canonical name or address; only addresses have an `@`.
pub async fn find_by_login(db: &mut Db, key: &str) -> Result<Option<User>, StoreError> {
    let sql = if key.contains('@') {
        concat!("SELECT ", columns!(), " FROM users WHERE email_key = $1")
    } else {
        concat!("SELECT ", columns!(), " FROM users WHERE username_key = $1")
    };
    Ok(sqlx::query_as(sql).bind(key).fetch_optional(db).await?)
}

/// At most `limit` people in the order of their ids, those after `after`.
pub async fn list(db: &mut Db, after: Option<&str>, limit: i64) -> Result<Vec<User>, StoreError> {
    let users = sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM users WHERE id > $1 ORDER BY id LIMIT $2"
    ))
    .bind(after.unwrap_or_default())
    .bind(limit)
    .fetch_all(db)
    .await?;
    Ok(users)
}

/// Holds the person's row until the transaction ends: what is counted about them and then added to
/// is added to by one at a time.
pub async fn hold(db: &mut Db, id: &str) -> Result<(), StoreError> {
    sqlx::query("UPDATE users SET updated_at = updated_at WHERE id = $1")
        .bind(id)
        .execute(db)
        .await?;
    Ok(())
}

/// Locks a person out, everywhere and at once; `false` when there is none, or already locked.
pub async fn lock(db: &mut Db, id: &str, reason: &str, now: Timestamp) -> Result<bool, StoreError> {
    revisions::lock(db).await?;
    let done = sqlx::query(
        "UPDATE users SET locked_at = $2, lock_reason = $3, updated_at = $2, last_locked_at = $2 \
         WHERE id = $1 AND locked_at IS NULL",
    )
    .bind(id)
    .bind(now)
    .bind(reason)
    .execute(&mut *db)
    .await?;
    revisions::bump_if(db, done.rows_affected()).await
}

/// Takes the lock off; `false` when there was none.
pub async fn unlock(db: &mut Db, id: &str, now: Timestamp) -> Result<bool, StoreError> {
    revisions::lock(db).await?;
    let done = sqlx::query(
        "UPDATE users SET locked_at = NULL, lock_reason = NULL, updated_at = $2 \
         WHERE id = $1 AND locked_at IS NOT NULL",
    )
    .bind(id)
    .bind(now)
    .execute(&mut *db)
    .await?;
    revisions::bump_if(db, done.rows_affected()).await
}

/// Replaces the standard claims.
pub async fn set_claims(
    db: &mut Db,
    id: &str,
    claims: &StandardClaims,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let done = sqlx::query("UPDATE users SET claims = $2, updated_at = $3 WHERE id = $1")
        .bind(id)
        .bind(to_json(claims)?)
        .bind(now)
        .execute(db)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// Replaces the address, or takes it away; `Conflict` when somebody else has it.
pub async fn set_email(
    db: &mut Db,
    id: &str,
    email: Option<Email<'_>>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE users SET email = $2, email_key = $3, email_verified_at = $4, updated_at = $5 \
         WHERE id = $1",
    )
    .bind(id)
    .bind(email.map(|email| email.address))
    .bind(email.map(|email| email.key))
    .bind(email.and_then(|email| email.verified_at))
    .bind(now)
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Makes a person an administrator (`since` when), or an ordinary one again.
pub async fn set_admin(
    db: &mut Db,
    id: &str,
    since: Option<Timestamp>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let done = sqlx::query("UPDATE users SET admin_at = $2, updated_at = $3 WHERE id = $1")
        .bind(id)
        .bind(since)
        .bind(now)
        .execute(db)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// Puts a person into these groups (names between spaces) and no others.
pub async fn set_groups(
    db: &mut Db,
    id: &str,
    member_of: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let done = sqlx::query("UPDATE users SET member_of = $2, updated_at = $3 WHERE id = $1")
        .bind(id)
        .bind(member_of)
        .bind(now)
        .execute(db)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// Keeps how the person wants our pages to look (JSON), or forgets it.
pub async fn set_appearance(
    db: &mut Db,
    id: &str,
    appearance: Option<&str>,
) -> Result<bool, StoreError> {
    let sql = "UPDATE users SET appearance = $2 WHERE id = $1";
    Ok(sqlx::query(sql).bind(id).bind(appearance).execute(db).await?.rows_affected() > 0)
}

/// Turns mails about sign-ins off (`since` when), or on again.
pub async fn set_sign_in_mails_off(
    db: &mut Db,
    id: &str,
    since: Option<Timestamp>,
) -> Result<bool, StoreError> {
    let sql = "UPDATE users SET sign_in_mails_off_at = $2 WHERE id = $1";
    Ok(sqlx::query(sql).bind(id).bind(since).execute(db).await?.rows_affected() > 0)
}

/// Notes that the person begins to secure their account (`since` when), or is through.
pub async fn set_securing(
    db: &mut Db,
    id: &str,
    since: Option<Timestamp>,
) -> Result<bool, StoreError> {
    let sql = "UPDATE users SET securing_at = $2 WHERE id = $1";
    Ok(sqlx::query(sql).bind(id).bind(since).execute(db).await?.rows_affected() > 0)
}

/// Removes a person with all that is theirs; events stay.
pub async fn remove(db: &mut Db, id: &str) -> Result<bool, StoreError> {
    revisions::lock(db).await?;
    let done = sqlx::query("DELETE FROM users WHERE id = $1").bind(id).execute(&mut *db).await?;
    revisions::bump_if(db, done.rows_affected()).await
}
