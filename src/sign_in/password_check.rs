//! `/recover/{token}/check` and `/login/change-password/check`: what is wrong with a new password,
//! while it is typed. Only who may set one here is told.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;

use super::change_password::owing;
use crate::app::App;
use crate::identity::recovery;
use crate::web::error::PageError;
use crate::web::form::PageForm;
use crate::web::password_rules::{Answer, look_at};

/// Tells it to whoever followed the mailed link.
pub(super) async fn of_link(
    State(app): State<Arc<App>>,
    Path(token): Path<String>,
    form: PageForm,
) -> Result<Json<Answer>, PageError> {
    let user = recovery::find(&app, &token).await?.ok_or(PageError::NotFound)?;
    Ok(Json(look_at(&app, &user, form.text("password")).await?))
}

/// Tells it to whoever signed in with a temporary password.
pub(super) async fn of_sign_in(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    form: PageForm,
) -> Result<Json<Answer>, PageError> {
    let owing = owing(&app, &headers).await?.ok_or(PageError::NotFound)?;
    Ok(Json(look_at(&app, &owing.user, form.text("password")).await?))
}
