//! Requests to the endpoints that programs call, with the standing oracles after each.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use reqwest::{Client, Method, StatusCode, Url};
use serde_json::Value;

use super::browser::http;
use super::oracles::{Oracles, check_time};

/// How a program shows who it is.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// Not at all.
    None,
    /// `client_secret_basic`: form-encoded, then base64 (RFC 6749 §2.3.1).
    Basic(String, String),
    /// `client_secret_post`.
    Post(String, String),
    /// A public client's id in the body.
    Public(String),
    /// `private_key_jwt` (RFC 7523 §2.2).
    Assertion(String),
    /// An access token in the header.
    Bearer(String),
}

/// What sends requests to the endpoints.
#[derive(Clone, Debug)]
pub struct Endpoints {
    http: Client,
    oracles: Oracles,
    issuer: Url,
}

/// What an endpoint answered.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Endpoints {
    pub fn new(issuer: &str, oracles: Oracles) -> Self {
        let issuer = Url::parse(issuer).expect("the issuer is a URL");
        Self { http: http(), oracles, issuer }
    }

    /// The same over another HTTP client.
    #[must_use]
    pub fn over(&self, http: Client) -> Self {
        Self { http, ..self.clone() }
    }

    /// The address that they are sent to.
    pub fn socket(&self) -> String {
        super::oracles::origin_of(&self.issuer)
    }

    /// `GET`.
    pub async fn get(&self, path: &str, credentials: &Credentials) -> Answer {
        self.request(Method::GET, path, credentials, None).await
    }

    /// `POST` of a form.
    pub async fn post(
        &self,
        path: &str,
        credentials: &Credentials,
        form: &[(&str, &str)],
    ) -> Answer {
        self.request(Method::POST, path, credentials, Some(form)).await
    }

    /// `POST` without any body.
    pub async fn post_nothing(&self, path: &str, credentials: &Credentials) -> Answer {
        self.request(Method::POST, path, credentials, None).await
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        credentials: &Credentials,
        form: Option<&[(&str, &str)]>,
    ) -> Answer {
        let url = self.issuer.join(path).expect("a path");
        let mut request = self.http.request(method.clone(), url.clone());
        let mut fields: Vec<(&str, &str)> = form.unwrap_or_default().to_vec();
        match credentials {
            Credentials::None => {}
            Credentials::Basic(id, secret) => {
                let encode = |text: &str| -> String {
                    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
                };
                let pair = STANDARD.encode(format!("{}:{}", encode(id), encode(secret)));
                request = request.header(AUTHORIZATION, format!("Basic {pair}"));
            }
            Credentials::Bearer(token) => {
                request = request.header(AUTHORIZATION, format!("Bearer {token}"));
            }
            Credentials::Post(id, secret) => {
                fields.extend([("client_id", id.as_str()), ("client_secret", secret)]);
            }
            Credentials::Public(id) => fields.push(("client_id", id)),
            Credentials::Assertion(assertion) => fields.extend([
                ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
                ("client_assertion", assertion),
            ]),
        }
        if form.is_some() {
            request = request.form(&fields);
        }
        let begun = std::time::Instant::now();
        let response = request.send().await.expect("an answer");
        check_time(&url, begun.elapsed());
        let (status, headers) = (response.status(), response.headers().clone());
        self.oracles.check(&url, status, &headers);
        let body = response.text().await.expect("a body of text");
        self.oracles.hear((&method, &url), &[], (status, &headers), &body);
        Answer { status, headers, body }
    }
}

impl Answer {
    /// The body as JSON; fails if it is not declared as that.
    pub fn json(&self) -> Value {
        let kind = self.header(CONTENT_TYPE.as_str());
        assert!(kind.starts_with("application/json"), "{kind:?} instead of JSON: {self}");
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// The body as JSON of an answer that must be a good one.
    pub fn good(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{self}");
        self.json()
    }

    /// Fails unless the answer is a good one: JSON, or nothing (RFC 7009 §2.2).
    pub fn good_or_empty(&self) {
        assert_eq!(self.status, StatusCode::OK, "{self}");
        if !self.body.is_empty() {
            self.json();
        }
    }

    /// The header `name`, empty if it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Fails unless this is the refusal `error` of RFC 6749 §5.2 with `status`.
    pub fn refuses(&self, status: u16, error: &str) {
        assert_eq!(self.status.as_u16(), status, "{self}");
        let body = self.json();
        assert_eq!(body["error"], error, "{self}");
        if let Some(description) = body["error_description"].as_str() {
            check_description(description);
        }
        assert!(self.header("cache-control").contains("no-store"), "{self}");
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.status, self.body)
    }
}

/// RFC 6749 §5.2: %x20-21 / %x23-5B / %x5D-7E.
pub fn check_description(text: &str) {
    let fits = |byte: u8| matches!(byte, 0x20..=0x21 | 0x23..=0x5B | 0x5D..=0x7E);
    assert!(text.bytes().all(fits), "error_description has forbidden characters: {text:?}");
}
