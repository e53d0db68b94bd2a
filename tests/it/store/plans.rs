//! The queries of every request find their rows by an index, on both engines.

use sqlx::{AssertSqlSafe, Executor, Row};

use super::fixtures::ada_and_her_printer;
use crate::on_both_engines;
use crate::support::database::TestDatabase;

/// What each statement of the hot paths looks its rows up by.
const HOT: &[&str] = &[
    "SELECT * FROM users WHERE id = 'x'",
    "SELECT * FROM users WHERE username_key = 'x'",
    "SELECT * FROM users WHERE email_key = 'x'",
    "SELECT * FROM users WHERE id > 'x' ORDER BY id LIMIT 50",
    "SELECT * FROM password_credentials WHERE user_id = 'x'",
    "SELECT * FROM totp_credentials WHERE user_id = 'x' AND confirmed_at IS NOT NULL",
    "SELECT * FROM browser_sessions s JOIN users u ON u.id = s.user_id WHERE s.token_hash = 'x'",
    "SELECT * FROM browser_sessions WHERE user_id = 'x' AND ended_at IS NULL",
    "SELECT a.session_id, a.client_id FROM authorizations a \
     JOIN browser_sessions s ON s.id = a.session_id WHERE a.user_id = 'x' \
     GROUP BY a.session_id, a.client_id",
    "SELECT DISTINCT a.session_id, a.client_id FROM browser_sessions s \
     JOIN authorizations a ON a.session_id = s.id WHERE s.user_id = 'x' AND s.ended_at = 1",
    "SELECT * FROM clients WHERE id = 'x'",
    "SELECT * FROM pending_authorizations WHERE id = 'x'",
    "UPDATE authorization_codes SET consumed_at = 1 WHERE code_hash = 'x' AND consumed_at IS NULL",
    "SELECT * FROM consents c LEFT JOIN consent_scopes s ON s.consent_id = c.id \
     WHERE c.user_id = 'x' AND c.client_id = 'y' AND c.revoked_at IS NULL",
    "SELECT * FROM consents c JOIN consent_scopes s ON s.consent_id = c.id \
     WHERE c.user_id = 'x' AND c.revoked_at IS NULL",
    "SELECT a.consent_id, COUNT(*) FROM authorizations a \
     LEFT JOIN browser_sessions s ON s.id = a.session_id WHERE a.user_id = 'x' \
     AND a.revoked_at IS NULL GROUP BY a.consent_id",
    "UPDATE pending_authorizations SET finished_at = 1 WHERE decided_by = 'x' \
     AND finished_at IS NULL",
    "UPDATE consents SET revoked_at = 1 WHERE user_id = 'x' AND revoked_at IS NULL",
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
    "SELECT * FROM events WHERE user_id = 'x' AND kind = 'sign_in' AND at >= 1 \
     AND (at, id) < (9, 'y') AND outcome = 'successful' ORDER BY at DESC, id DESC LIMIT 50",
    "SELECT * FROM events e WHERE user_id = 'x' AND kind = 'sign_in' AND at >= 1 \
     AND (at, id) < (9, 'y') AND (outcome <> 'second factor needed' OR NOT EXISTS \
     (SELECT 1 FROM events done WHERE done.attempt = e.attempt AND done.outcome = 'successful')) \
     ORDER BY at DESC, id DESC LIMIT 26",
    "SELECT * FROM events WHERE user_id = 'x' AND kind <> 'sign_in' \
     AND kind <> 'application_authorized' AND (at, id) < (9, 'y') \
     ORDER BY at DESC, id DESC LIMIT 100",
    "DELETE FROM events WHERE id IN \
     (SELECT id FROM events WHERE kind = 'sign_in' AND at < 1 LIMIT 100)",
    "SELECT * FROM failure_counts WHERE user_id = 'x' AND day >= 1 AND failures > 100",
    "SELECT * FROM events WHERE user_id = 'x' AND at >= 1 AND kind = 'sign_in' \
     AND outcome <> 'y' ORDER BY at DESC, id DESC LIMIT 20",
    "UPDATE password_credentials SET hash = 'z' WHERE user_id = 'x' AND hash = 'y'",
    "UPDATE proof_tries SET tries = 1 WHERE session_id = 'x' AND tries > 0",
    "DELETE FROM pending_sign_ins WHERE user_id = 'x'",
    "DELETE FROM authorizations WHERE id IN \
     (SELECT id FROM authorizations WHERE expires_at < 1 LIMIT 100)",
    "DELETE FROM browser_sessions WHERE id IN \
     (SELECT id FROM browser_sessions WHERE expires_at < 1 LIMIT 100)",
    "SELECT id FROM queue WHERE kind = 'x' AND due_at <= 1 LIMIT 1",
    "DELETE FROM queue WHERE id IN (SELECT id FROM queue WHERE kind = 'x' AND source = 'y' \
     ORDER BY created_at DESC, id DESC LIMIT 50 OFFSET 20)",
    "SELECT user_id FROM devices WHERE token_hash = 'x' ORDER BY last_seen_at DESC LIMIT 1",
    "SELECT * FROM client_failures WHERE client_id = 'x' AND address = 'y'",
    "SELECT * FROM client_failures WHERE closed_until IS NOT NULL AND closed_until > 1 \
     ORDER BY closed_until DESC LIMIT 50",
    "DELETE FROM client_failures WHERE (client_id, address) IN \
     (SELECT client_id, address FROM client_failures WHERE last_at < 1 LIMIT 100)",
    "SELECT filled_until FROM client_requests WHERE client_id = 'x'",
    "DELETE FROM client_requests WHERE client_id IN \
     (SELECT client_id FROM client_requests WHERE filled_until < 1 LIMIT 100)",
    "SELECT * FROM links WHERE token_hash = 'x' AND purpose = 'y' AND used_at IS NULL",
    "SELECT COUNT(*) FROM links WHERE user_id = 'x' AND purpose = 'y' AND created_at > 1",
    "SELECT id FROM pending_authorizations WHERE source = 'x' AND finished_at IS NULL \
     ORDER BY created_at DESC, id DESC LIMIT 1000 OFFSET 200",
    "SELECT id FROM pending_authorizations WHERE finished_at IS NOT NULL \
     ORDER BY finished_at LIMIT 200",
    "DELETE FROM totp_credentials WHERE id IN (SELECT id FROM totp_credentials \
     WHERE enrolment IS NOT NULL AND confirmed_at IS NULL AND created_at < 1 LIMIT 100)",
    "SELECT substr(sealed, 1, 12) FROM queue WHERE substr(sealed, 1, 12) > 'v1.' \
     ORDER BY substr(sealed, 1, 12) LIMIT 1",
    "SELECT id FROM totp_credentials WHERE substr(sealed_seed, 1, 12) = 'v1.AAAAAAAA.' \
     AND id > 'x' ORDER BY id LIMIT 200",
];

on_both_engines! {
    async fn hot_queries_use_an_index(db: TestDatabase) {
        ada_and_her_printer(&db, &["a"]).await;
        for hot in HOT.iter().copied() {
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
