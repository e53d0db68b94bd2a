//! A template and its data become a response, with the policy its forms need.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde::Serialize;

use crate::app::App;
use crate::templates::{Shared, assets};
use crate::web::appearance::Appearance;
use crate::web::error::PageError;
use crate::web::session::Browser;

/// How a page is sent: which template, with what status, and what it may do.
#[derive(Clone, Debug)]
pub struct Page {
    template: &'static str,
    status: StatusCode,
    csrf: String,
    browser: Option<Browser>,
    nonce: Option<String>,
    form_target: Option<String>,
    appearance: Appearance,
    removal: Option<String>,
    securing: Option<String>,
    connects: bool,
}

impl Page {
    /// A page without forms.
    #[must_use]
    pub fn new(template: &'static str) -> Self {
        Self {
            template,
            status: StatusCode::OK,
            csrf: String::new(),
            browser: None,
            nonce: None,
            form_target: None,
            appearance: Appearance::default(),
            removal: None,
            securing: None,
            connects: false,
        }
    }

    /// Sent with this status.
    #[must_use]
    pub fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Looking as somebody wants it.
    #[must_use]
    pub fn looking(mut self, appearance: Appearance) -> Self {
        self.appearance = appearance;
        self
    }

    /// Of an account that will be removed on this day.
    #[must_use]
    pub fn until(mut self, removal: Option<String>) -> Self {
        self.removal = removal;
        self
    }

    /// Of somebody who is securing their account, and has come this far.
    #[must_use]
    pub fn securing(mut self, so_far: Option<String>) -> Self {
        self.securing = so_far;
        self
    }

    /// With forms that this browser may send: one that came without the cookie which they are bound
    /// to gets it with the page.
    #[must_use]
    pub fn forms_of(mut self, app: &App, browser: &Browser) -> Self {
        self.csrf = browser.csrf(app);
        self.browser = Some(browser.clone());
        self
    }

    /// A page of an authorization request whose answer goes to `redirect_uri`. Browsers hold
    /// `form-action` against the whole redirect chain after a form, so it must name the client's
    /// origin (or `scheme:` of a native one).
    #[must_use]
    pub fn answering(mut self, redirect_uri: &str) -> Self {
        self.form_target = crate::protocol::redirect_uri::csp_source(redirect_uri);
        self
    }

    /// With one inline script of this nonce, and forms that go nowhere but to the client.
    #[must_use]
    pub fn script(mut self, nonce: String) -> Self {
        self.nonce = Some(nonce);
        self
    }

    /// Whose script asks our own server something while the person types.
    #[must_use]
    pub fn connecting(mut self) -> Self {
        self.connects = true;
        self
    }

    fn policy(&self) -> HeaderValue {
        let form_action = match (&self.form_target, &self.nonce) {
            (Some(target), Some(_)) => target.clone(),
            (Some(target), None) => format!("'self' {target}"),
            (None, _) => "'self'".to_owned(),
        };
        let script = self
            .nonce
            .as_ref()
            .map_or_else(|| "'self'".to_owned(), |nonce| format!("'nonce-{nonce}'"));
        let connect = if self.connects { "'self'" } else { "'none'" };
        let policy = format!(
            "default-src 'none'; script-src {script}; style-src 'self'; img-src 'self' data:; \
             font-src 'self'; connect-src {connect}; form-action {form_action}; \
             frame-ancestors 'none'; base-uri 'none'; object-src 'none'"
        );
        HeaderValue::from_str(&policy).unwrap_or(crate::web::headers::API_POLICY)
    }

    /// Fills the template with `content`.
    pub fn render<T: Serialize>(self, app: &App, content: &T) -> Result<Response, PageError> {
        let accent = self.appearance.color.map(assets::color_url);
        let shared = Shared {
            csrf: &self.csrf,
            nonce: self.nonce.as_deref(),
            accent: accent.as_deref(),
            removal: self.removal.as_deref(),
            securing: self.securing.as_deref(),
            ..self.appearance.shared()
        };
        let html =
            app.templates.render(self.template, &shared, content).map_err(PageError::Fault)?;
        let mut response = (self.status, Html(html)).into_response();
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, self.policy());
        if let Some(browser) = &self.browser {
            browser.remember(app, &mut response);
        }
        Ok(response)
    }
}

/// Sends the browser on with a GET: always 303, so that no form is posted twice (RFC 9700 §4.12).
#[must_use]
pub fn see_other(to: &str) -> Response {
    match HeaderValue::from_str(to) {
        Ok(location) => (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response(),
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}
