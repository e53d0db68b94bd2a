//! Everything that a database holds, as text.

use std::collections::BTreeMap;

use sqlx::{AnyConnection, AssertSqlSafe, Connection};

/// Each table with its rows; a row is `column=value` for each column, one a line.
pub type Dump = BTreeMap<String, Vec<String>>;

async fn texts(database: &mut AnyConnection, sql: String) -> Vec<String> {
    let query = sqlx::query_scalar(AssertSqlSafe(sql));
    query.fetch_all(database).await.expect("an answer")
}

/// Every row of every table of the database at `url`, sorted.
pub async fn dump(url: &str) -> Dump {
    sqlx::any::install_default_drivers();
    let mut database = AnyConnection::connect(url).await.expect("a connection");
    let is_sqlite = url.starts_with("sqlite:");
    let tables = if is_sqlite {
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    } else {
        "SELECT CAST(table_name AS TEXT) FROM information_schema.tables \
         WHERE table_schema = 'public'"
    };
    let mut dump = Dump::new();
    for table in texts(&mut database, tables.to_owned()).await {
        // What sqlx itself keeps: the names and sums of the migrations.
        if table == "_sqlx_migrations" {
            continue;
        }
        let columns = if is_sqlite {
            format!("SELECT name FROM pragma_table_info('{table}')")
        } else {
            format!(
                "SELECT CAST(column_name AS TEXT) FROM information_schema.columns \
                 WHERE table_schema = 'public' AND table_name = '{table}'"
            )
        };
        let columns = texts(&mut database, columns).await;
        assert!(!columns.is_empty(), "{table} has no columns");
        let row = columns
            .iter()
            .map(|column| format!("'{column}=' || COALESCE(CAST(\"{column}\" AS TEXT), 'NULL')"));
        let row = row.collect::<Vec<_>>().join(" || '\n' || ");
        let mut rows = texts(&mut database, format!("SELECT {row} FROM \"{table}\"")).await;
        rows.sort_unstable();
        dump.insert(table, rows);
    }
    database.close().await.expect("it closes");
    assert!(dump.len() > 15, "{:?}", dump.keys());
    dump
}

/// Only these tables of a dump.
pub fn only(mut dump: Dump, tables: &[&str]) -> Dump {
    dump.retain(|table, _| tables.contains(&table.as_str()));
    dump
}
