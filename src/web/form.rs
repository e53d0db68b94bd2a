//! The form extractor: sent from our own page, parsed once, its token checked.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};

use crate::app::App;
use crate::protocol::parameters::Parameters;
use crate::web::error::PageError;
use crate::web::parameters::is_form;
use crate::web::session::{Browser, browser};

/// A form that a person sent from one of our pages.
pub struct PageForm {
    fields: Parameters,
    /// The browser it came from.
    pub browser: Browser,
}

impl PageForm {
    /// The value of the field `name`; empty when it was left empty or is missing.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.fields.once(name).ok().flatten().unwrap_or_default()
    }

    /// All its fields.
    #[must_use]
    pub fn fields(&self) -> &Parameters {
        &self.fields
    }
}

/// Whether the request was sent by one of our own pages; `ours` is their origin.
///
/// `Sec-Fetch-Site` decides where a browser sends it. `Origin` must be ours where it is given;
/// `null` is tolerated only beside a `Sec-Fetch-Site` that vouches for it, because our own pages
/// send no referrer and browsers then write `Origin: null`.
#[must_use]
pub fn from_our_page(ours: &str, headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value: &header::HeaderValue| value.to_str().ok());
    let vouched = match text(header::HeaderName::from_static("sec-fetch-site")) {
        Some(Some("same-origin")) => true,
        Some(_) => return false,
        None => false,
    };
    match text(header::ORIGIN) {
        None => true,
        Some(Some("null")) => vouched,
        Some(Some(origin)) => origin == ours,
        Some(None) => false,
    }
}

impl FromRequest<Arc<App>> for PageForm {
    type Rejection = PageError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, PageError> {
        if !from_our_page(&app.origin, request.headers()) {
            return Err(PageError::Forbidden);
        }
        if !is_form(request.headers()) {
            return Err(PageError::NotAForm);
        }
        let browser = browser(app, request.headers());
        let body = Bytes::from_request(request, app)
            .await
            .map_err(|_| PageError::BadForm("The form is too large or broke off on its way."))?;
        let fields = Parameters::parse(&body)
            .map_err(|_| PageError::BadForm("The form holds characters that cannot be read."))?;
        fields
            .refuse_repeats()
            .map_err(|_| PageError::BadForm("A field of the form was sent twice."))?;
        let token = fields.once("csrf").ok().flatten().unwrap_or_default();
        if !browser.accepts(app, token) {
            return Err(PageError::FormExpired);
        }
        Ok(Self { fields, browser })
    }
}
