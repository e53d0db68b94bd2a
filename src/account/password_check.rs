//! `/account/password/check`: what is wrong with a new password, while it is typed.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use crate::app::App;
use crate::web::error::PageError;
use crate::web::form::PageForm;
use crate::web::password_rules::{Answer, look_at};
use crate::web::session::SignedIn;

/// Tells it to whoever is signed in.
pub(super) async fn post(
    State(app): State<Arc<App>>,
    SignedIn { user, .. }: SignedIn,
    form: PageForm,
) -> Result<Json<Answer>, PageError> {
    Ok(Json(look_at(&app, &user, form.text("password")).await?))
}
