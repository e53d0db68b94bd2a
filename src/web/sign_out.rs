//! What signing out means to a browser, wherever it began.

use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;

use crate::store::clients::ClientRecord;

/// Where a client wants the browser after signing out, with its `state`; `None` unless that very
/// address is registered (OpenID Connect RP-Initiated Logout §3).
#[must_use]
pub fn leave_to(client: Option<&ClientRecord>, uri: &str, state: Option<&str>) -> Option<String> {
    let registered = &client?.metadata.post_logout_redirect_uris;
    if !registered.iter().any(|one| one == uri) {
        return None;
    }
    let Some(state) = state else { return Some(uri.to_owned()) };
    let encoded: String = url::form_urlencoded::byte_serialize(state.as_bytes()).collect();
    let joint = if uri.contains('?') { '&' } else { '?' };
    Some(format!("{uri}{joint}state={encoded}"))
}

/// Asks the browser to forget what it kept of us. Not its cookies: that would take those of every
/// sibling domain along.
pub fn clear_site_data(response: &mut Response) {
    response.headers_mut().insert(
        HeaderName::from_static("clear-site-data"),
        HeaderValue::from_static("\"storage\""),
    );
}
