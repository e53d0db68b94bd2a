//! What the program writes down: logs, figures, the audit trail, the database (S-178 … S-181).

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use latchkey::paths;
use latchkey::store::events::{self, Event, Filter};
use serde_json::{Value, json};

use crate::support::Latchkey;
use crate::support::browser::{Browser, http};
use crate::support::clients::{self, TestClient};
use crate::support::endpoint::{Credentials, Endpoints};
use crate::support::flow::{VERIFIER, address, exchange, sign_in_with, text, totp, type_in, walk};
use crate::support::mails::{Mail, files_in};
use crate::support::oracles::Oracles;
use crate::support::people::{PASSWORD, TestUser};
use crate::support::program::Program;

/// Everything that was secret in a run.
#[derive(Default)]
struct Secrets(Vec<(&'static str, String)>);

impl Secrets {
    fn add(&mut self, what: &'static str, secret: &str) {
        assert!(secret.len() >= 6, "{what} is too short to be looked for: {secret:?}");
        self.0.push((what, secret.to_owned()));
    }

    /// Fails if any of them stands in `text`, plain or in an encoding that is as good.
    fn are_not_in(&self, place: &str, text: &[u8]) {
        for (what, secret) in &self.0 {
            let digit = |byte: u8| char::from_digit(u32::from(byte), 16).expect("a digit");
            let hex: String = secret.bytes().flat_map(|b| [digit(b >> 4), digit(b & 15)]).collect();
            let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
            let forms = [
                secret.clone(),
                form,
                STANDARD.encode(secret),
                URL_SAFE_NO_PAD.encode(secret),
                hex,
                // What a prefix is followed by is the secret part of a token.
                secret.trim_start_matches("lk_at_").trim_start_matches("lk_rt_").to_owned(),
            ];
            for form in forms {
                let found = text.windows(form.len()).any(|window| window == form.as_bytes());
                assert!(!found, "{what} stands in {place}");
            }
        }
    }
}

/// A running program with somebody to sign in and clients of every kind.
struct Scene {
    secrets: Secrets,
    endpoints: Endpoints,
    browser: Browser,
    user: TestUser,
    web: TestClient,
    m2m: TestClient,
    issuer: String,
}

fn registered(metadata: Value) -> TestClient {
    let secret = metadata["client_secret"].as_str().map(str::to_owned);
    let redirect_uri = metadata["redirect_uris"][0].as_str().unwrap_or_default().to_owned();
    TestClient { id: text(&metadata, "client_id").to_owned(), secret, redirect_uri, metadata }
}

impl Scene {
    /// Everything that people and clients do, right and wrong.
    async fn play(&mut self) {
        let form = [("grant_type", "client_credentials")];
        for wrong in [
            Credentials::Basic("m2m".into(), "CANARY-wrong-client-secret".into()),
            Credentials::Post("m2m".into(), "CANARY-posted-client-secret".into()),
            Credentials::Assertion("CANARY.client.assertion".into()),
            Credentials::Bearer("CANARY-bearer-token".into()),
        ] {
            let answer = self.endpoints.post(paths::TOKEN, &wrong, &form).await;
            assert_eq!(answer.status, 401);
        }
        let own = self.endpoints.post(paths::TOKEN, &self.m2m.credentials(), &form).await.good();
        self.secrets.add("the program's access token", text(&own, "access_token"));
        let mistyped = "CANARY-mistyped-Passw0rd";
        sign_in_with(&mut self.browser, "alice", mistyped).await;
        sign_in_with(&mut self.browser, "CANARY-password-as-name", mistyped).await;
        self.remember_cookies();
        let asked = [("scope", "openid offline_access"), ("prompt", "consent")];
        let asked = address(&self.issuer, &self.web, &asked);
        let mut arrival = self.browser.arrive(&asked).await;
        let login = arrival.page();
        self.secrets.add("a form's token", login.value("csrf"));
        arrival = type_in(&mut self.browser, login, "alice", PASSWORD).await;
        self.remember_cookies();
        let came = walk(&mut self.browser, &self.user, arrival).await;
        let code = came.parameter("code").expect("a code");
        self.secrets.add("the code", &code);
        let caller = self.web.credentials();
        let tokens = exchange(&self.endpoints, &caller, &self.web, &code).await.good();
        self.remember_tokens(&tokens);
        let access = text(&tokens, "access_token").to_owned();
        let bearer = Credentials::Bearer(access.clone());
        self.endpoints.get(paths::USERINFO, &bearer).await.good();
        let in_query = format!("{}?access_token={access}", paths::USERINFO);
        self.endpoints.get(&in_query, &Credentials::None).await;
        self.endpoints.post(paths::INTROSPECT, &caller, &[("token", &access)]).await.good();
        let refresh = text(&tokens, "refresh_token").to_owned();
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
        let fresh = self.endpoints.post(paths::TOKEN, &caller, &form).await.good();
        self.remember_tokens(&fresh);
        // A code again, which revokes all; a revocation; what nobody issued.
        exchange(&self.endpoints, &caller, &self.web, &code).await.refuses(400, "invalid_grant");
        self.endpoints.post(paths::REVOKE, &caller, &form[1..]).await;
        self.endpoints.post(paths::REVOKE, &caller, &[("token", &refresh)]).await;
        let nonsense = [("grant_type", "authorization_code"), ("code", "CANARY-guessed-code")];
        self.endpoints.post(paths::TOKEN, &caller, &nonsense).await;
        for path in ["/CANARY-path?code=CANARY-query", "/oauth/authorize/CANARY-path"] {
            http().get(format!("{}{path}", self.issuer)).send().await.expect("an answer");
        }
        let logout = self.browser.open(paths::LOGOUT).await;
        self.browser.submit(&logout, "Sign out").await.page();
    }

    /// A password is forgotten, mailed for, and replaced.
    async fn recover(&mut self, outbox: &Path) {
        let page = self.browser.open(paths::RECOVER).await.fill("username", "alice");
        self.browser.submit(&page, "Send me a link").await.page();
        let mut link = None;
        for _ in 0..500 {
            let mails = files_in(outbox).into_iter().map(std::fs::read_to_string);
            let mut mails = mails.map(|mail| Mail::read(&mail.expect("a mail")));
            link = mails.find(|mail| mail.subject.contains("Choose a new"));
            if link.is_some() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let link = link.expect("a mail within ten seconds").link("/recover/");
        self.secrets.add("a link's token", link.rsplit('/').next().expect("a token"));
        let page = self.browser.open(&link).await;
        self.secrets.add("the new password", "CANARY-new-Passw0rd%77");
        let page = page.fill("password", "CANARY-new-Passw0rd%77");
        let page = page.fill("repeat", "CANARY-new-Passw0rd%77");
        self.browser.submit(&page, "Set new password").await.page();
    }

    fn remember_cookies(&mut self) {
        for name in ["latchkey_session", "latchkey_browser", "latchkey_sign_in"] {
            let value = self.browser.cookies().value(name);
            if let Some(value) = value {
                self.secrets.add("a cookie", &value);
            }
        }
    }

    fn remember_tokens(&mut self, tokens: &Value) {
        for name in ["access_token", "refresh_token", "id_token"] {
            if let Some(token) = tokens[name].as_str() {
                self.secrets.add("a token", token);
            }
        }
    }
}

fn files_below(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("a file").path();
        if path.is_dir() { files_below(&path, found) } else { found.push(path) }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s_178_s_179_no_secret_is_written_down_anywhere() {
    let mut program = Program::new();
    program.set("LATCHKEY_TELEMETRY__LOG_LEVEL", "trace");
    let mut secrets = Secrets::default();
    for (what, secret) in
        [("the password", PASSWORD), ("the verifier", VERIFIER), ("what was only tried", "CANARY")]
    {
        secrets.add(what, secret);
    }
    let arguments = [
        "user",
        "add",
        "alice",
        "--email",
        "alice@people.example",
        "--email-verified",
        "--password-stdin",
    ];
    program.run_with(&arguments, PASSWORD).good();
    let mut made = Vec::new();
    for (id, grant) in [("web", "authorization_code"), ("m2m", "client_credentials")] {
        let mut metadata = if id == "web" { clients::web() } else { clients::m2m() };
        let members = metadata.as_object_mut().expect("an object");
        members.remove("client_name");
        members.remove("client_id");
        let given = ["client", "add", "--name", id, "--id", id, "--grant-type", grant];
        let more: &[&str] = if id == "web" { &["--grant-type", "refresh_token"] } else { &[] };
        let given = [&given[..], more, &["--metadata-stdin"]].concat();
        let client = registered(program.run_with(&given, &metadata.to_string()).json());
        secrets.add("a client's secret", client.secret.as_ref().expect("a secret"));
        made.push(client);
    }
    let m2m = made.pop().expect("two clients");
    let web = made.pop().expect("two clients");
    let serving = program.serve().await;
    let oracles = Oracles::new(&serving.issuer);
    oracles.allow("https://app.example/cb");
    let user = TestUser {
        id: String::new(),
        username: "alice".into(),
        email: "alice@people.example".into(),
        password: PASSWORD.into(),
    };
    let mut scene = Scene {
        secrets,
        endpoints: serving.endpoints(&oracles),
        browser: serving.browser(&oracles),
        user,
        web,
        m2m,
        issuer: serving.issuer.clone(),
    };
    scene.play().await;
    scene.recover(&program.folder().join("data/outbox")).await;
    // Addresses are logged by their pattern, so what was only tried stands nowhere at all.
    let figures = serving.figures().await;
    assert!(figures.contains("latchkey_requests_total"), "{figures}");
    scene.secrets.are_not_in("the figures", figures.as_bytes());
    // The write-ahead log is looked at before it is folded into the database.
    let mut files = Vec::new();
    files_below(&program.folder().join("data"), &mut files);
    // A mail must hold its link.
    files.retain(|file| !file.to_string_lossy().contains("/outbox"));
    assert!(files.iter().any(|file| file.to_string_lossy().ends_with("-wal")), "{files:?}");
    for file in &files {
        let bytes = std::fs::read(file).expect("a file");
        scene.secrets.are_not_in(&file.display().to_string(), &bytes);
    }
    let (code, log) = serving.stop().await;
    assert_eq!(code, 0);
    assert!(log.lines().filter(|line| line.contains("answered")).count() > 20, "{log}");
    scene.secrets.are_not_in("the log", log.as_bytes());
    let trail = program.run(&["event", "list"]).good();
    assert!(trail.lines().count() > 8, "{trail}");
    scene.secrets.are_not_in("the audit trail", trail.as_bytes());
    for file in &files {
        // All that stays after the end.
        if let Ok(bytes) = std::fs::read(file) {
            scene.secrets.are_not_in(&file.display().to_string(), &bytes);
        }
    }
}

#[tokio::test]
async fn s_179_a_seed_of_a_second_factor_lies_sealed() {
    let latchkey = Latchkey::start_with(|config| {
        assert!(
            config.database.url.starts_with("sqlite://")
                || config.database.url.contains("postgres")
        );
    })
    .await;
    let Some(file) = latchkey.app.config.database.url.strip_prefix("sqlite://").map(str::to_owned)
    else {
        return;
    };
    let alice = latchkey.alice().await;
    let seed = b"CANARY-seed-20-bytes";
    latchkey.enrol(&alice, seed).await;
    let page = sign_in_with(&mut latchkey.browser(), "alice", PASSWORD).await;
    let code = totp(seed, latchkey.clock.now().seconds());
    latchkey.browser().send(&page, page.clone().fill("code", &code).submission("Verify")).await;
    let mut secrets = Secrets::default();
    secrets.add("the seed", "CANARY-seed-20-bytes");
    secrets.add("the password", PASSWORD);
    for file in [file.clone(), format!("{file}-wal")] {
        let bytes = std::fs::read(&file).expect("a file");
        assert!(!bytes.is_empty());
        secrets.are_not_in(&file, &bytes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s_180_nobody_writes_lines_of_their_own_into_the_log() {
    let mut program = Program::new();
    program.set("LATCHKEY_TELEMETRY__LOG_FORMAT", "json");
    program.set("LATCHKEY_TELEMETRY__LOG_LEVEL", "trace");
    let serving = program.serve().await;
    let oracles = Oracles::new(&serving.issuer);
    let mut browser = serving.browser(&oracles);
    browser.user_agent =
        "Mozilla \u{1b}[2J {\"level\":\"ERROR\"}".replace('\u{1b}', "\t") + &"x".repeat(4000);
    for name in [
        "alice\r\n2026-03-02 ERROR latchkey: root signed in",
        "\u{1b}[2J\u{1b}[1;31mowned",
        "{\"level\":\"ERROR\",\"message\":\"forged\"}",
        &"n".repeat(50_000),
    ] {
        sign_in_with(&mut browser, name, "not-the-Passw0rd!").await;
    }
    for path in ["/%0d%0aERROR%20forged", "/%1b%5b2J", "/?x=%0aforged"] {
        http().get(format!("{}{path}", serving.issuer)).send().await.expect("an answer");
    }
    let (_, log) = serving.stop().await;
    assert!(log.lines().count() > 5, "{log}");
    for line in log.lines() {
        let record: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(record["level"].is_string() && record["timestamp"].is_string(), "{line}");
        assert!(line.len() < 2000, "{line}");
        assert!(!line.contains('\u{1b}') && !line.contains("forged"), "{line}");
    }
    let trail = program.run(&["event", "list"]).good();
    for line in trail.lines() {
        let event: Value = serde_json::from_str(line).expect("one JSON object a line");
        if event["kind"] == "sign_in" {
            assert_eq!(event["address"], "127.0.0.1", "S-181: from where");
        }
        let agent = event["user_agent"].as_str().unwrap_or_default();
        assert!(agent.chars().count() <= 256 && !agent.contains(char::is_control), "{agent:?}");
        assert!(line.len() < 2000, "{line}");
    }
}

async fn trail(latchkey: &Latchkey) -> Vec<Event> {
    let mut db = latchkey.app.store.read().await.expect("a read");
    let filter = Filter { user_id: None, since: None, before: None, limit: 500 };
    let mut events = events::list(&mut db, filter).await.expect("events");
    events.reverse();
    events
}

#[tokio::test]
async fn s_181_what_happens_is_written_down_with_who_where_and_how() {
    let latchkey = Latchkey::start().await;
    let web = latchkey.client(clients::web()).await;
    let alice = latchkey.alice().await;
    let mut browser = latchkey.browser();
    sign_in_with(&mut browser, "alice", "wrong").await;
    sign_in_with(&mut browser, "nobody-we-know", "wrong").await;
    let tokens = latchkey.tokens_in(&mut browser, &alice, &web, &[]).await;
    let form = [("token", text(&tokens, "refresh_token"))];
    latchkey.endpoints.post(paths::REVOKE, &web.credentials(), &form).await;
    let logout = browser.open(paths::LOGOUT).await;
    browser.submit(&logout, "Sign out").await.page();
    let events = trail(&latchkey).await;
    let of = |kind: &str, outcome: &str| {
        let mut known = events.iter().filter(|event| event.user_id.is_some());
        let found = known.find(|event| event.kind == kind && event.outcome == outcome);
        found.unwrap_or_else(|| panic!("{kind} ({outcome}) is missing: {events:#?}"))
    };
    for (kind, outcome) in [("sign_in", "failed"), ("sign_in", "successful")] {
        let event = of(kind, outcome);
        assert_eq!(event.user_id.as_deref(), Some(alice.id.as_str()));
        assert!(event.address.is_some());
        assert!(event.user_agent.as_deref().is_some_and(|agent| agent.contains("Chrome")));
        assert_eq!(event.at, latchkey.clock.now());
    }
    assert_eq!(of("sign_in", "successful").client_id.as_deref(), Some("web"));
    let unknown = events.iter().find(|event| event.kind == "sign_in" && event.user_id.is_none());
    let unknown = unknown.expect("a try with a name that is nobody's");
    assert!(!json!(unknown).to_string().contains("nobody-we-know"), "it may be a password");
    let revoked = of("token_revoked", "successful");
    assert_eq!(revoked.client_id.as_deref(), Some("web"));
    let out = of("signed_out", "successful");
    assert_eq!(out.actor.as_deref(), Some(alice.id.as_str()));
    assert!(out.session_id.is_some());
    let second_factor = async {
        latchkey.enrol(&alice, b"twenty bytes of seed").await;
        let mut browser = latchkey.browser();
        let page = sign_in_with(&mut browser, "alice", PASSWORD).await;
        let wrong = browser.submit(&page.fill("code", "000000"), "Verify").await.page();
        latchkey.pass_seconds(1);
        let code = totp(b"twenty bytes of seed", latchkey.clock.now().seconds());
        browser.submit(&wrong.fill("code", &code), "Verify").await.page();
    };
    second_factor.await;
    let with_code = |event: &&Event| event.kind == "sign_in" && event.details["method"] == "totp";
    let events = trail(&latchkey).await;
    let outcomes: Vec<_> = events.iter().filter(with_code).map(|e| e.outcome.as_str()).collect();
    assert_eq!(outcomes, ["failed", "successful"], "codes are part of the history too");
}
