//! Where a request comes from and what its address says, in one extractor.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::app::App;
use crate::identity::acts::Act;
use crate::identity::sessions::Whereabouts;
use crate::protocol::parameters::Parameters;
use crate::store::sessions::BrowserSession;
use crate::store::users::User;
use crate::web::client_address::ClientAddress;
use crate::web::error::PageError;
use crate::web::parameters::of_query;
use crate::web::session::whereabouts;

/// Where a request comes from, and the query of its address.
#[derive(Debug)]
pub struct Here {
    /// The client address, the browser, the device.
    pub whereabouts: Whereabouts,
    query: Parameters,
}

impl Here {
    /// The value of `name` in the query; empty when it is missing.
    #[must_use]
    pub fn query(&self, name: &str) -> &str {
        self.query.once(name).ok().flatten().unwrap_or_default()
    }

    /// What `user` does from here.
    #[must_use]
    pub fn act<'a>(&'a self, user: &'a User, session: &'a BrowserSession) -> Act<'a> {
        Act { user, session, whereabouts: &self.whereabouts }
    }
}

impl FromRequestParts<Arc<App>> for Here {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, PageError> {
        let known: Result<ClientAddress, Infallible> =
            ClientAddress::from_request_parts(parts, app).await;
        let Ok(ClientAddress(address)) = known;
        let query = of_query(&parts.uri).map_err(|_| PageError::NotFound)?;
        Ok(Self { whereabouts: whereabouts(app, &parts.headers, address), query })
    }
}
