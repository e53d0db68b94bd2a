//! The rules for client metadata: RFC 7591 §2, OpenID Connect Registration §2, RFC 8252 and ours.

use std::collections::BTreeSet;

use serde_json::Value;
use url::Url;

use super::links::{check_links, web_url};
use super::members::Members;
use super::{
    ApplicationType, AuthMethod, ClientMetadata, GrantType, IntrospectionRight, ResponseType,
    SubjectType, rs256,
};
use crate::protocol::error::OAuthError;
use crate::protocol::redirect_uri::{self, RedirectKind};
use crate::protocol::scope::{DEFAULT_SCOPE, Scope};

/// More redirect URIs than any honest client has; the same holds for every list.
const MOST_ITEMS: usize = 100;

pub(super) type Checked = Result<(), OAuthError>;

pub(super) fn check(value: Value) -> Result<ClientMetadata, OAuthError> {
    let client = read(value)?;
    check_names(&client)?;
    check_redirect_uris(&client)?;
    check_grants(&client)?;
    check_authentication(&client)?;
    check_keys(&client)?;
    check_links(&client)?;
    check_sector(&client)?;
    check_resources(&client)?;
    Ok(client)
}

pub(super) fn invalid(description: impl Into<String>) -> OAuthError {
    OAuthError::invalid_client_metadata(description.into())
}

fn refuse_if(broken: bool, rule: &'static str) -> Checked {
    if broken { Err(invalid(rule)) } else { Ok(()) }
}

/// Reads every member by its type and fills in the defaults.
#[expect(clippy::too_many_lines, reason = "one row a member, nothing to split by meaning")]
fn read(value: Value) -> Result<ClientMetadata, OAuthError> {
    let mut from = Members::of(value)?;
    let client_id: String =
        from.text("client_id")?.ok_or_else(|| invalid("'client_id' is missing"))?;
    let redirect_uris = from.texts("redirect_uris")?.unwrap_or_default();
    let grant_types = from
        .names("grant_types", GrantType::from_name, GrantType::ALL.iter().map(|g| g.name()))?
        .unwrap_or_else(|| vec![GrantType::AuthorizationCode]);
    let asks_people = grant_types.contains(&GrantType::AuthorizationCode);
    let response_types = from
        .names(
            "response_types",
            ResponseType::from_name,
            ResponseType::ALL.iter().map(|r| r.name()),
        )?
        .unwrap_or_else(|| if asks_people { vec![ResponseType::Code] } else { Vec::new() });
    let scope = match from.text("scope")? {
        Some(scope) => Scope::parse(&scope)
            .map_err(|error| invalid(format!("'scope' breaks RFC 6749: {}", error.description)))?,
        None if asks_people => Scope::parse(DEFAULT_SCOPE)?,
        None => Scope::default(),
    };
    let application_type = from
        .value("application_type", "web or native")?
        .unwrap_or_else(|| likely_type(&redirect_uris));
    Ok(ClientMetadata {
        client_name: from.text("client_name")?.unwrap_or_else(|| client_id.clone()),
        client_id,
        redirect_uris,
        post_logout_redirect_uris: from.texts("post_logout_redirect_uris")?.unwrap_or_default(),
        token_endpoint_auth_method: from
            .value(
                "token_endpoint_auth_method",
                "client_secret_basic, client_secret_post, private_key_jwt or none",
            )?
            .unwrap_or_default(),
        token_endpoint_auth_signing_alg: from.alg("token_endpoint_auth_signing_alg")?,
        token_endpoint_auth_audience: from
            .value("token_endpoint_auth_audience", "issuer or token_endpoint")?
            .unwrap_or_default(),
        grant_types,
        response_types,
        scope,
        contacts: from.texts("contacts")?.unwrap_or_default(),
        logo_uri: from.text("logo_uri")?,
        client_uri: from.text("client_uri")?,
        policy_uri: from.text("policy_uri")?,
        tos_uri: from.text("tos_uri")?,
        jwks: from.value("jwks", "a JWK set")?,
        jwks_uri: from.text("jwks_uri")?,
        backchannel_logout_uri: from.text("backchannel_logout_uri")?,
        backchannel_logout_session_required: from.flag("backchannel_logout_session_required")?,
        subject_type: from.value("subject_type", "public or pairwise")?.unwrap_or_default(),
        sector_identifier_uri: from.text("sector_identifier_uri")?,
        id_token_signed_response_alg: from
            .alg("id_token_signed_response_alg")?
            .unwrap_or_else(rs256),
        userinfo_signed_response_alg: from.alg("userinfo_signed_response_alg")?,
        introspection_signed_response_alg: from.alg("introspection_signed_response_alg")?,
        default_max_age: from.value("default_max_age", "a whole number of seconds")?,
        require_auth_time: from.flag("require_auth_time")?,
        default_acr_values: from.texts("default_acr_values")?.unwrap_or_default(),
        application_type,
        access_token_format: from
            .value("access_token_format", "opaque or jwt")?
            .unwrap_or_default(),
        resources: from.texts("resources")?.unwrap_or_default(),
        introspection: from.value("introspection", "own or any")?.unwrap_or_default(),
        first_party: from.flag("first_party")?,
        require_pkce: from.flag("require_pkce")?,
        software_id: from.text("software_id")?,
        software_version: from.text("software_version")?,
    })
}

/// A client with a scheme of its own is an app, also if it does not say so.
fn likely_type(redirect_uris: &[String]) -> ApplicationType {
    let private_use = |uri: &String| redirect_uri::check(uri) == Ok(RedirectKind::PrivateUse);
    if redirect_uris.iter().any(private_use) {
        ApplicationType::Native
    } else {
        ApplicationType::Web
    }
}

fn check_names(client: &ClientMetadata) -> Checked {
    let id = &client.client_id;
    refuse_if(
        id.is_empty()
            || id.len() > 255
            || !id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~@".contains(&b)),
        "'client_id' must be 1 to 255 of the characters A-Z a-z 0-9 - . _ ~ @",
    )?;
    let name = &client.client_name;
    // A person decides by this name, so it must not be able to pretend (S-098).
    let deceives = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    refuse_if(
        name.trim().is_empty() || name.chars().count() > 200 || name.chars().any(deceives),
        "'client_name' must be 1 to 200 visible characters",
    )?;
    let lists = [&client.contacts, &client.default_acr_values, &client.resources];
    refuse_if(
        lists.iter().any(|list| list.len() > MOST_ITEMS),
        "'contacts', 'default_acr_values' and 'resources' may hold at most 100 strings each",
    )
}

fn check_redirect_uris(client: &ClientMetadata) -> Checked {
    let invalid = |member: &str, rule: &str| {
        Err(OAuthError::invalid_redirect_uri(format!("'{member}' {rule}")))
    };
    let lists = [
        ("redirect_uris", &client.redirect_uris),
        ("post_logout_redirect_uris", &client.post_logout_redirect_uris),
    ];
    for (member, uris) in lists {
        if uris.len() > MOST_ITEMS {
            return invalid(member, "may hold at most 100 URIs");
        }
        for uri in uris {
            match redirect_uri::check(uri) {
                Err(rule) => return invalid(member, rule),
                Ok(RedirectKind::PrivateUse) if client.application_type == ApplicationType::Web => {
                    return invalid(
                        member,
                        "may use a private-use scheme only for 'application_type' native",
                    );
                }
                Ok(_) => {}
            }
        }
    }
    if client.may(GrantType::AuthorizationCode) && client.redirect_uris.is_empty() {
        return invalid(
            "redirect_uris",
            "must hold at least one URI for 'grant_types' authorization_code",
        );
    }
    Ok(())
}

/// RFC 7591 §2.1, and what makes no sense together.
fn check_grants(client: &ClientMetadata) -> Checked {
    let code = client.may(GrantType::AuthorizationCode);
    refuse_if(
        client.may(GrantType::RefreshToken) && !code,
        "'grant_types' must hold authorization_code if it holds refresh_token",
    )?;
    refuse_if(
        code != client.response_types.contains(&ResponseType::Code),
        "'response_types' must hold code if 'grant_types' holds authorization_code, and only then",
    )?;
    refuse_if(
        client.is_public() && client.may(GrantType::ClientCredentials),
        "'grant_types' must not hold client_credentials if 'token_endpoint_auth_method' is none",
    )?;
    refuse_if(
        client.is_public() && client.grant_types.is_empty(),
        "'grant_types' must not be empty if 'token_endpoint_auth_method' is none",
    )
}

fn check_authentication(client: &ClientMetadata) -> Checked {
    let signs = client.token_endpoint_auth_method == AuthMethod::PrivateKeyJwt;
    refuse_if(
        signs && client.jwks.is_none() && client.jwks_uri.is_none(),
        "'jwks' or 'jwks_uri' is needed for 'token_endpoint_auth_method' private_key_jwt",
    )?;
    refuse_if(
        client.is_public() && client.introspection == IntrospectionRight::Any,
        "'introspection' must be own if 'token_endpoint_auth_method' is none",
    )
}

/// RFC 7591 §2: one way to publish keys, and public ones only.
fn check_keys(client: &ClientMetadata) -> Checked {
    refuse_if(
        client.jwks.is_some() && client.jwks_uri.is_some(),
        "'jwks' and 'jwks_uri' must not both be there",
    )?;
    let Some(jwks) = &client.jwks else { return Ok(()) };
    let keys = jwks.get("keys").and_then(Value::as_array).filter(|keys| !keys.is_empty());
    let keys = keys.ok_or_else(|| invalid("'jwks' must be an object with a list 'keys'"))?;
    refuse_if(keys.len() > MOST_ITEMS, "'jwks' may hold at most 100 keys")?;
    for key in keys {
        refuse_if(
            !key.get("kty").is_some_and(Value::is_string),
            "'jwks' must hold JSON Web Keys, each with a 'kty'",
        )?;
        let private = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];
        refuse_if(
            private.iter().any(|member| key.get(member).is_some())
                || key.get("kty").and_then(Value::as_str) == Some("oct"),
            "'jwks' must hold public keys only: a private or symmetric one was sent and is burnt",
        )?;
    }
    Ok(())
}

/// OpenID Connect Core §8.1: a pairwise `sub` needs one host to be computed from.
fn check_sector(client: &ClientMetadata) -> Checked {
    if let Some(uri) = &client.sector_identifier_uri {
        let secure = web_url(uri).is_some_and(|url| url.scheme() == "https");
        return refuse_if(!secure, "'sector_identifier_uri' must be an https URL");
    }
    if client.subject_type == SubjectType::Public {
        return Ok(());
    }
    let hosts: BTreeSet<_> =
        client.redirect_uris.iter().map(|uri| redirect_uri::host(uri)).collect();
    refuse_if(
        hosts.len() > 1 || hosts.contains(&None),
        "'sector_identifier_uri' is needed for 'subject_type' pairwise \
         if the redirect URIs do not all have the same host",
    )
}

/// RFC 8707 §2; a resource server must be able to show that it is one.
fn check_resources(client: &ClientMetadata) -> Checked {
    refuse_if(
        client
            .resources
            .iter()
            .any(|resource| resource.contains('#') || Url::parse(resource).is_err()),
        "'resources' must hold absolute URIs without fragment",
    )?;
    refuse_if(
        client.is_public() && !client.resources.is_empty(),
        "'resources' must be empty if 'token_endpoint_auth_method' is none",
    )
}
