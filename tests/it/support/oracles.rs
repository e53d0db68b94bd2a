//! What must hold for every answer of every test, whatever the test is about.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, Once};
use std::time::Duration;

use latchkey::paths;
use reqwest::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, LOCATION, SET_COOKIE,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use reqwest::{StatusCode, Url};

use super::cookie_jar::check_attributes;

/// No request takes so long, not even unoptimized beside a hundred others: it hangs.
const LONGEST: Duration = Duration::from_secs(20);

/// What a person waits for at most, and at a sign-in: held where `LATCHKEY_TEST_SWIFT` is set, which
/// takes a machine that does nothing else.
const SWIFT: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(2)];

static IS_SWIFT: LazyLock<bool> =
    LazyLock::new(|| std::env::var_os("LATCHKEY_TEST_SWIFT").is_some());

/// Panics in the program's own code since this process began, whichever test made them.
static PANICS: AtomicUsize = AtomicUsize::new(0);

/// The standing oracles of one instance; shared by all that send requests to it.
#[derive(Clone, Debug)]
pub struct Oracles {
    /// Where a redirect may lead: the issuer, and what the registered clients have.
    allowed: Arc<Mutex<BTreeSet<String>>>,
    heard: Arc<Mutex<Heard>>,
    /// Whether the test breaks the database, so that 503 is a good answer.
    faults: Arc<AtomicBool>,
    /// Whether the issuer is https, as a browser sees it.
    https: bool,
}

/// Counts panics at a place in `src/`: those of a test are its own way to say that it fails.
fn count_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let place = panic.location().map(std::panic::Location::file).unwrap_or_default();
            if place.starts_with("src/") {
                PANICS.fetch_add(1, Ordering::SeqCst);
            }
            before(panic);
        }));
    });
}

/// What went to and fro, as far as a test may want to look for it later.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// Method and path of each request that was not refused.
    pub answered: BTreeSet<(String, String)>,
    /// The values of all cookies, and of the tokens of all forms.
    pub secrets: BTreeSet<String>,
    /// What was typed into fields for passwords and codes.
    pub typed: BTreeSet<String>,
}

impl Oracles {
    pub fn new(issuer: &str) -> Self {
        count_panics();
        let origin = origin_of(&Url::parse(issuer).expect("the issuer is a URL"));
        let https = origin.starts_with("https:");
        let allowed = Arc::new(Mutex::new(BTreeSet::from([origin])));
        Self { allowed, heard: Arc::default(), faults: Arc::default(), https }
    }

    /// From now on the database may fail: what cannot be done now is said by 503.
    pub fn expect_faults(&self) {
        self.faults.store(true, Ordering::SeqCst);
    }

    /// Lets redirects lead to `uri`, because a client has registered it.
    pub fn allow(&self, uri: &str) {
        let origin = origin_of(&Url::parse(uri).expect("a redirect URI is a URL"));
        self.allowed.lock().expect("no test has panicked").insert(origin);
    }

    /// Fails if an answer breaks a rule that has no exceptions.
    pub fn check(&self, url: &Url, status: StatusCode, headers: &HeaderMap) {
        let what = format!("{status} from {}", url.path());
        let excused = status == 503 && self.faults.load(Ordering::SeqCst);
        assert!(
            excused || !status.is_server_error(),
            "{what}: nothing that is sent may break the server"
        );
        let panics = PANICS.load(Ordering::SeqCst);
        assert_eq!(panics, 0, "{what}: the program panicked; the first place is told above");
        for line in headers.get_all(SET_COOKIE) {
            check_attributes(line.to_str().expect("a Set-Cookie of ASCII"), self.https);
        }
        check_headers(&what, headers);
        check_caching(&what, url.path(), status, headers);
        self.check_location(&what, url, headers);
    }

    /// What all that share these oracles have sent and got so far.
    pub fn heard(&self) -> Heard {
        self.heard.lock().expect("no test has panicked").clone()
    }

    /// Notes a request and its answer.
    pub fn hear(
        &self,
        (method, url): (&reqwest::Method, &Url),
        form: &[(String, String)],
        (status, headers): (StatusCode, &HeaderMap),
        body: &str,
    ) {
        let mut heard = self.heard.lock().expect("no test has panicked");
        if !status.is_client_error() {
            heard.answered.insert((method.to_string(), url.path().to_owned()));
        }
        for line in headers.get_all(reqwest::header::SET_COOKIE) {
            let pair = line.to_str().expect("ASCII").split(';').next().unwrap_or_default();
            let value = pair.split_once('=').map(|(_, value)| value).unwrap_or_default();
            if value.len() >= 16 {
                heard.secrets.insert(value.to_owned());
            }
        }
        for rest in body.split("name=\"csrf\" value=\"").skip(1) {
            heard.secrets.insert(rest.split('"').next().unwrap_or_default().to_owned());
        }
        for (name, value) in form {
            let secret = name.contains("password") || matches!(name.as_str(), "code" | "repeat");
            if secret && !value.is_empty() {
                heard.typed.insert(value.clone());
            }
        }
    }

    fn check_location(&self, what: &str, url: &Url, headers: &HeaderMap) {
        let Some(location) = headers.get(LOCATION) else { return };
        let location = location.to_str().expect("a Location of ASCII");
        let target = url.join(location).expect("a Location that is a URL");
        let origin = origin_of(&target);
        let allowed = self.allowed.lock().expect("no test has panicked");
        assert!(allowed.contains(&origin), "{what}: redirects to the foreign {location}");
    }
}

/// Fails if an answer took so long that something hangs, or that people would wait.
pub fn check_time(url: &Url, took: Duration) {
    let is_sign_in = url.path().starts_with(paths::LOGIN);
    let longest = if *IS_SWIFT { SWIFT[usize::from(is_sign_in)] } else { LONGEST };
    assert!(took < longest, "{} took {took:?}", url.path());
}

/// Scheme, host and port; the scheme alone where there is no host (`com.example.app:/cb`).
pub fn origin_of(url: &Url) -> String {
    match url.host_str() {
        Some(_) => url.origin().ascii_serialization(),
        None => format!("{}:", url.scheme()),
    }
}

fn text(headers: &HeaderMap, name: impl reqwest::header::AsHeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn check_headers(what: &str, headers: &HeaderMap) {
    assert_eq!(text(headers, X_CONTENT_TYPE_OPTIONS), "nosniff", "{what}");
    assert_eq!(text(headers, X_FRAME_OPTIONS), "DENY", "{what}");
    assert_eq!(text(headers, "referrer-policy"), "no-referrer", "{what}");
    assert_eq!(text(headers, "cross-origin-opener-policy"), "same-origin", "{what}");
    assert!(!text(headers, "cross-origin-resource-policy").is_empty(), "{what}: no CORP");
    let transport = text(headers, STRICT_TRANSPORT_SECURITY);
    assert!(transport.starts_with("max-age=31536000"), "{what}: HSTS is {transport:?}");
    let policies: Vec<_> = headers.get_all(CONTENT_SECURITY_POLICY).iter().collect();
    assert_eq!(policies.len(), 1, "{what}: one Content-Security-Policy, not {policies:?}");
    let policy = text(headers, CONTENT_SECURITY_POLICY);
    assert!(policy.contains("default-src 'none'"), "{what}: {policy}");
    assert!(policy.contains("frame-ancestors 'none'"), "{what}: {policy}");
    assert!(!policy.contains("unsafe-"), "{what}: {policy}");
    let kind = text(headers, CONTENT_TYPE).to_ascii_lowercase();
    if kind.starts_with("text/") {
        assert!(kind.contains("charset=utf-8"), "{what}: {kind} without charset");
    }
    assert!(headers.get("x-powered-by").is_none(), "{what}: says what it runs on");
}

fn check_caching(what: &str, path: &str, status: StatusCode, headers: &HeaderMap) {
    let public = [
        paths::JWKS,
        paths::OPENID_CONFIGURATION,
        paths::AUTHORIZATION_SERVER_METADATA,
        paths::WELL_KNOWN_CHANGE_PASSWORD,
    ];
    let is_public = public.contains(&path)
        || ["/assets/", "/logos/"].iter().any(|folder| path.starts_with(folder));
    if is_public && status.is_success() {
        return;
    }
    let caching = text(headers, CACHE_CONTROL);
    assert!(caching.contains("no-store"), "{what}: Cache-Control is {caching:?}");
}
