//! `/account/profile`: the standard claims, editable, and which mails one wants.

mod fields;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

use crate::app::App;
use crate::identity::profile;
use crate::paths;
use crate::store::consents;
use crate::store::users::User;
use crate::web::error::PageError;
use crate::web::form::PageForm;
use crate::web::here::Here;
use crate::web::page::see_other;
use crate::web::session::{Browser, SignedIn};
use crate::web::shell::{self, Shell};
use crate::web::sudo::{self, Kept};

#[derive(Serialize)]
struct ProfilePage {
    #[serde(flatten)]
    shell: Shell,
    action: &'static str,
    email_url: &'static str,
    email_seen_by: Vec<String>,
    groups: Vec<GroupView>,
    wrong: usize,
    sign_in_mails: bool,
    turns_mails_off: bool,
}

#[derive(Serialize)]
struct GroupView {
    title: &'static str,
    scope: &'static str,
    seen_by: Vec<String>,
    fields: Vec<FieldView>,
}

#[derive(Serialize)]
struct FieldView {
    name: &'static str,
    label: &'static str,
    autocomplete: &'static str,
    kind: &'static str,
    hint: Option<&'static str>,
    value: String,
    error: Option<&'static str>,
}

/// What was typed, by field, with what is wrong with it.
type Typed = BTreeMap<&'static str, (String, Option<&'static str>)>;

pub(super) async fn get(
    State(app): State<Arc<App>>,
    SignedIn { user, .. }: SignedIn,
    browser: Browser,
    here: Here,
    kept: Kept,
) -> Result<Response, PageError> {
    let done = match here.query("done") {
        "saved" => Some("Your profile is saved."),
        "mails" => Some("Your choice of mails is saved."),
        _ if is_turning_mails_off(kept.get("form"), kept.get("sign_in_mails"), &user) => {
            let shown = Shown { turns_mails_off: true, ..Shown::default() };
            return show(&app, &browser, &user, shown).await;
        }
        _ => None,
    };
    show(&app, &browser, &user, Shown { done, ..Shown::default() }).await
}

/// Whether a form is the one about mails, and leaves out those about sign-ins, which are on.
fn is_turning_mails_off(form: Option<&str>, wanted: Option<&str>, user: &User) -> bool {
    form == Some("mails") && wanted != Some("on") && user.sign_in_mails_off_at.is_none()
}

/// What the page shows beside what is kept.
#[derive(Default)]
struct Shown {
    typed: Typed,
    done: Option<&'static str>,
    /// The mails are about to be turned off, now that it is proven who wants it.
    turns_mails_off: bool,
}

async fn show(
    app: &App,
    browser: &Browser,
    user: &User,
    Shown { typed, done, turns_mails_off }: Shown,
) -> Result<Response, PageError> {
    let seen_by = Connected::of(app, user).await?;
    let view = |field: &fields::Field| {
        let typed = typed.get(field.name).cloned();
        let (value, error) =
            typed.unwrap_or_else(|| (fields::current(&user.claims, field.name), None));
        FieldView {
            name: field.name,
            label: field.label,
            autocomplete: field.autocomplete,
            kind: field.kind.word(),
            hint: field.hint,
            value,
            error,
        }
    };
    let groups = fields::GROUPS.iter().map(|group| GroupView {
        title: group.title,
        scope: group.scope,
        seen_by: seen_by.names(group.scope),
        fields: group.fields.iter().map(view).collect(),
    });
    let wrong = typed.values().filter(|(_, error)| error.is_some()).count();
    let content = ProfilePage {
        shell: Shell::of(user).done(done),
        action: paths::ACCOUNT_PROFILE,
        email_url: paths::ACCOUNT_EMAIL,
        email_seen_by: seen_by.names("email"),
        groups: groups.collect(),
        wrong,
        sign_in_mails: user.sign_in_mails_off_at.is_none() && !turns_mails_off,
        turns_mails_off,
    };
    let mut page = shell::page(app, browser, user, "account/profile.html").await?;
    if wrong > 0 {
        page = page.status(StatusCode::UNPROCESSABLE_ENTITY);
    }
    page.render(app, &content)
}

/// The applications that a person lets in, each with the scopes it has.
struct Connected(Vec<(String, Vec<String>)>);

impl Connected {
    async fn of(app: &App, user: &User) -> Result<Self, PageError> {
        let allowed = {
            let mut db = app.store.read().await?;
            consents::list(&mut db, &user.id).await?
        };
        let mut connected = Vec::new();
        for (consent, scope) in allowed {
            if let Some(client) = app.store.client(&consent.client_id).await? {
                let name = client.metadata.client_name.clone();
                connected.push((name, scope.iter().map(str::to_owned).collect()));
            }
        }
        Ok(Self(connected))
    }

    /// The names of those that have `scope`.
    fn names(&self, scope: &str) -> Vec<String> {
        let has = |scopes: &[String]| scopes.iter().any(|one| one == scope);
        self.0.iter().filter(|(_, scopes)| has(scopes)).map(|(name, _)| name.clone()).collect()
    }
}

/// Keeps what was typed, or says what is wrong with it.
pub(super) async fn post(
    State(app): State<Arc<App>>,
    SignedIn { session, user }: SignedIn,
    here: Here,
    form: PageForm,
) -> Result<Response, PageError> {
    let act = here.act(&user, &session);
    let back = |done| Ok(see_other(&format!("{}?done={done}", paths::ACCOUNT_PROFILE)));
    if form.text("form") == "mails" {
        let wanted = form.text("sign_in_mails");
        if is_turning_mails_off(Some("mails"), Some(wanted), &user) {
            sudo::confirmed(&app, &session, paths::ACCOUNT_PROFILE, &form).await?;
        }
        profile::choose_mails(&app, act, wanted == "on").await?;
        return back("mails");
    }
    let typed = read(&form, &user);
    if typed.values().any(|(_, error)| error.is_some()) {
        let shown = Shown { typed, ..Shown::default() };
        return show(&app, &form.browser, &user, shown).await;
    }
    let mut claims = user.claims.clone();
    for (name, (value, _)) in &typed {
        claims = fields::put(claims, name, value.clone());
    }
    if !typed.is_empty() {
        let changed: Vec<&str> = typed.keys().copied().collect();
        profile::change(&app, act, &claims, &changed).await?;
    }
    back("saved")
}

/// The fields that were sent and differ from what is kept. Only fields of ours are read, whatever
/// else was sent, and one that was not touched is never refused.
fn read(form: &PageForm, user: &User) -> Typed {
    let mut typed = Typed::new();
    for field in fields::all() {
        let sent = form.fields().iter().find(|(name, _)| *name == field.name);
        let Some((_, value)) = sent else { continue };
        let value = fields::tidied(value);
        if value != fields::current(&user.claims, field.name) {
            let problem = fields::problem(field, &value);
            typed.insert(field.name, (value, problem));
        }
    }
    typed
}
