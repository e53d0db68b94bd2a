//! What takes part in a race, and what the model makes of it.

use std::collections::BTreeMap;

use crate::model::world::World;
use crate::model::world::asking::{Asked, Next, Prompt};
use crate::model::world::codes::Code;
use crate::model::world::entrance::{Coded, Proven, Typed, Typing};
use crate::model::world::grants::{Presented, Refreshed};
use crate::model::world::scopes::Scopes;

/// What somebody does while others do something else.
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    Exchange {
        grant: usize,
    },
    Refresh {
        grant: usize,
        generation: i64,
    },
    RevokeRefresh {
        grant: usize,
    },
    Disconnect {
        seat: usize,
        client: usize,
    },
    SignOut {
        seat: usize,
    },
    SignIn {
        seat: usize,
        who: usize,
        password: u32,
    },
    TypeCode {
        seat: usize,
        code: Code,
    },
    ChangePassword {
        seat: usize,
        new: u32,
        end_applications: bool,
    },
    /// Silently, on what stands.
    Authorize {
        seat: usize,
        client: usize,
        scope: Scopes,
    },
    Lock {
        who: usize,
    },
    SignOutBySupport {
        who: usize,
    },
    SetPassword {
        who: usize,
        new: u32,
    },
    ResetTwoFactor {
        who: usize,
    },
    /// After the race: is the access token that this operation brought good?
    IsGood {
        of: usize,
    },
    /// After the race: is this refresh token of the grant good?
    IsCurrent {
        grant: usize,
        generation: i64,
    },
    /// After the race: the code that this operation brought.
    ExchangeOf {
        of: usize,
    },
    /// After the race: what a client that nobody let in is told of the browser.
    Probe {
        seat: usize,
    },
}

impl Operation {
    /// The operation whose outcome this one looks at.
    pub fn refers_to(&self) -> Option<usize> {
        match self {
            Self::IsGood { of } | Self::ExchangeOf { of } => Some(*of),
            _ => None,
        }
    }
}

/// What came of it, as somebody outside sees it.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    Done,
    Refused,
    Blocked,
    In,
    Owes,
    /// Tokens of this generation.
    Tokens(i64),
    Code,
    Error(String),
    Good(bool),
}

/// The model, and what the operations so far brought in it.
#[derive(Clone, Debug)]
pub struct State {
    pub world: World,
    /// The token that the operation of this number brought.
    pub tokens: BTreeMap<usize, usize>,
    /// The grant that the operation of this number brought.
    pub grants: BTreeMap<usize, usize>,
}

impl State {
    pub fn of(world: &World) -> Self {
        Self { world: world.clone(), tokens: BTreeMap::new(), grants: BTreeMap::new() }
    }

    /// Does the operation of this number to the model; what must be seen of it.
    pub fn apply(&mut self, number: usize, operation: &Operation) -> Seen {
        let world = &mut self.world;
        match operation.clone() {
            Operation::Exchange { grant } => self.exchange(number, grant),
            Operation::ExchangeOf { of } => self.exchange(number, self.grants[&of]),
            Operation::Refresh { grant, generation } => {
                match world.refresh(grant, generation, None, true) {
                    Refreshed::Tokens(token) => {
                        self.tokens.insert(number, token);
                        Seen::Tokens(self.world.tokens[token].generation)
                    }
                    Refreshed::Invalid | Refreshed::WrongScope => Seen::Refused,
                }
            }
            Operation::RevokeRefresh { grant } => {
                world.grants[grant].revoked = true;
                Seen::Done
            }
            Operation::Authorize { seat, client, scope } => {
                self.authorize(number, seat, (client, scope))
            }
            Operation::IsGood { of } => Seen::Good(world.look(self.tokens[&of])),
            Operation::IsCurrent { grant, generation } => {
                Seen::Good(world.is_current(grant, generation))
            }
            Operation::Probe { seat } => Seen::Error(probe(world, seat).to_owned()),
            other => by_people(world, other),
        }
    }

    fn exchange(&mut self, number: usize, grant: usize) -> Seen {
        match self.world.exchange(grant, Presented::Right) {
            Some(token) => {
                self.tokens.insert(number, token);
                Seen::Tokens(1)
            }
            None => Seen::Refused,
        }
    }

    fn authorize(&mut self, number: usize, seat: usize, of: (usize, Scopes)) -> Seen {
        let (client, scope) = of;
        let at = self.world.now;
        let asked = Asked { client, scope, prompt: Prompt::None, max_age: None, at };
        match self.world.next(seat, &asked, None) {
            Next::Answer => {
                let grant = self.world.answer(seat, &asked, None);
                self.grants.insert(number, grant);
                Seen::Code
            }
            Next::Refuse(error) => Seen::Error(error.to_owned()),
            other => panic!("silently there is no {other:?}"),
        }
    }
}

/// What a client that nobody let in is told of the browser at this seat.
pub fn probe(world: &World, seat: usize) -> &'static str {
    match (world.present(seat), world.owing(seat)) {
        (Some(_), _) => "consent_required",
        (None, Some(_)) => "interaction_required",
        (None, None) => "login_required",
    }
}

/// What people and support do, to the model.
fn by_people(world: &mut World, operation: Operation) -> Seen {
    match operation {
        Operation::Disconnect { seat, client } => {
            let who = world.who(seat);
            let Some(who) = who.filter(|who| world.consents.contains_key(&(*who, client))) else {
                return Seen::Refused;
            };
            world.disconnect(who, Some(client));
        }
        Operation::SignOut { seat } => world.sign_out(seat),
        Operation::SignIn { seat, who, password } => {
            let typing = Typing { who, password, remember: false, strict: false };
            return match world.type_password(seat, typing) {
                Typed::Blocked => Seen::Blocked,
                Typed::Refused | Typed::Locked => Seen::Refused,
                Typed::In => Seen::In,
                Typed::Owes => Seen::Owes,
            };
        }
        Operation::TypeCode { seat, code } => {
            return match world.type_code(seat, code, false) {
                Coded::In => Seen::In,
                Coded::Anew | Coded::Refused => Seen::Refused,
            };
        }
        Operation::ChangePassword { seat, new, end_applications } => {
            let Some(who) = world.who(seat) else { return Seen::Refused };
            // What is typed is the password from before the race.
            let right = world.people[who].password < new;
            let known = world.is_fresh(seat);
            match world.prove(seat, right, Code::None, known) {
                Proven::Yes(auth_time, mfa) => {
                    world.change_password(seat, new, end_applications, (auth_time, mfa));
                }
                Proven::No | Proven::Closed => return Seen::Refused,
            }
        }
        Operation::Lock { who } => world.lock(who),
        Operation::SignOutBySupport { who } => world.end_sessions(who, None),
        Operation::SetPassword { who, new } => world.set_password(who, new),
        Operation::ResetTwoFactor { who } => world.reset_two_factor(who),
        other => panic!("{other:?} is nothing that people do"),
    }
    Seen::Done
}
