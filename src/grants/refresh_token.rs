//! RFC 6749 §6: rotation by generation, a lost answer forgiven, theft noticed.
//!
//! A refresh token names an authorization and a generation and is authenticated by a MAC, so it
//! has no row, and the successor can be derived again for a reply that got lost.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use uuid::Uuid;

use crate::app::App;
use crate::clock::Timestamp;
use crate::grants::may_act::may_act;
use crate::grants::theft::tell_of_theft;
use crate::grants::{Entitlement, last_use};
use crate::keys::Mac;
use crate::protocol::code_grant::{self, StoredGrant};
use crate::protocol::error::OAuthError;
use crate::protocol::parameters::Parameters;
use crate::protocol::scope::Scope;
use crate::store::authorizations::{self, Authorization};
use crate::store::clients::ClientRecord;
use crate::store::events::{self, Event};
use crate::store::standing;
use crate::store::{Db, StoreError, Write};

/// What secret scanners know our refresh tokens by.
pub const PREFIX: &str = "lk_rt_";

const BODY: usize = 16 + 4;

/// What a refresh token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshToken {
    /// The authorization it continues.
    pub authorization_id: String,
    /// Its place in the row of tokens of that authorization.
    pub generation: u32,
}

impl RefreshToken {
    /// The token as the client gets it; the same each time it is derived.
    pub fn derive(&self, app: &App) -> anyhow::Result<String> {
        let mut bytes = Uuid::try_parse(&self.authorization_id)?.into_bytes().to_vec();
        bytes.extend(self.generation.to_be_bytes());
        let mac = app.lasting.mac(Mac::RefreshToken, &bytes);
        bytes.extend(mac);
        Ok(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// What `token` says; `None` unless it is ours to the last bit.
    #[must_use]
    pub fn read(app: &App, token: &str) -> Option<Self> {
        let encoded = token.strip_prefix(PREFIX).filter(|rest| rest.len() <= 128)?;
        let bytes = URL_SAFE_NO_PAD.decode(encoded).ok()?;
        let (body, mac) = bytes.split_at_checked(BODY)?;
        if !app.lasting.mac_holds(Mac::RefreshToken, body, mac) {
            return None;
        }
        let (id, generation) = body.split_at_checked(16)?;
        Some(Self {
            authorization_id: Uuid::from_slice(id).ok()?.to_string(),
            generation: u32::from_be_bytes(generation.try_into().ok()?),
        })
    }
}

/// What presenting a refresh token led to.
enum Rotated {
    /// The tokens of this generation are to be handed out.
    To(u32),
    /// Someone else holds a token of this authorization: it died.
    Theft,
    /// The authorization ended while we looked.
    Ended,
}

/// Redeems a refresh token.
pub async fn redeem(
    app: &App,
    client: &ClientRecord,
    parameters: &Parameters,
    address: &str,
) -> Result<Entitlement, OAuthError> {
    let invalid = || OAuthError::invalid_grant("the refresh token is not valid");
    let text = parameters.required("refresh_token")?;
    let presented = RefreshToken::read(app, text).ok_or_else(invalid)?;
    let now = app.clock.now();
    let mut db = app.store.write().await?;
    let Some(standing) = standing::find(&mut db, &presented.authorization_id).await? else {
        return Err(invalid());
    };
    let authorization = &standing.authorization;
    if authorization.client_id != client.id {
        return Err(invalid());
    }
    may_act(&standing, now).map_err(|_| invalid())?;
    if authorization.idle_expires_at <= now {
        return Err(invalid());
    }
    // A token in two hands is noticed whatever else is wrong with the request.
    if decide(app, authorization, i64::from(presented.generation), now) == Step::Theft {
        end_stolen(app, &mut db, authorization, presented.generation, client).await?;
        db.commit().await?;
        return Err(invalid());
    }
    let scope = allowed(client, parameters, authorization, now)?;
    let (rotated, mut db) = rotate(app, db, authorization, presented.generation, now).await?;
    let generation = match rotated {
        Rotated::To(generation) => generation,
        Rotated::Ended => return Err(invalid()),
        Rotated::Theft => {
            end_stolen(app, &mut db, authorization, presented.generation, client).await?;
            db.commit().await?;
            return Err(invalid());
        }
    };
    db.commit().await?;
    last_use::note_refresh(app, &standing, address, now).await;
    Ok(Entitlement {
        authorization: Some(standing.authorization),
        generation,
        scope,
        refreshed: true,
    })
}

/// The scope that the client gets: what it asks for, within what was granted and what the
/// administrator has not taken from it since.
fn allowed(
    client: &ClientRecord,
    parameters: &Parameters,
    authorization: &Authorization,
    now: Timestamp,
) -> Result<Scope, OAuthError> {
    let text = parameters.required("refresh_token")?;
    let requested = parameters.once("scope")?;
    let scope = authorization.scope.intersect(&client.metadata.scope);
    if authorization.offline_at.is_some() && !scope.contains("offline_access") {
        return Err(OAuthError::invalid_grant("the refresh token is not valid"));
    }
    let grant = StoredGrant {
        client_id: authorization.client_id.clone(),
        owner_id: authorization.user_id.clone(),
        scope,
        expires_at: authorization.expires_at,
    };
    code_grant::refresh_token::refresh(&client.metadata, text, requested, Some(&grant), now)
}

/// Moves the authorization on to its next generation, or finds out why not (DESIGN §4).
///
/// Each move is one compare-and-swap; whoever loses a race looks again at what the winner left, in
/// a transaction of its own: PostgreSQL leaves the row that was waited for locked, and who revokes
/// would wait for it in turn.
async fn rotate(
    app: &App,
    mut db: Write,
    authorization: &Authorization,
    presented: u32,
    now: Timestamp,
) -> Result<(Rotated, Write), StoreError> {
    let mut seen = authorization.clone();
    let idle_expires_at = now + *app.config.tokens.refresh_idle;
    for _ in 0..4 {
        let step = decide(app, &seen, i64::from(presented), now);
        let (id, from) = (&seen.id, seen.generation);
        let moved = match step {
            Step::Same => return Ok((to(&seen), db)),
            Step::Theft => return Ok((Rotated::Theft, db)),
            Step::Next => authorizations::rotate(&mut db, id, from, now, idle_expires_at).await?,
            Step::Replace => {
                authorizations::replace_unseen(&mut db, id, from, now, idle_expires_at).await?
            }
        };
        if let Some(moved) = moved {
            return Ok((to(&moved), db));
        }
        db.commit().await?;
        db = app.store.write().await?;
        match authorizations::find(&mut db, &seen.id).await? {
            Some(found) if found.revoked_at.is_none() => seen = found,
            _ => return Ok((Rotated::Ended, db)),
        }
    }
    Ok((Rotated::Ended, db))
}

/// What presenting a generation means, given what the row says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// It is the present one: go on.
    Next,
    /// It is the one before, just now: the same successor again.
    Same,
    /// It is the one before, and nobody ever saw its successor: a fresh successor.
    Replace,
    /// Anything else: two parties hold tokens of one authorization.
    Theft,
}

fn decide(app: &App, authorization: &Authorization, presented: i64, now: Timestamp) -> Step {
    if presented == authorization.generation {
        return Step::Next;
    }
    if authorization.previous_generation != Some(presented) {
        return Step::Theft;
    }
    // The successor's refresh token is unused, or the row would have moved on.
    let grace = *app.config.tokens.refresh_grace;
    let rotated_at = authorization.rotated_at.unwrap_or_default();
    if !grace.is_zero() && now.since(rotated_at) <= grace {
        Step::Same
    } else if authorization.seen_generation < authorization.generation {
        Step::Replace
    } else {
        Step::Theft
    }
}

fn to(authorization: &Authorization) -> Rotated {
    u32::try_from(authorization.generation).map_or(Rotated::Ended, Rotated::To)
}

/// Ends an authorization whose refresh token two parties hold, and tells its person.
async fn end_stolen(
    app: &App,
    db: &mut Db,
    authorization: &Authorization,
    presented: u32,
    client: &ClientRecord,
) -> Result<(), StoreError> {
    let now = app.clock.now();
    authorizations::revoke(db, &authorization.id, "refresh token replayed", now).await?;
    let event = Event {
        user_id: Some(authorization.user_id.clone()),
        client_id: Some(authorization.client_id.clone()),
        session_id: Some(authorization.session_id.clone()),
        outcome: "revoked".into(),
        details: json!({ "presented": presented, "current": authorization.generation }),
        ..app.event("refresh_token_replayed")
    };
    events::record(db, &event).await?;
    tell_of_theft(app, db, &authorization.user_id, client).await
}
