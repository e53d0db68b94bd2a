//! The edge of the whole provider: sizes, encodings, methods, and a database that is gone
//! (S-171 … S-177; slow clients, smuggling and sizes by themselves are in `server/`).

use std::sync::Arc;
use std::time::{Duration, Instant};

use latchkey::app::App;
use latchkey::clock::Clock;
use latchkey::config::Config;
use latchkey::paths;
use latchkey::secret::Random;
use latchkey::server::{Provider, Shutdown};
use latchkey::web::refusal::refuse;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode, Url};
use serde_json::Value;

use crate::support::Latchkey;
use crate::support::browser::http;
use crate::support::clients;
use crate::support::flow::sign_in;
use crate::support::oracles::Oracles;
use crate::support::program::free_port;
use crate::support::routes;

/// The whole provider, listeners and all.
struct Whole {
    app: Arc<App>,
    issuer: String,
    shutdown: Shutdown,
    _folder: tempfile::TempDir,
}

impl Whole {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let port = free_port();
        let issuer = format!("http://127.0.0.1:{port}");
        let mut config = Config { issuer: issuer.clone(), ..Config::default() };
        config.database.url = format!("sqlite://{}/latchkey.db", folder.path().display());
        config.keys.directory = folder.path().join("keys");
        config.server.listen = ([127, 0, 0, 1], port).into();
        config.server.management_listen = ([127, 0, 0, 1], 0).into();
        let provider =
            Provider::start(config, Clock::System, Random::System).await.expect("it starts");
        let (app, shutdown) = (Arc::clone(provider.app()), Shutdown::default());
        tokio::spawn(provider.serve(shutdown.clone()));
        Self { app, issuer, shutdown, _folder: folder }
    }

    fn at(&self, path: &str) -> Url {
        format!("{}{path}", self.issuer).parse().expect("an address")
    }
}

impl Drop for Whole {
    fn drop(&mut self) {
        self.shutdown.immediately.cancel();
        self.shutdown.gracefully.cancel();
    }
}

fn kind(headers: &HeaderMap) -> &str {
    headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default()
}

/// Fails unless a refusal is worded for whoever calls `path`.
fn is_worded(path: &str, status: StatusCode, headers: &HeaderMap, body: &str) {
    if routes::is_for_programs(path) {
        assert!(kind(headers).starts_with("application/json"), "{path}: {}", kind(headers));
        let told: Value = serde_json::from_str(body).expect("JSON");
        let wanted = match status.as_u16() {
            503 => "temporarily_unavailable",
            500 => "server_error",
            _ => "invalid_request",
        };
        assert_eq!(told["error"], wanted, "{path}: {body}");
        assert!(told["error_description"].is_string(), "{path}: {body}");
    } else {
        assert!(kind(headers).starts_with("text/html"), "{path}: {}", kind(headers));
        assert!(body.contains("<h1"), "{path}: {body}");
    }
    let lower = body.to_lowercase();
    for inside in ["sqlite", "sqlx", "panicked", "pool", "src/", "select ", "0.1.0", "rust"] {
        assert!(!lower.contains(inside), "{path} tells {inside}: {body}");
    }
}

#[test]
fn s_177_a_refusal_is_json_for_programs_and_a_page_for_people() {
    let statuses = [400, 405, 408, 413, 414, 415, 431, 500, 503];
    let paths = routes::all().into_iter().map(|(_, path)| path);
    for path in paths.chain(["/".into(), "/nowhere".into(), "/<script>".into()]) {
        for status in statuses {
            let status = StatusCode::from_u16(status).expect("a status");
            let response = refuse(status, &path);
            assert_eq!(response.status(), status);
            for header in ["content-security-policy", "x-frame-options", "cache-control"] {
                assert!(response.headers().contains_key(header), "{path}: {header}");
            }
            let headers = response.headers().clone();
            let body = axum::body::to_bytes(response.into_body(), 4096);
            let body = futures_util::FutureExt::now_or_never(body).expect("it is there");
            let body = String::from_utf8(body.expect("a body").to_vec()).expect("text");
            is_worded(&path, status, &headers, &body);
            assert!(!body.contains(&format!("{path}<")) && !body.contains("<script>"), "{body}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s_172_too_much_is_refused_in_the_callers_own_words() {
    let whole = Whole::start().await;
    let oracles = Oracles::new(&whole.issuer);
    let (large, header) = ("x".repeat(64 * 1024 + 1), "h".repeat(17 * 1024));
    for path in [paths::TOKEN, paths::INTROSPECT, paths::REVOKE, paths::LOGIN, paths::CONSENT] {
        let url = whole.at(path);
        let mut long = url.clone();
        long.set_query(Some(&"q".repeat(9 * 1024)));
        for (request, wanted) in [
            (http().post(url.clone()).body(large.clone()), 413),
            (http().get(long), 414),
            (http().get(url.clone()).header("x-large", &header), 431),
            (http().post(url.clone()).header("content-encoding", "gzip").body("x"), 415),
        ] {
            let answer = request.send().await.expect("an answer");
            let (status, headers) = (answer.status(), answer.headers().clone());
            assert_eq!(status.as_u16(), wanted, "{path}");
            oracles.check(&url, status, &headers);
            is_worded(path, status, &headers, &answer.text().await.expect("a body"));
        }
    }
    let many: String = (0..10_000).map(|n: u32| n.to_string() + "=1&").collect();
    for path in [paths::TOKEN, paths::LOGIN, paths::AUTHORIZE] {
        let request = http().post(whole.at(path)).body(many[..60_000].to_owned());
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let status = request.send().await.expect("an answer").status();
        assert!(matches!(status.as_u16(), 400 | 403), "{path}: {status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s_177_without_its_database_every_address_says_so_and_opens_nothing() {
    let whole = Whole::start().await;
    whole.app.store.close().await;
    let cookies = format!("latchkey_session={0}; latchkey_browser={0}", "A".repeat(43));
    for (_, path) in routes::all() {
        let path = routes::filled(&path);
        let mut url = whole.at(&path);
        if path == paths::AUTHORIZE {
            url.set_query(Some("client_id=web&response_type=code&redirect_uri=https://a.example/"));
        }
        let get = http().get(url.clone()).header("cookie", &cookies);
        let form = [("token", "lk_rt_x"), ("grant_type", "client_credentials"), ("request", "x")];
        let post = http().post(url.clone()).basic_auth("web", Some("secret")).form(&form);
        for request in [get, post] {
            let answer = request.send().await.expect("an answer");
            let (status, headers) = (answer.status(), answer.headers().clone());
            let body = answer.text().await.expect("a body");
            if status == 503 {
                assert!(headers.contains_key("retry-after"), "{path}");
                assert_eq!(headers["cache-control"], "no-store", "{path}");
                is_worded(&path, status, &headers, &body);
            }
            assert_ne!(status, 500, "{path}: {body}");
            let gives = |cookie: &reqwest::header::HeaderValue| {
                cookie.to_str().is_ok_and(|cookie| !cookie.contains("Max-Age=0"))
                    && cookie.to_str().is_ok_and(|cookie| cookie.contains("session"))
            };
            assert!(!headers.get_all("set-cookie").iter().any(gives), "{path}");
        }
    }
    for path in [paths::TOKEN, paths::REVOKE, paths::INTROSPECT] {
        let request = http().post(whole.at(path)).basic_auth("web", Some("secret"));
        let answer = request.form(&[("token", "x")]).send().await.expect("an answer");
        assert_eq!(answer.status(), 503, "{path}");
    }
    let account = http().get(whole.at(paths::ACCOUNT_SECURITY)).header("cookie", &cookies);
    assert_eq!(account.send().await.expect("an answer").status(), 503);
    // What needs no database is still served.
    for path in [paths::JWKS, paths::OPENID_CONFIGURATION] {
        assert_eq!(http().get(whole.at(path)).send().await.expect("an answer").status(), 200);
    }
}

/// Encodings that are none, or hold what nobody can mean.
const MANGLED: [&str; 12] = [
    "%0d%0a",
    "%e2%80%ae",
    "+%2b%26%3d",
    "%zz",
    "%",
    "%f",
    "%00",
    "a%00b",
    "%ff%fe",
    "%c0%af",
    "%ed%a0%80",
    "%f8%88%80%80%80",
];

/// So many of them can be decoded, and reach what reads the parameter.
const DECODABLE: usize = 3;

#[tokio::test]
async fn s_173_no_parameter_of_any_address_can_break_it() {
    let latchkey = Latchkey::start().await;
    latchkey.client(clients::web()).await;
    let bob = latchkey.bob().await;
    let mut browser = latchkey.browser();
    sign_in(&mut browser, &bob).await;
    // One for all: there are thousands of requests.
    let client = http();
    let oracles = Oracles::new(&latchkey.issuer);
    oracles.allow("https://app.example/cb");
    let names = [
        "client_id",
        "redirect_uri",
        "scope",
        "state",
        "nonce",
        "prompt",
        "max_age",
        "claims",
        "resource",
        "login_hint",
        "id_token_hint",
        "code_challenge",
        "response_mode",
        "request",
        "to",
        "token",
        "code",
        "grant_type",
        "refresh_token",
        "username",
        "password",
        "csrf",
        "access_token",
        "post_logout_redirect_uri",
        "v",
    ];
    let base = "client_id=web&response_type=code&redirect_uri=https%3A%2F%2Fapp.example%2Fcb";
    for (_, path) in routes::all() {
        let path = routes::filled(&path);
        let url: Url = latchkey.at(&path).parse().expect("an address");
        let cookies = browser.cookies().header(&url, false).expect("cookies");
        for name in names {
            // Where the encoding itself is at fault, the name does not matter.
            let tried = if name == "state" { MANGLED.len() } else { DECODABLE };
            for mangled in &MANGLED[..tried] {
                let rest = if name == "client_id" || name == "redirect_uri" { "x=y" } else { base };
                let parameters = format!("{rest}&{name}={mangled}");
                let get = client.get(format!("{url}?{parameters}")).header("cookie", &cookies);
                let post = client.post(url.clone()).body(parameters);
                let post = post.header("content-type", "application/x-www-form-urlencoded");
                let requests =
                    if path.starts_with("/assets") { vec![get] } else { vec![get, post] };
                for request in requests {
                    let answer = request.send().await.expect("an answer");
                    oracles.check(&url, answer.status(), answer.headers());
                }
            }
        }
    }
    // And in the path itself.
    for mangled in MANGLED {
        for path in ["/assets/", "/logos/", "/oauth/authorize/", "/", "/account/"] {
            let url: Url = latchkey.at(path).parse().expect("an address");
            let answer = client.get(format!("{url}{mangled}")).send().await.expect("an answer");
            let status = answer.status();
            assert!(
                status.is_client_error() || status.is_redirection(),
                "{path}{mangled}: {status}"
            );
        }
    }
}

#[tokio::test]
async fn s_174_nothing_is_read_deeper_than_it_may_be() {
    let latchkey = Latchkey::start().await;
    latchkey.client(clients::web()).await;
    let deep = |open: &str, close: &str| open.repeat(30_000) + &close.repeat(30_000);
    for monster in [deep("[", "]"), deep(r#"{"a":"#, "}"), "[".repeat(60_000), "{".repeat(60_000)] {
        let form = [
            ("client_id", "web"),
            ("response_type", "code"),
            ("redirect_uri", "https://app.example/cb"),
            ("scope", "openid"),
            ("claims", &monster[..60_000]),
        ];
        let begun = Instant::now();
        let url = latchkey.at(paths::AUTHORIZE);
        let answer = http().post(url).form(&form).send().await.expect("an answer");
        let status = answer.status();
        assert!(status.is_client_error() || status == 303, "{status}");
        if let Some(to) = answer.headers().get("location") {
            assert!(to.to_str().is_ok_and(|to| to.contains("error=invalid_request")), "{to:?}");
        }
        assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn s_176_every_address_takes_its_own_methods_only() {
    let latchkey = Latchkey::start().await;
    let oracles = Oracles::new(&latchkey.issuer);
    let posts = [
        paths::TOKEN,
        paths::REVOKE,
        paths::INTROSPECT,
        paths::USERINFO,
        paths::AUTHORIZE,
        paths::END_SESSION,
        paths::LOGIN,
        paths::LOGIN_TWO_FACTOR,
        paths::LOGIN_ACCOUNT,
        paths::LOGIN_CHANGE_PASSWORD,
        paths::LOGIN_CHANGE_PASSWORD_CHECK,
        paths::RECOVER,
        paths::RECOVER_LINK,
        paths::RECOVER_LINK_CHECK,
        paths::NOT_ME,
        paths::CONSENT,
        paths::LOGOUT,
        paths::ACCOUNT_CONFIRM,
        paths::ACCOUNT_PASSWORD,
        paths::ACCOUNT_PASSWORD_CHECK,
        paths::ACCOUNT_PROTECT,
        paths::ACCOUNT_RECOGNIZED,
        paths::ACCOUNT_HISTORY_EXPORT,
        paths::ACCOUNT_PROFILE,
        paths::ACCOUNT_EMAIL,
        paths::ACCOUNT_EMAIL_OPENED,
        paths::ACCOUNT_EMAIL_LINK,
        paths::ACCOUNT_APPEARANCE,
        paths::ACCOUNT_EXPORT,
        paths::ACCOUNT_REMOVE,
        paths::ACCOUNT_KEEP,
        paths::LOGIN_TWO_FACTOR_SET_UP,
        paths::ACCOUNT_TWO_FACTOR,
        paths::ACCOUNT_TWO_FACTOR_SET_UP,
        paths::ACCOUNT_BACKUP_CODES,
        paths::ACCOUNT_TWO_FACTOR_OFF,
        paths::ACCOUNT_AUTHENTICATOR_REMOVE,
        paths::ACCOUNT_BROWSER_DISTRUST,
        paths::ACCOUNT_BROWSERS_DISTRUST,
        paths::ACCOUNT_APPLICATION_REVOKE,
        paths::ACCOUNT_APPLICATIONS_REVOKE_ALL,
        paths::ACCOUNT_SESSION_END,
        paths::ACCOUNT_SESSIONS_END_OTHERS,
        paths::ACCOUNT_DEVICE_FORGET,
    ];
    let only_post = [
        paths::TOKEN,
        paths::REVOKE,
        paths::INTROSPECT,
        paths::ACCOUNT_PASSWORD_CHECK,
        paths::LOGIN_CHANGE_PASSWORD_CHECK,
        paths::RECOVER_LINK_CHECK,
    ];
    for (_, pattern) in routes::all() {
        let path = routes::filled(&pattern);
        let url: Url = latchkey.at(&path).parse().expect("an address");
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"] {
            let wrong = match method {
                "GET" | "HEAD" => only_post.contains(&pattern.as_str()),
                "POST" => !posts.contains(&pattern.as_str()),
                _ => true,
            };
            let request = http()
                .request(Method::from_bytes(method.as_bytes()).expect("a method"), url.clone());
            let answer = request.send().await.expect("an answer");
            let status = answer.status();
            assert_eq!(status == 405, wrong, "{method} {path}: {status}");
            oracles.check(&url, status, answer.headers());
            let allow = answer.headers().get("allow").map(|allow| allow.to_str().expect("ASCII"));
            if wrong {
                let allow = allow.unwrap_or_else(|| panic!("{method} {path} has no Allow"));
                assert!(!allow.contains(method), "{method} {path}: {allow}");
                assert_eq!(allow.contains("POST"), posts.contains(&pattern.as_str()), "{path}");
            }
        }
    }
}
