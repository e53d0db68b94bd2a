//! When an application last used what it was allowed, and from where: what its person sees under
//! connected applications. It is noted apart from the tokens, so that no row of a grant waits for
//! it, and seldom.

use std::time::Duration;

use crate::app::App;
use crate::clock::Timestamp;
use crate::store::standing::Standing;
use crate::store::{StoreError, consents};

/// A refresh counts as a use of its own after so long.
const EVERY: Duration = Duration::from_mins(5);

/// Notes that a code was redeemed. The person has just been there, so what is new is the address.
pub(super) async fn note_redemption(app: &App, standing: &Standing, address: &str, now: Timestamp) {
    let (_, known) = &standing.consent_last_used;
    if known.as_deref() != Some(address) || is_due(standing, now) {
        note(app, standing, address, now).await;
    }
}

/// Notes that a refresh token was redeemed.
pub(super) async fn note_refresh(app: &App, standing: &Standing, address: &str, now: Timestamp) {
    if is_due(standing, now) {
        note(app, standing, address, now).await;
    }
}

fn is_due(standing: &Standing, now: Timestamp) -> bool {
    standing.consent_last_used.0.is_none_or(|last| now.since(last) >= EVERY)
}

/// The tokens are committed and must reach their client, whatever becomes of this.
async fn note(app: &App, standing: &Standing, address: &str, now: Timestamp) {
    if let Err(error) = write(app, &standing.authorization.consent_id, address, now).await {
        tracing::warn!(%error, "the last use of a consent could not be noted");
    }
}

async fn write(app: &App, id: &str, address: &str, now: Timestamp) -> Result<(), StoreError> {
    let mut db = app.store.write().await?;
    consents::touch(&mut db, id, address, now).await?;
    db.commit().await
}
