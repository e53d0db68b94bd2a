//! What pages and endpoints send along, and what they never do (S-097 … S-107, S-118).

use std::time::Duration;

use latchkey::paths;
use reqwest::header::HeaderMap;
use reqwest::{Method, Url};
use serde_json::json;

use crate::support::Latchkey;
use crate::support::browser::{Browser, http};
use crate::support::clients;
use crate::support::endpoint::Credentials;
use crate::support::flow::{address, sign_in, sign_in_with};
use crate::support::oracles::Oracles;
use crate::support::page::Page;
use crate::support::routes;

const MARKUP: &str = r#""><script>alert(1)</script><img src=x onerror=alert(1)>'"#;

fn value<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Every page that there is, as a signed-in person with a request in progress sees it, and the
/// pages of refusal.
async fn crawl(latchkey: &Latchkey) -> Vec<Page> {
    let mut web = clients::web();
    web["client_name"] = "Photo <b>Printer</b> & \"Co\"".into();
    web["policy_uri"] = "https://app.example/policy".into();
    web["tos_uri"] = "https://app.example/terms".into();
    web["client_uri"] = "https://app.example/".into();
    web["logo_uri"] = "https://app.example/logo.png".into();
    let web = latchkey.client(web).await;
    let alice = latchkey.alice().await;
    let issuer = &latchkey.issuer;
    let mut browser = latchkey.browser();
    let mut pages = vec![
        browser.open(paths::LOGIN).await,
        browser.arrive(&address(issuer, &web, &[("login_hint", MARKUP)])).await.page(),
        sign_in_with(&mut browser, MARKUP, "wrong").await,
        browser.open("/nowhere").await,
        browser.open(paths::AUTHORIZE).await,
        browser.open(&format!("{}?client_id={MARKUP}", paths::AUTHORIZE)).await,
        browser.open(&format!("{}?id_token_hint=x", paths::END_SESSION)).await,
        browser.open(&routes::filled(paths::AUTHORIZE_RESUME)).await,
        browser.open(paths::LOGOUT).await,
        browser.post_from_elsewhere(paths::LOGIN, vec![]).await.page(),
    ];
    sign_in(&mut browser, &alice).await;
    for path in [paths::ACCOUNT_SECURITY, paths::ACCOUNT_PASSWORD, paths::ACCOUNT_PROTECT] {
        pages.push(browser.open(path).await);
    }
    pages.push(browser.open(paths::LOGOUT).await);
    for prompt in ["consent", "select_account", "login"] {
        let asked = address(issuer, &web, &[("prompt", prompt)]);
        pages.push(browser.arrive(&asked).await.page());
    }
    latchkey.enrol(&alice, b"twenty bytes of seed").await;
    let mut other = latchkey.browser();
    pages.push(sign_in_with(&mut other, "alice", &alice.password).await);
    pages
}

#[tokio::test]
async fn s_097_s_100_every_answer_forbids_frames_and_foreign_scripts() {
    let latchkey = Latchkey::start().await;
    for page in crawl(&latchkey).await {
        let policy = value(&page.headers, "content-security-policy");
        for directive in [
            "default-src 'none'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "script-src 'self'",
            "style-src 'self'",
        ] {
            assert!(policy.contains(directive), "{}: {policy}", page.url);
        }
        assert!(!policy.contains("http:") && !policy.contains('*'), "{}: {policy}", page.url);
    }
    // The oracles look at the rest of the headers, also of what is no page.
    let oracles = Oracles::new(&latchkey.issuer);
    for (_, path) in routes::all() {
        for method in [Method::GET, Method::POST, Method::OPTIONS, Method::PUT] {
            let url: Url = latchkey.at(&routes::filled(&path)).parse().expect("an address");
            let answer = http().request(method, url.clone()).send().await.expect("an answer");
            oracles.check(&url, answer.status(), answer.headers());
        }
    }
}

#[tokio::test]
async fn s_098_what_others_wrote_is_text_on_every_page() {
    let latchkey = Latchkey::start().await;
    let issuer = latchkey.issuer.clone();
    for page in crawl(&latchkey).await {
        assert!(!page.body.contains("<script>alert"), "{page}");
        assert!(!page.body.contains("<b>Printer"), "{page}");
        assert!(page.attributes("[onerror], [onclick], [onload]", "onerror").is_empty(), "{page}");
        for (selector, name) in [("a[href]", "href"), ("form", "action"), ("button", "formaction")]
        {
            for link in page.attributes(selector, name) {
                let url = page.url.join(&link).expect("a URL");
                assert!(matches!(url.scheme(), "http" | "https" | "mailto"), "{link} on {page}");
            }
        }
        // S-106: nothing is loaded from anywhere else.
        for (selector, name) in
            [("script[src]", "src"), ("link[href]", "href"), ("img[src]", "src"), ("iframe", "src")]
        {
            for source in page.attributes(selector, name) {
                let url = page.url.join(&source).expect("a URL");
                let own = url.origin().ascii_serialization() == issuer || url.scheme() == "data";
                assert!(own, "{source} on {page}");
            }
        }
        assert!(page.texts("script:not([src])").is_empty(), "inline scripts on {page}");
        assert!(page.attributes("[style]", "style").is_empty(), "inline styles on {page}");
    }
}

#[tokio::test]
async fn s_099_words_of_the_query_are_never_shown() {
    let latchkey = Latchkey::start().await;
    let bob = latchkey.bob().await;
    let mut browser = latchkey.browser();
    sign_in(&mut browser, &bob).await;
    let marker = "Call+0900-EVIL+now";
    for path in [
        "/nowhere",
        paths::AUTHORIZE,
        paths::CONSENT,
        paths::LOGIN,
        paths::LOGIN_TWO_FACTOR,
        paths::LOGIN_ACCOUNT,
        paths::LOGOUT,
        paths::END_SESSION,
        paths::ACCOUNT_SECURITY,
        paths::ACCOUNT_PASSWORD,
        paths::ACCOUNT_PROTECT,
        paths::ACCOUNT_CONFIRM,
    ] {
        for name in [
            "error",
            "error_description",
            "error_hint",
            "client_id",
            "request",
            "to",
            "message",
            "kept",
            "done",
            "guide",
        ] {
            let page = browser.open(&format!("{path}?{name}={marker}")).await;
            assert!(!page.says("0900-EVIL"), "{name}: {page}");
        }
    }
}

#[tokio::test]
async fn s_102_only_what_is_public_may_be_kept() {
    let latchkey = Latchkey::start().await;
    for path in [paths::JWKS, paths::OPENID_CONFIGURATION, paths::AUTHORIZATION_SERVER_METADATA] {
        let answer = latchkey.endpoints.get(path, &Credentials::None).await;
        let caching = answer.header("cache-control");
        let seconds = caching.split("max-age=").nth(1).and_then(|age| age.parse::<u64>().ok());
        assert!(seconds.is_some_and(|seconds| seconds <= 3600), "{path}: {caching}");
        assert!(!caching.contains("no-store"), "{path}: {caching}");
    }
    let mut browser = latchkey.browser();
    let bob = latchkey.bob().await;
    sign_in(&mut browser, &bob).await;
    for path in [paths::ACCOUNT_SECURITY, paths::LOGIN, paths::LOGOUT, paths::ACCOUNT] {
        let url: Url = latchkey.at(path).parse().expect("an address");
        let cookies = browser.cookies().header(&url, false).expect("cookies");
        let answer = http().get(url).header("cookie", cookies).send().await.expect("an answer");
        assert_eq!(value(answer.headers(), "cache-control"), "no-store", "{path}");
    }
    // S-107: an address that looks like a file is none, so no cache takes the page for one.
    for path in
        ["/account/x.css", "/account/security/x.css", "/account/security.css", "/login/x.js"]
    {
        assert_eq!(browser.open(path).await.status, 404, "{path}");
    }
}

const ORIGINS: [&str; 4] =
    ["https://evil.example", "null", "http://localhost.evil.example", "https://app.example"];

async fn preflight(latchkey: &Latchkey, path: &str, origin: &str, method: &str) -> HeaderMap {
    let request = http().request(Method::OPTIONS, latchkey.at(path)).header("origin", origin);
    let request = request.header("access-control-request-method", method);
    let request = request.header("access-control-request-headers", "authorization");
    request.send().await.expect("an answer").headers().clone()
}

#[tokio::test]
async fn s_103_no_script_of_another_origin_reads_a_page() {
    let latchkey = Latchkey::start().await;
    for (_, path) in routes::all() {
        if routes::is_for_programs(&path) && path != paths::INTROSPECT {
            continue;
        }
        let path = routes::filled(&path);
        for origin in ORIGINS {
            for method in ["GET", "POST"] {
                let asked = preflight(&latchkey, &path, origin, method).await;
                let request = http().request(method.parse().expect("a method"), latchkey.at(&path));
                let answer = request.header("origin", origin).send().await.expect("an answer");
                for headers in [&asked, answer.headers()] {
                    let allowed =
                        headers.keys().find(|name| name.as_str().starts_with("access-control"));
                    assert!(allowed.is_none(), "{method} {path} for {origin}: {allowed:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn s_104_programs_endpoints_are_open_without_cookies() {
    let latchkey = Latchkey::start().await;
    for path in [
        paths::TOKEN,
        paths::REVOKE,
        paths::USERINFO,
        paths::JWKS,
        paths::OPENID_CONFIGURATION,
        paths::AUTHORIZATION_SERVER_METADATA,
    ] {
        for origin in ORIGINS {
            let asked = preflight(&latchkey, path, origin, "POST").await;
            let request = http().get(latchkey.at(path)).header("origin", origin);
            let answer = request.send().await.expect("an answer");
            for headers in [&asked, answer.headers()] {
                assert_eq!(value(headers, "access-control-allow-origin"), "*", "{path}");
                assert!(!headers.contains_key("access-control-allow-credentials"), "{path}");
            }
            let allowed = value(&asked, "access-control-allow-headers").to_lowercase();
            assert!(allowed.contains("authorization"), "{path}: {allowed}");
        }
    }
}

#[tokio::test]
async fn s_105_nothing_that_is_sent_leads_away_from_here() {
    let latchkey = Latchkey::start().await;
    let web = latchkey.client(clients::web()).await;
    let bob = latchkey.bob().await;
    for to in [
        "//evil.example",
        "/\\evil.example",
        "https:evil.example",
        "https://evil.example/",
        "/%09/evil.example",
        "/\t/evil.example",
        "/%2f/evil.example",
        "\r\nLocation: https://evil.example",
        "/account/security@evil.example",
        "javascript:alert(1)",
    ] {
        let query = |name: &str| {
            let mut url: Url = latchkey.at("/").parse().expect("an address");
            url.query_pairs_mut().clear().append_pair(name, to);
            url.query().unwrap_or_default().to_owned()
        };
        // The oracles refuse a redirect to any origin but ours and the clients'.
        let mut browser = latchkey.browser();
        for name in ["to", "next", "return_to", "redirect_uri", "request"] {
            browser.open(&format!("{}?{}", paths::LOGIN, query(name))).await;
        }
        let login = browser.open(&format!("{}?{}", paths::LOGIN, query("to"))).await;
        let login = login.fill("username", "bob").fill("password", &bob.password).fill("to", to);
        let page = browser.submit(&login, "Sign in").await.page();
        assert_eq!(page.url.path(), paths::ACCOUNT_SECURITY, "{to:?}: {page}");
        for path in [paths::LOGIN, paths::LOGOUT, paths::ACCOUNT, paths::LOGIN_TWO_FACTOR, "/"] {
            browser.open(&format!("{path}?{}", query("to"))).await;
        }
        let address = format!(
            "{}?client_id={}&{}",
            paths::END_SESSION,
            web.id,
            query("post_logout_redirect_uri")
        );
        let page = browser.open(&address).await;
        assert_eq!(page.status, 400, "{to:?}: {page}");
        let logout =
            browser.open(&format!("{}?{}", paths::LOGOUT, query("post_logout_redirect_uri"))).await;
        let page = browser.submit(&logout, "Sign out").await.page();
        assert_eq!(page.url.path(), paths::LOGOUT, "{to:?}: {page}");
    }
}

#[tokio::test]
async fn s_118_who_we_are_is_not_taken_from_the_request() {
    let latchkey = Latchkey::start().await;
    let bob = latchkey.bob().await;
    let forged = [
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-prefix", "/evil"),
        ("forwarded", "host=evil.example;proto=https"),
        ("x-original-url", "/evil"),
        ("x-rewrite-url", "/evil"),
    ];
    let mut browser: Browser = latchkey.browser();
    sign_in(&mut browser, &bob).await;
    for (name, header) in forged {
        for (_, path) in routes::all() {
            let url: Url = latchkey.at(&routes::filled(&path)).parse().expect("an address");
            let cookies = browser.cookies().header(&url, false).unwrap_or_default();
            let request = http().get(url).header("cookie", cookies).header(name, header);
            let answer = request.timeout(Duration::from_secs(5)).send().await.expect("an answer");
            let headers = format!("{:?}", answer.headers());
            let body = answer.text().await.expect("text");
            assert!(!headers.contains("evil"), "{name} at {path}: {headers}");
            assert!(!body.contains("evil"), "{name} at {path}: {body}");
            if path == paths::OPENID_CONFIGURATION {
                let metadata: serde_json::Value = serde_json::from_str(&body).expect("JSON");
                assert_eq!(metadata["issuer"], json!(latchkey.issuer));
            }
        }
    }
}
