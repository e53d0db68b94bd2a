// What relying parties send: parameters, scopes, claims, redirect URIs, whole requests.

use std::sync::LazyLock;

use latchkey::protocol::authorization_request::{self, Rejection, ResponseTarget};
use latchkey::protocol::authorization_response::{self, AuthorizationResponse};
use latchkey::protocol::claims::{ClaimsRequest, StandardClaims};
use latchkey::protocol::client::ClientMetadata;
use latchkey::protocol::error::OAuthError;
use latchkey::protocol::parameters::Parameters;
use latchkey::protocol::pkce::{self, CodeChallenge};
use latchkey::protocol::prompt::Prompts;
use latchkey::protocol::redirect_uri;
use latchkey::protocol::scope::Scope;
use serde_json::Value;
use url::Url;

use super::text;

/// The first line is sent, the others are registered. What matches is equal, or differs by the
/// port of a loopback literal alone.
pub fn redirect(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let mut lines = text.lines();
    let sent = lines.next().unwrap_or_default();
    let registered: Vec<String> = lines.map(str::to_owned).collect();
    let matched = redirect_uri::matches(&registered, sent);
    let expected = registered.iter().any(|uri| uri == sent || same_but_for_port(uri, sent));
    assert_eq!(matched, expected, "{sent:?} against {registered:?}");
    if redirect_uri::check(sent).is_ok() {
        assert!(sent.is_ascii() && !sent.contains(['#', ' ', '*', '"', '<', '\\']), "{sent:?}");
        let parsed = url::Url::parse(sent).expect("what may be registered is a URL");
        assert!(parsed.username().is_empty() && parsed.password().is_none(), "{sent:?}");
        assert!(!matches!(parsed.scheme(), "javascript" | "data" | "vbscript" | "file" | "blob"));
        // A browser goes where the text says, byte by byte.
        if !matches!(parsed.scheme(), "http" | "https") {
            assert_eq!(parsed.as_str(), sent);
        }
        if let Some(source) = redirect_uri::csp_source(sent) {
            assert!(!source.contains([';', ',', ' ', '\'']), "{source:?} breaks a policy");
        }
    }
}

/// The same rule, written another way: by cutting the port out of both and comparing the rest.
fn same_but_for_port(registered: &str, sent: &str) -> bool {
    fn without_port(uri: &str) -> Option<String> {
        let after = uri.strip_prefix("http://")?;
        let host_end = if after.starts_with("[::1]") {
            5
        } else if after.starts_with("127.0.0.1") {
            9
        } else {
            return None;
        };
        let (host, rest) = after.split_at(host_end);
        let Some(rest) = rest.strip_prefix(':') else {
            let plain = rest.is_empty() || rest.starts_with('/') || rest.starts_with('?');
            return plain.then(|| format!("{host}{rest}"));
        };
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (port, rest) = rest.split_at(digits);
        let number: u32 = port.parse().ok()?;
        let plain = rest.is_empty() || rest.starts_with('/') || rest.starts_with('?');
        let fits = (1..=65_535).contains(&number) && number.to_string() == port && plain;
        fits.then(|| format!("{host}{rest}"))
    }
    without_port(sent).is_some_and(|sent| without_port(registered) == Some(sent))
}

/// What is read means what everybody else reads, and can be written and read again.
pub fn parameters(data: &[u8]) {
    let Ok(read) = Parameters::parse(data) else { return };
    let ours: Vec<(String, String)> =
        read.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let theirs: Vec<(String, String)> = url::form_urlencoded::parse(data).into_owned().collect();
    assert_eq!(ours, theirs);
    let again = Parameters::parse(read.encoded().as_bytes()).expect("our own writing is read");
    assert!(again == read);
    for (name, _) in &ours {
        let times = ours.iter().filter(|(other, _)| other == name).count();
        assert_eq!(read.once(name).is_err(), times > 1, "{name:?} stands {times} times");
    }
}

/// A set of scopes is a set.
pub fn scope(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let Ok(scope) = Scope::parse(text) else { return };
    let tokens: Vec<&str> = scope.iter().collect();
    for token in &tokens {
        assert!(text.split(' ').any(|sent| sent == *token), "{token:?} was not asked for");
        assert_eq!(tokens.iter().filter(|other| *other == token).count(), 1);
        assert!(token.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\'));
    }
    let again = Scope::parse(&tokens.join(" ")).expect("what was read is read again");
    assert!(again == scope && scope.is_subset_of(&again));
    assert!(scope.minus(&scope).is_empty() && scope.union(&scope) == scope);
}

/// The `claims` parameter, and claims about a person.
pub fn claims(data: &[u8]) {
    let Some(text) = text(data) else { return };
    if let Ok(request) = ClaimsRequest::parse(text) {
        let _ = (request.implied_scope(), request.subject(), request.essential_acr());
        let written = serde_json::to_string(&request).expect("it is kept as JSON");
        let again = serde_json::from_str::<ClaimsRequest>(&written).expect("and read again");
        assert!(again == request);
    }
    if let Ok(value) = serde_json::from_str::<Value>(text)
        && let Ok(claims) = StandardClaims::check(value)
    {
        let map = Value::Object(claims.to_map());
        StandardClaims::check(map).expect("what was taken is taken again");
    }
}

/// Two lines: a challenge and a verifier (RFC 7636 §4.6).
pub fn pkce_of(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let (challenge, verifier) = text.split_once('\n').unwrap_or((text, ""));
    let Ok(challenge) = CodeChallenge::parse(Some("S256"), challenge) else { return };
    assert_eq!(challenge.as_str().len(), 43);
    if pkce::verify(Some(&challenge), Some(verifier)).is_ok() {
        assert_eq!(latchkey::secret::sha256(verifier), challenge.as_str());
        assert!((43..=128).contains(&verifier.len()));
    }
    assert!(pkce::verify(Some(&challenge), None).is_err());
    assert!(pkce::verify(None, Some(verifier)).is_err());
}

/// `prompt` is a set of known words, and `none` stands alone.
pub fn prompt(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let known = ["none", "login", "consent", "select_account", "create"];
    let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    if Prompts::parse(text).is_ok() {
        assert!(words.iter().all(|word| known.contains(word)), "{text:?}");
        assert!(!words.contains(&"none") || words.iter().all(|word| *word == "none"), "{text:?}");
    }
}

/// An application that needs no secret, with a redirect URI of each kind.
static APP: LazyLock<ClientMetadata> = LazyLock::new(|| {
    let metadata = serde_json::json!({
        "client_id": "app",
        "client_name": "App",
        "redirect_uris": [
            "https://app.example/cb",
            "https://app.example/cb?a=1",
            "http://127.0.0.1/cb",
            "com.example.app:/cb",
        ],
        "token_endpoint_auth_method": "none",
        "scope": "openid profile email offline_access",
    });
    ClientMetadata::check(metadata).expect("metadata that fit")
});

/// A query of `/oauth/authorize`: nothing is answered but to a registered URI, nothing is granted
/// that was not registered, and no answer breaks out of its redirect.
pub fn request(data: &[u8]) {
    let Ok(params) = Parameters::parse(data) else { return };
    let (to, error) = match authorization_request::check(&params, &APP) {
        Ok(request) => {
            assert!(request.scope.is_subset_of(&APP.scope) && !request.scope.is_empty());
            assert!(request.code_challenge.is_some(), "a public client proves its code");
            assert!(params.once("request").ok().flatten().is_none());
            let sent = |name| params.once(name).expect("once").map(str::to_owned);
            assert_eq!(sent("state"), request.state);
            assert_eq!(sent("nonce"), request.nonce);
            assert_eq!(sent("redirect_uri").as_ref(), Some(&request.redirect_uri));
            let kept = serde_json::to_string(&request).expect("it is kept as JSON");
            let again = serde_json::from_str(&kept).expect("and read again");
            let hint = request.id_token_hint.clone();
            assert!(
                authorization_request::AuthorizationRequest { id_token_hint: hint, ..again }
                    == request
            );
            (request.target(), None)
        }
        Err(Rejection::TellClient { to, error }) => (to, Some(error)),
        Err(Rejection::ShowPerson(_)) => return,
    };
    assert_eq!(params.once("client_id").ok().flatten(), Some("app"));
    assert!(redirect_uri::matches(&APP.redirect_uris, &to.redirect_uri));
    answered(&to, error.as_ref());
}

/// The answer goes there, and says what it shall.
fn answered(to: &ResponseTarget, error: Option<&OAuthError>) {
    let issuer = "https://id.example";
    let answer = match error {
        None => authorization_response::success(to, issuer, "code"),
        Some(error) => {
            // RFC 6749 §4.1.2.1 says which characters may stand there.
            let fits = |c| matches!(c, ' '..='~') && c != '"' && c != '\\';
            assert!(error.description.chars().all(fits), "{:?}", error.description);
            authorization_response::refusal(to, issuer, error)
        }
    };
    let fields = match answer {
        AuthorizationResponse::FormPost { action, fields } => {
            assert_eq!(action, to.redirect_uri);
            fields
        }
        AuthorizationResponse::Redirect(location) => {
            assert!(location.bytes().all(|byte| byte.is_ascii_graphic()), "{location:?}");
            let added = location.strip_prefix(&to.redirect_uri).expect("the URI itself");
            let target = Url::parse(&location).expect("a URL");
            let registered = Url::parse(&to.redirect_uri).expect("a URL");
            assert_eq!(target.host_str(), registered.host_str());
            assert_eq!(target.port(), registered.port());
            assert_eq!(target.path(), registered.path());
            let added = added.trim_start_matches(['?', '&', '#']).trim_end_matches('#');
            url::form_urlencoded::parse(added.as_bytes()).into_owned().collect()
        }
    };
    let found = |name: &str| -> Vec<&str> {
        let all = fields.iter().filter(|(other, _)| other == name);
        all.map(|(_, value)| value.as_str()).collect()
    };
    assert_eq!(found("state"), to.state.as_deref().into_iter().collect::<Vec<_>>());
    assert_eq!(found("iss"), [issuer]);
    assert_eq!(found("code").len(), usize::from(error.is_none()));
    assert_eq!(found("error").len(), usize::from(error.is_some()));
}
