//! What a person's connected applications hold at this moment: each permission, and each sign-in
//! that tokens hang on.

use crate::clock::Timestamp;

use super::row::record;
use super::{Db, StoreError};

/// One thing that an application may do.
#[derive(Clone, Debug)]
pub struct GrantedScope {
    /// The consent that it is part of.
    pub consent_id: String,
    /// The scope.
    pub scope: String,
    /// Since when.
    pub granted_at: Timestamp,
}

record!(GrantedScope in "consent_scopes" by consent_id { consent_id, scope, granted_at });

/// A browser session in which an application was let in and can still act.
#[derive(Clone, Debug)]
pub struct Foothold {
    /// The consent that it stands under.
    pub consent_id: String,
    /// The session.
    pub session_id: String,
    /// When it was last allowed to act without the session, if it may.
    pub offline_at: Option<Timestamp>,
    /// When the application was last let in there.
    pub latest_at: Timestamp,
    /// How many sign-ins of the application stand.
    pub count: i64,
    /// The session's browser, unless the session is long gone.
    pub user_agent: Option<String>,
    /// Where the session began.
    pub address: Option<String>,
    /// When the session was ended.
    pub session_ended_at: Option<Timestamp>,
    /// When the session ends, if it is still there.
    pub session_expires_at: Option<Timestamp>,
}

record!(Foothold in "authorizations" by consent_id {
    consent_id, session_id, offline_at, latest_at, count, user_agent, address, session_ended_at,
    session_expires_at,
});

impl Foothold {
    /// Whether the browser itself is still signed in.
    #[must_use]
    pub fn session_is_live(&self, now: Timestamp) -> bool {
        self.session_ended_at.is_none() && self.session_expires_at.is_some_and(|at| at > now)
    }
}

/// Every scope that a person's standing consents hold, those of one consent in the order in which
/// they were allowed.
pub async fn scopes(db: &mut Db, user_id: &str) -> Result<Vec<GrantedScope>, StoreError> {
    let scopes = sqlx::query_as(
        "SELECT s.consent_id, s.scope, s.granted_at \
         FROM consents c JOIN consent_scopes s ON s.consent_id = c.id \
         WHERE c.user_id = $1 AND c.revoked_at IS NULL \
         ORDER BY s.consent_id, s.granted_at, s.scope",
    )
    .bind(user_id)
    .fetch_all(db)
    .await?;
    Ok(scopes)
}

/// Where applications can act for a person at `now`, by session; those let in last come first. It
/// is the question of `grants::may_act`, asked for all of a person's authorizations at once.
pub async fn footholds(
    db: &mut Db,
    user_id: &str,
    now: Timestamp,
) -> Result<Vec<Foothold>, StoreError> {
    let footholds = sqlx::query_as(
        "SELECT a.consent_id, a.session_id, MAX(a.offline_at) AS offline_at, \
         MAX(a.created_at) AS latest_at, COUNT(*) AS count, s.user_agent, s.address, \
         s.ended_at AS session_ended_at, s.expires_at AS session_expires_at \
         FROM authorizations a LEFT JOIN browser_sessions s ON s.id = a.session_id \
         WHERE a.user_id = $1 AND a.revoked_at IS NULL AND a.redeemed_at IS NOT NULL \
         AND a.expires_at > $2 AND a.idle_expires_at > $2 \
         AND (a.offline_at IS NOT NULL OR (s.ended_at IS NULL AND s.expires_at > $2)) \
         GROUP BY a.consent_id, a.session_id, s.user_agent, s.address, s.ended_at, s.expires_at \
         ORDER BY MAX(a.created_at) DESC, a.session_id",
    )
    .bind(user_id)
    .bind(now)
    .fetch_all(db)
    .await?;
    Ok(footholds)
}

/// Which clients hold something that a person allowed and that still counts at `now`, also those
/// that ask for no consent.
pub async fn holders(
    db: &mut Db,
    user_id: &str,
    now: Timestamp,
) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT DISTINCT client_id FROM authorizations \
               WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2";
    Ok(sqlx::query_scalar(sql).bind(user_id).bind(now).fetch_all(db).await?)
}
