//! How the sample speaks HTTP to the provider, remembering the last exchange so that it can be
//! shown.

use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::Context;
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use serde::Serialize;
use serde_json::Value;

/// More than any answer of a provider holds.
const LARGEST_ANSWER: usize = 1024 * 1024;
/// The headers of an answer that tell a reader something.
const SHOWN_HEADERS: [&str; 3] = ["www-authenticate", "content-type", "cache-control"];
/// The members of an answer that are as good as a password.
const TOKENS: [&str; 3] = ["access_token", "refresh_token", "id_token"];

/// One request and its answer, as a page shows them.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Exchange {
    /// `GET http://localhost:8080/oauth/userinfo`.
    pub request: String,
    /// The status code.
    pub status: u16,
    /// What the status code is called.
    pub reason: String,
    /// The headers worth reading.
    pub headers: Vec<(String, String)>,
    /// The body, tokens shortened.
    pub body: String,
}

/// Why no answer came.
#[derive(Debug, thiserror::Error)]
pub(super) enum WireError {
    #[error("the provider could not be reached")]
    Http(#[from] reqwest::Error),
    #[error("the provider's answer could not be read")]
    Answer(#[from] axum::http::Error),
    #[error("the provider's answer is larger than 1 MiB")]
    TooLarge,
}

/// An HTTP client that remembers its last exchange.
#[derive(Debug)]
pub(super) struct Wire {
    http: reqwest::Client,
    last: Mutex<Option<Exchange>>,
}

/// The client that all calls share: no redirects, no proxy, ten seconds.
pub(super) fn http_client(issuer: &str) -> anyhow::Result<reqwest::Client> {
    let builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(Duration::from_secs(10));
    // A provider on plain http needs no certificate authorities, so their absence is no fault.
    let builder = if issuer.starts_with("http://") {
        builder.tls_certs_only(std::iter::empty())
    } else {
        builder
    };
    builder.build().context("cannot set up the sample's HTTP client")
}

impl Wire {
    pub(super) fn new(http: reqwest::Client) -> Self {
        Self { http, last: Mutex::new(None) }
    }

    /// The last exchange, if there was one.
    pub(super) fn last(&self) -> Option<Exchange> {
        self.last.lock().ok().and_then(|last| last.clone())
    }

    /// Sends one request.
    pub(super) async fn send(&self, request: HttpRequest) -> Result<HttpResponse, WireError> {
        let shown = format!("{} {}", request.method(), request.uri());
        let mut answer = self.http.execute(reqwest::Request::try_from(request)?).await?;
        let status = answer.status();
        let headers = std::mem::take(answer.headers_mut());
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            if body.len() + chunk.len() > LARGEST_ANSWER {
                return Err(WireError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        let exchange = Exchange {
            request: shown,
            status: status.as_u16(),
            reason: status.canonical_reason().unwrap_or_default().to_owned(),
            headers: SHOWN_HEADERS
                .iter()
                .filter_map(|name| {
                    let value = headers.get(*name)?.to_str().ok()?;
                    Some(((*name).to_owned(), value.to_owned()))
                })
                .collect(),
            body: readable(&body),
        };
        if let Ok(mut last) = self.last.lock() {
            *last = Some(exchange);
        }
        let mut response = axum::http::Response::builder().status(status).body(body)?;
        *response.headers_mut() = headers;
        Ok(response)
    }
}

impl<'c> AsyncHttpClient<'c> for Wire {
    type Error = WireError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, WireError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

/// A body as text: JSON laid out in lines, its tokens shortened.
fn readable(body: &[u8]) -> String {
    let Ok(mut value) = serde_json::from_slice::<Value>(body) else {
        return String::from_utf8_lossy(body).into_owned();
    };
    if let Some(members) = value.as_object_mut() {
        for name in TOKENS {
            if let Some(Value::String(token)) = members.get_mut(name) {
                *token = shortened(token);
            }
        }
    }
    serde_json::to_string_pretty(&value).unwrap_or_default()
}

/// Enough of a token to tell two apart, too little to use it.
pub(super) fn shortened(token: &str) -> String {
    let characters: Vec<char> = token.chars().collect();
    if characters.len() <= 24 {
        return "…".to_owned();
    }
    let start: String = characters.iter().take(10).collect();
    let end: String = characters.iter().rev().take(6).rev().collect();
    format!("{start}…{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortened_token_tells_two_apart_and_is_of_no_use() {
        assert_eq!(shortened("lk_at_0123456789abcdefghijklmnop"), "lk_at_0123…klmnop");
        assert_eq!(shortened("short"), "…");
        assert_eq!(shortened(&"ü".repeat(30)), format!("{}…{}", "ü".repeat(10), "ü".repeat(6)));
    }

    #[test]
    fn a_body_is_shown_without_its_tokens() {
        let body = br#"{"access_token":"lk_at_0123456789abcdefghijklmnop","token_type":"Bearer"}"#;
        let shown = readable(body);
        assert!(shown.contains("lk_at_0123…klmnop"), "{shown}");
        assert!(shown.contains("Bearer"), "{shown}");
        assert!(!shown.contains("0123456789abcdef"), "{shown}");
        assert_eq!(readable(b"not json"), "not json");
    }
}
