//! The sample's pages: templates, what they show, and the headers they are sent with.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use minijinja::{Environment, UndefinedBehavior};
use rust_embed::Embed;
use serde::Serialize;
use serde_json::{Map, Value};
use url::Url;

use super::provider::SignedIn;
use super::sessions::Outcome;
use super::wire::shortened;

#[derive(Embed)]
#[folder = "templates/demo/"]
struct Files;

/// Before anybody signed in.
#[derive(Debug, Serialize)]
pub(super) struct Start {
    pub issuer: String,
    pub notice: Option<&'static str>,
}

/// What the sample received.
#[derive(Debug, Serialize)]
pub(super) struct Received {
    pub issuer: String,
    pub form_token: String,
    pub name: String,
    pub kid: String,
    pub alg: String,
    /// Whether a nonce was checked: a refreshed ID token has none.
    pub nonce: bool,
    pub header: String,
    pub claims: Vec<Claim>,
    pub access_token: String,
    pub refresh_token: Option<String>,
    pub scope: String,
    pub revoked: bool,
    pub outcome: Option<Outcome>,
}

/// One row of the claims' table.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Claim {
    pub name: String,
    pub value: String,
    pub meaning: &'static str,
}

/// A sign-in that came to nothing.
#[derive(Debug, Serialize)]
pub(super) struct Refused {
    pub title: &'static str,
    pub sentence: String,
    pub error: Option<String>,
    pub description: Option<String>,
}

impl Received {
    pub(super) fn new(
        issuer: &str,
        form_token: &str,
        signed_in: &SignedIn,
        outcome: Option<Outcome>,
    ) -> Self {
        let text = |map: &Map<String, Value>, name: &str| {
            map.get(name).and_then(Value::as_str).map(str::to_owned)
        };
        let claims = &signed_in.claims;
        Self {
            issuer: issuer.to_owned(),
            form_token: form_token.to_owned(),
            name: signed_in.name.clone().or_else(|| text(claims, "sub")).unwrap_or_default(),
            kid: text(&signed_in.header, "kid").unwrap_or_else(|| "without an id".to_owned()),
            alg: text(&signed_in.header, "alg").unwrap_or_default(),
            nonce: claims.contains_key("nonce"),
            header: serde_json::to_string_pretty(&signed_in.header).unwrap_or_default(),
            claims: claims.iter().map(|(name, value)| claim(name, value)).collect(),
            access_token: shortened(&signed_in.access_token),
            refresh_token: signed_in.refresh_token.as_deref().map(shortened),
            scope: signed_in.scope.clone(),
            revoked: signed_in.revoked,
            outcome,
        }
    }
}

/// What the claims of an ID token mean (OpenID Connect Core §2, §5.1).
const MEANINGS: [(&str, &str); 17] = [
    ("iss", "Who vouches for all this: the provider"),
    ("sub", "Who signed in, by an id that never changes"),
    ("aud", "Whom this token is for: this application"),
    ("azp", "The application that asked for it"),
    ("exp", "Not to be accepted after"),
    ("iat", "When it was issued"),
    ("auth_time", "When the person last proved who they are"),
    ("nonce", "Ties it to the sign-in that this browser began"),
    ("acr", "How strong the sign-in was"),
    ("amr", "By which means the person signed in"),
    ("sid", "The browser session at the provider"),
    ("at_hash", "Ties the access token to this ID token"),
    ("jti", "This token's own id"),
    ("name", "The person's full name"),
    ("preferred_username", "The name they go by"),
    ("email", "Their address"),
    ("email_verified", "Whether the provider saw that it is theirs"),
];

fn claim(name: &str, value: &Value) -> Claim {
    let instant = matches!(name, "exp" | "iat" | "auth_time" | "updated_at")
        .then(|| value.as_i64().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok()))
        .flatten();
    Claim {
        name: name.to_owned(),
        value: match (instant, value) {
            (Some(instant), _) => instant.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
            (None, Value::String(text)) => text.clone(),
            (None, other) => other.to_string(),
        },
        meaning: MEANINGS.iter().find(|(known, _)| *known == name).map_or("", |(_, words)| words),
    }
}

/// The templates, and the headers that every page bears.
#[derive(Debug)]
pub(super) struct Pages {
    templates: Environment<'static>,
    policy: HeaderValue,
}

impl Pages {
    /// Reads the templates; `provider` is where a form may lead to besides the sample itself.
    pub(super) fn new(provider: &Url) -> anyhow::Result<Self> {
        let mut templates = Environment::new();
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        for name in Files::iter().filter(|name| name.ends_with(".html")) {
            if let Some(file) = Files::get(&name) {
                let source = String::from_utf8(file.data.into_owned())?;
                templates.add_template_owned(name.into_owned(), source)?;
            }
        }
        let policy = HeaderValue::from_str(&format!(
            "default-src 'none'; style-src 'self'; img-src 'self'; \
             form-action 'self' {}; base-uri 'none'; frame-ancestors 'none'",
            provider.origin().ascii_serialization()
        ))?;
        Ok(Self { templates, policy })
    }

    /// A page.
    pub(super) fn show(&self, status: StatusCode, name: &str, data: &impl Serialize) -> Response {
        let data = minijinja::value::Serde(data);
        let rendered = self.templates.get_template(name).and_then(|page| page.render(data));
        let mut response = match rendered {
            Ok(html) => (status, Html(html)).into_response(),
            Err(error) => {
                tracing::error!(%error, page = name, "a page of the sample cannot be rendered");
                (StatusCode::INTERNAL_SERVER_ERROR, "This page cannot be shown.").into_response()
            }
        };
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, self.policy.clone());
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

/// A style sheet or an icon, by name.
pub(super) fn file(name: &str, media_type: &'static str) -> Response {
    let Some(file) = Files::get(name) else { return StatusCode::NOT_FOUND.into_response() };
    let headers = [
        (header::CONTENT_TYPE, media_type),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "max-age=300"),
    ];
    (headers, file.data.into_owned()).into_response()
}
