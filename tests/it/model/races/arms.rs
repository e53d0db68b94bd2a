//! Operations on the real server: everything up to the one request that takes part in the race is
//! done before it.

use std::pin::Pin;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use latchkey::app::App;
use latchkey::identity::{people, two_factor};
use latchkey::paths;
use secrecy::SecretString;

use super::Track;
use super::operation::{Operation, Seen};
use crate::model::runner::support::set_password;
use crate::model::world::asking::{Asked, Prompt};
use crate::model::world::codes::{Code, STEP};
use crate::model::world::scopes::Scopes;
use crate::support::browser::{Arrival, Browser};
use crate::support::endpoint::Answer;
use crate::support::flow::totp;
use crate::support::page::{Page, Submission};
use crate::support::stage::Ask;

/// What an operation brought, beside what is compared.
#[derive(Clone, Debug, Default)]
pub struct Brought {
    pub access: Option<String>,
    pub refresh: Option<(i64, String)>,
    pub code: Option<(Ask, String)>,
}

/// The request that takes part in the race.
pub type Arm = Pin<Box<dyn Future<Output = (Seen, Brought)> + Send>>;

/// The place of a refresh token in the row of its family.
fn generation(refresh: &str) -> i64 {
    let bytes = URL_SAFE_NO_PAD.decode(&refresh["lk_rt_".len()..]).expect("base64url");
    i64::from(u32::from_be_bytes(bytes[16..20].try_into().expect("four bytes")))
}

fn of_tokens(answer: &Answer) -> (Seen, Brought) {
    if answer.status != 200 {
        answer.refuses(400, "invalid_grant");
        return (Seen::Refused, Brought::default());
    }
    let body = answer.good();
    let access = body["access_token"].as_str().map(str::to_owned);
    let refresh = body["refresh_token"].as_str().map(|text| (generation(text), text.to_owned()));
    let seen = Seen::Tokens(refresh.as_ref().map_or(1, |(generation, _)| *generation));
    (seen, Brought { access, refresh, code: None })
}

/// Sends a form, and judges the page that comes.
fn form(
    mut tab: Browser,
    page: Page,
    submission: Submission,
    judge: impl Fn(&Page) -> Seen + Send + 'static,
) -> Arm {
    Box::pin(async move {
        let page = tab.send(&page, submission).await.page();
        (judge(&page), Brought::default())
    })
}

/// A page of the account, which nobody sees who is not signed in.
fn is_in(page: &Page) -> bool {
    page.url.path().starts_with(paths::ACCOUNT) && page.status == 200
}

impl Track {
    /// Makes everything ready for an operation; those with an even number go to the first node.
    pub async fn arm(&mut self, number: usize, operation: &Operation) -> Arm {
        match operation.clone() {
            Operation::Exchange { grant } => {
                let held = &self.runner.held[grant];
                let fields = owned(&held.ask.redemption(&held.code));
                self.token_request(number, self.runner.world.grants[grant].client, fields)
            }
            Operation::Refresh { grant, generation } => {
                let text = self.runner.held[grant].refresh[&generation].as_str();
                let fields = [("grant_type", "refresh_token"), ("refresh_token", text)];
                let client = self.runner.world.grants[grant].client;
                self.token_request(number, client, owned(&fields))
            }
            Operation::RevokeRefresh { grant } => {
                let text = self.runner.held[grant].refresh.values().next_back();
                let text = text.expect("a refresh token").clone();
                let client = &self.runner.clients[self.runner.world.grants[grant].client];
                let (node, credentials) =
                    (self.node(number).endpoints.clone(), client.credentials());
                Box::pin(async move {
                    let fields = [("token", text.as_str())];
                    let answer = node.post(paths::REVOKE, &credentials, &fields).await;
                    assert_eq!(answer.status.as_u16(), 200, "{answer}");
                    (Seen::Done, Brought::default())
                })
            }
            Operation::Authorize { seat, client, scope } => self.silently(seat, client, scope),
            Operation::Disconnect { seat, client } => self.disconnecting(seat, client).await,
            Operation::SignOut { seat } => {
                let (tab, page) = self.tab(seat, paths::LOGOUT).await;
                let submission = page.submission("sign out");
                form(tab, page, submission, |_| Seen::Done)
            }
            Operation::SignIn { seat, who, password } => self.entering(seat, who, password).await,
            Operation::TypeCode { seat, code } => self.typing(seat, code).await,
            Operation::ChangePassword { seat, new, end_applications } => {
                self.changing(seat, new, end_applications).await
            }
            other => self.supporting(number, other),
        }
    }

    /// A tab of the browser at this seat, with a page of ours.
    async fn tab(&mut self, seat: usize, path: &str) -> (Browser, Page) {
        let mut tab = self.runner.browsers[seat].new_tab();
        let page = tab.open(path).await;
        self.runner.world.touch(seat);
        (tab, page)
    }

    fn token_request(&self, number: usize, client: usize, fields: Vec<(String, String)>) -> Arm {
        let node = self.node(number).endpoints.clone();
        let credentials = self.runner.clients[client].credentials();
        Box::pin(async move {
            let fields: Vec<_> = fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            of_tokens(&node.post(paths::TOKEN, &credentials, &fields).await)
        })
    }

    fn silently(&self, seat: usize, client: usize, scope: Scopes) -> Arm {
        let at = self.runner.world.now;
        let ask =
            self.runner.ask(&Asked { client, scope, prompt: Prompt::None, max_age: None, at });
        let mut tab = self.runner.browsers[seat].new_tab();
        Box::pin(async move {
            let told = tab.arrive(&ask.address()).await.departure();
            let Some(code) = told.parameter("code") else {
                let error = told.parameter("error").expect("an answer");
                return (Seen::Error(error), Brought::default());
            };
            (Seen::Code, Brought { code: Some((ask, code)), ..Brought::default() })
        })
    }

    async fn disconnecting(&mut self, seat: usize, client: usize) -> Arm {
        let (mut tab, list) = self.tab(seat, paths::ACCOUNT_APPLICATIONS).await;
        let name = self.runner.world.clients[client].name;
        let page = tab.open(list.link(&format!("Revoke access of {name}")).as_str()).await;
        let submission = page.submission("Revoke access");
        let judge = |page: &Page| if is_in(page) { Seen::Done } else { Seen::Refused };
        form(tab, page, submission, judge)
    }

    async fn entering(&mut self, seat: usize, who: usize, password: u32) -> Arm {
        let to = paths::ACCOUNT_APPEARANCE;
        let (tab, page) = self.tab(seat, &format!("{}?switch=1&to={to}", paths::LOGIN)).await;
        let text = match password {
            u32::MAX => "Wrong%lamp-91-orbit".to_owned(),
            number => self.runner.password(who, number),
        };
        let page = page.fill("username", &self.runner.users[who].username).fill("password", &text);
        let submission = page.form_with("password").submission(None);
        form(tab, page, submission, |page| match page.status.as_u16() {
            429 => Seen::Blocked,
            _ if is_in(page) => Seen::In,
            _ if page.url.path() == paths::LOGIN_TWO_FACTOR => Seen::Owes,
            _ => Seen::Refused,
        })
    }

    async fn typing(&mut self, seat: usize, code: Code) -> Arm {
        let who = self.runner.world.owing(seat).expect("a code is owed");
        let (tab, page) = match code {
            Code::Backup(_) => {
                self.tab(seat, &format!("{}?kind=backup", paths::LOGIN_TWO_FACTOR)).await
            }
            _ => self.tab(seat, paths::LOGIN_TWO_FACTOR).await,
        };
        let text = match code {
            Code::Backup(at) => self.runner.backup[who][at].clone(),
            Code::App(step) => {
                let phone = self.runner.phones[who].as_ref().expect("an app");
                totp(&phone.seed, step * STEP)
            }
            Code::None | Code::Wrong => panic!("only good codes race"),
        };
        let page = page.fill("code", &text);
        let submission = page.submission("Verify");
        form(tab, page, submission, |page| if is_in(page) { Seen::In } else { Seen::Refused })
    }

    async fn changing(&mut self, seat: usize, new: u32, end_applications: bool) -> Arm {
        let who = self.runner.world.who(seat).expect("somebody is signed in");
        let old = self.runner.password(who, self.runner.world.people[who].password);
        let new = self.runner.password(who, new);
        let (tab, page) = self.tab(seat, paths::ACCOUNT_PASSWORD).await;
        let page = page.fill("password", &old).fill("new_password", &new);
        let page = page.fill("new_password_again", &new);
        let page = if end_applications { page.tick("end_applications") } else { page };
        let submission = page.submission("Change password");
        form(tab, page, submission, |page| {
            if page.texts("#changed").is_empty() { Seen::Refused } else { Seen::Done }
        })
    }

    /// What the command line calls, on either node.
    fn supporting(&self, number: usize, operation: Operation) -> Arm {
        let app = Arc::clone(&self.node(number).app);
        let (name, new) = match operation {
            Operation::SetPassword { who, new } => (who, self.runner.password(who, new)),
            Operation::Lock { who }
            | Operation::SignOutBySupport { who }
            | Operation::ResetTwoFactor { who } => (who, String::new()),
            other => panic!("{other:?} takes part in no race"),
        };
        let name = self.runner.users[name].username.clone();
        Box::pin(async move {
            support(&app, &operation, &name, new.into()).await;
            (Seen::Done, Brought::default())
        })
    }

    /// What an operation after the race shows.
    pub async fn look(&mut self, operation: &Operation, brought: &[Brought]) -> (Seen, Brought) {
        let runner = &mut self.runner;
        match operation.clone() {
            Operation::IsGood { of } => {
                let access = brought[of].access.as_ref().expect("it brought tokens");
                let seen = runner.latchkey.introspect(&runner.rs, access).await;
                (Seen::Good(seen["active"] == true), Brought::default())
            }
            Operation::IsCurrent { grant, generation } => {
                let of_this = |one: &&Brought| {
                    one.refresh.as_ref().is_some_and(|(number, _)| *number == generation)
                };
                let text = runner.held[grant].refresh.get(&generation).cloned().or_else(|| {
                    brought.iter().find(of_this)?.refresh.as_ref().map(|(_, text)| text.clone())
                });
                let client = &runner.clients[runner.world.grants[grant].client];
                let text = text.expect("a refresh token");
                let seen = runner.latchkey.introspect(client, &text).await;
                (Seen::Good(seen["active"] == true), Brought::default())
            }
            Operation::ExchangeOf { of } => {
                let (ask, code) = brought[of].code.as_ref().expect("it brought a code");
                let credentials = ask.client.credentials();
                let form = ask.redemption(code);
                let answer =
                    runner.latchkey.endpoints.post(paths::TOKEN, &credentials, &form).await;
                of_tokens(&answer)
            }
            Operation::Probe { seat } => {
                let ask = Ask::of(&runner.unknown).with("prompt", "none");
                let arrival = runner.browsers[seat].arrive(&ask.address()).await;
                let Arrival::Client(told) = arrival else { panic!("no page without a word") };
                (Seen::Error(told.parameter("error").unwrap_or_default()), Brought::default())
            }
            other => panic!("{other:?} is no look"),
        }
    }
}

async fn support(app: &App, operation: &Operation, name: &str, new: SecretString) {
    let done = match operation {
        Operation::Lock { .. } => people::lock(app, name, "a race").await.map(drop),
        Operation::SetPassword { .. } => set_password(app, name, &new).await,
        Operation::ResetTwoFactor { .. } => two_factor::reset(app, name).await.map(drop),
        _ => people::sign_out(app, name).await.map(drop),
    };
    done.expect("support may");
}

fn owned(form: &[(&str, &str)]) -> Vec<(String, String)> {
    form.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
