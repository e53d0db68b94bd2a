//! A form counts as of the instant in which all of it is here, and in the name of a session that
//! lives until what it asks for is done (S-087). Whoever copied a cookie could otherwise begin forms,
//! keep the last byte, and send it when the owner has long ended the session.

use latchkey::identity::acts::Act;
use latchkey::identity::applications::{self, Revoker};
use latchkey::identity::protect::{self, Word};
use latchkey::identity::sessions::{self, Doer, Whereabouts};
use latchkey::identity::two_factor::{self, By};
use latchkey::identity::{email, export, people, profile, removal};
use latchkey::paths;
use latchkey::store::sessions::BrowserSession;
use latchkey::store::users::User;
use latchkey::store::{StoreError, consents, devices};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::browser::Browser;
use crate::support::clients;
use crate::support::dump::{Dump, dump};
use crate::support::page::Page;
use crate::support::phone::Phone;
use crate::support::stage::{Ask, Stage};

const SESSION: &str = "latchkey_session";
const NEW: &str = "N3w-Harbour%Gull";
const OTHER: &str = "An0ther-Harbour%Gull";

/// A path and the fields that are sent to it.
type Sent = (String, Vec<(&'static str, String)>);

/// What comes between the first byte and the last.
#[derive(Clone, Copy, Debug)]
enum Between {
    Ended,
    Locked,
    PasswordElsewhere,
    PasswordHere,
}

/// Alice with all that the pages of her account can change.
struct Scene {
    stage: Stage,
    /// Another browser of hers, which she trusts.
    home: Browser,
    /// Forms that leave the session its cookie, each with an effect also after those before it.
    forms: Vec<Sent>,
    /// Forms that give the session a new one.
    renewing: Vec<Sent>,
}

/// A browser of hers in which she asks for no more codes.
async fn trusting(stage: &Stage, phone: &Phone) -> Browser {
    let (mut home, owed) = stage.latchkey.owing(&stage.alice).await;
    let page = phone.answer(&stage.latchkey, &mut home, owed.tick("trust")).await;
    assert_eq!(page.url.path(), paths::ACCOUNT_SECURITY, "{page}");
    home
}

async fn present(stage: &Stage, browser: &Browser) -> (BrowserSession, User) {
    let token = browser.cookies().value(SESSION).expect("a session");
    let found = sessions::find(&stage.latchkey.app, &token).await;
    found.expect("an answer").expect("it lives")
}

fn form(path: &str, fields: &[(&'static str, &str)]) -> Sent {
    let fields = fields.iter().map(|(name, value)| (*name, (*value).to_owned()));
    (path.to_owned(), fields.collect())
}

fn about(path: &str, id: &str) -> Sent {
    form(&paths::about(path, id), &[])
}

/// The forms that leave the session its cookie; `spare` is where an authenticator app is removed.
async fn keeping(stage: &mut Stage, other: &Browser, spare: &str) -> Vec<Sent> {
    let (session, user) = present(stage, &stage.browser).await;
    let (elsewhere, _) = present(stage, other).await;
    let whereabouts = Whereabouts::default();
    let act = Act { user: &user, session: &session, whereabouts: &whereabouts };
    let asked = email::ask(&stage.latchkey.app, act, "alice@new.example").await;
    let email::Asked::Sent { url: Some(url) } = asked.expect("asked") else { panic!("no link") };
    let link = url.strip_prefix(&stage.latchkey.issuer).expect("ours").to_owned();
    let consent = {
        let mut db = stage.latchkey.app.store.read().await.expect("a read");
        let found = consents::find(&mut db, &stage.alice.id, &stage.web.id).await;
        found.expect("an answer").expect("a consent").0.id
    };
    let ask = stage.ask().with("prompt", "consent");
    let asked = stage.browser.arrive(&ask.address()).await.page().value("request").to_owned();
    let device = elsewhere.device_id.clone().expect("a device");
    vec![
        form(paths::ACCOUNT_PROFILE, &[("nickname", "Al of the sea")]),
        form(paths::ACCOUNT_PROFILE, &[("form", "mails")]),
        form(paths::ACCOUNT_APPEARANCE, &[("theme", "dark")]),
        form(paths::ACCOUNT_PROTECT, &[("decision", "begin")]),
        form(paths::CONSENT, &[("request", &asked), ("decision", "allow")]),
        form(&link, &[]),
        form(paths::ACCOUNT_EMAIL, &[("email", "alice@else.example")]),
        form(paths::ACCOUNT_EMAIL, &[("do", "cancel")]),
        form(paths::ACCOUNT_BACKUP_CODES, &[]),
        form(paths::ACCOUNT_TWO_FACTOR, &[("saved", "1")]),
        about(paths::ACCOUNT_BROWSER_DISTRUST, &device),
        form(paths::ACCOUNT_BROWSERS_DISTRUST, &[]),
        about(paths::ACCOUNT_DEVICE_FORGET, &device),
        about(paths::ACCOUNT_SESSION_END, &elsewhere.id),
        form(paths::ACCOUNT_SESSIONS_END_OTHERS, &[]),
        form(paths::ACCOUNT_EXPORT, &[]),
        form(spare, &[]),
        form(&paths::revoke_application(&consent), &[]),
        form(paths::ACCOUNT_APPLICATIONS_REVOKE_ALL, &[]),
        form(paths::ACCOUNT_TWO_FACTOR_OFF, &[]),
        form(paths::ACCOUNT_REMOVE, &[("username", "alice")]),
        form(paths::ACCOUNT_KEEP, &[]),
    ]
}

/// The forms that give it a new one.
async fn renewing(stage: &mut Stage, phone: &Phone) -> Vec<Sent> {
    let set_up = stage.browser.open(paths::ACCOUNT_TWO_FACTOR_SET_UP).await;
    stage.latchkey.pass_seconds(30);
    let code = phone.code(&stage.latchkey, 0);
    let first = Phone::scan(&set_up).code(&stage.latchkey, 0);
    let (old, id) = (stage.alice.password.as_str(), set_up.value("enrolment"));
    vec![
        form(
            paths::ACCOUNT_TWO_FACTOR_SET_UP,
            &[("enrolment", id), ("code", &first), ("name", "A thief’s")],
        ),
        form(paths::ACCOUNT_CONFIRM, &[("password", old), ("code", &code)]),
        form(
            paths::ACCOUNT_PASSWORD,
            &[("password", old), ("new_password", NEW), ("new_password_again", NEW)],
        ),
    ]
}

impl Scene {
    async fn set() -> Self {
        let mut stage = Stage::set().await;
        let (web, other) = (stage.ask(), stage.latchkey.client(clients::other()).await);
        stage.grant(&web).await;
        stage.code(&Ask::of(&other)).await;
        let mut browser = stage.browser.clone();
        let (phone, _) = stage.latchkey.turn_on(&mut browser).await;
        let page = browser.open(paths::ACCOUNT_TWO_FACTOR_SET_UP).await;
        let code = Phone::scan(&page).code(&stage.latchkey, 0);
        let page = browser.submit(&page.fill("code", &code).fill("name", "Spare"), "Add").await;
        let page = page.page();
        let spare = page.link("Remove Spare").path().to_owned();
        let other = trusting(&stage, &phone).await;
        let home = trusting(&stage, &phone).await;
        let forms = keeping(&mut stage, &other, &spare).await;
        let renewing = renewing(&mut stage, &phone).await;
        Self { stage, home, forms, renewing }
    }

    /// Sends all of a form but its last byte, once the server has begun to wait for its body.
    async fn begin(&self, csrf: &str, (path, fields): &Sent) -> (TcpStream, u8) {
        let url: reqwest::Url = self.stage.latchkey.at(path).parse().expect("an address");
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(fields).append_pair("csrf", csrf);
        let body = body.finish();
        let cookies = self.stage.browser.cookies().header(&url, false).expect("cookies");
        let host = format!("127.0.0.1:{}", url.port().expect("a port"));
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookies}\r\nOrigin: http://{host}\r\n\
             Sec-Fetch-Site: same-origin\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n",
            body.len()
        );
        let mut stream = TcpStream::connect(&host).await.expect("a connection");
        stream.write_all(head.as_bytes()).await.expect("it is sent");
        let mut told = [0; 1024];
        let count = stream.read(&mut told).await.expect("an answer");
        let told = String::from_utf8_lossy(&told[..count]).into_owned();
        assert!(told.starts_with("HTTP/1.1 100"), "{path}: {told}");
        let (last, most) = body.as_bytes().split_last().expect("a body");
        stream.write_all(most).await.expect("it is sent");
        (stream, *last)
    }

    async fn csrf(&mut self) -> String {
        let page: Page = self.stage.browser.open(paths::ACCOUNT_SECURITY).await;
        page.value("csrf").to_owned()
    }

    async fn dump(&self) -> Dump {
        dump(&self.stage.latchkey.app.config.database.url).await
    }

    async fn happen(&mut self, between: Between) {
        let app = &self.stage.latchkey.app;
        match between {
            Between::Ended => {
                let mut db = app.store.write().await.expect("a write");
                let ended = sessions::end_all(app, &mut db, &self.stage.alice.id, None, "a test");
                ended.await.expect("ended");
                db.commit().await.expect("a commit");
            }
            Between::Locked => drop(people::lock(app, "alice", "a test").await.expect("locked")),
            Between::PasswordElsewhere => change_password(&mut self.home, &self.stage).await,
            Between::PasswordHere => {
                change_password(&mut self.stage.browser.new_tab(), &self.stage).await;
            }
        }
    }
}

async fn change_password(browser: &mut Browser, stage: &Stage) {
    let page = browser.open(paths::ACCOUNT_PASSWORD).await;
    let page = page.fill("password", &stage.alice.password).fill("new_password", OTHER);
    let page = browser.submit(&page.fill("new_password_again", OTHER), "Change password").await;
    let page = page.page();
    assert!(!page.texts("#changed").is_empty(), "{page}");
}

/// Sends the last byte; the head of the answer.
async fn finish((mut stream, last): (TcpStream, u8)) -> String {
    stream.write_all(&[last]).await.expect("it is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer.split("\r\n\r\n").next().unwrap_or_default().to_ascii_lowercase()
}

#[tokio::test]
async fn s_087_each_form_of_the_account_has_its_effect_while_the_session_lives() {
    for last in 0..3 {
        let mut scene = Scene::set().await;
        let mut forms = if last == 0 { scene.forms.clone() } else { Vec::new() };
        if last > 0 {
            forms = vec![scene.renewing[last - 1].clone()];
        } else {
            assert!(forms.len() > 20);
        }
        let csrf = scene.csrf().await;
        for form in &forms {
            let before = scene.dump().await;
            let answer = finish(scene.begin(&csrf, form).await).await;
            assert!(!answer.contains("location: /login"), "{form:?}: {answer}");
            assert_ne!(scene.dump().await, before, "{form:?} does nothing: {answer}");
        }
    }
    let mut scene = Scene::set().await;
    let (csrf, before) = (scene.csrf().await, scene.dump().await);
    let form = scene.renewing[2].clone();
    let answer = finish(scene.begin(&csrf, &form).await).await;
    assert!(answer.contains("?done=changed"), "{answer}");
    assert_ne!(scene.dump().await, before);
}

#[tokio::test]
async fn s_087_a_form_that_was_begun_in_a_session_which_ended_has_no_effect() {
    for between in
        [Between::Ended, Between::Locked, Between::PasswordElsewhere, Between::PasswordHere]
    {
        let mut scene = Scene::set().await;
        let csrf = scene.csrf().await;
        let forms: Vec<_> = scene.forms.iter().chain(&scene.renewing).cloned().collect();
        let mut begun = Vec::new();
        for form in &forms {
            begun.push(scene.begin(&csrf, form).await);
        }
        scene.happen(between).await;
        let before = scene.dump().await;
        for (one, form) in begun.into_iter().zip(&forms) {
            let answer = finish(one).await;
            assert!(answer.starts_with("http/1.1 303"), "{between:?}, {form:?}: {answer}");
            let onward = if form.0 == paths::CONSENT { "/oauth/authorize/" } else { paths::LOGIN };
            let onward = format!("location: {onward}");
            assert!(answer.contains(&onward), "{between:?}, {form:?}: {answer}");
        }
        assert_eq!(scene.dump().await, before, "{between:?}");
    }
}

fn is_out<T>(what: &str, came: &Result<T, StoreError>) {
    assert!(matches!(came, Err(StoreError::SignedOut)), "{what} counted");
}

#[tokio::test]
async fn s_087_what_a_session_asked_for_is_not_done_once_it_has_ended() {
    for between in [Between::Ended, Between::Locked, Between::PasswordHere] {
        let mut scene = Scene::set().await;
        let (session, mut user) = present(&scene.stage, &scene.stage.browser).await;
        scene.happen(between).await;
        user.removal_at = None;
        let before = scene.dump().await;
        let app = &scene.stage.latchkey.app;
        let whereabouts = Whereabouts::default();
        let act = Act { user: &user, session: &session, whereabouts: &whereabouts };
        let by = By { user: &user, session: Some(&session), whereabouts: &whereabouts };
        let doer = Doer { session: &session, whereabouts: &whereabouts };
        let who = Revoker { user: &user, session: &session, whereabouts: &whereabouts };
        is_out("asking", &email::ask(app, act, "alice@late.example").await);
        is_out("canceling", &email::cancel(app, act).await);
        is_out("a link", &email::confirm(app, act, email::Held::Token("a token")).await);
        is_out("a profile", &profile::change(app, act, &user.claims, &["name"]).await);
        is_out("mails", &profile::choose_mails(app, act, false).await);
        is_out("an export", &export::export(app, act).await);
        is_out("a removal", &removal::plan(app, act).await);
        is_out("a session", &sessions::end(app, doer, "another").await);
        is_out("others", &sessions::end_others(app, doer).await);
        is_out("a device", &sessions::forget_device(app, doer, "another").await);
        is_out("applications", &applications::revoke_all(app, who).await);
        is_out("a way", &protect::say(app, &session, Word::Begin, &whereabouts).await);
        is_out("backup codes", &two_factor::renew(app, &by).await);
        is_out("saved codes", &two_factor::mark_saved(app, &by).await);
        is_out("an app less", &two_factor::remove_one(app, &by, "another").await);
        is_out("none", &two_factor::turn_off(app, &by).await);
        is_out("distrust", &two_factor::distrust_one(app, &by, "another").await);
        is_out("distrust of all", &two_factor::distrust_all(app, &by).await);
        let replaces = two_factor::Replaces::None;
        let claim = two_factor::Claim { id: "x", code: "123456", name: "", replaces };
        let within = two_factor::Within::Session(&session);
        let set_up = two_factor::confirm(app, &by, within, &claim).await;
        is_out("an app more", &set_up.map_err(|error| error.downcast().expect("of the store")));
        assert_eq!(scene.dump().await, before, "{between:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s_087_forms_and_the_end_of_their_session_race_without_a_fault() {
    let stage = Stage::set().await;
    for round in 0..10 {
        let mut browser = stage.latchkey.browser();
        crate::support::flow::sign_in(&mut browser, &stage.alice).await;
        let (session, user) = present(&stage, &browser).await;
        let mut tasks = Vec::new();
        for turn in 0..8 {
            let (app, session, user) = (stage.latchkey.app.clone(), session.clone(), user.clone());
            tasks.push(tokio::spawn(async move {
                let whereabouts = Whereabouts::default();
                let act = Act { user: &user, session: &session, whereabouts: &whereabouts };
                let by = By { user: &user, session: Some(&session), whereabouts: &whereabouts };
                let doer = Doer { session: &session, whereabouts: &whereabouts };
                match turn {
                    0 => email::ask(&app, act, "alice@late.example").await.map(drop),
                    1 => profile::change(&app, act, &user.claims, &["name"]).await,
                    2 => sessions::end_others(&app, doer).await.map(drop),
                    3 => two_factor::distrust_all(&app, &by).await.map(drop),
                    4 => export::export(&app, act).await.map(drop),
                    5 => {
                        people::sign_out(&app, "alice").await.expect("signed out");
                        Ok(())
                    }
                    6 => {
                        people::lock(&app, "alice", "a test").await.expect("locked");
                        people::unlock(&app, "alice").await.expect("unlocked");
                        Ok(())
                    }
                    _ => two_factor::turn_off(&app, &by).await.map(drop),
                }
            }));
        }
        for task in tasks {
            let came = task.await.expect("no panic");
            assert!(matches!(came, Ok(()) | Err(StoreError::SignedOut)), "{round}: {came:?}");
        }
        let mut db = stage.latchkey.app.store.read().await.expect("a read");
        assert!(!devices::list(&mut db, &user.id).await.expect("devices").is_empty());
    }
}
