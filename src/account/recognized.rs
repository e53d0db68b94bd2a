//! `/account/security/recognized`: "It was me", about what the overview asked.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use crate::app::App;
use crate::clock::Timestamp;
use crate::identity::recognition::{self, Own};
use crate::paths;
use crate::web::error::PageError;
use crate::web::form::PageForm;
use crate::web::here::Here;
use crate::web::page::see_other;
use crate::web::session::SignedIn;

/// There is nothing to see: the button is on the overview.
pub(super) async fn get(_: SignedIn) -> Response {
    see_other(paths::ACCOUNT_SECURITY)
}

/// Notes it, so that it is asked about no more. No fresh proof is asked for: it opens nothing.
pub(super) async fn post(
    State(app): State<Arc<App>>,
    SignedIn { session, user }: SignedIn,
    here: Here,
    form: PageForm,
) -> Result<Response, PageError> {
    let which = form.text("which");
    let own = match form.text("about") {
        "sign_in" => Own::SignIn(which),
        "failures" => {
            let until = which.parse().map_err(|_| PageError::BadForm("It does not say which."))?;
            Own::Failures(Timestamp::from_millis(until))
        }
        _ => return Err(PageError::BadForm("The form does not say what it is about.")),
    };
    if !recognition::recognize(&app, here.act(&user, &session), own).await? {
        return Err(PageError::NotFound);
    }
    Ok(see_other(&format!("{}?done=recognized", paths::ACCOUNT_SECURITY)))
}
