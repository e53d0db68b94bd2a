//! Brings the schema up to date; an older program refuses a newer schema.

use anyhow::anyhow;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{AnyConnection, Connection, Executor};

use super::StoreError;
use super::engine::Engine;

static MIGRATIONS: Migrator = sqlx::migrate!();

/// Applies what is missing. Nodes that start together wait for one another: on PostgreSQL by an
/// advisory lock, on SQLite by the write lock that all migrations are applied under.
pub(super) async fn run(engine: &Engine) -> Result<(), StoreError> {
    match engine {
        Engine::Postgres(postgres) => {
            let mut connection = postgres.connect().await?;
            connection.execute(sqlx::raw_sql("SET statement_timeout = 0")).await?;
            let applied = apply(&mut connection).await;
            connection.close().await?;
            applied
        }
        Engine::Sqlite(sqlite) => {
            let mut connection = sqlite.connect_writer().await?;
            connection.execute(sqlx::raw_sql("PRAGMA busy_timeout = 120000")).await?;
            let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
            apply(&mut transaction).await?;
            transaction.commit().await?;
            connection.close().await?;
            Ok(())
        }
    }
}

/// Whether no migration was ever applied.
pub(super) async fn is_blank(engine: &Engine) -> Result<bool, StoreError> {
    let sql = match engine {
        Engine::Sqlite(_) => "SELECT COUNT(*) FROM sqlite_master WHERE name = '_sqlx_migrations'",
        Engine::Postgres(_) => {
            "SELECT COUNT(*) FROM pg_tables WHERE schemaname = current_schema() \
             AND tablename = '_sqlx_migrations'"
        }
    };
    let mut db = engine.read().await?;
    let tables: i64 = sqlx::query_scalar(sql).fetch_one(&mut db).await?;
    Ok(tables == 0)
}

async fn apply(connection: &mut AnyConnection) -> Result<(), StoreError> {
    MIGRATIONS.run_direct(None, connection, false).await.map_err(|error| match error {
        MigrateError::VersionMissing(version) => StoreError::Other(anyhow!(
            "the database's schema ({version}) is newer than this program: \
             start the newer program again, or restore a backup from before it"
        )),
        MigrateError::VersionMismatch(version) => StoreError::Other(anyhow!(
            "migration {version} was applied in another form than this program knows: \
             the database belongs to a different build"
        )),
        MigrateError::Execute(error) => StoreError::from(error),
        error => StoreError::Other(anyhow::Error::new(error).context("migrating the database")),
    })
}
