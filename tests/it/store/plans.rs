//! The queries of every request find their rows by an index, on both engines.

use sqlx::{AssertSqlSafe, Executor, Row};

use super::fixtures::ada_and_her_printer;
use crate::on_both_engines;
use crate::support::database::TestDatabase;

/// What each statement of the hot paths looks its rows up by.
const HOT: [&str; 22] = [
    "SELECT * FROM users WHERE id = 'x'",
    "SELECT * FROM users WHERE username_key = 'x'",
    "SELECT * FROM users WHERE email_key = 'x'",
    "SELECT * FROM users WHERE id > 'x' ORDER BY id LIMIT 50",
    "SELECT * FROM password_credentials WHERE user_id = 'x'",
    "SELECT * FROM totp_credentials WHERE user_id = 'x' AND confirmed_at IS NOT NULL",
    "SELECT * FROM browser_sessions s JOIN users u ON u.id = s.user_id WHERE s.token_hash = 'x'",
    "SELECT * FROM browser_sessions WHERE user_id = 'x' AND ended_at IS NULL",
    "SELECT * FROM clients WHERE id = 'x'",
    "SELECT * FROM pending_authorizations WHERE id = 'x'",
    "UPDATE authorization_codes SET consumed_at = 1 WHERE code_hash = 'x' AND consumed_at IS NULL",
    "SELECT * FROM consents c LEFT JOIN consent_scopes s ON s.consent_id = c.id \
     WHERE c.user_id = 'x' AND c.client_id = 'y' AND c.revoked_at IS NULL",
    "UPDATE authorizations SET generation = 2 WHERE id = 'x' AND generation = 1",
    "UPDATE authorizations SET revoked_at = 1 WHERE session_id = 'x' AND revoked_at IS NULL",
    "UPDATE authorizations SET revoked_at = 1 WHERE client_id = 'x' AND user_id = 'y'",
    "UPDATE authorizations SET revoked_at = 1 WHERE user_id = 'x' AND revoked_at IS NULL",
    "SELECT * FROM authorizations a JOIN users u ON u.id = a.user_id \
     LEFT JOIN browser_sessions s ON s.id = a.session_id \
     LEFT JOIN consents c ON c.id = a.consent_id \
     LEFT JOIN clients k ON k.id = a.client_id WHERE a.id = 'x'",
    "SELECT * FROM revoked_tokens WHERE token_id = 'x'",
    "SELECT generation FROM revoked_tokens WHERE authorization_id = 'x'",
    "SELECT * FROM events WHERE user_id = 'x' AND at >= 1 AND (at, id) < (9, 'y') \
     ORDER BY at DESC, id DESC LIMIT 20",
    "DELETE FROM authorizations WHERE id IN \
     (SELECT id FROM authorizations WHERE expires_at < 1 LIMIT 100)",
    "DELETE FROM browser_sessions WHERE id IN \
     (SELECT id FROM browser_sessions WHERE expires_at < 1 LIMIT 100)",
];

on_both_engines! {
    async fn hot_queries_use_an_index(db: TestDatabase) {
        ada_and_her_printer(&db, &["a"]).await;
        for hot in HOT {
            let plan = explain(&db, hot).await;
            for line in plan.lines() {
                // PostgreSQL would scan so small a table; that it need not shows as the plan it
                // makes when scans are dear.
                let scans = line.contains("Seq Scan") || line.trim_start().starts_with("SCAN ");
                let by_index = line.contains("USING") && line.contains("INDEX");
                assert!(!scans || by_index, "{hot}\n{plan}");
            }
        }
    }
}

async fn explain(db: &TestDatabase, hot: &str) -> String {
    // A write, because SQLite's readers refuse even to explain one.
    let mut write = db.write().await.unwrap();
    if db.is_sqlite() {
        let sql = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {hot}"));
        let rows = sqlx::query(sql).fetch_all(&mut *write).await.unwrap();
        let lines: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
        lines.join("\n")
    } else {
        write.execute("SET LOCAL enable_seqscan = off").await.unwrap();
        let sql = AssertSqlSafe(format!("EXPLAIN {hot}"));
        let rows = sqlx::query(sql).fetch_all(&mut *write).await.unwrap();
        let lines: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        lines.join("\n")
    }
}
