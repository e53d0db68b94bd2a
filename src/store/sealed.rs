//! Sealed records, wherever they lie: which master keys they are sealed with, and how one is put in
//! another's place.

use super::{Db, StoreError};

/// A column of sealed records. Each record begins with twelve characters that name its key, and an
/// index is kept on them.
#[derive(Debug)]
pub struct SealedColumn {
    /// The table.
    pub table: &'static str,
    /// The column.
    pub column: &'static str,
    next_head: &'static str,
    count: &'static str,
    page: &'static str,
    replace: &'static str,
}

/// One sealed record.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct SealedRecord {
    /// The row's id.
    pub id: String,
    /// The id that the record is bound to: the row's, or its person's.
    pub bound_to: String,
    /// What kind of row it is, where the table holds several.
    pub kind: String,
    /// The record.
    pub record: String,
}

/// The statements for one column: its table, the row's id, what the record is bound to, its kind.
macro_rules! sealed_column {
    ($table:literal . $column:literal, $id:literal, $bound_to:literal, $kind:literal) => {
        SealedColumn {
            table: $table,
            column: $column,
            next_head: concat!(
                "SELECT substr(",
                $column,
                ", 1, 12) FROM ",
                $table,
                " WHERE substr(",
                $column,
                ", 1, 12) > $1 ORDER BY substr(",
                $column,
                ", 1, 12) LIMIT 1"
            ),
            count: concat!(
                "SELECT COUNT(*) FROM ",
                $table,
                " WHERE substr(",
                $column,
                ", 1, 12) = $1"
            ),
            page: concat!(
                "SELECT ",
                $id,
                " AS id, ",
                $bound_to,
                " AS bound_to, ",
                $kind,
                " AS kind, ",
                $column,
                " AS record FROM ",
                $table,
                " WHERE substr(",
                $column,
                ", 1, 12) = $1 AND ",
                $id,
                " > $2 ORDER BY ",
                $id,
                " LIMIT $3"
            ),
            replace: concat!(
                "UPDATE ",
                $table,
                " SET ",
                $column,
                " = $3 WHERE ",
                $id,
                " = $1 AND ",
                $column,
                " = $2"
            ),
        }
    };
}

/// All of them, but for those of the instance itself.
pub const COLUMNS: [SealedColumn; 4] = [
    sealed_column!("signing_keys"."sealed", "kid", "kid", "CAST('' AS TEXT)"),
    sealed_column!("totp_credentials"."sealed_seed", "id", "user_id", "CAST('' AS TEXT)"),
    sealed_column!("kept_forms"."sealed_fields", "id_hash", "id_hash", "CAST('' AS TEXT)"),
    sealed_column!("queue"."sealed", "id", "id", "kind"),
];

/// How the records of a column begin: one text for each key that any of them is sealed with.
pub async fn heads(db: &mut Db, column: &SealedColumn) -> Result<Vec<String>, StoreError> {
    let mut heads: Vec<String> = Vec::new();
    loop {
        // From one to the next by the index: there are few, among many rows.
        let after = heads.last().map_or("", String::as_str);
        let next: Option<String> =
            sqlx::query_scalar(column.next_head).bind(after).fetch_optional(&mut *db).await?;
        match next {
            Some(head) => heads.push(head),
            None => return Ok(heads),
        }
    }
}

/// How many records of a column begin so.
pub async fn count(db: &mut Db, column: &SealedColumn, head: &str) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar(column.count).bind(head).fetch_one(db).await?)
}

/// At most `limit` records that begin so, of the rows after the id `after`.
pub async fn list(
    db: &mut Db,
    column: &SealedColumn,
    (head, after): (&str, &str),
    limit: i64,
) -> Result<Vec<SealedRecord>, StoreError> {
    let records = sqlx::query_as(column.page).bind(head).bind(after).bind(limit);
    Ok(records.fetch_all(db).await?)
}

/// Puts `new` in the place of a record; `false` when it has changed or gone meanwhile.
pub async fn replace(
    db: &mut Db,
    column: &SealedColumn,
    record: &SealedRecord,
    new: &str,
) -> Result<bool, StoreError> {
    let done = sqlx::query(column.replace)
        .bind(&record.id)
        .bind(&record.record)
        .bind(new)
        .execute(db)
        .await?;
    Ok(done.rows_affected() > 0)
}
