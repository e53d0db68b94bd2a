//! B: what may stand in an authorization request, and to whom it belongs.

use std::time::Duration;

use latchkey::paths;
use serde_json::{Value, json};

use crate::support::browser::Arrival;
use crate::support::clients;
use crate::support::endpoint::Credentials;
use crate::support::page::Page;
use crate::support::stage::{Ask, Grant, Stage, error_page, sign_in, walk_on};

/// The id of the request that a page belongs to.
fn request_of(page: &Page) -> String {
    let id = page.value("request").to_owned();
    assert!(id.len() >= 22, "an id that can be guessed: {id}");
    id
}

#[tokio::test]
async fn s_013_only_the_code_flow_is_there() {
    let mut stage = Stage::set().await;
    for response_type in ["token", "id_token token", "id_token", "code token", "code id_token", "x"]
    {
        let ask = stage.ask().with("response_type", response_type);
        let arrival = stage.walk(&ask).await;
        stage.refused(response_type, &ask, arrival, "unsupported_response_type");
    }
    let ask = stage.ask().without("response_type");
    let arrival = stage.walk(&ask).await;
    stage.refused("none", &ask, arrival, "invalid_request");
    let none = Credentials::None;
    for path in [paths::OPENID_CONFIGURATION, paths::AUTHORIZATION_SERVER_METADATA] {
        let metadata = stage.latchkey.endpoints.get(path, &none).await.good();
        assert_eq!(metadata["response_types_supported"], json!(["code"]));
        let grants = metadata["grant_types_supported"].as_array().unwrap();
        assert!(!grants.contains(&json!("implicit")) && !grants.contains(&json!("password")));
    }
}

#[tokio::test]
async fn s_014_no_parameter_counts_twice() {
    let mut stage = Stage::set().await;
    for name in ["scope", "nonce", "code_challenge", "code_challenge_method", "prompt", "x"] {
        let value = stage.ask().get(name).to_owned();
        let ask = stage.ask().with(name, &value).and(name, &value);
        let arrival = stage.browser.arrive(&ask.address()).await;
        stage.refused(name, &ask, arrival, "invalid_request");
    }
    for name in ["state", "response_mode"] {
        let ask = stage.ask().with(name, "query").and(name, "fragment");
        error_page(name, stage.browser.arrive(&ask.address()).await, "");
    }
    // Once in the query and once in the body.
    let ask = stage.ask();
    let form: Vec<_> = ask.parameters.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let (endpoints, none) = (&stage.latchkey.endpoints, Credentials::None);
    for query in ["client_id=other", "client_id=web", "state=x"] {
        let answer = endpoints.post(&format!("{}?{query}", paths::AUTHORIZE), &none, &form).await;
        assert_eq!(answer.status, 400, "{query}: {answer}");
        assert_eq!(answer.header("location"), "", "{query}");
    }
    // `name[]` is another name.
    for (name, error) in [("scope", "invalid_scope"), ("response_type", "invalid_request")] {
        let ask = stage.ask().without(name).and(&format!("{name}[]"), "openid");
        let arrival = stage.browser.arrive(&ask.address()).await;
        stage.refused(name, &ask, arrival, error);
    }
    let ask = stage.ask().without("client_id").and("client_id[]", "web");
    error_page("client_id[]", stage.browser.arrive(&ask.address()).await, "");
}

#[tokio::test]
async fn s_015_s_016_every_answer_names_us_and_repeats_the_state_byte_by_byte() {
    let mut stage = Stage::set().await;
    let metadata = stage.latchkey.endpoints.get(paths::OPENID_CONFIGURATION, &Credentials::None);
    let metadata = metadata.await.good();
    assert_eq!(metadata["issuer"], stage.latchkey.issuer);
    assert_eq!(metadata["authorization_response_iss_parameter_supported"], true);
    let long = "0123456789abcde+".repeat(256);
    let states = [
        long.as_str(),
        "\u{1f511}\u{e9}",
        "\"><script>alert(1)</script>",
        "\r\nSet-Cookie: x=1",
        "%0d%0aSet-Cookie:x=1",
        "&code=evil",
        "a+b c%20#f;g",
    ];
    for state in states {
        for (name, value, error) in
            [("prompt", "none", "login_required"), ("scope", "what", "invalid_scope")]
        {
            let ask = stage.ask().with("state", state).with(name, value);
            let arrival = stage.latchkey.browser().arrive(&ask.address()).await;
            stage.refused(state, &ask, arrival, error);
        }
    }
    let denied = stage.ask();
    let page = stage.browser.arrive(&denied.address()).await.page();
    let arrival = stage.browser.submit(&page, "deny").await;
    stage.refused("cancelled", &denied, arrival, "access_denied");
    for state in states {
        let ask = stage.ask().with("state", state).with("nonce", state);
        let came = stage.walk(&ask).await.departure();
        stage.check_answer(state, &ask, &came);
        let code = came.parameter("code").expect("a code");
        let grant = Grant::read(&stage.redeem(&ask, &code).await);
        assert_eq!(claims_of(&grant.id)["nonce"], state);
    }
}

fn claims_of(token: &str) -> Value {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let payload = token.split('.').nth(1).expect("a payload");
    let bytes = URL_SAFE_NO_PAD.decode(payload).expect("base64url");
    serde_json::from_slice(&bytes).expect("JSON")
}

#[tokio::test]
async fn s_017_a_request_in_progress_is_worth_nothing_in_another_browser() {
    let mut stage = Stage::set().await;
    let mut attacker = stage.latchkey.browser();
    let login = attacker.arrive(&stage.ask().address()).await.page();
    let id = request_of(&login);
    // The victim is signed in, and has a request of her own in progress.
    stage.code(&stage.ask()).await;
    let again = stage.ask().with("prompt", "consent");
    let consent = stage.browser.arrive(&again.address()).await.page();
    let steps = [paths::LOGIN, paths::LOGIN_TWO_FACTOR, paths::LOGIN_ACCOUNT, paths::CONSENT];
    for step in steps {
        let arrival = stage.browser.arrive(&format!("{step}?request={id}")).await;
        error_page(step, arrival, "");
    }
    error_page("resume", stage.browser.arrive(&paths::resume(&id)).await, "");
    let mut forged = consent.submission("allow");
    for (name, value) in &mut forged.fields {
        if name == "request" {
            value.clone_from(&id);
        }
    }
    error_page("forged", stage.browser.send(&consent, forged).await, "");
    let page = attacker.arrive(&paths::resume(&id)).await.page();
    assert!(page.has("password"), "the attacker's request went on: {page}");
}

#[tokio::test]
async fn s_018_only_the_stored_request_counts() {
    let mut stage = Stage::set().await;
    let other = stage.latchkey.client(clients::other()).await;
    let ask = stage.ask().with("scope", "openid email");
    let tampered = [
        ("client_id", other.id.as_str()),
        ("redirect_uri", other.redirect_uri.as_str()),
        ("scope", "openid profile phone offline_access"),
        ("response_type", "token"),
        ("response_mode", "fragment"),
        ("state", "evil"),
        ("nonce", "evil"),
    ];
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    let query = query.extend_pairs(tampered).finish();
    let mut page = stage.browser.arrive(&ask.address()).await.page();
    let id = request_of(&page);
    for _ in 0..2 {
        let button = if page.has("password") { "sign-in" } else { "allow" };
        let filled = if button == "allow" {
            page.clone()
        } else {
            page.clone().fill("username", "alice").fill("password", &stage.alice.password)
        };
        let mut form = if button == "allow" {
            filled.submission("allow")
        } else {
            filled.form_with("password").submission(None)
        };
        form.fields.extend(tampered.map(|(name, value)| (name.to_owned(), value.to_owned())));
        form.action.set_query(Some(&query));
        match stage.browser.send(&filled, form).await {
            Arrival::Page(next) => {
                drop(next);
                // The address that leads on says nothing either.
                let address = format!("{}?{query}", paths::resume(&id));
                page = match stage.browser.arrive(&address).await {
                    Arrival::Page(next) => *next,
                    Arrival::Client(to) => panic!("{}", to.url),
                };
            }
            Arrival::Client(came) => {
                stage.check_answer("tampered", &ask, &came);
                let code = came.parameter("code").expect("a code");
                let grant = Grant::read(&stage.redeem(&ask, &code).await);
                assert_eq!(grant.body["scope"], "openid email");
                assert_eq!(claims_of(&grant.id)["nonce"], ask.get("nonce"));
                return;
            }
        }
    }
    panic!("no answer came: {page}");
}

#[tokio::test]
async fn s_019_two_tabs_do_not_mix() {
    let stage = Stage::set().await;
    let other = stage.latchkey.client(clients::other()).await;
    let asks = [stage.ask(), Ask::of(&other)];
    let mut tabs = [stage.browser.new_tab(), stage.browser.new_tab()];
    let mut pages = Vec::new();
    for (tab, ask) in tabs.iter_mut().zip(&asks) {
        pages.push(tab.arrive(&ask.address()).await.page());
    }
    // The later one is finished first; signing in there makes the other page's form stale.
    for at in [1, 0] {
        let page = pages[at].clone();
        let arrival = sign_in(&mut tabs[at], page, &stage.alice).await;
        let arrival = match arrival {
            Arrival::Page(page) if page.status.is_client_error() => {
                tabs[at].arrive(&asks[at].address()).await
            }
            arrival => arrival,
        };
        let came = walk_on(&mut tabs[at], &stage.alice, arrival).await.departure();
        stage.check_answer("two tabs", &asks[at], &came);
        let code = came.parameter("code").expect("a code");
        let grant = Grant::read(&stage.redeem(&asks[at], &code).await);
        let claims = claims_of(&grant.id);
        assert_eq!(claims["nonce"], asks[at].get("nonce"));
        assert_eq!(claims["aud"], asks[at].client.id);
    }
}

#[tokio::test]
async fn s_020_deep_and_large_parameters_are_refused_quickly() {
    let stage = Stage::set().await;
    let deep = "[".repeat(100_000);
    let inside = format!("{{\"userinfo\":{{\"email\":{}", "{\"a\":".repeat(50_000));
    let wide = format!("\"{}\"", "a".repeat(1_000_000));
    let object = "x".repeat(1_000_000);
    let cases = [("claims", &deep), ("claims", &inside), ("claims", &wide), ("request", &object)];
    for (name, value) in cases {
        let ask = stage.ask().with(name, value);
        let form: Vec<_> = ask.parameters.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let began = tokio::time::Instant::now();
        let none = Credentials::None;
        let answer = stage.latchkey.endpoints.post(paths::AUTHORIZE, &none, &form).await;
        assert!(began.elapsed() < Duration::from_secs(1), "{name} took {:?}", began.elapsed());
        let location = answer.header("location");
        let told = location.contains("error=invalid_request")
            || location.contains("error=request_not_supported");
        assert!(told || answer.status.is_client_error(), "{name}: {location} {answer}");
    }
}

#[tokio::test]
async fn s_021_the_scope_is_never_wider_than_asked_and_allowed() {
    let mut stage = Stage::set().await;
    let many: Vec<String> = (0..500).map(|number| format!("s{number}")).collect();
    for scope in ["unknown", "reports other", "", &many.join(" "), "openid \"x\"", "openid\u{e9}"] {
        let ask = stage.ask().with("scope", scope);
        let arrival = stage.browser.arrive(&ask.address()).await;
        stage.refused(scope, &ask, arrival, "invalid_scope");
    }
    for (asked, got) in [
        ("openid reports", "openid"),
        ("openid openid email email", "openid email"),
        ("email openid", "email openid"),
    ] {
        let grant = stage.grant(&stage.ask().with("scope", asked)).await;
        assert_eq!(grant.body["scope"], got, "{asked}");
    }
}
