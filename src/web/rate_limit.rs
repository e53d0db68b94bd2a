//! How often an address may do what costs: prove who it is, ask for a new password, begin a request,
//! send a form. This stands before all of it: beyond the limit no password is hashed.
//!
//! Where an address has used up what it may, a browser in which somebody has signed in is counted by
//! itself, so that one who floods does not stop everybody behind the same address. Only then its
//! cookies are looked up, and only what they prove counts.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::Response;
use governor::clock::{Clock, DefaultClock, Reference};
use tower_governor::GovernorError;
use tower_governor::governor::GovernorConfigBuilder;
use tower_governor::key_extractor::KeyExtractor;

use crate::app::App;
use crate::config::RateLimits;
use crate::identity::{sessions, sign_in};
use crate::limits::gate::{Gate, Key};
use crate::limits::meter::Meter;
use crate::secret::{Random, sha256};
use crate::store::{StoreError, devices};
use crate::web::client_address::ClientAddress;
use crate::web::cookies::{self, Name};
use crate::web::error::PageError;
use crate::web::session;

/// What a person may do in a minute beyond what their address may.
const A_PERSON: u32 = 60;

/// What is limited, each by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Forms by which people prove who they are.
    SignIn,
    /// Asking for a new password.
    Recovery,
    /// Authorization requests: each is kept until its person has answered.
    Authorize,
    /// All other forms.
    Form,
}

impl Class {
    /// Whether a request by this method counts. Pages may be looked at; an authorization request is
    /// kept whatever its method.
    fn counts(self, method: &Method) -> bool {
        self == Self::Authorize || method == Method::POST
    }
}

/// Tells callers apart by the address that the layer `identify` found: a whole customer's line.
#[derive(Clone, Debug)]
pub struct ByAddress(Arc<Gate>);

impl ByAddress {
    fn key(&self, address: IpAddr) -> Key {
        self.0.admit(&[address.to_string().as_bytes()])
    }
}

impl KeyExtractor for ByAddress {
    type Key = Key;

    fn extract<T>(&self, request: &axum::http::Request<T>) -> Result<Key, GovernorError> {
        let address = request.extensions().get::<ClientAddress>();
        let address = address.ok_or(GovernorError::UnableToExtractKey)?;
        Ok(self.key(address.rate_limit_key()))
    }
}

/// So many in a time, counted by address.
#[derive(Clone, Debug)]
struct Limit {
    extractor: ByAddress,
    meter: Meter<DefaultClock>,
}

impl Limit {
    /// One that lets `many` pass at once, and as many again spread over `time`.
    fn new(many: u32, time: Duration, random: &Random) -> Option<Self> {
        let many = many.max(1);
        let clock = DefaultClock::default();
        let began = clock.now();
        let passed = move || clock.now().duration_since(began).into();
        let gate = Arc::new(Gate::new(random, time, passed));
        let extractor = ByAddress(Arc::clone(&gate));
        let built = GovernorConfigBuilder::default()
            .period(time / many)
            .burst_size(many)
            .key_extractor(extractor.clone())
            .finish()?;
        Some(Self { extractor, meter: Meter::new(gate, Arc::clone(built.limiter())) })
    }
}

/// The limits by address of one node; none where the operator turned them off.
#[derive(Clone, Debug)]
pub struct AddressLimits(Option<Arc<Limits>>);

#[derive(Debug)]
struct Limits {
    sign_in: Limit,
    recovery: Limit,
    authorize: Limit,
    form: Limit,
    person: Limit,
}

impl AddressLimits {
    /// The limits that the operator chose.
    #[must_use]
    pub fn new(config: &RateLimits, random: &Random) -> Self {
        let minute = |many| Limit::new(many, Duration::from_mins(1), random);
        let limits = || {
            Some(Limits {
                sign_in: minute(config.login_per_minute)?,
                recovery: Limit::new(config.recovery_per_hour, Duration::from_hours(1), random)?,
                authorize: minute(config.authorize_per_minute)?,
                form: minute(config.forms_per_minute)?,
                person: minute(A_PERSON)?,
            })
        };
        Self(config.enabled.then(limits).flatten().map(Arc::new))
    }

    /// Forgets who has not asked for a while.
    pub fn tidy(&self) {
        for limit in self.all() {
            limit.meter.tidy();
        }
    }

    /// How many callers are remembered in each of the memories.
    #[must_use]
    pub fn remembered(&self) -> Vec<usize> {
        let counts = self.all().map(|limit| limit.meter.remembered());
        counts.flat_map(|(seen, counted)| [seen, counted]).collect()
    }

    /// Counts a request of this class from an address, as the layer does; else when to come back.
    pub fn take(&self, class: Class, address: IpAddr) -> Result<(), Duration> {
        let Some(limit) = self.of(class) else { return Ok(()) };
        limit.meter.count(limit.extractor.key(address))
    }

    fn all(&self) -> impl Iterator<Item = &Limit> {
        self.0
            .iter()
            .flat_map(|all| [&all.sign_in, &all.recovery, &all.authorize, &all.form, &all.person])
    }

    fn of(&self, class: Class) -> Option<&Limit> {
        let all = self.0.as_deref()?;
        Some(match class {
            Class::SignIn => &all.sign_in,
            Class::Recovery => &all.recovery,
            Class::Authorize => &all.authorize,
            Class::Form => &all.form,
        })
    }
}

/// What the layer [`limit`] needs.
#[derive(Clone)]
pub struct Limited {
    /// Whose cookies are looked up.
    pub app: Arc<App>,
    /// What is counted.
    pub limits: AddressLimits,
    /// As what.
    pub class: Class,
}

/// The layer for the routes of one class. It is not `tower_governor`'s own, which cannot ask a
/// second time whose browser it is.
pub async fn limit(
    State(limited): State<Limited>,
    request: Request,
    next: Next,
) -> Result<Response, PageError> {
    let Limited { app, limits, class } = limited;
    if class.counts(request.method())
        && let Some(limit) = limits.of(class)
        && let Ok(key) = limit.extractor.extract(&request)
        && let Err(retry_after) = limit.meter.count(key)
    {
        let retry_after = retry_after.max(Duration::from_secs(1));
        let person = person(&app, request.headers()).await?;
        let person = person.ok_or(PageError::TooMany { retry_after })?;
        let own = limits.0.as_deref().map(|all| &all.person);
        own.map_or(Ok(()), |own| own.meter.take(&[person.as_bytes()]))
            .map_err(|_| PageError::TooMany { retry_after })?;
    }
    Ok(next.run(request).await)
}

/// Who has signed in in this browser, as far as its cookies prove: is signed in, has shown the
/// password and owes the second factor, or was here before. Whoever has many cookies of one person
/// counts once.
async fn person(app: &App, headers: &HeaderMap) -> Result<Option<String>, StoreError> {
    let cookie = |name| cookies::read(app, headers, name).filter(|token| token.len() == 43);
    if let Some(token) = cookie(Name::Session)
        && let Some((_, user)) = sessions::find(app, &token).await?
    {
        return Ok(Some(user.id));
    }
    if let Some(token) = cookie(Name::PendingSignIn)
        && let Some(pending) = sign_in::owing(app, &token).await?
    {
        return Ok(Some(pending.user_id));
    }
    let tokens = session::devices(app, headers);
    if tokens.is_empty() {
        return Ok(None);
    }
    let mut db = app.store.read().await?;
    for token in tokens {
        // First of them stands who signed in last.
        if let Some(user_id) = devices::owner(&mut db, &sha256(&token)).await? {
            return Ok(Some(user_id));
        }
    }
    Ok(None)
}
