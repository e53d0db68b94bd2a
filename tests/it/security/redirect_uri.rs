//! A: where answers may be sent.

use latchkey::identity::clients::{ClientSecret, register};
use latchkey::paths;
use reqwest::StatusCode;
use reqwest::header::{ACCEPT, COOKIE, LOCATION, ORIGIN};
use serde_json::json;

use crate::support::Latchkey;
use crate::support::browser::{Browser, http};
use crate::support::clients::{self, TestClient};
use crate::support::page::Submission;
use crate::support::stage::{Ask, Stage, error_page};

/// A client that may send people back to these only.
async fn client_with(latchkey: &Latchkey, id: &str, uris: &[&str]) -> TestClient {
    let mut metadata = clients::web();
    metadata["client_id"] = id.into();
    metadata["redirect_uris"] = json!(uris);
    metadata["post_logout_redirect_uris"] = json!([]);
    latchkey.client(metadata).await
}

/// Each of `sent` ends at an error page, as a parameter and, where it can be, written as it is.
async fn all_refused(browser: &mut Browser, client: &TestClient, sent: &[&str]) {
    for uri in sent {
        let ask = Ask::of(client).with("redirect_uri", uri);
        error_page(uri, browser.arrive(&ask.address()).await, uri);
        if uri.contains('%') {
            let address = format!("{}&redirect_uri={uri}", ask.without("redirect_uri").address());
            error_page(uri, browser.arrive(&address).await, uri);
        }
    }
}

#[tokio::test]
async fn s_001_to_s_005_only_the_registered_bytes_are_a_redirect_uri() {
    let latchkey = Latchkey::start().await;
    let mut browser = latchkey.browser();
    let web = latchkey.client(clients::web()).await;
    // S-001
    let evil = "https://evil.example/cb";
    all_refused(&mut browser, &web, &[evil]).await;
    let nobody = Ask::of(&web).with("client_id", "nobody").with("redirect_uri", evil);
    let page = error_page("unknown client", browser.arrive(&nobody.address()).await, evil);
    assert!(page.attributes("a", "href").iter().all(|link| !link.contains("evil")), "{page}");
    // S-002
    let paths = [
        "https://app.example/cb/",
        "https://app.example/cb/../evil",
        "https://app.example/cb/..%2fevil",
        "https://app.example/cb%252f..%252fevil",
        "https://app.example/cb/..;/evil",
        "https://app.example/cb;x",
        "https://app.example//cb",
        "https://app.example/cb%00",
        "https://app.example/./cb",
    ];
    all_refused(&mut browser, &web, &paths).await;
    let escaped = "https://app.example/c%62";
    let ask = Ask::of(&web).with("redirect_uri", escaped);
    error_page(escaped, browser.arrive(&ask.address()).await, escaped);
    // S-003
    let hosts = [
        "https://app.example.evil.com/cb",
        "https://app.exampleevil.com/cb",
        "https://evil.com/https://app.example/cb",
        "https://evil.com?https://app.example/cb",
        "//app.example/cb",
        "/cb",
        "cb",
    ];
    all_refused(&mut browser, &web, &hosts).await;
    let foo = client_with(&latchkey, "foo", &["https://foo.example.com/cb"]).await;
    all_refused(&mut browser, &foo, &["https://fooaexample.com/cb"]).await;
    // S-004
    let authorities = [
        "https://app.example@evil.com/cb",
        "https://a@b@app.example/cb",
        "https://evil.com\\@app.example/cb",
        "https:/\\evil.com",
        " https://app.example/cb",
        "https://app.example/cb ",
        "https://app.example/\tcb",
        "https://app.example/cb\r\nSet-Cookie: x=1",
        "https://evil.com%40app.example/cb",
        "https://app.example:443@evil.com/",
    ];
    all_refused(&mut browser, &web, &authorities).await;
    // S-005
    let spelt = [
        "HTTPS://app.example/cb",
        "https://APP.example/cb",
        "https://app.example/CB",
        "https://app.example:443/cb",
        "https://app.example/cb?x=1",
        "https://app.example/cb?",
        "https://app.example./cb",
        "http://app.example/cb",
    ];
    all_refused(&mut browser, &web, &spelt).await;
    let books = client_with(&latchkey, "books", &["https://xn--bcher-kva.example/cb"]).await;
    all_refused(&mut browser, &books, &["https://b\u{fc}cher.example/cb"]).await;
}

#[tokio::test]
async fn s_005_s_011_a_registered_query_is_kept_and_no_fragment_is_carried_on() {
    let mut stage = Stage::set().await;
    let uri = "https://query.example/cb?a=1";
    let query = client_with(&stage.latchkey, "query", &[uri]).await;
    let came = stage.walk(&Ask::of(&query)).await.departure();
    assert!(came.url.as_str().starts_with("https://query.example/cb?a=1&code="), "{}", came.url);
    assert_eq!(came.url.fragment(), Some(""), "{}", came.url);
    for changed in ["https://query.example/cb", "https://query.example/cb?a=2"] {
        all_refused(&mut stage.browser, &query, &[changed]).await;
    }
}

#[tokio::test]
async fn s_006_s_008_what_must_not_be_registered_is_refused_there_and_at_the_request() {
    let latchkey = Latchkey::start().await;
    let mut browser = latchkey.browser();
    let web = latchkey.client(clients::web()).await;
    let bad = [
        "https://app.example/cb#x",
        "https://app.example/cb#",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "blob:https://app.example/x",
        "http://app.example/cb",
        "http://192.168.1.1/cb",
        "https://*.app.example/cb",
        "https://app.example*",
        "https://a@app.example/cb",
        "about:blank",
        "",
    ];
    for uri in bad {
        let mut metadata = clients::web();
        metadata["client_id"] = "bad".into();
        for member in ["redirect_uris", "post_logout_redirect_uris"] {
            let mut metadata = metadata.clone();
            metadata[member] = json!(["https://good.example/cb", uri]);
            let registered = register(&latchkey.app, metadata, ClientSecret::Generated).await;
            assert!(registered.is_err(), "{uri:?} was registered as one of {member}");
        }
        metadata["application_type"] = "native".into();
        metadata["redirect_uris"] = json!([uri]);
        let registered = register(&latchkey.app, metadata, ClientSecret::Generated).await;
        assert!(registered.is_err(), "{uri:?} was registered by a native client");
        let ask = Ask::of(&web).with("redirect_uri", uri);
        error_page(uri, browser.arrive(&ask.address()).await, uri);
    }
}

#[tokio::test]
async fn s_007_only_the_port_of_a_registered_loopback_address_may_vary() {
    let mut stage = Stage::set().await;
    let native = stage.latchkey.client(clients::native()).await;
    let refused = [
        "http://[::1]:51004/cb",
        "http://127.0.0.1:51004/other",
        "http://127.0.0.1:51004/cb?x=1",
        "http://127.0.0.1:51004/cb/",
        "https://127.0.0.1:51004/cb",
        "http://127.0.0.1.evil.test/cb",
        "http://localhost.evil.test/cb",
        "http://localhost@evil/cb",
        "http://localhost/cb",
        "http://localhost:51004/cb",
        "http://0x7f.1/cb",
        "http://2130706433/cb",
        "http://127.0.0.2/cb",
        "http://127.1/cb",
        "http://127.0.0.1:/cb",
        "http://127.0.0.1:0/cb",
        "http://127.0.0.1:65536/cb",
        "http://127.0.0.1:051004/cb",
        "http://127.0.0.1:51004@evil.test/cb",
        "http://127.0.0.1:51004#@evil.test/cb",
        "http://user@127.0.0.1:51004/cb",
        "com.example.app:/other",
        "com.example.app://cb",
        "COM.example.app:/cb",
    ];
    all_refused(&mut stage.browser, &native, &refused).await;
    let web = stage.web.clone();
    let loopback = ["http://127.0.0.1/cb", "http://127.0.0.1:51004/cb"];
    all_refused(&mut stage.browser, &web, &loopback).await;
    for uri in ["http://127.0.0.1:51004/cb", "http://127.0.0.1/cb", "com.example.app:/cb"] {
        stage.latchkey.allow_redirects_to(uri);
        let ask = Ask::of(&native).with("redirect_uri", uri);
        let code = stage.code(&ask).await;
        let other_port = ask.clone().with("redirect_uri", "http://127.0.0.1:51005/cb");
        assert!(stage.redeem(&ask, &code).await.status.is_success(), "{uri}");
        let code = stage.code(&ask).await;
        stage.redeem(&other_port, &code).await.refuses(400, "invalid_grant");
    }
    let v6 = json!(["http://[::1]/cb"]);
    let mut metadata = clients::native();
    metadata["client_id"] = "v6".into();
    metadata["redirect_uris"] = v6;
    let v6 = stage.latchkey.client(metadata).await;
    let uri = "http://[::1]:51004/cb";
    stage.latchkey.allow_redirects_to(uri);
    stage.code(&Ask::of(&v6).with("redirect_uri", uri)).await;
    all_refused(&mut stage.browser, &v6, &["http://127.0.0.1/cb"]).await;
}

#[tokio::test]
async fn s_009_who_asks_and_where_to_answer_must_be_said_once() {
    let latchkey = Latchkey::start().await;
    let mut browser = latchkey.browser();
    let web = latchkey.client(clients::web()).await;
    let ask = || Ask::of(&web);
    let cases = [
        ("no redirect_uri", ask().without("redirect_uri")),
        ("an empty redirect_uri", ask().with("redirect_uri", "")),
        ("two equal redirect_uris", ask().and("redirect_uri", &web.redirect_uri)),
        ("two redirect_uris", ask().and("redirect_uri", "https://evil.example/cb")),
        ("two client_ids", ask().and("client_id", "other")),
        ("two equal client_ids", ask().and("client_id", "web")),
        ("no client_id", ask().without("client_id")),
    ];
    for (what, ask) in cases {
        error_page(what, browser.arrive(&ask.address()).await, "https://evil.example/cb");
    }
}

#[tokio::test]
async fn s_010_a_code_is_bound_to_the_redirect_uri_of_its_request() {
    let mut stage = Stage::set().await;
    let uris = ["https://two.example/cb1", "https://two.example/cb2"];
    let two = client_with(&stage.latchkey, "two", &uris).await;
    let wrong: [(&str, Option<&str>); 4] = [
        ("the other registered one", Some(uris[1])),
        ("none", None),
        ("an empty one", Some("")),
        ("a foreign one", Some("https://evil.example/cb")),
    ];
    for (what, sent) in wrong {
        let ask = Ask::of(&two);
        let code = stage.code(&ask).await;
        let form = ask.redemption(&code);
        let kept = form.iter().copied().filter(|(name, _)| *name != "redirect_uri");
        let form: Vec<_> = kept.chain(sent.map(|uri| ("redirect_uri", uri))).collect();
        let answer = stage.token(&two, &form).await;
        assert_eq!(answer.status, 400, "{what}: {answer}");
        answer.refuses(400, "invalid_grant");
    }
}

/// Sends a form of a page and follows nothing.
async fn status_of(stage: &Stage, submission: &Submission) -> (StatusCode, String) {
    let cookies = stage.browser.cookies().header(&submission.action, false).unwrap_or_default();
    let response = http()
        .post(submission.action.clone())
        .header(COOKIE, cookies)
        .header(ORIGIN, &stage.latchkey.issuer)
        .header(ACCEPT, "text/html")
        .header("sec-fetch-site", "same-origin")
        .form(&submission.fields)
        .send()
        .await
        .expect("an answer");
    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    (response.status(), location.unwrap_or_default().to_owned())
}

#[tokio::test]
async fn s_011_a_form_is_answered_with_303() {
    let mut stage = Stage::set().await;
    let page = stage.browser.arrive(&stage.ask().address()).await.page();
    let page = page.fill("username", "alice").fill("password", "not-the-Passw0rd!");
    let deny = page.submission("deny");
    let form = page.form_with("password").submission(None);
    assert_eq!(status_of(&stage, &form).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    let page = page.fill("password", &stage.alice.password);
    let form = page.form_with("password").submission(None);
    for form in [form, deny] {
        let (status, location) = status_of(&stage, &form).await;
        assert_eq!(status, StatusCode::SEE_OTHER, "to {location}");
        assert!(location.starts_with(paths::AUTHORIZE), "{location}");
    }
    let refused = stage.ask().with("scope", "nothing-known");
    let form: Vec<(&str, &str)> =
        refused.parameters.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let none = crate::support::endpoint::Credentials::None;
    let answer = stage.latchkey.endpoints.post(paths::AUTHORIZE, &none, &form).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer}");
    // A browser without our cookie is asked to come again by GET first.
    let again = answer.header("location").to_owned();
    assert!(again.starts_with(paths::AUTHORIZE), "{again}");
    let answer = stage.latchkey.endpoints.get(&again, &none).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer}");
    assert!(answer.header("location").ends_with('#'), "{}", answer.header("location"));
}
