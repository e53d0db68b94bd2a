//! The links in client metadata to somewhere else: what people click, and what we fetch.

use url::Url;

use super::ClientMetadata;
use super::check::{Checked, invalid};

/// Each by its rule; none may be a `javascript:` that a page would run (S-098).
pub(super) fn check_links(client: &ClientMetadata) -> Checked {
    let links = [
        ("logo_uri", &client.logo_uri, SECURE),
        ("client_uri", &client.client_uri, WEB),
        ("policy_uri", &client.policy_uri, WEB),
        ("tos_uri", &client.tos_uri, WEB),
        ("jwks_uri", &client.jwks_uri, SECURE),
        ("backchannel_logout_uri", &client.backchannel_logout_uri, CALLED),
    ];
    for (member, uri, rule) in links {
        if uri.as_ref().is_some_and(|uri| !(rule.holds)(uri)) {
            return Err(invalid(format!("'{member}' must be {}", rule.words)));
        }
    }
    Ok(())
}

/// What a link to somewhere else must be.
#[derive(Clone, Copy)]
struct LinkRule {
    holds: fn(&str) -> bool,
    words: &'static str,
}

const WEB: LinkRule =
    LinkRule { holds: |uri| web_url(uri).is_some(), words: "an http or https URL" };
const SECURE: LinkRule = LinkRule {
    holds: |uri| web_url(uri).is_some_and(|url| is_secure(&url)),
    words: "an https URL",
};
/// What we post to, by OpenID Connect Back-Channel Logout §2.2.
const CALLED: LinkRule = LinkRule {
    holds: |uri| web_url(uri).is_some_and(|url| is_secure(&url) && url.fragment().is_none()),
    words: "an https URL without a fragment",
};

fn is_secure(url: &Url) -> bool {
    let local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    url.scheme() == "https" || local
}

pub(super) fn web_url(uri: &str) -> Option<Url> {
    let plain = uri.bytes().all(|b| b.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&b));
    let url = Url::parse(uri).ok()?;
    let web = matches!(url.scheme(), "http" | "https") && url.host_str().is_some();
    (plain && web && url.username().is_empty() && url.password().is_none()).then_some(url)
}
