//! Signing in and out.

use latchkey::paths;

use super::Runner;
use crate::model::command::{Password, Typed};
use crate::model::world::codes::{Code, STEP};
use crate::model::world::entrance::{self, Coded, Typing};
use crate::support::browser::Arrival;
use crate::support::flow::{totp, type_in};
use crate::support::page::Page;

/// Where a sign-in leads: a page that costs little.
const LANDING: &str = paths::ACCOUNT_APPEARANCE;

/// How somebody signs in.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    pub password: Password,
    pub code: Typed,
    pub remember: bool,
    pub trust: bool,
}

/// Fails unless the browser is there.
pub fn is_at(page: &Page, path: &str) {
    assert_eq!(page.url.path(), path, "expected {path} instead of {page}");
}

/// Fails unless the page was answered so.
pub fn says(page: &Page, status: u16) {
    assert_eq!(page.status.as_u16(), status, "expected {status}: {page}");
}

impl Runner {
    /// What is typed for a password, and which of the person's it is.
    pub fn typed(&self, who: usize, password: Password) -> (String, u32) {
        let present = self.world.people[who].password;
        match (password, present) {
            (Password::Right, _) => (self.password(who, present), present),
            (Password::Old, 1..) => (self.password(who, present - 1), present - 1),
            _ => ("Wrong%lamp-91-orbit".to_owned(), u32::MAX),
        }
    }

    /// What is typed for a code, now; the person waits for the next one if they must.
    pub fn code(&mut self, who: usize, typed: Typed) -> (String, Code) {
        if typed == Typed::Good {
            self.pass(self.world.wait_for_code(who));
        }
        let last = self.world.people[who].app;
        let step = match typed {
            Typed::Again => last.unwrap_or_default(),
            _ => self.world.step(),
        };
        let from_set = |good: bool| {
            self.world.people[who]
                .backup
                .iter()
                .position(|one| *one == good)
                .map(|at| (self.backup[who][at].clone(), Code::Backup(at)))
        };
        match (typed, &self.phones[who]) {
            (Typed::Good | Typed::Again, Some(phone)) if last.is_some() => {
                (totp(&phone.seed, step * STEP), Code::App(step))
            }
            (Typed::Backup, _) => from_set(true).unwrap_or(("123".into(), Code::None)),
            (Typed::BackupAgain, _) => from_set(false).unwrap_or(("123".into(), Code::None)),
            (Typed::Leave, _) => (String::new(), Code::None),
            _ => self.wrong_code(who),
        }
    }

    /// Six digits that the person's app shows at no time near now.
    fn wrong_code(&self, who: usize) -> (String, Code) {
        let now = self.world.step();
        let seed = self.phones[who].as_ref().map_or(&[][..], |phone| &phone.seed);
        let near: Vec<_> = (now - 2..=now + 2).map(|step| totp(seed, step * STEP)).collect();
        let wrong = ["000000", "111111", "222222", "333333", "444444", "555555"];
        let wrong = wrong.iter().find(|wrong| !near.iter().any(|code| code == *wrong));
        ((*wrong.expect("six codes are more than five")).to_owned(), Code::Wrong)
    }

    /// Signs in at our own pages.
    pub async fn sign_in(&mut self, seat: usize, who: usize, manner: Manner) {
        if manner.code == Typed::Good {
            self.pass(self.world.wait_for_code(who));
        }
        let (text, password) = self.typed(who, manner.password);
        self.world.touch(seat);
        let login = format!("{}?switch=1&to={LANDING}", paths::LOGIN);
        let page = self.browsers[seat].open(&login).await;
        let page = if manner.remember { page.tick("remember") } else { page };
        let name = self.users[who].username.clone();
        let arrival = type_in(&mut self.browsers[seat], page, &name, &text).await;
        let typing = Typing { who, password, remember: manner.remember, strict: false };
        let outcome = self.judge_password(seat, typing, &arrival);
        let page = arrival.page();
        match outcome {
            entrance::Typed::In => is_at(&page, LANDING),
            entrance::Typed::Owes if manner.code != Typed::Leave => {
                let arrival = self.answer_code(seat, page, (manner.code, manner.trust)).await;
                self.judge_code(seat, arrival.0, &arrival.1.page());
            }
            _ => {}
        }
    }

    /// Holds what a password led to against the model.
    pub fn judge_password(
        &mut self,
        seat: usize,
        typing: Typing,
        arrival: &Arrival,
    ) -> entrance::Typed {
        let known = self.world.people[typing.who].known.contains_key(&seat);
        let outcome = self.world.type_password(seat, typing);
        self.ledger.reached(outcome);
        let bucket = (typing.who, known.then_some(seat));
        let page = match arrival {
            Arrival::Page(page) => page,
            Arrival::Client(told) => {
                assert_eq!(outcome, entrance::Typed::In, "{}", told.url);
                self.ledger.was_right(bucket, self.world.now);
                return outcome;
            }
        };
        match outcome {
            entrance::Typed::Blocked => says(page, 429),
            entrance::Typed::Refused => {
                says(page, 422);
                self.ledger.was_wrong(bucket, self.world.now);
            }
            entrance::Typed::Locked => says(page, 403),
            entrance::Typed::In => assert_ne!(page.url.path(), paths::LOGIN, "{page}"),
            entrance::Typed::Owes => is_at(page, paths::LOGIN_TWO_FACTOR),
        }
        if !matches!(outcome, entrance::Typed::Blocked | entrance::Typed::Refused) {
            self.ledger.was_right(bucket, self.world.now);
        }
        outcome
    }

    /// Types a code into a page that asks for one; what the model makes of it, and where it led.
    pub async fn answer_code(
        &mut self,
        seat: usize,
        page: Page,
        (typed, trust): (Typed, bool),
    ) -> (Coded, Arrival) {
        let who = self.world.owing(seat).expect("a code is owed");
        let (text, code) = self.code(who, typed);
        let page = if matches!(code, Code::Backup(_)) {
            let other = page.link("Use a backup code instead");
            self.browsers[seat].open(other.as_str()).await
        } else if trust {
            page.tick("trust")
        } else {
            page
        };
        let page = page.fill("code", &text);
        let arrival = self.browsers[seat].submit(&page, "Verify").await;
        let outcome = self.world.type_code(seat, code, trust);
        self.ledger.reached(format!("code {outcome:?}"));
        if outcome == Coded::In {
            self.ledger.proved(who, self.world.now);
        }
        (outcome, arrival)
    }

    /// Where a code at our own pages leads.
    fn judge_code(&self, seat: usize, outcome: Coded, page: &Page) {
        match outcome {
            Coded::Refused => says(page, 422),
            Coded::Anew => self.is_asked_anew(seat, page),
            Coded::In => {
                let ours = [LANDING, paths::ACCOUNT_SECURITY, paths::ACCOUNT_TWO_FACTOR_RECOVERED];
                assert!(ours.contains(&page.url.path()), "expected to be signed in: {page}");
            }
        }
    }

    /// Who owes nothing is sent to the beginning, or onward where somebody is signed in.
    fn is_asked_anew(&self, seat: usize, page: &Page) {
        let signed_in = self.world.present(seat).is_some();
        assert_eq!(page.url.path() == paths::LOGIN, !signed_in, "{page}");
    }

    /// Goes on with half a sign-in.
    pub async fn type_code(&mut self, seat: usize, typed: Typed) {
        if let (Some(who), Typed::Good) = (self.world.owing(seat), typed) {
            self.pass(self.world.wait_for_code(who));
        }
        let page = self.browsers[seat].open(paths::LOGIN_TWO_FACTOR).await;
        if self.world.owing(seat).is_none() {
            self.world.touch(seat);
            self.world.seats[seat].owed = None;
            return self.is_asked_anew(seat, &page);
        }
        is_at(&page, paths::LOGIN_TWO_FACTOR);
        if typed == Typed::Leave {
            return;
        }
        let (outcome, arrival) = self.answer_code(seat, page, (typed, false)).await;
        self.judge_code(seat, outcome, &arrival.page());
    }

    pub async fn sign_out(&mut self, seat: usize) {
        let page = self.browsers[seat].open(paths::LOGOUT).await;
        let signed_in = self.world.present(seat).is_some();
        assert_eq!(page.has("sign out"), signed_in, "{page}");
        if signed_in {
            self.browsers[seat].submit(&page, "sign out").await.page();
        }
        self.world.sign_out(seat);
    }

    /// Opens a page of the account: who is signed in sees it, nobody else does.
    pub async fn visit(&mut self, seat: usize) {
        let page = self.browsers[seat].open(paths::ACCOUNT_SECURITY).await;
        let Some(who) = self.world.who(seat) else { return is_at(&page, paths::LOGIN) };
        is_at(&page, paths::ACCOUNT_SECURITY);
        assert!(page.says(&self.users[who].username), "{page}");
        self.world.touch(seat);
    }
}
