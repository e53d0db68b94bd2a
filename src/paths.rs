//! Every path as a constant, so that no door imports another to learn a URL.

/// RFC 6749 §3.1.
pub const AUTHORIZE: &str = "/oauth/authorize";
/// Where a browser comes back to after each step: the request it is about, by id.
pub const AUTHORIZE_RESUME: &str = "/oauth/authorize/{id}";
/// RFC 6749 §3.2.
pub const TOKEN: &str = "/oauth/token";
/// RFC 7009 §2.
pub const REVOKE: &str = "/oauth/revoke";
/// RFC 7662 §2.
pub const INTROSPECT: &str = "/oauth/introspect";
/// OpenID Connect Core §5.3.
pub const USERINFO: &str = "/oauth/userinfo";
/// OpenID Connect RP-Initiated Logout §2.
pub const END_SESSION: &str = "/oauth/end-session";
/// RFC 7517 §5.
pub const JWKS: &str = "/.well-known/jwks.json";
/// OpenID Connect Discovery §4.
pub const OPENID_CONFIGURATION: &str = "/.well-known/openid-configuration";
/// RFC 8414 §3.
pub const AUTHORIZATION_SERVER_METADATA: &str = "/.well-known/oauth-authorization-server";
/// Where password managers look for the page that changes a password.
pub const WELL_KNOWN_CHANGE_PASSWORD: &str = "/.well-known/change-password";

/// Name and password.
pub const LOGIN: &str = "/login";
/// The second factor.
pub const LOGIN_TWO_FACTOR: &str = "/login/two-factor";
/// Which of the accounts to go on with (`prompt=select_account`).
pub const LOGIN_ACCOUNT: &str = "/login/account";
/// Signing out.
pub const LOGOUT: &str = "/logout";
/// What an application asks for.
pub const CONSENT: &str = "/consent";

/// Redirects to the overview.
pub const ACCOUNT: &str = "/account";
/// The overview of a person's account.
pub const ACCOUNT_SECURITY: &str = "/account/security";

/// Proving once more who one is, before something that matters.
pub const ACCOUNT_CONFIRM: &str = "/account/confirm";

/// The pages that signing in may lead to; no other address is followed.
pub const PAGES: &[&str] = &[ACCOUNT_SECURITY];

/// The operator's logo (`branding.logo`).
pub const BRAND_LOGO: &str = "/assets/logo";

/// The logo of an application, from our own origin.
pub const LOGO: &str = "/logos/{client_id}";

/// Style sheets, scripts, icons.
pub const ASSETS: &str = "/assets/{*path}";

/// Management listener: the process is alive.
pub const HEALTHZ: &str = "/healthz";
/// Management listener: the process can serve.
pub const READYZ: &str = "/readyz";
/// Management listener: figures for Prometheus.
pub const METRICS: &str = "/metrics";

/// `path` under `issuer`, which has no trailing slash of its own.
#[must_use]
pub fn absolute(issuer: &str, path: &str) -> String {
    format!("{}{path}", issuer.trim_end_matches('/'))
}

/// The address of an application's logo.
#[must_use]
pub fn logo_of(client_id: &str) -> String {
    let encoded: String = url::form_urlencoded::byte_serialize(client_id.as_bytes()).collect();
    format!("/logos/{}", encoded.replace('+', "%20"))
}

/// The address at which a browser goes on with the authorization request `id`.
#[must_use]
pub fn resume(id: &str) -> String {
    format!("{AUTHORIZE}/{id}")
}
