//! The sample relying party: a small application that signs people in through a provider and
//! shows what it received.

mod actions;
mod checks;
mod pages;
mod provider;
mod sessions;
mod sign_in;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::ensure;
use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use url::Url;

use self::pages::{Pages, Received, Start};
use self::sessions::{Session, Sessions};
use self::wire::Wire;
use crate::secret::Random;

/// Where the provider sends the browser back to.
pub const CALLBACK: &str = "/callback";
/// Where the provider sends the browser back to after signing out.
pub const SIGNED_OUT: &str = "/signed-out";
/// What the sample asks for.
pub const SCOPES: [&str; 4] = ["openid", "profile", "email", "offline_access"];

/// The provider's cookies live on the same host, so this one bears the sample's name.
const COOKIE: &str = "photo_printer";

/// What the sample relying party must know.
#[derive(Clone)]
pub struct SampleRelyingParty {
    /// The provider's issuer identifier; all else is discovered.
    pub issuer: String,
    /// The client's identifier.
    pub client_id: String,
    /// The client's secret; none for a public client.
    pub client_secret: Option<String>,
    /// The registered redirect URI; its path is [`CALLBACK`].
    pub redirect_uri: String,
    /// The address that the sample listens on.
    pub listen: SocketAddr,
}

impl std::fmt::Debug for SampleRelyingParty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SampleRelyingParty")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .field("redirect_uri", &self.redirect_uri)
            .field("listen", &self.listen)
            .finish_non_exhaustive()
    }
}

impl SampleRelyingParty {
    /// The URI to register in `post_logout_redirect_uris` (RP-Initiated Logout §3.1).
    pub fn post_logout_redirect_uri(&self) -> anyhow::Result<Url> {
        Ok(Url::parse(&self.redirect_uri)?.join(SIGNED_OUT)?)
    }
}

/// What every request to the sample needs.
struct Sample {
    rp: SampleRelyingParty,
    http: reqwest::Client,
    sessions: Sessions,
    pages: Pages,
    random: Random,
    /// Whether the sample itself is reached over https.
    secure: bool,
}

impl Sample {
    fn wire(&self) -> Wire {
        Wire::new(self.http.clone())
    }

    /// The cookie that leads to a session.
    fn cookie(&self, value: String) -> Cookie<'static> {
        Cookie::build((COOKIE, value))
            .path("/")
            .http_only(true)
            .same_site(SameSite::Lax)
            .secure(self.secure)
            .build()
    }

    /// This browser's session and the cookie that leads to it.
    fn session(&self, jar: &CookieJar) -> Option<(String, Session)> {
        let cookie = jar.get(COOKIE)?.value().to_owned();
        let session = self.sessions.find(&cookie)?;
        Some((cookie, session))
    }
}

/// The pages of the sample.
///
/// Fails when the issuer or the redirect URI is no URL, or a template is broken.
pub fn router(rp: SampleRelyingParty) -> anyhow::Result<Router> {
    let redirect_uri = Url::parse(&rp.redirect_uri)?;
    ensure!(redirect_uri.path() == CALLBACK, "the redirect URI's path must be {CALLBACK}");
    let sample = Sample {
        http: wire::http_client(&rp.issuer)?,
        sessions: Sessions::default(),
        pages: Pages::new(&Url::parse(&rp.issuer)?)?,
        random: Random::System,
        secure: redirect_uri.scheme() == "https",
        rp,
    };
    Ok(Router::new()
        .route("/", get(start))
        .route("/sign-in", get(sign_in::begin))
        .route(CALLBACK, get(sign_in::finish))
        .route("/userinfo", post(actions::userinfo))
        .route("/refresh", post(actions::refresh))
        .route("/revoke", post(actions::revoke))
        .route("/sign-out", post(sign_in::sign_out))
        .route(SIGNED_OUT, get(sign_in::signed_out))
        .route("/sample.css", get(async || pages::file("sample.css", "text/css; charset=utf-8")))
        .route("/icon.svg", get(async || pages::file("icon.svg", "image/svg+xml")))
        .layer(DefaultBodyLimit::max(4 * 1024))
        .with_state(Arc::new(sample)))
}

/// The start page, or what was received once somebody signed in.
async fn start(State(sample): State<Arc<Sample>>, jar: CookieJar) -> Response {
    let issuer = sample.rp.issuer.clone();
    let found = sample.session(&jar);
    let mut notice = None;
    if let Some((cookie, session)) = found {
        if let Some(signed_in) = &session.signed_in {
            let outcome = session.outcome.clone();
            let page = Received::new(&issuer, &session.form_token, signed_in, outcome);
            return sample.pages.show(StatusCode::OK, "signed_in.html", &page);
        }
        notice = sample.sessions.update(&cookie, |session| session.notice.take()).flatten();
    }
    sample.pages.show(StatusCode::OK, "start.html", &Start { issuer, notice })
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::{Request, header};
    use http_body_util::BodyExt;
    use serde_json::{Map, json};
    use tower::ServiceExt;

    use super::provider::SignedIn;
    use super::sessions::{Change, Outcome};
    use super::wire::Exchange;
    use super::*;

    fn rp() -> SampleRelyingParty {
        SampleRelyingParty {
            issuer: "http://localhost:1".to_owned(),
            client_id: "photo-printer".to_owned(),
            client_secret: None,
            redirect_uri: "http://localhost:8081/callback".to_owned(),
            listen: SocketAddr::from(([127, 0, 0, 1], 8081)),
        }
    }

    async fn ask(request: Request<Body>) -> (StatusCode, String, String) {
        let response = router(rp()).unwrap().oneshot(request).await.unwrap();
        let status = response.status();
        let policy = response
            .headers()
            .get(header::CONTENT_SECURITY_POLICY)
            .map(|value| value.to_str().unwrap().to_owned())
            .unwrap_or_default();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, policy, String::from_utf8(body.to_vec()).unwrap())
    }

    fn get(path: &str) -> Request<Body> {
        Request::get(path).body(Body::empty()).unwrap()
    }

    #[tokio::test]
    async fn the_start_page_offers_to_sign_in() {
        let (status, policy, page) = ask(get("/")).await;
        assert_eq!(status, StatusCode::OK);
        assert!(page.contains(r#"href="/sign-in""#), "{page}");
        assert!(policy.contains("default-src 'none'"), "{policy}");
        assert!(policy.contains("form-action 'self' http://localhost:1;"), "{policy}");
    }

    #[tokio::test]
    async fn a_provider_that_is_away_is_told_on_a_page() {
        let (status, _, page) = ask(get("/sign-in")).await;
        assert_eq!(status, StatusCode::BAD_GATEWAY);
        assert!(page.contains("metadata could not be read"), "{page}");
    }

    #[tokio::test]
    async fn an_answer_that_nobody_waits_for_is_refused() {
        for path in ["/callback", "/callback?code=c&state=s", "/callback?state=s&state=s"] {
            let (status, _, page) = ask(get(path)).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{path}");
            assert!(page.contains("did not begin in this browser"), "{page}");
        }
    }

    #[tokio::test]
    async fn a_button_without_a_session_leads_to_the_start_page() {
        for path in ["/userinfo", "/refresh", "/revoke", "/sign-out"] {
            let request = Request::post(path).body(Body::from("form_token=guess")).unwrap();
            assert_eq!(ask(request).await.0, StatusCode::SEE_OTHER, "{path}");
        }
    }

    #[tokio::test]
    async fn the_style_sheet_and_the_icon_are_there() {
        assert_eq!(ask(get("/sample.css")).await.0, StatusCode::OK);
        assert_eq!(ask(get("/icon.svg")).await.0, StatusCode::OK);
    }

    #[test]
    fn a_redirect_uri_that_the_sample_does_not_serve_is_refused() {
        let elsewhere = "http://localhost:8081/elsewhere".to_owned();
        assert!(router(SampleRelyingParty { redirect_uri: elsewhere, ..rp() }).is_err());
    }

    #[test]
    fn the_secret_is_not_printed() {
        let rp = SampleRelyingParty { client_secret: Some("lk_cs_secret".to_owned()), ..rp() };
        assert!(!format!("{rp:?}").contains("lk_cs_secret"));
    }

    #[tokio::test]
    async fn what_was_received_is_shown_escaped_and_shortened() {
        let pages = Pages::new(&Url::parse("http://localhost:1").unwrap()).unwrap();
        let map = |value: serde_json::Value| -> Map<_, _> { value.as_object().unwrap().clone() };
        let signed_in = SignedIn {
            name: None,
            id_token: "a.b.c".to_owned(),
            header: map(json!({"alg": "RS256", "kid": "key-1"})),
            claims: map(json!({"sub": "u-1", "name": "<b>Ada</b>", "iat": 0})),
            access_token: "lk_at_0123456789abcdefghijklmnop".to_owned(),
            refresh_token: None,
            scope: "openid".to_owned(),
            revoked: true,
        };
        let outcome = Outcome {
            title: "Refresh",
            succeeded: true,
            sentence: "Done.".to_owned(),
            exchange: Some(Exchange {
                request: "GET http://localhost:1/userinfo".to_owned(),
                status: 401,
                reason: "Unauthorized".to_owned(),
                headers: vec![("www-authenticate".to_owned(), "Bearer".to_owned())],
                body: String::new(),
            }),
            changes: vec![Change { token: "Access token", before: "a".into(), after: "b".into() }],
        };
        let page = Received::new("http://localhost:1", "t", &signed_in, Some(outcome));
        let response = pages.show(StatusCode::OK, "signed_in.html", &page);
        assert_eq!(response.status(), StatusCode::OK);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let html = String::from_utf8(body.to_vec()).unwrap();
        for shown in ["&lt;b&gt;Ada", "1970-01-01 00:00:00 UTC", "key-1", "401 Unauthorized"] {
            assert!(html.contains(shown), "{shown}: {html}");
        }
        assert!(!html.contains("<b>Ada"), "{html}");
        assert!(!html.contains("0123456789abcdef"), "{html}");
    }
}
