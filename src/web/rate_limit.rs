//! How often an address may try to prove who it is. This stands before anything that costs:
//! beyond it no password is hashed and no row is read.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request};
use axum::response::IntoResponse;
use governor::clock::QuantaInstant;
use governor::middleware::NoOpMiddleware;
use tower_governor::governor::{GovernorConfig, GovernorConfigBuilder};
use tower_governor::key_extractor::KeyExtractor;
use tower_governor::{GovernorError, GovernorLayer};

use crate::config::RateLimits;
use crate::web::client_address::ClientAddress;
use crate::web::error::PageError;

/// Tells callers apart by the address that the layer `identify` found: a whole customer's line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByAddress;

impl KeyExtractor for ByAddress {
    type Key = IpAddr;

    fn extract<T>(&self, request: &Request<T>) -> Result<IpAddr, GovernorError> {
        let address = request.extensions().get::<ClientAddress>();
        address.map(|address| address.rate_limit_key()).ok_or(GovernorError::UnableToExtractKey)
    }
}

type Config = GovernorConfig<ByAddress, NoOpMiddleware<QuantaInstant>>;

/// The limit on sign-ins of one node.
#[derive(Clone)]
pub struct SignInLimit(Option<Arc<Config>>);

impl SignInLimit {
    /// The limit that the operator chose, or none.
    #[must_use]
    pub fn new(config: &RateLimits) -> Self {
        if !config.enabled {
            return Self(None);
        }
        let a_minute = config.login_per_minute.max(1);
        let built = GovernorConfigBuilder::default()
            .period(Duration::from_mins(1) / a_minute)
            .burst_size(a_minute)
            .methods(vec![Method::POST])
            .key_extractor(ByAddress)
            .finish();
        Self(built.map(Arc::new))
    }

    /// The layer for the routes by which people prove who they are.
    #[must_use]
    pub fn layer(&self) -> Option<GovernorLayer<ByAddress, NoOpMiddleware<QuantaInstant>, Body>> {
        let config = Arc::clone(self.0.as_ref()?);
        Some(GovernorLayer::new(config).error_handler(|error| {
            let seconds = match error {
                GovernorError::TooManyRequests { wait_time, .. } => wait_time,
                _ => 0,
            };
            let retry_after = Duration::from_secs(seconds + 1);
            PageError::TooMany { retry_after }.into_response()
        }))
    }

    /// Forgets addresses that have not tried for a while.
    pub fn tidy(&self) {
        if let Some(config) = &self.0 {
            config.limiter().retain_recent();
            config.limiter().shrink_to_fit();
        }
    }
}
