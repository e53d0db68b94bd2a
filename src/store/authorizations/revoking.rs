//! Ends authorizations: each way is two statements, and with the row every token that hangs on it is
//! dead.

use crate::clock::Timestamp;
use crate::store::{Db, StoreError, revisions};

/// One way to end authorizations, with the same condition in both statements.
struct Way {
    /// Uses their codes up. `$1` is the time, whose they are comes after it.
    codes: &'static str,
    /// Revokes them. `$1` is the time, `$2` the reason, whose they are comes after it.
    authorizations: &'static str,
}

impl Way {
    /// Goes it for what belongs to `whose`; says how many ended.
    async fn go(
        &self,
        db: &mut Db,
        whose: &[&str],
        reason: &str,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        revisions::lock(db).await?;
        // The codes first, as a redemption takes them: neither then waits for the other.
        let mut codes = sqlx::query(self.codes).bind(now);
        let mut authorizations = sqlx::query(self.authorizations).bind(now).bind(reason);
        for one in whose {
            codes = codes.bind(*one);
            authorizations = authorizations.bind(*one);
        }
        codes.execute(&mut *db).await?;
        let ended = authorizations.execute(&mut *db).await?.rows_affected();
        revisions::bump_if(db, ended).await?;
        Ok(ended)
    }
}

/// Kills an authorization with its code and all its tokens; `false` when it was dead before.
pub async fn revoke(
    db: &mut Db,
    id: &str,
    reason: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let way = Way {
        codes: "UPDATE authorization_codes SET consumed_at = $1 \
                WHERE authorization_id = $2 AND consumed_at IS NULL",
        authorizations: "UPDATE authorizations SET revoked_at = $1, revoke_reason = $2 \
                         WHERE id = $3 AND revoked_at IS NULL",
    };
    Ok(way.go(db, &[id], reason, now).await? > 0)
}

/// Kills all that a person allowed a client; the consent itself stays. Says how many.
pub async fn revoke_for_client_user(
    db: &mut Db,
    client_id: &str,
    user_id: &str,
    reason: &str,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let way = Way {
        codes: "UPDATE authorization_codes SET consumed_at = $1 \
                WHERE consumed_at IS NULL AND authorization_id IN \
                (SELECT id FROM authorizations \
                WHERE client_id = $2 AND user_id = $3 AND revoked_at IS NULL)",
        authorizations: "UPDATE authorizations SET revoked_at = $1, revoke_reason = $2 \
                         WHERE client_id = $3 AND user_id = $4 AND revoked_at IS NULL",
    };
    way.go(db, &[client_id, user_id], reason, now).await
}

/// Kills all that was allowed in a browser session, also what was to outlive it; says how many.
pub async fn revoke_for_session(
    db: &mut Db,
    session_id: &str,
    reason: &str,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let way = Way {
        codes: "UPDATE authorization_codes SET consumed_at = $1 \
                WHERE consumed_at IS NULL AND authorization_id IN \
                (SELECT id FROM authorizations WHERE session_id = $2 AND revoked_at IS NULL)",
        authorizations: "UPDATE authorizations SET revoked_at = $1, revoke_reason = $2 \
                         WHERE session_id = $3 AND revoked_at IS NULL",
    };
    way.go(db, &[session_id], reason, now).await
}

/// Kills all that a person allowed anyone; the consents stay. Says how many.
pub async fn revoke_for_user(
    db: &mut Db,
    user_id: &str,
    reason: &str,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let way = Way {
        codes: "UPDATE authorization_codes SET consumed_at = $1 \
                WHERE consumed_at IS NULL AND authorization_id IN \
                (SELECT id FROM authorizations WHERE user_id = $2 AND revoked_at IS NULL)",
        authorizations: "UPDATE authorizations SET revoked_at = $1, revoke_reason = $2 \
                         WHERE user_id = $3 AND revoked_at IS NULL",
    };
    way.go(db, &[user_id], reason, now).await
}
