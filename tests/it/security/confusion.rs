//! S-026: nothing opens what it was not made for. Every secret that the program gives away, in
//! every place where one can be presented.

use latchkey::identity::acts::Act;
use latchkey::identity::email::{self, Asked};
use latchkey::identity::sessions::Whereabouts;
use latchkey::paths;
use latchkey::store::{sessions, users};
use reqwest::Url;

use crate::support::browser::Browser;
use crate::support::endpoint::Credentials;
use crate::support::flow::{post_raw, sign_in};
use crate::support::stage::{Ask, Stage};

const SEED: &[u8] = b"a seed of twenty bytes";

/// What was given away, by what it is for.
type Values = Vec<(&'static str, String)>;

fn last(link: &str) -> String {
    link.rsplit('/').next().expect("a token").to_owned()
}

async fn email_token(stage: &Stage) -> String {
    let app = &stage.latchkey.app;
    let mut db = app.store.read().await.expect("a connection");
    let user = users::find(&mut db, &stage.alice.id).await.expect("an answer").expect("Alice");
    let listed = sessions::list(&mut db, &user.id).await.expect("sessions");
    drop(db);
    let session = listed.iter().max_by_key(|one| &one.id).expect("a session");
    let whereabouts = Whereabouts::default();
    let act = Act { user: &user, session, whereabouts: &whereabouts };
    match email::ask(app, act, "alice@new.example").await.expect("an answer") {
        Asked::Sent { url: Some(url) } => last(&url),
        other => panic!("no link: {other:?}"),
    }
}

async fn values(stage: &mut Stage, ask: &Ask) -> Values {
    let not_me = stage.latchkey.not_me_link(&stage.alice).await;
    let email = email_token(stage).await;
    let grant = stage.grant(ask).await;
    let code = stage.code(ask).await;
    let consent = stage.browser.arrive(&ask.clone().with("prompt", "consent").address()).await;
    let consent = consent.page();
    // Half way through a sign-in of Carol's.
    let carol = stage.latchkey.person("carol", serde_json::json!({})).await;
    stage.latchkey.enrol(&carol, SEED).await;
    let (half_way, _) = stage.latchkey.owing(&carol).await;
    // Backup codes of Dora's.
    let dora = stage.latchkey.person("dora", serde_json::json!({})).await;
    let mut hers = stage.latchkey.browser();
    sign_in(&mut hers, &dora).await;
    let (_, codes) = stage.latchkey.turn_on(&mut hers).await;
    let cookie = |browser: &Browser, name| browser.cookies().value(name).expect("a cookie");
    vec![
        ("code", code),
        ("refresh", grant.refresh),
        ("access", grant.access),
        ("id", grant.id),
        ("csrf", consent.value("csrf").to_owned()),
        ("request", consent.value("request").to_owned()),
        ("session", cookie(&stage.browser, "session")),
        ("browser", cookie(&stage.browser, "browser")),
        ("device", cookie(&stage.browser, "device")),
        ("half way", cookie(&half_way, "sign_in")),
        ("recovery", last(&stage.latchkey.recovery_link(&stage.alice).await)),
        ("email", email),
        ("not me", last(&not_me)),
        ("backup code", codes[1].clone()),
        ("verifier", ask.verifier.clone().expect("a verifier")),
        ("secret", stage.web.secret.clone().expect("a secret")),
    ]
}

/// The places where a value can be presented, each with what alone it takes.
const PLACES: &[(&str, &[&str])] = &[
    ("as a link to choose a password", &["recovery"]),
    ("as a link to prove an address", &["email"]),
    ("as a link about a sign-in", &["not me"]),
    ("as a request in progress", &["request"]),
    ("as a session", &["session"]),
    ("as half a sign-in", &["half way"]),
    ("as a bearer", &["access"]),
    ("to introspection", &["access"]),
    ("as a client's secret", &["secret"]),
    ("as a form's token", &["csrf"]),
    ("as a kept form", &[]),
    ("as an ID token hint", &["id"]),
];

/// What a browser gets at `path` with these cookies alone.
async fn get(stage: &Stage, path: &str, cookies: &str) -> (u16, String, String) {
    let url = stage.latchkey.at(path);
    let request = crate::support::browser::http().get(url).header("cookie", cookies);
    let answer = request.send().await.expect("an answer");
    let to = answer.headers().get("location").map(|to| to.to_str().expect("ASCII").to_owned());
    let status = answer.status().as_u16();
    (status, to.unwrap_or_default(), answer.text().await.expect("text"))
}

async fn opens(stage: &Stage, place: &str, value: &str) -> bool {
    let own = stage.latchkey.at("/").parse::<Url>().expect("an address");
    let cookies = stage.browser.cookies().header(&own, false).expect("cookies");
    let page = async |path: String| get(stage, &path, &cookies).await;
    let encoded: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
    match place {
        "as a link to choose a password" => page(paths::recover_link(&encoded)).await.0 == 200,
        "as a link to prove an address" => page(paths::email_link(&encoded)).await.0 == 200,
        "as a link about a sign-in" => page(paths::not_me(&encoded)).await.0 == 200,
        "as a request in progress" => page(paths::resume(&encoded)).await.0 == 303,
        "as a session" => {
            let cookie = format!("latchkey_session={value}");
            get(stage, paths::ACCOUNT_SECURITY, &cookie).await.0 == 200
        }
        "as half a sign-in" => {
            let cookie = format!("latchkey_sign_in={value}");
            get(stage, paths::LOGIN_TWO_FACTOR, &cookie).await.0 == 200
        }
        "as a bearer" => stage.latchkey.userinfo(value).await.status == 200,
        "to introspection" => stage.latchkey.introspect(&stage.rs, value).await["active"] == true,
        "as a client's secret" => {
            let guessed = Credentials::Basic(stage.web.id.clone(), value.to_owned());
            let form = [("token", "nothing")];
            let endpoints = &stage.latchkey.endpoints;
            endpoints.post(paths::REVOKE, &guessed, &form).await.status == 200
        }
        "as a form's token" => {
            let fields = [("csrf".to_owned(), value.to_owned())];
            let home = own.origin().ascii_serialization();
            let headers = [("origin", home.as_str()), ("sec-fetch-site", "same-origin")];
            let url = own.join(paths::ACCOUNT_KEEP).expect("an address");
            post_raw(&stage.browser, &url, &fields, &headers).await.status() != 403
        }
        "as a kept form" => {
            let (status, _, body) = page(format!("{}?kept={encoded}", paths::ACCOUNT_REMOVE)).await;
            assert_eq!(status, 200, "{body}");
            body.contains(value)
        }
        "as an ID token hint" => {
            let path = format!("{}?id_token_hint={encoded}", paths::END_SESSION);
            let (status, to, _) = page(path).await;
            status == 303 && !to.is_empty()
        }
        other => panic!("{other} is no place"),
    }
}

#[tokio::test]
async fn s_026_every_value_opens_its_own_door_alone() {
    let mut stage = Stage::set().await;
    let ask = stage.ask_offline();
    let values = values(&mut stage, &ask).await;
    for (what, value) in &values {
        for form in ["code", "refresh_token"] {
            if matches!((*what, form), ("code", "code") | ("refresh", "refresh_token")) {
                continue;
            }
            let answer = match form {
                "code" => stage.redeem(&ask, value).await,
                _ => stage.refresh(value).await,
            };
            assert_eq!(answer.status, 400, "{what} as {form}: {answer}");
            answer.refuses(400, "invalid_grant");
        }
    }
    for (place, own) in PLACES {
        for (what, value) in &values {
            // It would end the session that the others are tried in; the other stands in the page
            // that is looked at, where it belongs.
            let aside = [("as an ID token hint", "id"), ("as a kept form", "csrf")];
            if aside.contains(&(*place, *what)) {
                continue;
            }
            assert_eq!(opens(&stage, place, value).await, own.contains(what), "{what} {place}");
        }
    }
    // None of it did any harm.
    let of = |what| &values.iter().find(|(name, _)| *name == what).expect("a value").1;
    assert!(stage.redeem(&ask, of("code")).await.status.is_success());
    assert!(stage.refresh(of("refresh")).await.status.is_success());
}
