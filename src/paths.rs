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
/// Setting two-factor up at the sign-in that needs it.
pub const LOGIN_TWO_FACTOR_SET_UP: &str = "/login/two-factor/set-up";
/// Choosing another password in place of a temporary one, before anything opens.
pub const LOGIN_CHANGE_PASSWORD: &str = "/login/change-password";
/// What is wrong with that password, while it is typed.
pub const LOGIN_CHANGE_PASSWORD_CHECK: &str = "/login/change-password/check";
/// Which of the accounts to go on with (`prompt=select_account`).
pub const LOGIN_ACCOUNT: &str = "/login/account";
/// Signing out.
pub const LOGOUT: &str = "/logout";
/// Asking for a link to choose a new password, when the old one is forgotten.
pub const RECOVER: &str = "/recover";
/// What such a link opens.
pub const RECOVER_LINK: &str = "/recover/{token}";
/// What is wrong with a password that is chosen there, while it is typed.
pub const RECOVER_LINK_CHECK: &str = "/recover/{token}/check";
/// What the link in a mail about an unfamiliar sign-in opens.
pub const NOT_ME: &str = "/not-me/{token}";
/// What an application asks for.
pub const CONSENT: &str = "/consent";

/// Redirects to the overview.
pub const ACCOUNT: &str = "/account";
/// The overview of a person's account.
pub const ACCOUNT_SECURITY: &str = "/account/security";

/// Finding a setting by its words.
pub const ACCOUNT_FIND: &str = "/account/find";
/// The standard claims, editable.
pub const ACCOUNT_PROFILE: &str = "/account/profile";
/// Changing or proving the address of mail.
pub const ACCOUNT_EMAIL: &str = "/account/profile/email";
/// Such a link, for whoever opened it in this browser and had to sign in first.
pub const ACCOUNT_EMAIL_OPENED: &str = "/account/profile/email/opened";
/// The link that was mailed to prove an address.
pub const ACCOUNT_EMAIL_LINK: &str = "/account/profile/email/{token}";
/// How the pages look.
pub const ACCOUNT_APPEARANCE: &str = "/account/appearance";
/// What is held about a person, and how to end it.
pub const ACCOUNT_DATA: &str = "/account/data";
/// A copy of everything held about a person.
pub const ACCOUNT_EXPORT: &str = "/account/data/export";
/// Removing the account.
pub const ACCOUNT_REMOVE: &str = "/account/data/remove";
/// Not removing it after all.
pub const ACCOUNT_KEEP: &str = "/account/data/keep";
/// Changing the password.
pub const ACCOUNT_PASSWORD: &str = "/account/password";
/// What is wrong with a new password, while it is typed.
pub const ACCOUNT_PASSWORD_CHECK: &str = "/account/password/check";
/// "It was me": what was asked about was the person's own.
pub const ACCOUNT_RECOGNIZED: &str = "/account/security/recognized";
/// The way through, for somebody who thinks that another got in.
pub const ACCOUNT_PROTECT: &str = "/account/security/protect";
/// The connected applications.
pub const ACCOUNT_APPLICATIONS: &str = "/account/applications";
/// One connected application, by the id of the consent.
pub const ACCOUNT_APPLICATION: &str = "/account/applications/{id}";
/// Disconnecting one application.
pub const ACCOUNT_APPLICATION_REVOKE: &str = "/account/applications/{id}/revoke";
/// Disconnecting all applications.
pub const ACCOUNT_APPLICATIONS_REVOKE_ALL: &str = "/account/applications/revoke-all";

/// Proving once more who one is, before something that matters.
pub const ACCOUNT_CONFIRM: &str = "/account/confirm";

/// Where a person is signed in.
pub const ACCOUNT_SESSIONS: &str = "/account/sessions";
/// Signing one browser out.
pub const ACCOUNT_SESSION_END: &str = "/account/sessions/{id}/end";
/// Signing all browsers out but this one.
pub const ACCOUNT_SESSIONS_END_OTHERS: &str = "/account/sessions/end-others";
/// Forgetting a browser that was signed in from.
pub const ACCOUNT_DEVICE_FORGET: &str = "/account/sessions/devices/{id}/forget";

/// The pages that signing in may lead to; no other address is followed.
pub const PAGES: &[&str] = &[
    ACCOUNT_SECURITY,
    ACCOUNT_FIND,
    ACCOUNT_PROFILE,
    ACCOUNT_EMAIL,
    ACCOUNT_EMAIL_OPENED,
    ACCOUNT_APPEARANCE,
    ACCOUNT_DATA,
    ACCOUNT_EXPORT,
    ACCOUNT_REMOVE,
    ACCOUNT_PASSWORD,
    ACCOUNT_PROTECT,
    ACCOUNT_APPLICATIONS,
    ACCOUNT_APPLICATIONS_REVOKE_ALL,
    ACCOUNT_SESSIONS,
    ACCOUNT_SESSIONS_END_OTHERS,
    ACCOUNT_HISTORY,
    ACCOUNT_HISTORY_EXPORT,
    ACCOUNT_CHANGES,
    ACCOUNT_TWO_FACTOR,
    ACCOUNT_TWO_FACTOR_SET_UP,
    ACCOUNT_BACKUP_CODES,
    ACCOUNT_TWO_FACTOR_RECOVERED,
    ACCOUNT_TWO_FACTOR_OFF,
    ACCOUNT_BROWSERS_DISTRUST,
];

/// The one of [`PAGES`] that `to` is; whatever else somebody wrote there is none.
#[must_use]
pub fn own_page(to: &str) -> Option<&'static str> {
    PAGES.iter().copied().chain([account_two_factor_replace()]).find(|page| *page == to)
}

/// [`ACCOUNT_TWO_FACTOR_SET_UP`] in place of the apps that there are.
#[must_use]
pub fn account_two_factor_replace() -> &'static str {
    "/account/two-factor/set-up?replace=1"
}

/// Who signed in, or tried to.
pub const ACCOUNT_HISTORY: &str = "/account/history";
/// The same as a file.
pub const ACCOUNT_HISTORY_EXPORT: &str = "/account/history/export";
/// What was changed about the account.
pub const ACCOUNT_CHANGES: &str = "/account/changes";

/// Two-factor: authenticator apps, backup codes, trusted browsers.
pub const ACCOUNT_TWO_FACTOR: &str = "/account/two-factor";
/// Setting up an authenticator app.
pub const ACCOUNT_TWO_FACTOR_SET_UP: &str = "/account/two-factor/set-up";
/// Making new backup codes.
pub const ACCOUNT_BACKUP_CODES: &str = "/account/two-factor/backup-codes";
/// What to do after signing in by a backup code.
pub const ACCOUNT_TWO_FACTOR_RECOVERED: &str = "/account/two-factor/recovered";
/// Turning two-factor off.
pub const ACCOUNT_TWO_FACTOR_OFF: &str = "/account/two-factor/off";
/// Removing one of several authenticator apps.
pub const ACCOUNT_AUTHENTICATOR_REMOVE: &str = "/account/two-factor/authenticators/{id}/remove";
/// Asking for codes again in a trusted browser.
pub const ACCOUNT_BROWSER_DISTRUST: &str = "/account/two-factor/browsers/{id}/distrust";
/// Asking for codes again in all trusted browsers.
pub const ACCOUNT_BROWSERS_DISTRUST: &str = "/account/two-factor/browsers/distrust";

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

/// The path of the mailed link with this token.
#[must_use]
pub fn email_link(token: &str) -> String {
    format!("{ACCOUNT_EMAIL}/{token}")
}

/// The address of one connected application.
#[must_use]
pub fn application(consent_id: &str) -> String {
    format!("{ACCOUNT_APPLICATIONS}/{consent_id}")
}

/// The address of the page that disconnects one application.
#[must_use]
pub fn revoke_application(consent_id: &str) -> String {
    format!("{ACCOUNT_APPLICATIONS}/{consent_id}/revoke")
}

/// The address of the page at `path` that is about the record `id`.
#[must_use]
pub fn about(path: &str, id: &str) -> String {
    path.replace("{id}", id)
}

/// The page that chooses a new password by this token.
#[must_use]
pub fn recover_link(token: &str) -> String {
    format!("/recover/{token}")
}

/// Where that page's script asks what is wrong with a password.
#[must_use]
pub fn recover_link_check(token: &str) -> String {
    format!("/recover/{token}/check")
}

/// The page that calls a sign-in somebody else's by this token.
#[must_use]
pub fn not_me(token: &str) -> String {
    format!("/not-me/{token}")
}

/// The address at which a browser goes on with the authorization request `id`.
#[must_use]
pub fn resume(id: &str) -> String {
    format!("{AUTHORIZE}/{id}")
}
