//! Access tokens: sealed records that no table holds, and their RFC 9068 form.
//!
//! Minting one writes nothing. It lives as long as its seal, its expiry, its authorization (or
//! its client) and the short list of singly revoked tokens say.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::app::App;
use crate::clock::Timestamp;
use crate::grants::may_act::{client_may_act, may_act};
use crate::protocol::jwt::{self, Expect, SigningAlg};
use crate::protocol::scope::Scope;
use crate::protocol::token_claims::{ACCESS_TOKEN_TYP, AccessTokenClaims, Audience};
use crate::secret;
use crate::store::authorizations;
use crate::store::clients::ClientRecord;
use crate::store::standing::Standing;
use crate::store::{Live, StoreError};

/// What secret scanners know our access tokens by.
pub const PREFIX: &str = "lk_at_";

/// The longest access token we look at; our own are far shorter.
const LONGEST: usize = 8192;

/// What an access token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessToken {
    /// Its own id: what revoking only this token notes.
    pub token_id: String,
    /// The authorization it hangs on and the generation it was issued in; none for a client that
    /// acts in its own name.
    pub authorization: Option<(String, u32)>,
    /// The client it was issued to.
    pub client_id: String,
    /// What it allows.
    pub scope: Scope,
    /// Whom it is for (RFC 8707); empty means our own endpoints, as the issuer does.
    pub audience: Vec<String>,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// From when on it is worth nothing.
    pub expires_at: Timestamp,
}

/// The sealed form.
#[derive(Serialize, Deserialize)]
struct Record<'a> {
    version: u8,
    authorization: Option<([u8; 16], u32)>,
    token_id: [u8; 16],
    client_id: &'a str,
    scope: &'a str,
    audience: &'a str,
    issued_at: i64,
    expires_at: i64,
}

impl AccessToken {
    /// The opaque form.
    pub fn seal(&self, app: &App) -> anyhow::Result<String> {
        let scope = self.scope.to_string();
        let audience = self.audience.join(" ");
        let record = Record {
            version: 1,
            authorization: match &self.authorization {
                Some((id, generation)) => Some((Uuid::try_parse(id)?.into_bytes(), *generation)),
                None => None,
            },
            token_id: Uuid::try_parse(&self.token_id)?.into_bytes(),
            client_id: &self.client_id,
            scope: &scope,
            audience: &audience,
            issued_at: self.issued_at.millis(),
            expires_at: self.expires_at.millis(),
        };
        let bytes = postcard::to_stdvec(&record)?;
        Ok(format!("{PREFIX}{}", app.sealer.seal_token(&bytes)?))
    }

    fn open(app: &App, token: &str) -> Option<Self> {
        let bytes = app.sealer.open_token(token.strip_prefix(PREFIX)?)?;
        let record: Record<'_> = postcard::from_bytes(&bytes).ok()?;
        (record.version == 1).then_some(())?;
        Some(Self {
            token_id: Uuid::from_bytes(record.token_id).to_string(),
            authorization: record
                .authorization
                .map(|(id, generation)| (Uuid::from_bytes(id).to_string(), generation)),
            client_id: record.client_id.to_owned(),
            scope: Scope::parse(record.scope).ok()?,
            audience: record.audience.split_whitespace().map(str::to_owned).collect(),
            issued_at: Timestamp::from_millis(record.issued_at),
            expires_at: Timestamp::from_millis(record.expires_at),
        })
    }

    fn from_jwt(app: &App, token: &str) -> Option<Self> {
        let expect = Expect { typ: Some(&[ACCESS_TOKEN_TYP]), algs: &SigningAlg::ALL };
        let claims = jwt::verify(token, app.ring().verifying_keys(), &expect).ok()?;
        let claims = AccessTokenClaims::read(claims)?;
        if claims.iss != app.config.issuer {
            return None;
        }
        let authorization = match (claims.authorization_id, claims.generation) {
            (Some(id), Some(generation)) => Some((id, u32::try_from(generation).ok()?)),
            _ => None,
        };
        // `iat` has whole seconds; our ids hold the instant itself.
        let issued_at =
            secret::time_of_id(&claims.jti).filter(|at| at.seconds() == claims.iat.seconds());
        let issued_at = issued_at.unwrap_or(claims.iat);
        let mut audience = match claims.aud {
            Audience::One(one) => vec![one],
            Audience::Several(several) => several,
        };
        if audience == [app.config.issuer.as_str()] {
            audience.clear();
        }
        Some(Self {
            token_id: claims.jti,
            authorization,
            client_id: claims.client_id,
            scope: Scope::parse(&claims.scope).ok()?,
            audience,
            issued_at,
            expires_at: claims.exp,
        })
    }
}

/// A token that is alive, with what it stands on.
#[derive(Clone)]
pub struct LiveToken {
    /// The token.
    pub token: AccessToken,
    /// The client it was issued to.
    pub client: Arc<ClientRecord>,
    /// The authorization, unless the client acts in its own name.
    pub standing: Option<Arc<Standing>>,
}

/// What `token` says, whether or not it still counts; `None` if we never issued it.
#[must_use]
pub fn read(app: &App, token: &str) -> Option<AccessToken> {
    if token.len() > LONGEST {
        return None;
    }
    if token.starts_with(PREFIX) {
        AccessToken::open(app, token)
    } else {
        AccessToken::from_jwt(app, token)
    }
}

/// The token, if it counts at this moment.
pub async fn check(app: &App, token: &str) -> Result<Option<LiveToken>, StoreError> {
    check_at(app, app.store.live().await?, token).await
}

/// The token, if it counts in a view that the request had made before. Its first use in a
/// generation is noted, because that is how a lost answer is told from a stolen token.
pub async fn check_at(
    app: &App,
    live: Live<'_>,
    token: &str,
) -> Result<Option<LiveToken>, StoreError> {
    let now = app.clock.now();
    let Some(token) = read(app, token).filter(|token| token.expires_at > now) else {
        return Ok(None);
    };
    let Some(client) = live.client(&token.client_id).await? else { return Ok(None) };
    if client_may_act(&client).is_err() || live.token_revoked(&token.token_id).await? {
        return Ok(None);
    }
    let Some((id, generation)) = &token.authorization else {
        if token.issued_at < client.created_at.max(live.tokens_not_before().await?) {
            // Another client had this id, or a backup was put back that may not know of its end.
            return Ok(None);
        }
        return Ok(Some(LiveToken { token, client, standing: None }));
    };
    let Some(standing) = live.standing(id).await? else { return Ok(None) };
    let authorization = &standing.authorization;
    if authorization.client_id != token.client_id
        || may_act(&standing, now).is_err()
        || standing.user_last_locked_at.is_some_and(|locked_at| token.issued_at <= locked_at)
        || standing.dead_generations.contains(&i64::from(*generation))
    {
        return Ok(None);
    }
    if i64::from(*generation) > authorization.seen_generation {
        note_seen(app, id, i64::from(*generation)).await?;
    }
    Ok(Some(LiveToken { token, client, standing: Some(standing) }))
}

/// Notes that a token of this generation was seen. While nothing can be written the token is as
/// good as ever: its next use is noted instead, because the cache still says that none was.
async fn note_seen(app: &App, id: &str, generation: i64) -> Result<(), StoreError> {
    let noting = async {
        let mut db = app.store.write().await?;
        authorizations::mark_seen(&mut db, id, generation).await?;
        db.commit().await
    };
    match noting.await {
        Err(error) if error.is_unavailable() => {
            tracing::warn!(%error, "the use of a token could not be noted");
        }
        noted => {
            noted?;
            app.store.forget(id);
        }
    }
    Ok(())
}
