//! The whole router, address by address: who may have what, and what no request does, whatever it
//! holds (S-087, S-093, S-094, S-119, S-172 … S-176). The addresses are those of `src/paths.rs`,
//! the methods those that the router itself says it takes: what is added is covered on its day.

use std::collections::{BTreeMap, BTreeSet};

use latchkey::identity::people;
use latchkey::paths;
use reqwest::header::LOCATION;
use reqwest::{Client, Method, StatusCode, Url};
use serde_json::json;

use crate::support::Latchkey;
use crate::support::browser::{Browser, http};
use crate::support::clients::{self, TestClient};
use crate::support::cookie_jar::CookieJar;
use crate::support::dump::{dump, only};
use crate::support::flow::{address, sign_in, sign_in_with};
use crate::support::oracles::Oracles;
use crate::support::people::{PASSWORD, TestUser};
use crate::support::routes;

const SEED: &[u8] = b"a seed of twenty bytes";

/// Forms that come from elsewhere by design: OpenID Connect Core §3.1.2.1 and RP-Initiated Logout
/// §2 let an application send the browser by POST. Neither changes anything by itself.
const FROM_ELSEWHERE: &[&str] = &[paths::AUTHORIZE, paths::END_SESSION];

/// Where one can be after the password alone.
const HALF_WAY: &[&str] = &[paths::LOGIN_TWO_FACTOR, paths::LOGIN_TWO_FACTOR_SET_UP];

#[test]
fn the_list_of_addresses_is_the_routers_own() {
    let mut routed = BTreeSet::new();
    let folder = format!("{}/src", env!("CARGO_MANIFEST_DIR"));
    let mut waiting = vec![std::path::PathBuf::from(folder)];
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).expect("a folder");
            waiting.extend(entries.map(|entry| entry.expect("an entry").path()));
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let name = path.to_string_lossy().into_owned();
        // The sample application and the management listener are no part of it.
        if name.contains("/cli/") || name.ends_with("management.rs") {
            continue;
        }
        for call in text.replace("self.route(", "").split(".route(").skip(1) {
            let first = call.split(',').next().unwrap_or_default().trim();
            let known = first == "\"/\"" || first.starts_with("paths::");
            assert!(known, "{name} routes {first}: give it a name in src/paths.rs");
            routed.extend(first.strip_prefix("paths::").map(str::to_owned));
        }
    }
    let listed: BTreeSet<_> = routes::all().into_iter().map(|(name, _)| name).collect();
    assert_eq!(routed, listed);
}

/// Everything that the forms of the templates call their fields.
fn field_names() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut waiting = vec![format!("{}/templates", env!("CARGO_MANIFEST_DIR")).into()];
    while let Some(path) = waiting.pop() {
        let path: std::path::PathBuf = path;
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).expect("a folder");
            waiting.extend(entries.map(|entry| entry.expect("an entry").path()));
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        for name in text.split(" name=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            if name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
                found.insert(name.to_owned());
            }
        }
    }
    assert!(found.contains("username") && found.len() > 20, "{found:?}");
    found
}

/// A value for a field that could stand there and does no harm to whoever sends it.
fn plausible(name: &str) -> &str {
    match name {
        "username" => "nobody-at-all",
        "password" => PASSWORD,
        "decision" => "deny",
        "code" => "000000",
        _ => "x",
    }
}

/// One answer, as far as it must be alike for all who have no session.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    status: StatusCode,
    to: Option<String>,
}

struct Stand {
    latchkey: Latchkey,
    web: TestClient,
    alice: TestUser,
    oracles: Oracles,
    /// One for all: there are thousands of requests.
    http: Client,
}

impl Stand {
    async fn set() -> Self {
        let latchkey = Latchkey::start_with(|config| config.login.max_failures = 100).await;
        let web = latchkey.client(clients::web()).await;
        let alice = latchkey.alice().await;
        let oracles = Oracles::new(&latchkey.issuer);
        oracles.allow("https://app.example/cb");
        Self { latchkey, web, alice, oracles, http: http() }
    }

    fn at(&self, path: &str) -> Url {
        self.latchkey.at(path).parse().expect("an address")
    }

    /// Sends a form, or nothing by GET, with exactly these headers.
    async fn send(
        &self,
        method: &str,
        url: &Url,
        body: &str,
        headers: &[(&str, &str)],
    ) -> (Seen, String) {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let posts = method == Method::POST;
        let mut request = self.http.request(method, url.clone());
        if posts {
            request = request.header("content-type", "application/x-www-form-urlencoded");
            request = request.body(body.to_owned());
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.expect("an answer");
        let (status, headers) = (answer.status(), answer.headers().clone());
        self.oracles.check(url, status, &headers);
        // Fails on a cookie that is not as ours must be.
        CookieJar::new(self.latchkey.clock.clone()).keep(url, &headers);
        let to = headers.get(LOCATION).map(|to| to.to_str().expect("ASCII").to_owned());
        // Where it leads, without what it shall come back to.
        let to = to.map(|to| to.split('?').next().unwrap_or_default().to_owned());
        let cookies: Vec<_> = headers.get_all("set-cookie").iter().collect();
        let session = cookies.iter().any(|cookie| {
            let cookie = cookie.to_str().expect("ASCII");
            cookie.contains("latchkey_session=") && !cookie.contains("Max-Age=0")
        });
        assert!(!session, "{url} gives a session: {cookies:?}");
        (Seen { status, to }, answer.text().await.unwrap_or_default())
    }

    /// The `Cookie` header of a browser.
    fn cookies(&self, browser: &Browser) -> String {
        browser.cookies().header(&self.at("/"), false).unwrap_or_default()
    }
}

/// The form token of whatever session the browser has, or has not.
async fn token_of(browser: &mut Browser) -> String {
    let page = browser.open(&format!("{}?switch=1", paths::LOGIN)).await;
    let page = if page.has("csrf") { page } else { browser.open(paths::LOGOUT).await };
    page.value("csrf").to_owned()
}

/// The addresses that a browser sends forms to, with the path filled.
async fn forms(stand: &Stand) -> Vec<(String, Url)> {
    let mut found = Vec::new();
    for (_, pattern) in routes::all() {
        let url = stand.at(&routes::filled(&pattern));
        let takes = routes::methods(&stand.http, &url).await.contains(&"POST".to_owned());
        let is_form = !routes::is_for_programs(&pattern);
        if takes && is_form && !FROM_ELSEWHERE.contains(&pattern.as_str()) {
            found.push((pattern, url));
        }
    }
    assert!(found.len() > 30, "{found:?}");
    found
}

/// A form with all fields that any page has.
fn every_field() -> String {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    for name in field_names().iter().filter(|name| *name != "csrf") {
        let value = if name == "username" { "alice" } else { plausible(name) };
        form.append_pair(name, if name == "decision" { "allow" } else { value });
    }
    form.finish()
}

#[tokio::test]
async fn s_093_s_094_no_form_of_any_address_counts_without_its_token_and_origin() {
    let stand = Stand::set().await;
    let bob = stand.latchkey.bob().await;
    let (mut own, mut other) = (stand.latchkey.browser(), stand.latchkey.browser());
    let unsigned = token_of(&mut own).await;
    sign_in(&mut own, &stand.alice).await;
    sign_in(&mut other, &bob).await;
    let (good, theirs) = (token_of(&mut own).await, token_of(&mut other).await);
    let half = &good[..good.len() - 1];
    let (cookies, home) = (stand.cookies(&own), stand.latchkey.issuer.clone());
    let forms = forms(&stand).await;
    let before = dump(&stand.latchkey.app.config.database.url).await;
    let fields = every_field();
    for (pattern, url) in &forms {
        let ours: &[_] =
            &[("cookie", cookies.as_str()), ("origin", &home), ("sec-fetch-site", "same-origin")];
        for token in ["", &unsigned, &theirs, half] {
            let body = format!("{fields}&csrf={token}");
            let (seen, _) = stand.send("POST", url, &body, ours).await;
            assert_eq!(seen.status, 403, "{pattern} with the token {token:?}");
        }
        let (seen, _) = stand.send("POST", url, &fields, ours).await;
        assert_eq!(seen.status, 403, "{pattern} without a token");
        let body = format!("{fields}&csrf={good}");
        for foreign in [
            &[("origin", "https://evil.example")][..],
            &[("origin", "null")],
            &[("origin", &home), ("sec-fetch-site", "cross-site")],
            &[("origin", &home), ("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "none")],
        ] {
            let headers = [&[("cookie", cookies.as_str())], foreign].concat();
            let (seen, _) = stand.send("POST", url, &body, &headers).await;
            assert_eq!(seen.status, 403, "{pattern} from {foreign:?}");
        }
        // All is right but that it is no form (S-095).
        for kind in ["text/plain", "application/json", "multipart/form-data; boundary=b"] {
            let mut request = stand.http.post(url.clone()).header("content-type", kind);
            for (name, value) in ours {
                request = request.header(*name, *value);
            }
            let answer = request.body(body.clone()).send().await.expect("an answer");
            assert_eq!(answer.status(), 415, "{pattern} as {kind}");
        }
        // Twice the same token is not better than none.
        let (seen, _) = stand.send("POST", url, &format!("{body}&csrf={good}"), ours).await;
        assert!(seen.status.is_client_error(), "{pattern} with two tokens: {seen:?}");
    }
    let after = dump(&stand.latchkey.app.config.database.url).await;
    assert_eq!(after, before, "something was changed");
}

/// What belongs to people and what opens something.
const PRECIOUS: &[&str] = &[
    "users",
    "password_credentials",
    "totp_credentials",
    "backup_codes",
    "browser_sessions",
    "devices",
    "consents",
    "consent_scopes",
    "authorizations",
    "authorization_codes",
    "links",
];

/// The ways not to be signed in, as browsers.
async fn strangers(stand: &Stand) -> Vec<(&'static str, Browser)> {
    let latchkey = &stand.latchkey;
    let here = async |user: &TestUser| {
        let mut browser = latchkey.browser();
        sign_in(&mut browser, user).await;
        browser
    };
    let forged = here(&stand.alice).await;
    forged.cookies().replace("latchkey_session", &"A".repeat(43));
    let mut out = here(&stand.alice).await;
    let session = out.cookies().value("latchkey_session").expect("a session");
    let page = out.open(paths::LOGOUT).await;
    out.submit(&page, "Sign out").await.page();
    let signed_out = here(&stand.alice).await;
    signed_out.cookies().replace("latchkey_session", &session);
    let person = async |name| latchkey.person(name, json!({ "name": "Alice Moreau" })).await;
    let ended = here(&person("ended").await).await;
    people::sign_out(&latchkey.app, "ended").await.expect("signed out");
    let locked = here(&person("locked").await).await;
    people::lock(&latchkey.app, "locked", "asked for").await.expect("locked");
    let removed = here(&person("removed").await).await;
    people::remove(&latchkey.app, "removed").await.expect("removed");
    let elsewhere = Latchkey::start().await;
    let double = elsewhere.alice().await;
    let mut foreign = elsewhere.browser();
    sign_in(&mut foreign, &double).await;
    let foreign = foreign.cookies().value("latchkey_session").expect("a session");
    let of_another = here(&stand.alice).await;
    of_another.cookies().replace("latchkey_session", &foreign);
    vec![
        ("a session that nobody has", forged),
        ("a session that was signed out", signed_out),
        ("a session that support ended", ended),
        ("a locked person", locked),
        ("a removed person", removed),
        ("a session of another instance", of_another),
    ]
}

#[tokio::test]
async fn s_087_s_119_without_a_session_every_address_answers_as_to_nobody() {
    let stand = Stand::set().await;
    let mut strangers = strangers(&stand).await;
    let careful = stand.latchkey.person("careful", json!({ "name": "Alice Moreau" })).await;
    stand.latchkey.enrol(&careful, SEED).await;
    let mut half_way = stand.latchkey.browser();
    let page = sign_in_with(&mut half_way, "careful", &careful.password).await;
    assert_eq!(page.url.path(), paths::LOGIN_TWO_FACTOR, "{page}");
    strangers.push(("the password alone", half_way));
    let mut late = stand.latchkey.browser();
    sign_in(&mut late, &stand.alice).await;
    let nobody = stand.look(&mut stand.latchkey.browser(), "nobody").await;
    for (who, mut browser) in strangers {
        assert_eq!(stand.look(&mut browser, who).await, nobody, "{who}");
    }
    // The last, because time passes for all.
    stand.latchkey.pass_seconds(3600);
    assert_eq!(stand.look(&mut late, "a session left alone for an hour").await, nobody);
}

impl Stand {
    /// What every address answers to a browser, by GET and by its form with a good token. Nothing
    /// precious changes, and nothing of Alice is told.
    async fn look(&self, browser: &mut Browser, who: &str) -> BTreeMap<String, Seen> {
        let url = &self.latchkey.app.config.database.url;
        let token = token_of(browser).await;
        let (cookies, home) = (self.cookies(browser), self.latchkey.issuer.clone());
        let headers =
            [("cookie", cookies.as_str()), ("origin", &home), ("sec-fetch-site", "same-origin")];
        let before = only(dump(url).await, PRECIOUS);
        let mut seen = BTreeMap::new();
        let form = format!("csrf={token}&username=nobody-at-all&decision=allow&code=000000");
        for (_, pattern) in routes::all() {
            let half_way = HALF_WAY.contains(&pattern.as_str());
            if half_way && who == "the password alone" {
                seen.insert(format!("GET {pattern}"), Self::to_login());
                seen.insert(format!("POST {pattern}"), Self::to_login());
                continue;
            }
            let url = self.at(&routes::filled(&pattern));
            for method in routes::methods(&self.http, &url).await {
                if !matches!(method.as_str(), "GET" | "POST") {
                    continue;
                }
                let (one, body) = self.send(&method, &url, &form, &headers).await;
                assert!(!body.contains("Moreau"), "{who} is told of Alice by {pattern}: {body}");
                seen.insert(format!("{method} {pattern}"), one);
            }
        }
        assert_eq!(only(dump(url).await, PRECIOUS), before, "{who} changed something");
        for (what, one) in &seen {
            if what.starts_with("GET /account/") {
                assert_eq!(*one, Self::to_login(), "{what} for {who}");
            }
        }
        seen
    }

    fn to_login() -> Seen {
        Seen { status: StatusCode::SEE_OTHER, to: Some(paths::LOGIN.to_owned()) }
    }
}

/// What nobody means, percent-encoded.
const MANGLED: &[&str] = &[
    "%00",
    "a%00b",
    "%ff%fe",
    "%c0%af",
    "%ed%a0%80",
    "%zz",
    "%0d%0aSet-Cookie:%20x=1",
    "%e2%80%ae%e2%81%a6",
    "%f0%9f%94%91%cc%81%cc%81",
    "-1",
    "99999999999999999999999",
    "%7b%22a%22%3a%5b%5d%7d",
    "%27%20OR%201%3d1--",
    "../../../etc/passwd",
    "%3cscript%3e",
];

/// A browser that may send the form at `pattern`, and where that is.
async fn before(stand: &Stand, pattern: &str, number: usize) -> (Browser, Url, String) {
    let latchkey = &stand.latchkey;
    let person = latchkey.person(&format!("p{number}"), json!({ "name": "Somebody" })).await;
    let mut browser = latchkey.browser();
    let mut request = String::new();
    let mut path = routes::filled(pattern);
    match pattern {
        paths::LOGIN_TWO_FACTOR => {
            latchkey.enrol(&person, SEED).await;
            sign_in_with(&mut browser, &person.username, &person.password).await;
        }
        paths::LOGIN | paths::RECOVER => {}
        paths::RECOVER_LINK => path = latchkey.recovery_link(&person).await,
        paths::RECOVER_LINK_CHECK => path = latchkey.recovery_link(&person).await + "/check",
        paths::NOT_ME => path = latchkey.not_me_link(&person).await,
        paths::CONSENT | paths::LOGIN_ACCOUNT => {
            sign_in(&mut browser, &person).await;
            let asked = address(&latchkey.issuer, &stand.web, &[]);
            let page = browser.arrive(&asked).await.page();
            page.value("request").clone_into(&mut request);
        }
        _ => sign_in(&mut browser, &person).await,
    }
    let url = latchkey.at("/").parse::<Url>().expect("an address");
    (browser, url.join(&path).expect("an address"), request)
}

#[tokio::test]
async fn s_173_no_field_of_any_form_can_break_it() {
    let stand = Stand::set().await;
    let (names, forms) = (field_names(), forms(&stand).await);
    for (number, (pattern, _)) in forms.iter().enumerate() {
        let (mut browser, url, request) = before(&stand, pattern, number).await;
        let token = token_of(&mut browser).await;
        let (cookies, home) = (stand.cookies(&browser), stand.latchkey.issuer.clone());
        let headers =
            [("cookie", cookies.as_str()), ("origin", &home), ("sec-fetch-site", "same-origin")];
        let rest = |without: &str| -> String {
            let left = names.iter().filter(|name| *name != without && *name != "csrf");
            let pairs = left.map(|name| match name.as_str() {
                "request" => format!("request={request}"),
                name => format!("{name}={}", plausible(name)),
            });
            pairs.collect::<Vec<_>>().join("&")
        };
        let mut bodies = Vec::new();
        for value in MANGLED {
            let all = names.iter().filter(|name| *name != "csrf");
            let all: Vec<_> = all.map(|name| format!("{name}={value}")).collect();
            bodies.push(all.join("&"));
        }
        for name in names.iter().filter(|name| *name != "csrf") {
            for value in ["a%00b", "99999999999999999999999"] {
                bodies.push(format!("{}&{name}={value}", rest(name)));
            }
        }
        // Twice, as a list, many, long.
        bodies.push(format!("{}&username=x", rest("")));
        bodies.push(format!("{}&username[]=x&code[]=x", rest("")));
        bodies.push((0..8000_u32).map(|n| "f".to_owned() + &n.to_string() + "=1&").collect());
        bodies.push(format!("{}&q={}", rest("q"), "x".repeat(50_000)));
        let limit = bodies.len();
        for (at, body) in bodies.into_iter().enumerate() {
            // The oracles refuse every 5xx.
            let (seen, told) =
                stand.send_any(&url, &format!("{body}&csrf={token}"), &headers).await;
            assert!(!told.contains("<script>") || told.contains("&lt;"), "{pattern}: {told}");
            let refused = seen.status.is_client_error() || seen.status == 303 || seen.status == 200;
            assert!(refused, "{pattern}, {at} of {limit}: {seen:?}");
        }
    }
}

impl Stand {
    /// Like `send`, where a session may be given: proofs that are right are among what is sent.
    async fn send_any(&self, url: &Url, body: &str, headers: &[(&str, &str)]) -> (Seen, String) {
        let mut request = self.http.post(url.clone()).body(body.to_owned());
        request = request.header("content-type", "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.expect("an answer");
        let (status, headers) = (answer.status(), answer.headers().clone());
        self.oracles.check(url, status, &headers);
        (Seen { status, to: None }, answer.text().await.unwrap_or_default())
    }
}

/// Headers that ask for something special, or hold nothing that makes sense.
const ODD: &[(&str, &str)] = &[
    ("range", "bytes=0-0"),
    ("range", "bytes=0-0,5-9,-1"),
    ("if-none-match", "*"),
    ("if-modified-since", "Sat, 01 Jan 2050 00:00:00 GMT"),
    ("if-match", "\"x\""),
    ("te", "trailers, chunked;q=0.5"),
    ("upgrade", "websocket"),
    ("accept", "nonsense;;q=2"),
    ("accept-encoding", "gzip;q=0, *;q=0, identity;q=0"),
    ("accept-language", "xx-YY-zz;q=x,*,,,;"),
    ("authorization", "Basic"),
    ("authorization", "Basic %%%"),
    ("authorization", "Basic Og=="),
    ("authorization", "Bearer"),
    ("authorization", "Bearer  a b"),
    ("authorization", "Negotiate AAAA"),
    ("cookie", "latchkey_session=; latchkey_browser=; =; ;;"),
    ("cookie", "latchkey_session=\"x\"; latchkey_session=y"),
    ("content-type", "application/x-www-form-urlencoded; charset=utf-16"),
    ("x-http-method-override", "DELETE"),
    ("x-forwarded-for", "127.0.0.1, x"),
    ("origin", "%00"),
    ("sec-fetch-site", "nonsense"),
    ("user-agent", ""),
    ("referer", "javascript:alert(1)"),
];

#[tokio::test]
async fn s_176_odd_headers_change_no_answer_for_better() {
    let stand = Stand::set().await;
    for (_, pattern) in routes::all() {
        let url = stand.at(&routes::filled(&pattern));
        for method in routes::methods(&stand.http, &url).await {
            let (plain, _) = stand.send(&method, &url, "x=y", &[]).await;
            for (name, value) in ODD {
                let (seen, _) = stand.send(&method, &url, "x=y", &[(name, value)]).await;
                let better = seen.status.is_success() && !plain.status.is_success();
                assert!(!better, "{method} {pattern} with {name}: {value}: {plain:?} {seen:?}");
                assert!(
                    !matches!(seen.status.as_u16(), 101 | 206 | 304),
                    "{method} {pattern} with {name}: {value}: {seen:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn s_168_nothing_for_operators_is_served_in_public() {
    let stand = Stand::set().await;
    for path in [
        paths::HEALTHZ,
        paths::READYZ,
        paths::METRICS,
        "/admin",
        "/debug/pprof/",
        "/debug/vars",
        "/actuator",
        "/server-status",
        "/.env",
        "/.git/config",
        "/latchkey.toml",
        "/keys/master.key",
        "/data/latchkey.db",
        "/assets/../latchkey.toml",
        "/assets/%2e%2e/%2e%2e/keys/master.key",
        "/assets//etc/passwd",
    ] {
        for method in ["GET", "POST"] {
            let (seen, _) = stand.send(method, &stand.at(path), "x=y", &[]).await;
            assert!(matches!(seen.status.as_u16(), 404 | 405), "{method} {path}: {seen:?}");
        }
    }
}
