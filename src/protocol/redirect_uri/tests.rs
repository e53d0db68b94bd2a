//! S-001 to S-008: which redirect URIs match, and which may be registered.

use proptest::prelude::*;

use super::*;

fn registered(uri: &str) -> Vec<String> {
    vec![uri.to_owned()]
}

#[test]
fn tricks_with_paths_hosts_user_names_case_ports_queries_and_fragments_do_not_match() {
    let app = registered("https://app.example/cb");
    assert!(matches(&app, "https://app.example/cb"));
    for trick in "https://evil.example/cb /cb/ https://app.example/cb/
        https://app.example/cb/../evil https://app.example/cb/..%2fevil
        https://app.example/cb%252f..%252fevil https://app.example/cb/..;/evil
        https://app.example/cb;x https://app.example//cb https://app.example/cb%00
        https://app.example.evil.com/cb https://app.exampleevil.com/cb
        https://appaexample/cb https://evil.com/https://app.example/cb
        https://app.example@evil.com/cb https://a@b@app.example/cb
        https://evil.com\\@app.example/cb https:/\\evil.com https://app.example%40/cb
        https://app.example:443@evil.com/ HTTPS://app.example/cb https://APP.example/cb
        https://app.example/CB https://app.example:443/cb https://app.example:8443/cb
        https://app.example/cb?x=1 https://app.example/cb? https://app.example/cb#x
        https://app.example/cb# http://app.example/cb https://xn--app.example/cb"
        .split_whitespace()
        .chain([" https://app.example/cb", "https://app.example/cb\n", "https://app.ex\tample/cb"])
    {
        assert!(!matches(&app, trick), "{trick:?}");
    }
}

#[test]
fn only_the_port_of_a_loopback_address_may_vary() {
    for (own, sent, good) in [
        ("http://127.0.0.1/cb", "http://127.0.0.1:51004/cb", true),
        ("http://127.0.0.1:80/cb", "http://127.0.0.1:1/cb", true),
        ("http://127.0.0.1:8080/cb?a=1", "http://127.0.0.1/cb?a=1", true),
        ("http://[::1]/cb", "http://[::1]:65535/cb", true),
        ("http://127.0.0.1", "http://127.0.0.1:9", true),
        ("http://127.0.0.1/cb", "http://[::1]:51004/cb", false),
        ("http://127.0.0.1/cb", "http://127.0.0.1:0/cb", false),
        ("http://127.0.0.1/cb", "http://127.0.0.1:65536/cb", false),
        ("http://127.0.0.1/cb", "http://127.0.0.1:/cb", false),
        ("http://127.0.0.1/cb", "http://127.0.0.1:+1/cb", false),
        ("http://127.0.0.1/cb", "http://127.0.0.1:080/cb", false),
        ("http://127.0.0.1/cb", "http://127.0.0.1:1/cb/", false),
        ("http://127.0.0.1/cb", "http://127.0.0.1:1/cb?x", false),
        ("http://127.0.0.1/cb", "http://127.0.0.1:1/cb#x", false),
        ("http://127.0.0.1/cb", "https://127.0.0.1:1/cb", false),
        ("http://127.0.0.1", "http://127.0.0.1:1@evil.test", false),
        ("http://127.0.0.1", "http://127.0.0.1.evil.test", false),
        ("http://127.0.0.1/cb", "http://127.0.0.1.evil.test/cb", false),
        ("http://127.0.0.1/cb", "http://127.0.0.2:1/cb", false),
        ("http://127.0.0.1/cb", "http://0x7f.1:1/cb", false),
        ("http://localhost/cb", "http://localhost:1/cb", false),
        ("http://localhost/cb", "http://localhost.evil.test/cb", false),
        ("http://localhost/cb", "http://localhost@evil/cb", false),
        ("https://app.example/cb", "http://127.0.0.1/cb", false),
    ] {
        assert_eq!(matches(&registered(own), sent), good, "{own} {sent}");
    }
}

#[test]
fn what_may_be_registered() {
    use RedirectKind::{Https, Localhost, Loopback, PrivateUse};
    for (uri, kind) in [
        ("https://app.example", Https),
        ("https://app.example?a=1", Https),
        ("https://app.example:8443/cb?a=1&b=%20", Https),
        ("https://app.example:443/cb", Https),
        ("https://[2001:db8::1]/cb", Https),
        ("http://127.0.0.1/cb", Loopback),
        ("http://[::1]:8080/cb", Loopback),
        ("http://localhost:8081/callback", Localhost),
        ("com.example.app:/cb", PrivateUse),
        ("com.example.app://cb?x", PrivateUse),
        ("com.example.app:///cb", PrivateUse),
    ] {
        assert_eq!(check(uri), Ok(kind), "{uri}");
    }
    for bad in "/cb app.example/cb javascript:alert(1) JaVaScRiPt:alert(1) data:text/html,x
        vbscript:x file:///etc/passwd blob:https://app.example/x http://app.example/cb
        https://*.app.example/cb https://app.example* https://app.example/cb#x
        https://app.example/cb# https://u:p@app.example/ https://@app.example/ https:app.example
        https:/app.example https:///app.example https://app.example/a/../b
        https://app.example/%2e%2e/b https://app.example/%00 https://app.example/%0d%0a
        https://app.example/%zz https://app.example/% https://APP.example/ HTTPS://app.example/
        https://b\u{fc}cher.example/ https://app.example:0443/ https://app.example:/
        https://app.example:99999/ http://0x7f.1/ http://2130706433/ http://127.1/
        http://127.0.0.2/ http://localhost.evil.test/ http://127.0.0.1.evil.test/ https://
        urn:ietf:wg:oauth:2.0:oob myapp:/cb com.example.app:cb com..app:/cb com.app: .app:/cb
        com.app://u@h/ com.app://: com.app://:1/cb com.app://h:/ com.app://h:99999/ com.app:/a/../b
        com.app:/%2e%2e/b https://app.example\\@evil.com/"
        .split_whitespace()
        .chain(["", " https://app.example/", "https://app.example/\t", "https://a b/"])
    {
        assert!(check(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn a_policy_names_the_place_and_nothing_else() {
    for (uri, source) in [
        ("https://app.example:8443/cb?x", Some("https://app.example:8443")),
        ("http://localhost:8081/cb", Some("http://localhost:8081")),
        ("http://[::1]:9/cb", Some("http:")),
        ("com.example.app:/cb", Some("com.example.app:")),
        ("https://a;script-src/", None),
        ("javascript:alert(1)", None),
    ] {
        assert_eq!(csp_source(uri).as_deref(), source, "{uri}");
    }
}

/// The same rule, told by a URL parser instead of by cutting text.
fn parsed_match(own: &str, sent: &str) -> bool {
    let (Ok(mut a), Ok(b)) = (Url::parse(own), Url::parse(sent)) else { return own == sent };
    let loopback =
        |url: &Url| url.scheme() == "http" && matches!(url.host_str(), Some("127.0.0.1" | "[::1]"));
    own == sent || loopback(&a) && a.set_port(b.port()).is_ok() && a == b
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn text_and_parser_agree_about_uris_in_normal_form(
        own in "https?://(127\\.0\\.0\\.[12]|\\[::1\\]|localhost|a\\.b)(:[1-9][0-9]{3})?/[a-b]{0,2}(\\?[a-b])?",
        host in "(127\\.0\\.0\\.[12]|\\[::1\\]|localhost|a\\.b)(:[1-9][0-9]{3})?",
        other in "https?://(127\\.0\\.0\\.[12]|\\[::1\\])(:[1-9][0-9]{3})?/[a-b]{0,2}(\\?[a-b])?",
    ) {
        let path = own.splitn(4, '/').nth(3).unwrap_or_default();
        let moved = format!("{}//{host}/{path}", own.split('/').next().unwrap());
        for sent in [moved, other] {
            prop_assert_eq!(matches(&registered(&own), &sent), parsed_match(&own, &sent), "{}", sent);
        }
    }

    #[test]
    fn no_text_makes_it_panic(text: String) {
        let _ = (check(&text), csp_source(&text), matches(&registered("http://127.0.0.1/"), &text));
    }
}
