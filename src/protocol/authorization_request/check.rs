//! The rules for authorization requests, as one list that is read from top to bottom.

use url::Url;

use super::{AuthorizationRequest, Display, PersonError, ResponseMode, ResponseTarget, client_id};
use crate::protocol::claims::ClaimsRequest;
use crate::protocol::client::{ClientMetadata, GrantType, ResponseType};
use crate::protocol::error::OAuthError;
use crate::protocol::parameters::Parameters;
use crate::protocol::pkce::CodeChallenge;
use crate::protocol::prompt::Prompts;
use crate::protocol::redirect_uri::{self, RedirectKind};
use crate::protocol::scope::Scope;

/// More resources than any honest request names.
const MOST_RESOURCES: usize = 20;

/// A nonce comes back in every ID token, so that its length is bounded.
const MOST_NONCE_BYTES: usize = 4096;

/// Who asks, and where and how to answer: all that must be certain before a redirect.
pub(super) fn target(
    params: &Parameters,
    client: &ClientMetadata,
) -> Result<ResponseTarget, PersonError> {
    if client_id(params)? != client.client_id {
        return Err(PersonError::UnknownClient);
    }
    let redirect_uri = once(params, "redirect_uri")?.ok_or(PersonError::MissingRedirectUri)?;
    if !redirect_uri::matches(&client.redirect_uris, redirect_uri) {
        return Err(PersonError::UnregisteredRedirectUri);
    }
    let state = once(params, "state")?.map(str::to_owned);
    // One that is unknown is refused later, in the default mode.
    let response_mode =
        once(params, "response_mode")?.and_then(ResponseMode::from_name).unwrap_or_default();
    Ok(ResponseTarget { redirect_uri: redirect_uri.to_owned(), response_mode, state })
}

pub(super) fn once<'a>(params: &'a Parameters, name: &str) -> Result<Option<&'a str>, PersonError> {
    params.once(name).map_err(|_| PersonError::RepeatedParameter)
}

/// The checks in their order; each names itself.
pub(super) fn request(
    params: &Parameters,
    client: &ClientMetadata,
    to: &ResponseTarget,
) -> Result<AuthorizationRequest, OAuthError> {
    params.refuse_repeats()?;
    refuse_request_objects(params)?;
    let response_type = check_response_type(params, client)?;
    check_response_mode(params, to)?;
    let scope = check_scope(params, client)?;
    let code_challenge = check_code_challenge(params, client)?;
    let nonce = check_nonce(params)?;
    let prompt = check_prompt(params)?;
    let max_age = check_max_age(params)?.or(client.default_max_age);
    let acr_values = check_acr_values(params, client)?;
    let claims = check_claims(params, client)?;
    let resource = check_resource(params)?;
    Ok(AuthorizationRequest {
        client_id: client.client_id.clone(),
        redirect_uri: to.redirect_uri.clone(),
        response_type,
        response_mode: to.response_mode,
        scope,
        state: to.state.clone(),
        nonce,
        code_challenge,
        prompt,
        max_age,
        acr_values,
        login_hint: params.once("login_hint")?.map(str::to_owned),
        id_token_hint: params.once("id_token_hint")?.map(str::to_owned),
        ui_locales: words(params, "ui_locales")?,
        display: check_display(params)?,
        claims,
        resource,
    })
}

/// OpenID Connect Core §6, §7.2.1: ignoring them would mean to answer another request.
fn refuse_request_objects(params: &Parameters) -> Result<(), OAuthError> {
    if params.once("request")?.is_some() {
        return Err(OAuthError::request_not_supported("'request' is not supported"));
    }
    if params.once("request_uri")?.is_some() {
        return Err(OAuthError::request_uri_not_supported("'request_uri' is not supported"));
    }
    if params.once("registration")?.is_some() {
        return Err(OAuthError::registration_not_supported("'registration' is not supported"));
    }
    Ok(())
}

/// RFC 6749 §3.1.1, §4.1.2.1.
fn check_response_type(
    params: &Parameters,
    client: &ClientMetadata,
) -> Result<ResponseType, OAuthError> {
    let response_type = ResponseType::from_name(params.required("response_type")?)
        .ok_or_else(|| OAuthError::unsupported_response_type("'response_type' must be code"))?;
    let registered = client.response_types.contains(&response_type);
    if !registered || !client.may(GrantType::AuthorizationCode) {
        return Err(OAuthError::unauthorized_client(
            "the client is not registered for this 'response_type'",
        ));
    }
    Ok(response_type)
}

fn check_response_mode(params: &Parameters, to: &ResponseTarget) -> Result<(), OAuthError> {
    match params.once("response_mode")? {
        Some(name) if ResponseMode::from_name(name).is_none() => {
            Err(OAuthError::invalid_request("'response_mode' must be query, fragment or form_post"))
        }
        _ if to.response_mode == ResponseMode::FormPost
            && redirect_uri::check(&to.redirect_uri) == Ok(RedirectKind::PrivateUse) =>
        {
            Err(OAuthError::invalid_request(
                "'response_mode' form_post needs an http or https redirect URI",
            ))
        }
        _ => Ok(()),
    }
}

/// RFC 6749 §3.3: what the client may not ask for is left out, and the token answer says so.
fn check_scope(params: &Parameters, client: &ClientMetadata) -> Result<Scope, OAuthError> {
    let asked = Scope::parse(params.once("scope")?.unwrap_or_default())?;
    // OpenID Connect Core §11: without a refresh token it would mean nothing.
    let offline = client.may(GrantType::RefreshToken);
    let scope =
        asked.keep(|token| client.scope.contains(token) && (offline || token != "offline_access"));
    if scope.is_empty() {
        return Err(OAuthError::invalid_scope("'scope' holds nothing that the client may ask for"));
    }
    Ok(scope)
}

/// RFC 7636 §4.3, §4.4.1; RFC 9700 §2.1.1.
fn check_code_challenge(
    params: &Parameters,
    client: &ClientMetadata,
) -> Result<Option<CodeChallenge>, OAuthError> {
    let method = params.once("code_challenge_method")?;
    match params.once("code_challenge")? {
        Some(challenge) => CodeChallenge::parse(method, challenge).map(Some),
        None if method.is_some() || client.is_public() || client.require_pkce => {
            Err(OAuthError::invalid_request("'code_challenge' is missing"))
        }
        None => Ok(None),
    }
}

fn check_nonce(params: &Parameters) -> Result<Option<String>, OAuthError> {
    let nonce = params.once("nonce")?;
    if nonce.is_some_and(|nonce| nonce.len() > MOST_NONCE_BYTES) {
        return Err(OAuthError::invalid_request("'nonce' is too long"));
    }
    Ok(nonce.map(str::to_owned))
}

fn check_prompt(params: &Parameters) -> Result<Prompts, OAuthError> {
    Prompts::parse(params.once("prompt")?.unwrap_or_default())
}

fn check_max_age(params: &Parameters) -> Result<Option<u64>, OAuthError> {
    let Some(text) = params.once("max_age")? else { return Ok(None) };
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    match text.parse() {
        Ok(seconds) if digits => Ok(Some(seconds)),
        _ => Err(OAuthError::invalid_request("'max_age' must be a number of seconds")),
    }
}

fn check_acr_values(
    params: &Parameters,
    client: &ClientMetadata,
) -> Result<Vec<String>, OAuthError> {
    let values = words(params, "acr_values")?;
    Ok(if values.is_empty() { client.default_acr_values.clone() } else { values })
}

/// An unknown one is ignored: it is only a wish.
fn check_display(params: &Parameters) -> Result<Option<Display>, OAuthError> {
    Ok(match params.once("display")? {
        Some("page") => Some(Display::Page),
        Some("popup") => Some(Display::Popup),
        Some("touch") => Some(Display::Touch),
        Some("wap") => Some(Display::Wap),
        _ => None,
    })
}

fn check_claims(params: &Parameters, client: &ClientMetadata) -> Result<ClaimsRequest, OAuthError> {
    let claims = params.once("claims")?.map(ClaimsRequest::parse).transpose()?;
    Ok(claims.unwrap_or_default().within(&client.scope))
}

/// RFC 8707 §2.
fn check_resource(params: &Parameters) -> Result<Vec<String>, OAuthError> {
    let mut resources: Vec<String> = Vec::new();
    for resource in params.all("resource") {
        if resource.contains('#') || Url::parse(resource).is_err() {
            return Err(OAuthError::invalid_target("'resource' must be an absolute URI"));
        }
        if !resources.iter().any(|known| known == resource) {
            resources.push(resource.to_owned());
        }
    }
    if resources.len() > MOST_RESOURCES {
        return Err(OAuthError::invalid_target("there are too many resources"));
    }
    Ok(resources)
}

fn words(params: &Parameters, name: &str) -> Result<Vec<String>, OAuthError> {
    let text = params.once(name)?.unwrap_or_default();
    Ok(text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect())
}
