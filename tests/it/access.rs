//! Who may see what: every path × {nobody, another user, the user}. A path of `src/paths.rs` that
//! is missing here fails.

use std::collections::BTreeSet;

use latchkey::paths;

use crate::support::Latchkey;
use crate::support::browser::{Arrival, Browser};
use crate::support::clients;
use crate::support::flow::{address, post_raw, sign_in};
use crate::support::routes;

/// What somebody gets to see at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sees {
    /// The same as everybody.
    Page,
    /// The way to the login page.
    Login,
    /// The way to another page of ours.
    Elsewhere,
    /// Our page that says why not.
    Refusal,
    /// Nothing is there (404).
    Nothing,
    /// A program's answer that it is not for them (400, 401, 405).
    NotForThem,
}

/// Path, then what nobody, another user and the user whose request or account it is see by GET.
const MATRIX: &[(&str, [Sees; 3])] = {
    use Sees::{Elsewhere, Login, NotForThem, Nothing, Page, Refusal};
    &[
        (paths::AUTHORIZE, [Refusal; 3]),
        (paths::AUTHORIZE_RESUME, [Refusal, Refusal, Elsewhere]),
        (paths::TOKEN, [NotForThem; 3]),
        (paths::REVOKE, [NotForThem; 3]),
        (paths::INTROSPECT, [NotForThem; 3]),
        (paths::USERINFO, [NotForThem; 3]),
        (paths::END_SESSION, [Elsewhere; 3]),
        (paths::JWKS, [Page; 3]),
        (paths::OPENID_CONFIGURATION, [Page; 3]),
        (paths::AUTHORIZATION_SERVER_METADATA, [Page; 3]),
        (paths::WELL_KNOWN_CHANGE_PASSWORD, [Elsewhere; 3]),
        (paths::LOGIN, [Page, Elsewhere, Elsewhere]),
        (paths::LOGIN_TWO_FACTOR, [Login; 3]),
        (paths::LOGIN_TWO_FACTOR_SET_UP, [Login; 3]),
        (paths::LOGIN_CHANGE_PASSWORD, [Login; 3]),
        (paths::LOGIN_CHANGE_PASSWORD_CHECK, [NotForThem; 3]),
        (paths::LOGIN_ACCOUNT, [Refusal, Refusal, Page]),
        (paths::LOGOUT, [Page; 3]),
        (paths::RECOVER, [Page; 3]),
        // Nobody sent this link.
        (paths::RECOVER_LINK, [Nothing; 3]),
        (paths::RECOVER_LINK_CHECK, [NotForThem; 3]),
        (paths::NOT_ME, [Nothing; 3]),
        (paths::CONSENT, [Refusal, Refusal, Page]),
        (paths::ACCOUNT, [Elsewhere, Elsewhere, Elsewhere]),
        (paths::ACCOUNT_SECURITY, [Login, Page, Page]),
        (paths::ACCOUNT_FIND, [Login, Page, Page]),
        (paths::ACCOUNT_PROFILE, [Login, Page, Page]),
        (paths::ACCOUNT_EMAIL, [Login, Page, Page]),
        // They have opened no such link.
        (paths::ACCOUNT_EMAIL_OPENED, [Login, Elsewhere, Elsewhere]),
        // Nobody was sent this link.
        (paths::ACCOUNT_EMAIL_LINK, [Login, Nothing, Nothing]),
        (paths::ACCOUNT_APPEARANCE, [Login, Page, Page]),
        (paths::ACCOUNT_DATA, [Login, Page, Page]),
        (paths::ACCOUNT_EXPORT, [Login, Page, Page]),
        (paths::ACCOUNT_REMOVE, [Login, Page, Page]),
        (paths::ACCOUNT_KEEP, [Login, Elsewhere, Elsewhere]),
        (paths::ACCOUNT_PASSWORD, [Login, Page, Page]),
        (paths::ACCOUNT_PASSWORD_CHECK, [NotForThem; 3]),
        (paths::ACCOUNT_PROTECT, [Login, Page, Page]),
        (paths::ACCOUNT_RECOGNIZED, [Login, Elsewhere, Elsewhere]),
        // They have just proven who they are.
        (paths::ACCOUNT_CONFIRM, [Login, Elsewhere, Elsewhere]),
        (paths::ACCOUNT_APPLICATIONS, [Login, Page, Page]),
        // Nobody has let the application of this id in.
        (paths::ACCOUNT_APPLICATION, [Login, Nothing, Nothing]),
        (paths::ACCOUNT_APPLICATION_REVOKE, [Login, Nothing, Nothing]),
        // They have none to disconnect.
        (paths::ACCOUNT_APPLICATIONS_REVOKE_ALL, [Login, Elsewhere, Elsewhere]),
        (paths::ACCOUNT_HISTORY, [Login, Page, Page]),
        (paths::ACCOUNT_HISTORY_EXPORT, [Login, Page, Page]),
        (paths::ACCOUNT_CHANGES, [Login, Page, Page]),
        (paths::ACCOUNT_TWO_FACTOR, [Login, Page, Page]),
        (paths::ACCOUNT_TWO_FACTOR_SET_UP, [Login, Page, Page]),
        // Neither of them has a second factor.
        (paths::ACCOUNT_BACKUP_CODES, [Login, Elsewhere, Elsewhere]),
        (paths::ACCOUNT_TWO_FACTOR_RECOVERED, [Login, Elsewhere, Elsewhere]),
        (paths::ACCOUNT_TWO_FACTOR_OFF, [Login, Elsewhere, Elsewhere]),
        (paths::ACCOUNT_AUTHENTICATOR_REMOVE, [Login, Nothing, Nothing]),
        (paths::ACCOUNT_BROWSER_DISTRUST, [Login, Nothing, Nothing]),
        (paths::ACCOUNT_BROWSERS_DISTRUST, [Login, Elsewhere, Elsewhere]),
        (paths::ACCOUNT_SESSIONS, [Login, Page, Page]),
        // There is no session or browser of this id; s_139 tries those of others.
        (paths::ACCOUNT_SESSION_END, [Login, Nothing, Nothing]),
        (paths::ACCOUNT_SESSIONS_END_OTHERS, [Login, Page, Page]),
        (paths::ACCOUNT_DEVICE_FORGET, [Login, Nothing, Nothing]),
        // This instance has no logo.
        (paths::BRAND_LOGO, [Nothing; 3]),
        (paths::LOGO, [Nothing; 3]),
        (paths::ASSETS, [Page; 3]),
    ]
};

#[test]
fn every_path_has_its_row() {
    let rows: BTreeSet<_> = MATRIX.iter().map(|(path, _)| (*path).to_owned()).collect();
    let known: BTreeSet<_> = routes::all().into_iter().map(|(_, path)| path).collect();
    let missing: Vec<_> = known.symmetric_difference(&rows).collect();
    assert!(missing.is_empty(), "the matrix and src/paths.rs differ in {missing:?}");
}

/// What is seen at `path` by who sits before `browser`, without following the way.
async fn look(latchkey: &Latchkey, browser: &Browser, path: &str) -> Sees {
    let url: reqwest::Url = latchkey.at(path).parse().expect("an address");
    let mut request = crate::support::browser::http().get(url.clone());
    if let Some(cookies) = browser.cookies().header(&url, false) {
        request = request.header("cookie", cookies);
    }
    let answer = request.send().await.expect("an answer");
    let location = answer.headers().get("location").map(|to| to.to_str().expect("ASCII"));
    let is_page = answer
        .headers()
        .get("content-type")
        .is_some_and(|kind| kind.to_str().is_ok_and(|kind| kind.starts_with("text/html")));
    match (answer.status().as_u16(), location) {
        (200, None) => Sees::Page,
        (303, Some(to)) if to.split('?').next() == Some(paths::LOGIN) => Sees::Login,
        (303, Some(to)) if to.starts_with('/') => Sees::Elsewhere,
        (400, None) if is_page => Sees::Refusal,
        (404, None) => Sees::Nothing,
        (400 | 401 | 405, None) => Sees::NotForThem,
        (status, location) => panic!("{path}: {status} {location:?}"),
    }
}

#[tokio::test]
async fn everybody_sees_what_is_theirs() {
    let latchkey = Latchkey::start().await;
    let web = latchkey.client(clients::web()).await;
    let (alice, bob) = (latchkey.alice().await, latchkey.bob().await);
    let nobody = latchkey.browser();
    let mut other = latchkey.browser();
    sign_in(&mut other, &bob).await;
    let mut own = latchkey.browser();
    sign_in(&mut own, &alice).await;
    // A request of hers in progress, as it waits for consent.
    let consent = own.arrive(&address(&latchkey.issuer, &web, &[])).await.page();
    let request = consent.value("request").to_owned();
    for (path, wanted) in MATRIX {
        let about_a_request = matches!(*path, paths::CONSENT | paths::LOGIN_ACCOUNT);
        let path = if about_a_request {
            format!("{path}?request={request}")
        } else {
            routes::filled(&path.replace("{id}", &request))
        };
        for ((who, browser), wanted) in
            [("nobody", &nobody), ("another", &other), ("the user", &own)].into_iter().zip(wanted)
        {
            assert_eq!(look(&latchkey, browser, &path).await, *wanted, "{path} for {who}");
        }
    }
}

#[tokio::test]
async fn nobody_answers_a_request_of_another_browser() {
    let latchkey = Latchkey::start().await;
    let web = latchkey.client(clients::web()).await;
    let (alice, bob) = (latchkey.alice().await, latchkey.bob().await);
    let mut own = latchkey.browser();
    sign_in(&mut own, &alice).await;
    let consent = own.arrive(&address(&latchkey.issuer, &web, &[])).await.page();
    let mut other = latchkey.browser();
    sign_in(&mut other, &bob).await;
    let theirs = other.arrive(&address(&latchkey.issuer, &web, &[])).await.page();
    // Bob's own form, but for Alice's request.
    let swapped = theirs.clone().fill("request", consent.value("request"));
    let page = other.submit(&swapped, "allow").await.page();
    assert_eq!(page.status, 400, "{page}");
    // Alice's whole form, sent by Bob's browser.
    let fields = consent.submission("allow").fields;
    let home = latchkey.issuer.as_str();
    let headers = [("origin", home), ("sec-fetch-site", "same-origin")];
    let action = consent.submission("allow").action;
    assert_eq!(post_raw(&other, &action, &fields, &headers).await.status(), 403);
    // She is not disturbed.
    assert!(matches!(own.submit(&consent, "allow").await, Arrival::Client(_)));
}
