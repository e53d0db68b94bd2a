//! Writes attempts to sign in into the history: the successes all, the failures so that no flood
//! of them fills it.

use serde_json::{Value, json};

use crate::app::App;
use crate::identity::familiarity::{self, Judgement, Reason};
use crate::identity::sessions::{Arrival, Whereabouts};
use crate::notices::{self, Notice, Source};
use crate::store::events::{self, Event};
use crate::store::sessions::BrowserSession;
use crate::store::throttle::UNKNOWN;
use crate::store::users::User;
use crate::store::{Db, StoreError, failure_counts};

/// As many failures of one way and day stay in an account's history one by one; as many of a name
/// that is nobody's in the trail, so that neither costs a question more (S-109).
pub const KEPT_A_DAY: i64 = 100;

/// Records an attempt that led nowhere. From [`KEPT_A_DAY`] on it is only counted; the first that
/// is not kept leaves a mark in the trail.
pub async fn failed(app: &App, db: &mut Db, event: Event) -> Result<(), StoreError> {
    let method = event.details.get("method").and_then(Value::as_str).unwrap_or_default();
    let bucket = format!("{method} {}", event.outcome);
    let subject = subject(&event);
    let address = event.address.clone().unwrap_or_default();
    let failures = failure_counts::count(db, &subject, &bucket, (event.at, &address)).await?;
    if failures <= KEPT_A_DAY {
        return events::record(db, &with_place(app, event)).await;
    }
    if failures == KEPT_A_DAY + 1 {
        let mark = Event {
            user_id: event.user_id,
            address: event.address,
            outcome: "counted".into(),
            details: json!({ "attempts": bucket, "kept": KEPT_A_DAY }),
            ..app.event("sign_in_flood")
        };
        return events::record(db, &mark).await;
    }
    Ok(())
}

/// Whose failures are counted together: a person's, or those of one name that nobody has.
fn subject(event: &Event) -> String {
    let hash = event.details.get("name_hash").and_then(Value::as_str).unwrap_or_default();
    event.user_id.clone().unwrap_or_else(|| format!("{UNKNOWN}{hash}"))
}

/// Adds where the attempt came from.
fn with_place(app: &App, mut event: Event) -> Event {
    let place = app.geoip.place(event.address.as_deref().unwrap_or_default());
    if let (Some(details), Value::Object(more)) =
        (event.details.as_object_mut(), familiarity::place_details(&place))
    {
        details.extend(more);
    }
    event
}

fn names(reasons: &[Reason]) -> Vec<&'static str> {
    reasons.iter().map(|reason| reason.name()).collect()
}

/// A right password that still owes the second factor.
#[derive(Clone, Copy, Debug)]
pub struct Owed<'a> {
    /// Whose.
    pub user: &'a User,
    /// Where it was typed.
    pub whereabouts: &'a Whereabouts,
    /// The application that the person is signing in to.
    pub client_id: Option<&'a str>,
    /// What the code will name as well.
    pub attempt: &'a str,
    /// What it looks like beside the others.
    pub judgement: &'a Judgement,
    /// What was proven, as the history tells it.
    pub method: &'a str,
}

/// The method of a right password that support has set, and that must be replaced first.
pub const TEMPORARY_PASSWORD: &str = "temporary_password";

/// Records a right password that is not enough.
pub async fn half_way(app: &App, db: &mut Db, owed: &Owed<'_>) -> Result<(), StoreError> {
    let event = Event {
        user_id: Some(owed.user.id.clone()),
        client_id: owed.client_id.map(str::to_owned),
        actor: Some(owed.user.id.clone()),
        address: Some(owed.whereabouts.address.clone()),
        user_agent: Some(owed.whereabouts.user_agent.clone()),
        outcome: "second factor needed".into(),
        details: json!({ "method": owed.method, "unusual": names(&owed.judgement.reasons) }),
        attempt: Some(owed.attempt.to_owned()),
        ..app.event("sign_in")
    };
    failed(app, db, event).await
}

/// Records that somebody is in, in the transaction that starts their session; tells them if it is
/// not as usual.
pub async fn succeeded(
    app: &App,
    db: &mut Db,
    arrival: &Arrival<'_>,
    (session, client_id): (&BrowserSession, Option<&str>),
    judgement: &Judgement,
) -> Result<(), StoreError> {
    let Arrival { user, proof, whereabouts, .. } = *arrival;
    let event = Event {
        user_id: Some(user.id.clone()),
        client_id: client_id.map(str::to_owned),
        session_id: Some(session.id.clone()),
        actor: Some(user.id.clone()),
        address: Some(whereabouts.address.clone()),
        user_agent: Some(whereabouts.user_agent.clone()),
        details: json!({
            "method": proof.method.name(), "unusual": names(&judgement.reasons),
        }),
        attempt: proof.attempt.clone(),
        ..app.event("sign_in")
    };
    events::record(db, &with_place(app, event)).await?;
    let told: Vec<_> = judgement.reasons.iter().filter(|reason| reason.is_told()).collect();
    if told.is_empty() {
        return Ok(());
    }
    let reasons: Vec<_> = told.iter().map(|reason| reason.words().to_owned()).collect();
    let source = Source { address: &whereabouts.address, user_agent: &whereabouts.user_agent };
    let notice = Notice::UnfamiliarSignIn { session_id: &session.id, reasons: &reasons };
    notices::tell(app, db, user, source, notice).await
}
