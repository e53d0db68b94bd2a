//! Authorization responses: how a request is answered (RFC 6749 §4.1.2, RFC 9207, Form Post).

use super::authorization_request::{ResponseMode, ResponseTarget};
use super::error::OAuthError;

/// An answer on its way to the client through the browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthorizationResponse {
    /// Send the browser there, by status 303 (RFC 9700 §4.12).
    Redirect(String),
    /// Show a form with these fields that posts itself.
    FormPost {
        /// Where to.
        action: String,
        /// Names and values, to be escaped by the page.
        fields: Vec<(String, String)>,
    },
}

/// The answer that the client hopes for.
#[must_use]
pub fn success(to: &ResponseTarget, issuer: &str, code: &str) -> AuthorizationResponse {
    respond(to, issuer, vec![("code".to_owned(), code.to_owned())])
}

/// The answer that says why not (RFC 6749 §4.1.2.1).
#[must_use]
pub fn refusal(to: &ResponseTarget, issuer: &str, error: &OAuthError) -> AuthorizationResponse {
    let error = vec![
        ("error".to_owned(), error.code.name().to_owned()),
        ("error_description".to_owned(), error.description.to_string()),
    ];
    respond(to, issuer, error)
}

/// Adds `state` and `iss`, which stands in every answer (RFC 9207 §2).
fn respond(
    to: &ResponseTarget,
    issuer: &str,
    mut fields: Vec<(String, String)>,
) -> AuthorizationResponse {
    if let Some(state) = &to.state {
        fields.push(("state".to_owned(), state.clone()));
    }
    fields.push(("iss".to_owned(), issuer.to_owned()));
    match to.response_mode {
        ResponseMode::Query => AuthorizationResponse::Redirect(query(&to.redirect_uri, &fields)),
        ResponseMode::Fragment => {
            AuthorizationResponse::Redirect(format!("{}#{}", to.redirect_uri, encode(&fields)))
        }
        ResponseMode::FormPost => {
            AuthorizationResponse::FormPost { action: to.redirect_uri.clone(), fields }
        }
    }
}

/// A registered query is kept (RFC 6749 §3.1.2). The empty fragment at the end keeps a browser from
/// carrying over the one with which it came here (Fetch, HTTP-redirect fetch; S-011).
fn query(redirect_uri: &str, fields: &[(String, String)]) -> String {
    let joint = match redirect_uri.split_once('?') {
        None => "?",
        Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
        Some(_) => "&",
    };
    format!("{redirect_uri}{joint}{}#", encode(fields))
}

/// Form-urlencoded, with `%20` for a space, which those read too who decode a fragment as a URI.
fn encode(fields: &[(String, String)]) -> String {
    let encoded =
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    encoded.replace('+', "%20")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::parameters::Parameters;

    const ISSUER: &str = "https://id.example";

    fn to(redirect_uri: &str, response_mode: ResponseMode, state: &str) -> ResponseTarget {
        let state = Some(state.to_owned());
        ResponseTarget { redirect_uri: redirect_uri.to_owned(), response_mode, state }
    }

    fn sent(response: AuthorizationResponse) -> String {
        match response {
            AuthorizationResponse::Redirect(location) => location,
            AuthorizationResponse::FormPost { .. } => panic!("a form"),
        }
    }

    #[test]
    fn a_registered_query_is_kept_and_no_fragment_is_inherited() {
        let tail = "code=c&state=s&iss=https%3A%2F%2Fid.example";
        for (own, location) in [
            ("https://a.example/cb", format!("https://a.example/cb?{tail}#")),
            ("https://a.example/cb?a=1", format!("https://a.example/cb?a=1&{tail}#")),
            ("https://a.example/cb?", format!("https://a.example/cb?{tail}#")),
            ("com.example.app:/cb", format!("com.example.app:/cb?{tail}#")),
        ] {
            assert_eq!(sent(success(&to(own, ResponseMode::Query, "s"), ISSUER, "c")), location);
        }
        let fragment = to("https://a.example/cb?a=1", ResponseMode::Fragment, "s");
        let location = sent(success(&fragment, ISSUER, "c"));
        assert_eq!(location, format!("https://a.example/cb?a=1#{tail}"));
    }

    #[test]
    fn state_comes_back_byte_by_byte_and_breaks_nothing() {
        let long = "x".repeat(4096);
        for state in ["\"><script>", "\r\nSet-Cookie: x=1", "&code=evil", "a+b c%20", "🔑é", &long]
        {
            let target = to("https://a.example/cb", ResponseMode::Query, state);
            let location = sent(refusal(&target, ISSUER, &OAuthError::access_denied("no way")));
            assert!(location.bytes().all(|b| b.is_ascii_graphic()), "{location}");
            let (_, query) = location.strip_suffix('#').unwrap().split_once('?').unwrap();
            let params = Parameters::parse(query.as_bytes()).unwrap();
            assert_eq!(params.once("state").unwrap(), Some(state));
            assert_eq!(params.once("error").unwrap(), Some("access_denied"));
            assert_eq!(params.once("error_description").unwrap(), Some("no way"));
            assert_eq!(params.once("iss").unwrap(), Some(ISSUER));
            assert_eq!(params.once("code").unwrap(), None);
        }
    }

    #[test]
    fn a_form_has_nothing_in_the_query() {
        let target = to("https://a.example/cb", ResponseMode::FormPost, "s");
        let AuthorizationResponse::FormPost { action, fields } = success(&target, ISSUER, "c")
        else {
            panic!("a redirect");
        };
        assert_eq!(action, "https://a.example/cb");
        let fields: Vec<_> = fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(fields, [("code", "c"), ("state", "s"), ("iss", ISSUER)]);
        let silent =
            ResponseTarget { state: None, ..to("https://a.example/cb", ResponseMode::Query, "") };
        assert!(!sent(success(&silent, ISSUER, "c")).contains("state"));
    }
}
