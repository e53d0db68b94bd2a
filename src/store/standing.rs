//! The hot read: whether an authorization, and all it hangs on, still stands; cached, yet never
//! answered from before a revocation that was confirmed to anyone.

use std::sync::Arc;

use moka::sync::Cache;

use crate::clock::Timestamp;

use super::authorizations::Authorization;
use super::clients::{self, ClientRecord};
use super::faults::Point;
use super::revisions::RevisionReader;
use super::weights::{CLIENTS, STANDINGS, TOKENS, weighed};
use super::{Db, Store, StoreError, epoch, revoked_tokens};

/// An authorization with the state of all it hangs on.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The authorization. From the cache, its `generation`, `seen_generation` and times of
    /// rotation may lag behind: rotations do not count as a revocation.
    pub authorization: Authorization,
    /// Since when its person is locked out.
    pub user_locked_at: Option<Timestamp>,
    /// When the person was last locked out, though they may be let in again since: no access token
    /// from before is good any more.
    pub user_last_locked_at: Option<Timestamp>,
    /// When its browser session was ended; the authorization's own start if the session is gone.
    pub session_ended_at: Option<Timestamp>,
    /// When its browser session ends, if that is still there.
    pub session_expires_at: Option<Timestamp>,
    /// When the consent was taken back; the authorization's own start if the consent is gone.
    pub consent_revoked_at: Option<Timestamp>,
    /// When the client last used the consent, and from which address. From the cache it may lag
    /// behind.
    pub consent_last_used: (Option<Timestamp>, Option<String>),
    /// Since when the client may do nothing; the authorization's own start if the client is gone.
    pub client_disabled_at: Option<Timestamp>,
    /// What its person signs in by.
    pub username: String,
    /// Generations whose tokens are dead.
    pub dead_generations: Vec<i64>,
}

/// Reads the standing of an authorization from the database.
pub async fn find(db: &mut Db, id: &str) -> Result<Option<Standing>, StoreError> {
    let row = sqlx::query(
        "SELECT a.id, a.consent_id, a.user_id, a.client_id, a.session_id, a.scope, a.claims, \
         a.resource, a.nonce, a.auth_time, a.acr, a.amr, a.offline_at, a.created_at, \
         a.redeemed_at, a.expires_at, a.idle_expires_at, a.generation, a.previous_generation, \
         a.rotated_at, a.seen_generation, a.revoked_at, a.revoke_reason, \
         u.locked_at AS user_locked_at, u.last_locked_at AS user_last_locked_at, \
         u.username AS user_username, c.last_used_at AS consent_last_used_at, \
         c.last_used_address AS consent_last_used_address, \
         CASE WHEN s.id IS NULL THEN a.created_at ELSE s.ended_at END AS session_ended_at, \
         s.expires_at AS session_expires_at, \
         CASE WHEN c.id IS NULL THEN a.created_at ELSE c.revoked_at END AS consent_revoked_at, \
         CASE WHEN k.id IS NULL THEN a.created_at ELSE k.disabled_at END AS client_disabled_at, \
         (SELECT string_agg(CAST(r.generation AS TEXT), ' ') FROM revoked_tokens r \
         WHERE r.authorization_id = a.id) AS dead_generations \
         FROM authorizations a JOIN users u ON u.id = a.user_id \
         LEFT JOIN browser_sessions s ON s.id = a.session_id \
         LEFT JOIN consents c ON c.id = a.consent_id \
         LEFT JOIN clients k ON k.id = a.client_id \
         WHERE a.id = $1",
    )
    .bind(id)
    .fetch_optional(db)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let joined = super::row::Reading::new("authorizations", "id", "", &row);
    let dead: Option<String> = joined.get("dead_generations")?;
    let dead: Result<_, _> =
        dead.as_deref().unwrap_or_default().split_whitespace().map(str::parse).collect();
    Ok(Some(Standing {
        authorization: Authorization::joined(&row)?,
        user_locked_at: joined.get("user_locked_at")?,
        user_last_locked_at: joined.get("user_last_locked_at")?,
        session_ended_at: joined.get("session_ended_at")?,
        session_expires_at: joined.get("session_expires_at")?,
        consent_revoked_at: joined.get("consent_revoked_at")?,
        consent_last_used: (
            joined.get("consent_last_used_at")?,
            joined.get("consent_last_used_address")?,
        ),
        client_disabled_at: joined.get("client_disabled_at")?,
        username: joined.get("user_username")?,
        dead_generations: dead.map_err(|error| StoreError::Other(anyhow::Error::new(error)))?,
    }))
}

/// Records with the revision that was read before they were: they hold as long as it does.
#[derive(Clone, Debug)]
pub(super) struct LiveCache {
    revision: RevisionReader,
    standings: Cache<String, (i64, Arc<Standing>)>,
    clients: Cache<String, (i64, Arc<ClientRecord>)>,
    tokens: Cache<String, (i64, bool)>,
    not_before: Cache<String, (i64, Timestamp)>,
}

impl LiveCache {
    pub(super) fn new(revision: RevisionReader) -> Self {
        Self {
            revision,
            standings: weighed(STANDINGS, |standing: &Arc<Standing>| standing.weight()),
            clients: weighed(CLIENTS, |client: &Arc<ClientRecord>| client.weight()),
            tokens: weighed(TOKENS, |_: &bool| 0),
            not_before: Cache::new(1),
        }
    }

    /// What is kept weighs so much.
    pub(super) fn bytes(&self) -> u64 {
        // What was put in last is not counted before its turn.
        self.standings.run_pending_tasks();
        self.clients.run_pending_tasks();
        self.tokens.run_pending_tasks();
        let weights = [self.standings.weighted_size(), self.clients.weighted_size()];
        weights.into_iter().sum::<u64>() + self.tokens.weighted_size()
    }

    /// Whether the revision can be read.
    pub(super) async fn check(&self) -> Result<(), StoreError> {
        self.revision.current().await.map(drop)
    }

    pub(super) fn revision_reads(&self) -> u64 {
        self.revision.reads()
    }
}

/// A look at the revision: see [`Store::at`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revision(i64);

/// The database as it stood at some instant after it was asked for: what it answers from its
/// cache is as good as read then.
#[derive(Clone, Copy, Debug)]
pub struct Live<'a> {
    store: &'a Store,
    revision: i64,
}

impl Store {
    /// A view that answers several questions with one look at the revision.
    pub async fn live(&self) -> Result<Live<'_>, StoreError> {
        self.faults.at(Point::Revision).await?;
        Ok(Live { store: self, revision: self.cache.revision.current().await? })
    }

    /// The same view once more, as of the instant when [`Store::live`] was called for `revision`.
    #[must_use]
    pub fn at(&self, revision: Revision) -> Live<'_> {
        Live { store: self, revision: revision.0 }
    }

    /// The standing of an authorization, at some instant after this call.
    pub async fn standing(&self, id: &str) -> Result<Option<Arc<Standing>>, StoreError> {
        self.live().await?.standing(id).await
    }

    /// Drops an authorization from this node's cache, so that the next [`Store::standing`] shows
    /// its present generation and what of it was seen.
    pub fn forget(&self, id: &str) {
        self.cache.standings.invalidate(id);
    }

    /// A client, at some instant after this call.
    pub async fn client(&self, id: &str) -> Result<Option<Arc<ClientRecord>>, StoreError> {
        self.live().await?.client(id).await
    }

    /// Whether a single token is dead, at some instant after this call.
    pub async fn token_revoked(&self, token_id: &str) -> Result<bool, StoreError> {
        self.live().await?.token_revoked(token_id).await
    }
}

impl Live<'_> {
    /// What this view can be had by once more, to answer a later question of the same request.
    #[must_use]
    pub fn revision(&self) -> Revision {
        Revision(self.revision)
    }

    /// The standing of an authorization.
    pub async fn standing(&self, id: &str) -> Result<Option<Arc<Standing>>, StoreError> {
        let cache = &self.store.cache.standings;
        if let Some(standing) = self.kept(cache, id) {
            return Ok(Some(standing));
        }
        let Some(standing) = find(&mut *self.store.read().await?, id).await? else {
            return Ok(None);
        };
        let standing = Arc::new(standing);
        cache.insert(id.to_owned(), (self.revision, Arc::clone(&standing)));
        Ok(Some(standing))
    }

    /// A client.
    pub async fn client(&self, id: &str) -> Result<Option<Arc<ClientRecord>>, StoreError> {
        let cache = &self.store.cache.clients;
        if let Some(client) = self.kept(cache, id) {
            return Ok(Some(client));
        }
        let Some(client) = clients::find(&mut *self.store.read().await?, id).await? else {
            return Ok(None);
        };
        let client = Arc::new(client);
        cache.insert(id.to_owned(), (self.revision, Arc::clone(&client)));
        Ok(Some(client))
    }

    /// Whether a single token is dead.
    pub async fn token_revoked(&self, token_id: &str) -> Result<bool, StoreError> {
        let cache = &self.store.cache.tokens;
        if let Some(revoked) = self.kept(cache, token_id) {
            return Ok(revoked);
        }
        let revoked = revoked_tokens::contains(&mut *self.store.read().await?, token_id).await?;
        cache.insert(token_id.to_owned(), (self.revision, revoked));
        Ok(revoked)
    }

    /// The instant before which no token was issued that counts.
    pub async fn tokens_not_before(&self) -> Result<Timestamp, StoreError> {
        let cache = &self.store.cache.not_before;
        if let Some(not_before) = self.kept(cache, "") {
            return Ok(not_before);
        }
        let not_before = epoch::tokens_not_before(&mut *self.store.read().await?).await?;
        cache.insert(String::new(), (self.revision, not_before));
        Ok(not_before)
    }

    /// What the cache holds, if nothing was taken back since it was read.
    fn kept<T: Clone + Send + Sync + 'static>(
        &self,
        cache: &Cache<String, (i64, T)>,
        key: &str,
    ) -> Option<T> {
        cache.get(key).filter(|(read_at, _)| *read_at == self.revision).map(|(_, kept)| kept)
    }
}
