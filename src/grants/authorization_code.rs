//! RFC 6749 §4.1.3: a code becomes tokens, once.

use serde_json::json;

use crate::app::App;
use crate::clock::Timestamp;
use crate::grants::may_act::may_act;
use crate::grants::theft::tell_of_theft;
use crate::grants::{Entitlement, last_use};
use crate::protocol::code_grant::StoredGrant;
use crate::protocol::code_grant::authorization_code::{CodeRequest, StoredCode, exchange};
use crate::protocol::error::OAuthError;
use crate::protocol::parameters::Parameters;
use crate::protocol::pkce::{self, CodeChallenge};
use crate::secret::sha256;
use crate::store::authorization_requests::{self as requests, Code};
use crate::store::authorizations::{self, Authorization};
use crate::store::clients::ClientRecord;
use crate::store::events::{self, Event};
use crate::store::{Db, StoreError, standing};

/// What secret scanners know our codes by.
pub const PREFIX: &str = "lk_ac_";

/// Redeems an authorization code.
///
/// Whatever is wrong with the request of the right client, the code is spent: there is no second
/// try with another verifier. A client that the code was not issued to spends nothing.
pub async fn redeem(
    app: &App,
    client: &ClientRecord,
    parameters: &Parameters,
    address: &str,
) -> Result<Entitlement, OAuthError> {
    let invalid = || OAuthError::invalid_grant("the authorization code is not valid");
    let presented = parameters.required("code")?;
    let redirect_uri = parameters.once("redirect_uri")?;
    let verifier = parameters.once("code_verifier")?;
    let now = app.clock.now();
    let code_hash = sha256(presented);
    let mut db = app.store.write().await?;
    let consumed = requests::consume_code(&mut db, &code_hash, &client.id, now).await?;
    let Some(code) = consumed else {
        // Who waited for another redemption may hold the code's row, which whoever revokes waits
        // for: what follows begins without it.
        db.commit().await?;
        let mut db = app.store.write().await?;
        // To come too late with a code that nobody used is no replay.
        let known = requests::find_code(&mut db, &code_hash).await?;
        let used = |code: &Code| code.client_id == client.id && code.consumed_at.is_some();
        if let Some(known) = known.filter(used) {
            if let Some(user_id) = end_replayed(app, &mut db, &known, now).await? {
                tell_of_theft(app, &mut db, &user_id, client).await?;
            }
            db.commit().await?;
        }
        return Err(invalid());
    };
    let standing = standing::find(&mut db, &code.authorization_id).await?;
    let checked = match &standing {
        Some(standing) => {
            let stored = stored(&code, &standing.authorization);
            let presented = CodeRequest { code: presented, redirect_uri, verifier };
            exchange(&client.metadata, &presented, Some(&stored), now)
                .and_then(|scope| may_act(standing, now).map(|()| scope).map_err(|_| invalid()))
        }
        None => Err(invalid()),
    };
    if checked.is_ok() {
        authorizations::mark_redeemed(&mut db, &code.authorization_id, now).await?;
    }
    db.commit().await?;
    let scope = checked?;
    if let Some(standing) = &standing {
        last_use::note_redemption(app, standing, address, now).await;
    }
    Ok(Entitlement {
        scope,
        authorization: standing.map(|standing| standing.authorization),
        generation: 1,
        refreshed: false,
    })
}

/// What the code was issued for.
fn stored(code: &Code, authorization: &Authorization) -> StoredCode {
    StoredCode {
        grant: StoredGrant {
            client_id: code.client_id.clone(),
            owner_id: authorization.user_id.clone(),
            scope: authorization.scope.clone(),
            expires_at: code.expires_at,
        },
        redirect_uri: code.redirect_uri.clone(),
        code_challenge: code
            .code_challenge
            .as_deref()
            .and_then(|challenge| CodeChallenge::parse(Some(pkce::METHOD), challenge).ok()),
    }
}

/// A code that comes twice was stolen on one of its ways: what it produced dies (RFC 6749
/// §10.5). Gives whose it was, if anything died.
async fn end_replayed(
    app: &App,
    db: &mut Db,
    code: &Code,
    now: Timestamp,
) -> Result<Option<String>, StoreError> {
    if !authorizations::revoke(db, &code.authorization_id, "code replayed", now).await? {
        return Ok(None);
    }
    let ended = authorizations::find(db, &code.authorization_id).await?;
    let event = Event {
        user_id: ended.as_ref().map(|authorization| authorization.user_id.clone()),
        client_id: Some(code.client_id.clone()),
        session_id: ended.as_ref().map(|authorization| authorization.session_id.clone()),
        outcome: "revoked".into(),
        details: json!({ "authorization": code.authorization_id }),
        ..app.event("code_replayed")
    };
    events::record(db, &event).await?;
    Ok(event.user_id)
}
