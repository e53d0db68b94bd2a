//! An application asks; the person does what the pages ask for.

use std::collections::BTreeMap;

use latchkey::paths;

use super::entrance::is_at;
use super::{Held, Runner};
use crate::model::command::{Answer, How, Password, Typed};
use crate::model::world::asking::{Asked, Next, Prompt};
use crate::model::world::entrance::{self, Coded, Typing};
use crate::model::world::scopes::Scopes;
use crate::support::browser::Arrival;
use crate::support::flow::type_in;
use crate::support::stage::Ask;

impl Prompt {
    fn text(self) -> Option<&'static str> {
        match self {
            Self::Unsaid => None,
            Self::None => Some("none"),
            Self::Login => Some("login"),
            Self::Consent => Some("consent"),
        }
    }
}

impl Runner {
    /// The request as its client sends it.
    pub fn ask(&self, asked: &Asked) -> Ask {
        let mut ask = Ask::of(&self.clients[asked.client]).with("scope", &asked.scope.text());
        if let Some(prompt) = asked.prompt.text() {
            ask = ask.with("prompt", prompt);
        }
        if let Some(age) = asked.max_age {
            ask = ask.with("max_age", &age.to_string());
        }
        ask
    }

    /// From the request to a code, an error, or wherever the person stops.
    pub async fn authorize(
        &mut self,
        seat: usize,
        who: usize,
        (client, scope): (usize, Scopes),
        how: How,
    ) {
        if how.code == Typed::Good {
            self.pass(self.world.wait_for_code(who));
        }
        let at = self.world.now;
        let asked = Asked { client, scope, prompt: how.prompt, max_age: how.max_age, at };
        let ask = self.ask(&asked);
        let off = self.world.disabled[client];
        if !off && how.prompt != Prompt::None && !self.world.grantable(&asked).is_empty() {
            self.world.touch(seat);
        }
        let mut arrival = self.browsers[seat].arrive(&ask.address()).await;
        if off {
            // Nobody is sent to an application that is switched off.
            return super::entrance::says(&arrival.page(), 400);
        }
        let mut decided = None;
        for _ in 0..8 {
            let next = self.world.next(seat, &asked, decided);
            self.ledger.reached(next);
            let page = match (next, arrival) {
                (Next::Refuse(error), Arrival::Client(told)) => {
                    assert_eq!(told.parameter("error").as_deref(), Some(error), "{}", told.url);
                    assert_eq!(told.parameter("code"), None, "{}", told.url);
                    assert_eq!(told.parameter("state").as_deref(), Some(ask.get("state")));
                    return;
                }
                (Next::Answer, Arrival::Client(told)) => {
                    let code = told.parameter("code");
                    let code = code.unwrap_or_else(|| panic!("expected a code: {}", told.url));
                    let grant = self.world.answer(seat, &asked, decided);
                    assert_eq!(grant, self.held.len());
                    self.held.push(Held { ask, code, refresh: BTreeMap::new() });
                    return;
                }
                (Next::Refuse(_) | Next::Answer, Arrival::Page(page)) => {
                    panic!("expected {next:?} instead of {page}")
                }
                (_, Arrival::Client(told)) => panic!("expected {next:?} instead of {}", told.url),
                (_, Arrival::Page(page)) => *page,
            };
            self.world.touch(seat);
            arrival = match next {
                Next::SignIn => {
                    is_at(&page, paths::LOGIN);
                    let (text, password) = self.typed(who, Password::Right);
                    let name = self.users[who].username.clone();
                    let there = type_in(&mut self.browsers[seat], page, &name, &text).await;
                    let strict = how.prompt == Prompt::Login || how.max_age.is_some();
                    let typing = Typing { who, password, remember: false, strict };
                    match self.judge_password(seat, typing, &there) {
                        entrance::Typed::In | entrance::Typed::Owes => there,
                        _ => return,
                    }
                }
                Next::SecondFactor => {
                    is_at(&page, paths::LOGIN_TWO_FACTOR);
                    if how.code == Typed::Leave {
                        return;
                    }
                    match self.answer_code(seat, page, (how.code, false)).await {
                        (Coded::In, there) => there,
                        (Coded::Refused, there) => {
                            super::entrance::says(&there.page(), 422);
                            return;
                        }
                        // The page to sign in, or for who is signed in already, whatever is next.
                        (Coded::Anew, _) => return,
                    }
                }
                Next::Consent => {
                    is_at(&page, paths::CONSENT);
                    let answer = match how.answer {
                        Answer::Leave => return,
                        Answer::Allow => "allow",
                        Answer::Deny => "deny",
                    };
                    decided = Some(how.answer == Answer::Allow);
                    self.browsers[seat].submit(&page, answer).await
                }
                Next::Answer | Next::Refuse(_) => unreachable!("they are answered above"),
            };
        }
        panic!("the pages lead in a circle");
    }
}
