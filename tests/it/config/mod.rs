//! The configuration: defaults, file, environment, and what is said about mistakes.

use std::time::Duration;

use latchkey::config::{Config, ConfigDuration, KEYS, PasswordPolicy, example};

fn read(text: &str) -> Result<Config, String> {
    Config::read("latchkey.toml", text, []).map_err(|error| error.to_string())
}

fn with_variable(name: &str, value: &str) -> Result<Config, String> {
    Config::read("latchkey.toml", "", [(name.into(), value.into())])
        .map_err(|error| error.to_string())
}

#[test]
fn the_example_is_up_to_date_and_says_the_defaults() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/latchkey.example.toml");
    if std::env::var_os("UPDATE_EXAMPLE").is_some() {
        std::fs::write(path, example()).unwrap();
    }
    let text = std::fs::read_to_string(path).unwrap();
    assert_eq!(text, example(), "run this test with UPDATE_EXAMPLE=1");
    let config = read(&text).unwrap();
    assert_eq!(config, Config::default());
    assert_eq!(config.check(), Vec::<String>::new());
}

#[test]
fn the_example_is_valid_with_every_line_that_is_commented_out() {
    let unset = |line: &str| line.starts_with("# ") && line.contains(" = ");
    let text: String = example()
        .lines()
        .map(|line| if unset(line) { line.trim_start_matches("# ") } else { line })
        .fold(String::new(), |text, line| text + line + "\n");
    let config = read(&text).unwrap();
    assert_eq!(config.check(), Vec::<String>::new());
    // Every key there is stands in the example, and none is there that does not exist.
    let printed: toml::Value = toml::from_str(&config.effective()).unwrap();
    let mut paths = Vec::new();
    collect("", &printed, &mut paths);
    let mut known: Vec<_> = KEYS.iter().map(|key| key.path.to_owned()).collect();
    paths.sort();
    known.sort();
    assert_eq!(paths, known);
}

fn collect(prefix: &str, value: &toml::Value, paths: &mut Vec<String>) {
    match value.as_table() {
        Some(table) => table.iter().for_each(|(name, value)| {
            let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            collect(&path, value, paths);
        }),
        None => paths.push(prefix.to_owned()),
    }
}

#[test]
fn every_key_can_be_given_in_the_environment() {
    let config = Config::read(
        "f",
        "[tokens]\naccess_ttl = \"5m\"",
        [
            ("LATCHKEY_ISSUER".into(), "https://id.example.com".into()),
            ("LATCHKEY_DATABASE__URL".into(), "postgres://u:p@db/latchkey".into()),
            ("LATCHKEY_SERVER__TRUSTED_PROXIES".into(), r#"["10.0.0.0/8", "fd00::/8"]"#.into()),
            ("LATCHKEY_SERVER__TLS__EPHEMERAL".into(), "true".into()),
            ("LATCHKEY_TOKENS__ID_TTL".into(), "15m".into()),
            ("LATCHKEY_LOGIN__MAX_FAILURES".into(), "3".into()),
            ("LATCHKEY_BRANDING__NAME".into(), "2024".into()),
            ("LATCHKEY_BRANDING__SUPPORT_URL".into(), "https://help.example.com/".into()),
            ("LATCHKEY_PASSWORD__POLICY".into(), "nist".into()),
            ("PATH".into(), "/bin".into()),
        ],
    )
    .unwrap();
    assert_eq!(config.issuer, "https://id.example.com");
    assert_eq!(config.server.trusted_proxies.len(), 2);
    assert!(config.server.tls.ephemeral);
    assert_eq!(config.tokens.access_ttl.get(), Duration::from_mins(5));
    assert_eq!(config.tokens.id_ttl.get(), Duration::from_mins(15));
    assert_eq!(config.login.max_failures, 3);
    assert_eq!(config.branding.name, "2024");
    assert_eq!(config.branding.support_url.as_deref(), Some("https://help.example.com/"));
    assert_eq!(config.password.policy, PasswordPolicy::Nist);
}

#[test]
fn the_environment_goes_before_the_file() {
    let variable = ("LATCHKEY_TOKENS__ACCESS_TTL".into(), "7m".into());
    let config = Config::read("f", "[tokens]\naccess_ttl = \"5m\"", [variable]).unwrap();
    assert_eq!(config.tokens.access_ttl, ConfigDuration::new(Duration::from_mins(7)));
}

#[test]
fn a_mistake_names_the_source_the_key_the_value_and_what_is_expected() {
    for (text, parts) in [
        ("isuer = \"x\"", &["latchkey.toml", "there is no key `isuer`"][..]),
        ("[server]\nlisten = \"localhost\"", &["server.listen", "localhost"]),
        ("[server]\nlisten = 8080", &["server.listen", "8080"]),
        ("[server]\nlisten_on = \"x\"", &["there is no key `server.listen_on`", "did you mean"]),
        ("[server.tls]\ncert = \"x\"", &["there is no key `server.tls.cert`", "certificate"]),
        ("[tokens]\naccess_ttl = \"5 minutes\"", &["tokens.access_ttl", "5 minutes", "`15m`"]),
        ("[tokens]\naccess_ttl = 600", &["tokens.access_ttl", "600", "string"]),
        ("[login]\nmax_failures = -1", &["login.max_failures", "-1"]),
        ("[password]\npolicy = \"strong\"", &["password.policy", "strong", "`nist`"]),
        ("[server]\ntrusted_proxies = [\"10.0.0.0\"]", &["server.trusted_proxies"]),
        ("[server]\n\nlisten == 1", &["latchkey.toml, line 3"]),
        ("a = 1\na = 2", &["latchkey.toml, line 2"]),
    ] {
        let error = read(text).unwrap_err();
        for part in parts {
            assert!(error.contains(part), "{text:?}: {error:?} lacks {part:?}");
        }
        assert!(!error.contains('\n'), "{error:?}");
    }
    let error = with_variable("LATCHKEY_LOGIN__MAX_FAILURES", "many").unwrap_err();
    assert!(error.contains("LATCHKEY_LOGIN__MAX_FAILURES") && error.contains("many"), "{error}");
    let error = with_variable("LATCHKEY_DATABASE_URL", "sqlite://x").unwrap_err();
    assert!(error.contains("LATCHKEY_DATABASE_URL"), "{error}");
}

#[test]
fn a_missing_file_is_said_by_name() {
    let error = Config::load(Some("/nowhere/latchkey.toml".as_ref())).unwrap_err().to_string();
    assert!(error.contains("/nowhere/latchkey.toml"), "{error}");
}

#[test]
fn values_out_of_bounds_are_told() {
    for (text, key) in [
        ("issuer = \"http://id.example.com\"", "issuer"),
        ("issuer = \"https://id.example.com/\"", "issuer"),
        ("issuer = \"https://id.example.com?x=1\"", "issuer"),
        ("issuer = \"https://id.example.com#x\"", "issuer"),
        ("issuer = \"https://me@id.example.com\"", "issuer"),
        ("issuer = \"https://ID.example.com\"", "issuer"),
        ("issuer = \"https://id.example.com:443\"", "issuer"),
        ("issuer = \"id.example.com\"", "issuer"),
        ("issuer = \"ftp://localhost\"", "issuer"),
        ("[tokens]\naccess_ttl = \"61m\"", "tokens.access_ttl"),
        ("[tokens]\nrefresh_grace = \"61s\"", "tokens.refresh_grace"),
        ("[tokens]\ncode_ttl = \"11m\"", "tokens.code_ttl"),
        ("[sessions]\nidle = \"2d\"", "sessions.idle"),
        ("[keys]\npublish_before = \"20d\"\nrotate_after = \"10d\"", "keys.publish_before"),
        ("[password]\nargon2_memory_kib = 1024", "password.argon2_memory_kib"),
        ("[password]\nargon2_iterations = 1", "password.argon2_iterations"),
        ("[server.tls]\ncertificate = \"x.pem\"", "server.tls.key"),
        ("[server.tls]\nkey = \"x.pem\"", "server.tls.certificate"),
        ("[server]\nmanagement_listen = \"127.0.0.1:8080\"", "server.management_listen"),
        ("[server]\nmax_connections = 0", "server.max_connections"),
        ("[branding]\nprimary_color = \"red\"", "branding.primary_color"),
        ("[branding]\nprimary_color = \"#12345g\"", "branding.primary_color"),
        ("[branding]\nname = \"\"", "branding.name"),
        ("[branding]\nsupport_url = \"javascript:alert(1)\"", "branding.support_url"),
        ("[branding]\nsupport_email = \"nobody\"", "branding.support_email"),
        ("[database]\nurl = \"mysql://x\"", "database.url"),
        ("[mail]\ntransport = \"http://x\"", "mail.transport"),
        ("[mail]\nfrom = \"nobody\"", "mail.from"),
        ("[telemetry]\nlog_level = \"loud\"", "telemetry.log_level"),
        ("[outbound]\ntimeout = \"2m\"", "outbound.timeout"),
    ] {
        let problems = read(text).unwrap().check();
        assert_eq!(problems.len(), 1, "{text:?}: {problems:?}");
        assert!(problems[0].starts_with(key), "{text:?}: {problems:?}");
        assert!(!problems[0].contains('\n'));
    }
    for issuer in
        ["https://id.example.com", "https://example.com/id", "http://127.0.0.1:9", "http://[::1]"]
    {
        let problems = read(&format!("issuer = \"{issuer}\"")).unwrap().check();
        assert!(problems.is_empty(), "{problems:?}");
    }
}

#[test]
fn no_password_is_ever_printed() {
    let mut config = Config::default();
    for (url, shown) in [
        ("postgres://me:canary@db/latchkey", "postgres://me:***@db/latchkey"),
        ("postgres://me:can/a@ry@db/latchkey", "postgres://me:***@db/latchkey"),
        (
            "postgres://db/latchkey?user=me&password=canary",
            "postgres://db/latchkey?user=me&password=***",
        ),
        ("postgres://:canary@db/latchkey", "postgres://:***@db/latchkey"),
        ("postgres://me:it's-canary@db/latchkey", "postgres://me:***@db/latchkey"),
        ("postgres://me:<canary>`canary`@db/latchkey", "postgres://me:***@db/latchkey"),
        ("postgres://me:a\"canary@db/latchkey", "postgres://me:***@db/latchkey"),
    ] {
        config.database.url = url.into();
        config.mail.transport = "smtps://me:it's<canary>@mail.example.com:465".into();
        let printed = config.effective();
        assert!(printed.contains(shown), "{printed}");
        assert!(printed.contains("smtps://me:***@mail.example.com:465"), "{printed}");
        toml::from_str::<Config>(&printed).expect("it can be read again");
        for text in [
            printed,
            format!("{config:?}"),
            format!("{:?}", config.database),
            format!("{:?}", config.mail),
        ] {
            assert!(!text.contains("canary") && !text.contains("a@ry"), "{text}");
        }
        config.database.url = config.database.url.replace("postgres", "mysql");
        let problems = config.check().join("\n");
        assert!(problems.contains("database.url") && !problems.contains("canary"), "{problems}");
    }
    let error = with_variable("LATCHKEY_OUTBOUND__TIMEOUT", "smtp://me:canary@x").unwrap_err();
    assert!(!error.contains("canary"), "{error}");
}

#[test]
fn proxies_that_are_everybody_are_warned_of_and_a_loopback_issuer_is_not() {
    assert_eq!(read("").unwrap().warnings(), Vec::<String>::new());
    let own = read("[server]\ntrusted_proxies = [\"10.0.0.0/8\", \"fd00::/8\"]").unwrap();
    assert_eq!(own.warnings(), Vec::<String>::new());
    // A proxy on this machine that is not among those that are believed.
    let text = |trusted: &str| {
        format!("issuer = \"https://id.example\"\n[server]\ntrusted_proxies = [{trusted}]")
    };
    let warnings = read(&text("\"10.0.0.0/8\"")).unwrap().warnings();
    assert!(warnings.len() == 1 && warnings[0].contains("127.0.0.1"), "{warnings:?}");
    let named = read(&text("\"10.0.0.0/8\", \"127.0.0.1/32\"")).unwrap();
    assert_eq!(named.warnings(), Vec::<String>::new());
    for network in ["0.0.0.0/0", "::/0"] {
        let text = format!("[server]\ntrusted_proxies = [\"10.0.0.0/8\", \"{network}\"]");
        let warnings = read(&text).unwrap().warnings();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].contains("server.trusted_proxies") && warnings[0].contains(network));
    }
}
