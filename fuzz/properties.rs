// What must hold of each parser for any bytes at all. The fuzzing targets run these, and so does
// the test suite over the inputs in `fuzz/corpus`.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::LazyLock;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;
use latchkey::blocklist::Blocklist;
use latchkey::clock::Timestamp;
use latchkey::config::{Config, PasswordPolicy};
use latchkey::identity::password;
use latchkey::identity::sign_in::canonical_login;
use latchkey::keys::{MasterKey, TokenSealer};
use latchkey::oauth::client_authentication::basic;
use latchkey::protocol::claims::{ClaimsRequest, StandardClaims};
use latchkey::protocol::client::ClientMetadata;
use latchkey::protocol::client_assertion::{self, Recipient};
use latchkey::protocol::jwt::{self, Expect, PublicKey, SigningAlg};
use latchkey::protocol::parameters::Parameters;
use latchkey::protocol::pkce::{self, CodeChallenge};
use latchkey::protocol::prompt::Prompts;
use latchkey::protocol::redirect_uri;
use latchkey::protocol::scope::Scope;
use latchkey::secret::Random;
use latchkey::user_agent;
use latchkey::web::client_address::client_address;
use serde_json::Value;

/// A name and what must hold.
pub type Property = (&'static str, fn(&[u8]));

/// Every parser.
pub const ALL: &[Property] = &[
    ("redirect_uri", redirect_uri),
    ("parameters", parameters),
    ("basic", basic_credentials),
    ("scope", scope),
    ("claims", claims),
    ("jwt", jwt),
    ("jwks", jwks),
    ("client_metadata", client_metadata),
    ("client_assertion", client_assertion),
    ("client_address", client_address_of),
    ("password", password_and_name),
    ("config", config),
    ("user_agent", user_agent_of),
    ("access_token", access_token),
    ("pkce", pkce_of),
    ("prompt", prompt),
];

/// Holds the property of this name against `data`.
pub fn run(name: &str, data: &[u8]) {
    let found = ALL.iter().find(|(other, _)| *other == name);
    let (_, property) = found.expect("a property of this name");
    property(data);
}

fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}

/// The first line is sent, the others are registered. What matches is equal, or differs by the
/// port of a loopback literal alone.
fn redirect_uri(data: &[u8]) {
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
fn parameters(data: &[u8]) {
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

/// `Authorization: Basic`: no part holds what no id and no secret may hold.
fn basic_credentials(data: &[u8]) {
    let Ok(header) = HeaderValue::from_bytes(data) else { return };
    if let Some((id, secret)) = basic(&header) {
        assert!(!id.contains('\0') && !secret.contains('\0'));
        assert!(id.len() + secret.len() < 4096);
    }
}

/// A set of scopes is a set.
fn scope(data: &[u8]) {
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
fn claims(data: &[u8]) {
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

/// Nothing but the holder of a key signs for it: a token without keys never verifies.
fn jwt(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let expect = Expect { typ: None, algs: &SigningAlg::ALL };
    assert!(jwt::verify(text, &[], &expect).is_err());
    let _ = jwt::key_id(text);
    if let Some(claims) = jwt::peek(text) {
        for name in ["exp", "iat", "nbf", "auth_time"] {
            let _ = jwt::numeric_date(&claims, name);
        }
        for name in ["iss", "sub", "aud", "jti"] {
            let _ = jwt::string(&claims, name);
        }
    }
}

/// A set of keys by somebody else: no key of it makes nonsense verify.
fn jwks(data: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(data) else { return };
    let keys = PublicKey::from_jwks(&value);
    let expect = Expect { typ: None, algs: &SigningAlg::ALL };
    let unsigned = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJtZSJ9.";
    assert!(jwt::verify(unsigned, &keys, &expect).is_err());
    let empty = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJtZSJ9.AAAA";
    assert!(jwt::verify(empty, &keys, &expect).is_err());
}

/// Metadata that are taken obey the rules, and are taken again as they were kept.
fn client_metadata(data: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(data) else { return };
    let Ok(client) = ClientMetadata::check(value) else { return };
    for uri in &client.redirect_uris {
        redirect_uri::check(uri).expect("each redirect URI may be registered");
    }
    let kept = serde_json::to_value(&client).expect("they are kept as JSON");
    let again = ClientMetadata::check(kept.clone()).expect("what was kept is taken again");
    assert_eq!(serde_json::to_value(&again).expect("JSON"), kept);
}

/// An assertion proves nothing without its client's keys.
fn client_assertion(data: &[u8]) {
    static CLIENT: LazyLock<ClientMetadata> = LazyLock::new(|| {
        let metadata = serde_json::json!({
            "client_id": "pkj",
            "client_name": "pkj",
            "redirect_uris": ["https://app.example/cb"],
            "token_endpoint_auth_method": "private_key_jwt",
            "jwks_uri": "https://app.example/jwks",
        });
        ClientMetadata::check(metadata).expect("metadata that fit")
    });
    let Some(text) = text(data) else { return };
    let _ = client_assertion::peek_client_id(text);
    let recipient = Recipient {
        issuer: "https://id.example",
        token_endpoint: "https://id.example/oauth/token",
        legacy_flows: true,
    };
    let none = serde_json::json!({ "keys": [] });
    let now = Timestamp::from_seconds(1_800_000_000);
    assert!(client_assertion::check(text, &CLIENT, &none, &recipient, now).is_err());
}

/// Two lines: `X-Forwarded-For` and `Forwarded`. Who is not trusted is not believed; who is, never
/// passes on an address of a trusted proxy for one that it does not name.
fn client_address_of(data: &[u8]) {
    let trusted: [IpNet; 2] =
        ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().expect("a network"));
    let mut headers = HeaderMap::new();
    let mut lines = data.split(|byte| *byte == b'\n');
    for name in ["x-forwarded-for", "forwarded"] {
        let Some(line) = lines.next() else { break };
        let Ok(value) = HeaderValue::from_bytes(line) else { continue };
        headers.append(HeaderName::from_static(name), value);
    }
    let stranger = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 9));
    assert_eq!(client_address(stranger, &headers, &trusted), stranger);
    let proxy = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
    let found = client_address(proxy, &headers, &trusted);
    if headers.is_empty() {
        assert_eq!(found, proxy);
    }
}

/// Passwords and names have one form each, within their bounds.
fn password_and_name(data: &[u8]) {
    static BLOCKLIST: LazyLock<Blocklist> = LazyLock::new(Blocklist::default);
    let Some(text) = text(data) else { return };
    if let Some(normal) = password::normalize(text) {
        assert!(normal.chars().count() <= password::MAX_CHARS);
        assert!(normal.len() <= password::MAX_BYTES);
        assert_eq!(password::normalize(&normal).as_deref(), Some(normal.as_str()));
    }
    for policy in [PasswordPolicy::Default, PasswordPolicy::Nist] {
        let rules = password::Rules { policy, blocklist: &BLOCKLIST, service: "Latchkey" };
        if rules.check(text, &[]).is_ok() {
            assert!(text.chars().count() >= 8 && password::normalize(text).is_some());
        }
    }
    if let Some(name) = canonical_login(text) {
        assert!(!name.is_empty() && name.chars().count() <= 254);
        assert!(!name.chars().any(|c| c.is_control() || c.is_whitespace()));
        assert_eq!(canonical_login(&name).as_deref(), Some(name.as_str()));
    }
}

/// A configuration file is read or refused in one line.
fn config(data: &[u8]) {
    let Some(text) = text(data) else { return };
    match Config::read("fuzz.toml", text, []) {
        Ok(config) => {
            let _ = config.check();
            let printed = config.effective();
            Config::read("printed.toml", &printed, []).expect("what is printed can be read");
        }
        Err(error) => assert!(!error.to_string().contains('\n'), "{error}"),
    }
}

/// Words for a device are few, and hold nothing that moves a terminal.
fn user_agent_of(data: &[u8]) {
    let Some(text) = text(data) else { return };
    if let Some(words) = user_agent::describe(text) {
        assert!(words.len() < 512, "{words}");
    }
}

/// No bytes but our own open.
fn access_token(data: &[u8]) {
    static SEALER: LazyLock<TokenSealer> = LazyLock::new(|| {
        let master = MasterKey::in_memory([7; 32], &Random::System);
        master.token_sealer().expect("a sealer")
    });
    let Some(text) = text(data) else { return };
    assert!(SEALER.open_token(text).is_none());
    assert!(SEALER.open_token(&format!("lk_at_{text}")).is_none());
}

/// Two lines: a challenge and a verifier (RFC 7636 §4.6).
fn pkce_of(data: &[u8]) {
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

/// `prompt` is a set of known words.
fn prompt(data: &[u8]) {
    let Some(text) = text(data) else { return };
    if Prompts::parse(text).is_ok() {
        let known = ["none", "login", "consent", "select_account", "create"];
        assert!(text.split(' ').filter(|word| !word.is_empty()).all(|word| known.contains(&word)));
    }
}
