//! Changing one's address of mail, or proving the present one: a link to the new address, opened
//! by who asked for it. Nobody learns here whether an address belongs to somebody else.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::app::App;
use crate::identity::acts::Act;
use crate::identity::people::email_key;
use crate::notices::{self, Notice};
use crate::paths;
use crate::protocol::claims::StandardClaims;
use crate::secret::sha256;
use crate::store::links::{self, Link, Purpose};
use crate::store::users::{self, Email, User};
use crate::store::{Db, StoreError, acting, events, recent_events};

/// How long a link is good.
pub const LINK_TTL: Duration = Duration::from_hours(24);
/// A person may have this many links sent …
const MOST: i64 = 5;
/// … within this time, so that nobody's mailbox is flooded.
const WITHIN: Duration = Duration::from_hours(1);
/// The kind of event that says so.
const ASKED: &str = "email_change_asked";

/// How asking for a link went.
#[derive(Debug)]
pub enum Asked {
    /// As far as anybody may know, the link is on its way.
    Sent {
        /// The link; nothing when the address is somebody else's, to whom nothing is sent.
        url: Option<String>,
    },
    /// It is the present address, and proven.
    Same,
    /// It is no address.
    NoAddress,
    /// Too many links were sent already.
    TooMany,
}

/// What a link is about.
#[derive(Debug, Serialize, Deserialize)]
struct Details {
    address: String,
    key: String,
}

/// Sends a link to `typed`, in place of any that was sent before.
pub async fn ask(app: &App, act: Act<'_>, typed: &str) -> Result<Asked, StoreError> {
    let (now, user) = (app.clock.now(), act.user);
    let address = typed.trim();
    let well_formed = StandardClaims::check(json!({ "email": address })).is_ok();
    let Some(key) = email_key(address).filter(|_| well_formed) else {
        return Ok(Asked::NoAddress);
    };
    if user.email_key.as_ref() == Some(&key) && user.email_verified_at.is_some() {
        return Ok(Asked::Same);
    }
    let token = app.random.token("");
    let details = serde_json::to_value(Details { address: address.to_owned(), key: key.clone() });
    let link = Link {
        token_hash: sha256(&token),
        purpose: Purpose::Email.name().to_owned(),
        user_id: user.id.clone(),
        details: details.map_err(|error| StoreError::Other(error.into()))?,
        created_at: now,
        expires_at: now + LINK_TTL,
        used_at: None,
    };
    let mut db = app.store.write().await?;
    // What is done in a session waits for what is done in another: of racing forms each counts.
    acting::begin(&mut db, act.session, now).await?;
    if recent_events::count_of_kind(&mut db, &user.id, ASKED, now - WITHIN).await? >= MOST {
        return Ok(Asked::TooMany);
    }
    let owner = users::find_by_login(&mut db, &key).await?;
    let is_others = owner.is_some_and(|owner| owner.id != user.id);
    links::void_all(&mut db, Purpose::Email, &user.id).await?;
    links::insert(&mut db, &link).await?;
    let event = act.event(app, "email_change_asked", json!({ "address": address }));
    events::record(&mut db, &event).await?;
    let url = paths::absolute(&app.config.issuer, &paths::email_link(&token));
    if !is_others {
        let notice = Notice::EmailVerification { address, url: &url };
        notices::tell(app, &mut db, user, act.source(), notice).await?;
    }
    db.commit().await?;
    Ok(Asked::Sent { url: (!is_others).then_some(url) })
}

/// The address that waits to be proven.
pub async fn pending(app: &App, user: &User) -> Result<Option<String>, StoreError> {
    let mut db = app.store.read().await?;
    let link = links::newest(&mut db, Purpose::Email, &user.id, app.clock.now()).await?;
    Ok(link.and_then(|link| about(&link)).map(|details| details.address))
}

/// Forgets the change that was asked for: its link is worth nothing any more.
pub async fn cancel(app: &App, act: Act<'_>) -> Result<(), StoreError> {
    let mut db = app.store.write().await?;
    acting::begin(&mut db, act.session, app.clock.now()).await?;
    if links::void_all(&mut db, Purpose::Email, &act.user.id).await? > 0 {
        events::record(&mut db, &act.event(app, "email_link_canceled", json!({}))).await?;
    }
    db.commit().await
}

/// How somebody holds a link.
#[derive(Clone, Copy, Debug)]
pub enum Held<'a> {
    /// By its token.
    Token(&'a str),
    /// They opened it in the browser of this hash before they signed in there. So the token need not
    /// be kept anywhere meanwhile.
    Opened(&'a str),
}

/// Remembers that a link was opened in this browser by somebody who has to sign in first.
pub async fn opened(app: &App, token: &str, browser_hash: &str) -> Result<(), StoreError> {
    let token_hash = sha256(token);
    let found = {
        let mut db = app.store.read().await?;
        links::find(&mut db, Purpose::Email, &token_hash, app.clock.now()).await?
    };
    if found.is_none() {
        return Ok(());
    }
    let mut db = app.store.write().await?;
    links::set_opened_in(&mut db, &token_hash, browser_hash).await?;
    db.commit().await
}

/// The link, if it was sent to `user` and is still good.
async fn own(
    app: &App,
    db: &mut Db,
    user: &User,
    held: Held<'_>,
) -> Result<Option<Link>, StoreError> {
    let now = app.clock.now();
    let found = match held {
        Held::Token(token) => links::find(db, Purpose::Email, &sha256(token), now).await?,
        Held::Opened(browser) => {
            links::opened_in(db, Purpose::Email, &user.id, browser, now).await?
        }
    };
    Ok(found.filter(|link| link.user_id == user.id))
}

/// The address that this link proves, if it was sent to `user` and is still good. Looking spends
/// nothing: programs that read mail for their owners open links too.
pub async fn look(app: &App, user: &User, held: Held<'_>) -> Result<Option<String>, StoreError> {
    let mut db = app.store.read().await?;
    let own = own(app, &mut db, user, held).await?;
    Ok(own.and_then(|link| about(&link)).map(|details| details.address))
}

/// Makes the address that this link proves the person's own; `false` when it is worth nothing, or
/// somebody else has the address by now.
pub async fn confirm(app: &App, act: Act<'_>, held: Held<'_>) -> Result<bool, StoreError> {
    let (now, user) = (app.clock.now(), act.user);
    let mut db = app.store.write().await?;
    acting::begin(&mut db, act.session, now).await?;
    let Some(link) = own(app, &mut db, user, held).await? else { return Ok(false) };
    let spent = links::spend(&mut db, Purpose::Email, &link.token_hash, now).await?;
    let Some(Details { address, key }) = spent.and_then(|link| about(&link)) else {
        return Ok(false);
    };
    let email = Email { address: &address, key: &key, verified_at: Some(now) };
    match users::set_email(&mut db, &user.id, Some(email), now).await {
        Ok(done) if done => {}
        Ok(_) | Err(StoreError::Conflict) => return Ok(false),
        Err(error) => return Err(error),
    }
    links::void_all(&mut db, Purpose::Email, &user.id).await?;
    // What went to the old address must not open the account any more.
    links::void_all(&mut db, Purpose::Recovery, &user.id).await?;
    let event = act.event(app, "email_changed", json!({ "address": address }));
    events::record(&mut db, &event).await?;
    if let Some(old) = user.email.as_deref().filter(|_| user.email_key.as_ref() != Some(&key)) {
        let notice = Notice::EmailChanged { old, new: &address };
        notices::tell(app, &mut db, user, act.source(), notice).await?;
    }
    db.commit().await?;
    Ok(true)
}

fn about(link: &Link) -> Option<Details> {
    serde_json::from_value(link.details.clone()).ok()
}
