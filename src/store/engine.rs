//! Which of the two engines holds the data.

use std::sync::Arc;

use sqlx::{Any, AnyConnection, Pool};

use super::postgres::Postgres;
use super::sqlite::Sqlite;
use super::{Db, StoreError};

/// An open database.
#[derive(Clone, Debug)]
pub(super) enum Engine {
    Sqlite(Arc<Sqlite>),
    Postgres(Arc<Postgres>),
}

impl Engine {
    pub(super) async fn open(url: &str, connections: u32) -> Result<Self, StoreError> {
        if url.starts_with("sqlite:") {
            Ok(Self::Sqlite(Arc::new(Sqlite::open(url, connections).await?)))
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Ok(Self::Postgres(Arc::new(Postgres::open(url, connections).await?)))
        } else {
            Err(StoreError::Other(anyhow::anyhow!(
                "the database's URL begins neither with sqlite:// nor with postgres://"
            )))
        }
    }

    fn readers(&self) -> &Pool<Any> {
        match self {
            Self::Sqlite(sqlite) => &sqlite.readers,
            Self::Postgres(postgres) => &postgres.pool,
        }
    }

    /// A connection for reading.
    pub(super) async fn read(&self) -> Result<Db, StoreError> {
        match self {
            Self::Sqlite(sqlite) => Ok(Db::pooled(sqlite.readers.acquire().await?)),
            Self::Postgres(postgres) => postgres.read().await,
        }
    }

    /// A connection for reading that belongs to no pool.
    pub(super) async fn connect_reader(&self) -> Result<AnyConnection, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.connect_reader().await,
            Self::Postgres(postgres) => postgres.connect().await,
        }
    }

    pub(super) fn commits(&self) -> u64 {
        match self {
            Self::Sqlite(sqlite) => sqlite.writer.commits(),
            Self::Postgres(postgres) => postgres.commits(),
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.readers().is_closed()
    }

    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite(sqlite) => sqlite.close().await,
            Self::Postgres(postgres) => postgres.pool.close().await,
        }
    }
}
