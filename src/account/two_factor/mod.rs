//! `/account/two-factor`: authenticator apps, backup codes, trusted browsers. One file a page.

pub mod backup_codes;
pub mod distrust;
pub mod off;
pub mod overview;
pub mod recovered;
pub mod remove;
pub mod set_up;

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::Response;
use axum::routing::get;

use crate::app::App;
use crate::identity::sessions::Whereabouts;
use crate::identity::two_factor::By;
use crate::paths;
use crate::store::sessions::BrowserSession;
use crate::store::users::User;
use crate::web::client_address::ClientAddress;
use crate::web::error::PageError;
use crate::web::page::see_other;
use crate::web::session::whereabouts;

/// The pages of two-factor.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route(paths::ACCOUNT_TWO_FACTOR, get(overview::get).post(overview::post))
        .route(paths::ACCOUNT_TWO_FACTOR_SET_UP, get(set_up::get).post(set_up::post))
        .route(paths::ACCOUNT_BACKUP_CODES, get(backup_codes::get).post(backup_codes::post))
        .route(paths::ACCOUNT_TWO_FACTOR_RECOVERED, get(recovered::get))
        .route(paths::ACCOUNT_TWO_FACTOR_OFF, get(off::get).post(off::post))
        .route(paths::ACCOUNT_AUTHENTICATOR_REMOVE, get(remove::get).post(remove::post))
        .route(paths::ACCOUNT_BROWSER_DISTRUST, get(distrust::get).post(distrust::post))
        .route(paths::ACCOUNT_BROWSERS_DISTRUST, get(distrust::get_all).post(distrust::post_all))
}

/// From where a form was sent.
struct Here(Whereabouts);

impl Here {
    fn by<'a>(&'a self, user: &'a User, session: &'a BrowserSession) -> By<'a> {
        By { user, session: Some(session), whereabouts: &self.0 }
    }
}

impl FromRequestParts<Arc<App>> for Here {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, PageError> {
        let Ok(ClientAddress(address)) = ClientAddress::from_request_parts(parts, app).await;
        Ok(Self(whereabouts(app, &parts.headers, address)))
    }
}

/// Back to the overview, which says what was done.
fn done(word: &str) -> Response {
    see_other(&format!("{}?done={word}", paths::ACCOUNT_TWO_FACTOR))
}
