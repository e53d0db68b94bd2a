//! What can go wrong with the database, sorted by what the caller can do about it.

use std::borrow::Cow;

use anyhow::anyhow;

use crate::protocol::error::OAuthError;

use super::row::CorruptRow;

/// A failed read or write.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot serve at the moment; the same call may succeed later.
    #[error("the database is not available: {0}")]
    Unavailable(Cow<'static, str>),
    /// The session in whose name something was to be done has ended.
    #[error("the session in whose name this was asked has ended")]
    SignedOut,
    /// Another row holds the same unique value.
    #[error("another record holds the same unique value")]
    Conflict,
    /// A row cannot be read as its record.
    #[error("corrupt row in {table}, id `{id}`: {cause}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The row's primary key.
        id: String,
        /// Which column, and why.
        cause: String,
    },
    /// Anything else: a fault of ours or of the installation.
    #[error("{0:#}")]
    Other(anyhow::Error),
}

/// SQLite's primary result codes (<https://sqlite.org/rescode.html>) that pass: BUSY, LOCKED,
/// NOMEM, READONLY, INTERRUPT, IOERR, FULL, CANTOPEN, PROTOCOL.
const SQLITE_PASSING: [i64; 9] = [5, 6, 7, 8, 9, 10, 13, 14, 15];

/// PostgreSQL's classes of SQLSTATE that pass: connection, read only, rolled back (deadlock),
/// resources, not in the right state (lock), intervention (timeout, shutdown), system.
const POSTGRES_PASSING: [&str; 7] = ["08", "25006", "40", "53", "55P03", "57", "58"];

/// SQLite's primary result codes for a file that is not what it was: CORRUPT, NOTADB.
const SQLITE_DAMAGED: [i64; 2] = [11, 26];

fn is_damaged(error: &dyn sqlx::error::DatabaseError) -> bool {
    let code = error.code().filter(|code| code.len() < 5).and_then(|code| code.parse::<i64>().ok());
    code.is_some_and(|code| SQLITE_DAMAGED.contains(&(code & 0xff)))
}

/// Whether SQLite says that others use the file: BUSY, LOCKED.
pub(super) fn is_in_use(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    let code = code.filter(|code| code.len() < 5).and_then(|code| code.parse::<i64>().ok());
    code.is_some_and(|code| matches!(code & 0xff, 5 | 6))
}

fn passes(error: &dyn sqlx::error::DatabaseError) -> bool {
    let Some(code) = error.code() else { return false };
    // SQLSTATE has five characters and begins a class that SQLite's numbers never reach: they
    // are at most four digits long, or stand below 10000.
    if code.len() == 5 {
        POSTGRES_PASSING.iter().any(|class| code.starts_with(class))
    } else {
        code.parse::<i64>().is_ok_and(|code| SQLITE_PASSING.contains(&(code & 0xff)))
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(error) if error.is_unique_violation() => Self::Conflict,
            sqlx::Error::Database(error) if passes(&*error) => {
                Self::Unavailable(error.to_string().into())
            }
            sqlx::Error::Database(error) if is_damaged(&*error) => Self::Other(anyhow!(
                "the database is damaged ({}): put a backup in its place with `latchkey restore`",
                error.message()
            )),
            sqlx::Error::Decode(cause) => match cause.downcast::<CorruptRow>() {
                Ok(row) => Self::Corrupt {
                    table: row.table,
                    cause: format!("column {}: {}", row.column, row.cause),
                    id: row.id,
                },
                Err(cause) => Self::Other(sqlx::Error::Decode(cause).into()),
            },
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::BeginFailed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(error.to_string().into()),
            error => Self::Other(error.into()),
        }
    }
}

impl StoreError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

impl From<StoreError> for OAuthError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => {
                Self::temporarily_unavailable("the server cannot answer now, try again later")
                    .because(error)
            }
            error => Self::server_error(error.into()),
        }
    }
}
