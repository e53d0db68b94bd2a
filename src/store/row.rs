//! Reads rows into records; a row that cannot be one is an error that names its table and id.

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::any::AnyRow;
use sqlx::{Any, Decode, Row, Type};

use crate::protocol::client::RegisteredBy;
use crate::protocol::scope::Scope;

use super::StoreError;

/// A column held something its record cannot hold.
#[derive(Debug, thiserror::Error)]
#[error("{table} `{id}`: column {column}: {cause}")]
pub(super) struct CorruptRow {
    pub(super) table: &'static str,
    pub(super) id: String,
    pub(super) column: &'static str,
    pub(super) cause: String,
}

/// A row of one table; in a join the table's columns bear a prefix.
pub(super) struct Reading<'r> {
    table: &'static str,
    key: &'static str,
    prefix: &'static str,
    row: &'r AnyRow,
}

impl<'r> Reading<'r> {
    pub(super) fn new(
        table: &'static str,
        key: &'static str,
        prefix: &'static str,
        row: &'r AnyRow,
    ) -> Self {
        Self { table, key, prefix, row }
    }

    fn raw<T>(&self, column: &str) -> sqlx::Result<T>
    where
        T: Decode<'r, Any> + Type<Any>,
    {
        if self.prefix.is_empty() {
            self.row.try_get(column)
        } else {
            self.row.try_get(format!("{}{column}", self.prefix).as_str())
        }
    }

    fn corrupt(&self, column: &'static str, cause: &impl ToString) -> sqlx::Error {
        let id = self.raw(self.key).unwrap_or_else(|_| "?".to_owned());
        let cause = cause.to_string();
        sqlx::Error::Decode(Box::new(CorruptRow { table: self.table, id, column, cause }))
    }

    /// A plain column.
    pub(super) fn get<T>(&self, column: &'static str) -> sqlx::Result<T>
    where
        T: Decode<'r, Any> + Type<Any>,
    {
        self.raw(column).map_err(|error| self.corrupt(column, &error))
    }

    /// A column of JSON.
    pub(super) fn json<T: DeserializeOwned>(&self, column: &'static str) -> sqlx::Result<T> {
        let text: String = self.get(column)?;
        serde_json::from_str(&text).map_err(|error| self.corrupt(column, &error))
    }

    /// A column that says who registered a client.
    pub(super) fn registered_by(&self, column: &'static str) -> sqlx::Result<RegisteredBy> {
        let name: String = self.get(column)?;
        RegisteredBy::from_name(&name).ok_or_else(|| self.corrupt(column, &"no such origin"))
    }

    /// A column of scopes, written as in RFC 6749 §3.3.
    pub(super) fn scope(&self, column: &'static str) -> sqlx::Result<Scope> {
        let text: String = self.get(column)?;
        scope_from(&text).map_err(|cause| self.corrupt(column, &cause))
    }
}

/// The scopes of `text`, which may be none.
pub(super) fn scope_from(text: &str) -> Result<Scope, String> {
    let tokens = text.split(' ').filter(|token| !token.is_empty());
    Scope::from_tokens(tokens).map_err(|error| error.description.into_owned())
}

/// `value` as a column holds it.
pub(super) fn to_json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value)
        .map_err(|error| StoreError::Other(anyhow::Error::new(error).context("encoding a column")))
}

/// Says how a record is read from its row: plain columns, `as json`, `as scope`,
/// `as registered_by`.
macro_rules! record {
    ($record:ident in $table:literal by $key:ident {
        $($field:ident $(as $how:ident)?),+ $(,)?
    }) => {
        impl $record {
            fn read(row: &sqlx::any::AnyRow, prefix: &'static str) -> sqlx::Result<Self> {
                let reading =
                    $crate::store::row::Reading::new($table, stringify!($key), prefix, row);
                Ok(Self {
                    $($field: $crate::store::row::record!(@ reading $field $($how)?)),+
                })
            }
        }
        impl<'r> sqlx::FromRow<'r, sqlx::any::AnyRow> for $record {
            fn from_row(row: &'r sqlx::any::AnyRow) -> sqlx::Result<Self> {
                Self::read(row, "")
            }
        }
    };
    (@ $reading:ident $field:ident) => { $reading.get(stringify!($field))? };
    (@ $reading:ident $field:ident json) => { $reading.json(stringify!($field))? };
    (@ $reading:ident $field:ident scope) => { $reading.scope(stringify!($field))? };
    (@ $reading:ident $field:ident registered_by) => {
        $reading.registered_by(stringify!($field))?
    };
}
pub(super) use record;
