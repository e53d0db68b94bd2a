//! `/account/sessions/devices/{id}/forget`: a browser that was signed in from counts as unfamiliar
//! again.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Serialize;

use crate::account::sessions::DeviceView;
use crate::app::App;
use crate::identity::sessions::{self, Doer};
use crate::notices;
use crate::paths;
use crate::store::devices;
use crate::web::client_address::ClientAddress;
use crate::web::error::PageError;
use crate::web::form::PageForm;
use crate::web::page::see_other;
use crate::web::session::{Browser, SignedIn, whereabouts};
use crate::web::shell::{self, Shell};

/// What will happen, and the form that makes it happen.
#[derive(Serialize)]
struct DeviceForgetPage {
    #[serde(flatten)]
    shell: Shell,
    back_url: &'static str,
    told_by_mail: bool,
    device: DeviceView,
}

/// Asks.
pub(super) async fn ask(
    State(app): State<Arc<App>>,
    SignedIn { session: here, user }: SignedIn,
    browser: Browser,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let found = {
        let mut db = app.store.read().await?;
        devices::find_by_id(&mut db, &user.id, &id).await?
    };
    let device = found.ok_or(PageError::NotFound)?;
    let content = DeviceForgetPage {
        shell: Shell::of(&user),
        back_url: paths::ACCOUNT_SESSIONS,
        told_by_mail: notices::tells_of_sign_ins(&user),
        device: DeviceView::of(&app, &device, &here),
    };
    shell::page(&app, &browser, &user, "account/device_forget.html").await?.render(&app, &content)
}

/// Forgets. It takes no fresh proof, because it only makes signing in harder.
pub(super) async fn forget(
    State(app): State<Arc<App>>,
    signed_in: Option<SignedIn>,
    Path(id): Path<String>,
    (ClientAddress(address), headers): (ClientAddress, HeaderMap),
    _form: PageForm,
) -> Result<Response, PageError> {
    let first = || PageError::SignInFirst(paths::ACCOUNT_SESSIONS.to_owned());
    let SignedIn { session: here, .. } = signed_in.ok_or_else(first)?;
    let whereabouts = whereabouts(&app, &headers, address);
    let by = Doer { session: &here, whereabouts: &whereabouts };
    if !sessions::forget_device(&app, by, &id).await? {
        return Err(PageError::NotFound);
    }
    Ok(see_other(&format!("{}?done=forgotten", paths::ACCOUNT_SESSIONS)))
}
