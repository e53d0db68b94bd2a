//! What races against what, and what is looked at afterwards.

use super::Track;
use super::operation::{Operation, Seen};
use crate::model::command::{Answer, How, Password, Typed, Wish};
use crate::model::runner::Manner;
use crate::model::world::asking::Prompt;
use crate::model::world::codes::Code;
use crate::model::world::grants::Presented;
use crate::model::world::scopes::Scopes;

const ALICE: usize = 0;
const BOB: usize = 1;
const OFFLINE: Scopes = Scopes(1 + 16);
const PLAIN: Manner =
    Manner { password: Password::Right, code: Typed::Good, remember: false, trust: false };

/// The races, in turn.
pub const SCENES: [&str; 12] = [
    "one code, many times",
    "one refresh token, many times",
    "a refresh token whose answer was lost, many times",
    "two generations of refresh tokens",
    "refreshes against their end",
    "codes against their end",
    "silent requests against the end of the session",
    "sign-ins against a lock or a new password",
    "codes of an app, the same at once",
    "codes of an app against a lock or a new password",
    "backup codes, the same at once",
    "wrong passwords, many at once",
];

impl Track {
    /// Runs the scene of this number.
    pub async fn play(&mut self, scene: usize, variant: usize) {
        match scene {
            0 => self.one_code(variant).await,
            1 => self.one_refresh_token(variant, false).await,
            2 => self.one_refresh_token(variant, true).await,
            3 => self.two_generations(variant).await,
            4 => self.refreshes_against_an_end(variant).await,
            5 => self.codes_against_an_end(variant).await,
            6 => self.requests_against_an_end(variant).await,
            7 => self.sign_ins_against_an_end(variant).await,
            8 => self.one_app_code(variant).await,
            9 => self.app_codes_against_an_end(variant).await,
            10 => self.one_backup_code(variant).await,
            _ => self.wrong_passwords(variant).await,
        }
    }

    /// A grant of Alice's, from the browser at the first seat.
    async fn let_in(&mut self, client: usize, scope: Scopes) -> usize {
        let answer = Answer::Allow;
        let how = How { prompt: Prompt::Unsaid, max_age: None, code: Typed::Good, answer };
        self.runner.authorize(0, ALICE, (client, scope), how).await;
        self.runner.held.len() - 1
    }

    /// The same, with its tokens.
    async fn tokens(&mut self, client: usize, scope: Scopes) -> usize {
        let grant = self.let_in(client, scope).await;
        self.runner.exchange(0, Presented::Right).await;
        grant
    }

    async fn one_code(&mut self, variant: usize) {
        let grant = self.let_in([0, 1, 2][variant % 3], OFFLINE).await;
        let race = vec![Operation::Exchange { grant }; 6];
        self.race(race, |_| Vec::new()).await;
    }

    async fn one_refresh_token(&mut self, variant: usize, lost: bool) {
        let client = [0, 1, 2][variant % 3];
        let grant = self.tokens(client, OFFLINE).await;
        // A public client may not ask what its refresh token is worth.
        let public = self.runner.world.clients[client].public;
        if lost {
            self.runner.refresh(0, 0, Wish::Same, false).await;
            self.runner.pass(60);
        }
        let race = vec![Operation::Refresh { grant, generation: 1 }; 6];
        let looks = |seen: &[Seen]| if public { Vec::new() } else { current(grant, seen) };
        self.race(race, looks).await;
    }

    /// The present one, its predecessor and its successor at once.
    async fn two_generations(&mut self, variant: usize) {
        let grant = self.tokens(0, OFFLINE).await;
        self.runner.refresh(0, 0, Wish::Same, false).await;
        if variant % 2 == 1 {
            self.runner.pass(11);
        }
        let of = |generation| Operation::Refresh { grant, generation };
        let race = vec![of(1), of(2), of(1), of(2), of(2)];
        self.race(race, |seen| current(grant, seen)).await;
    }

    async fn refreshes_against_an_end(&mut self, variant: usize) {
        let offline = variant.is_multiple_of(2);
        let grant = self.tokens(0, if offline { OFFLINE } else { Scopes::OPENID }).await;
        let mut race = vec![Operation::Refresh { grant, generation: 1 }; 3];
        race.push(self.an_end(variant, Some(grant)));
        if variant.is_multiple_of(5) {
            race.push(Operation::RevokeRefresh { grant });
        }
        self.race(race, |seen| current(grant, seen)).await;
    }

    async fn codes_against_an_end(&mut self, variant: usize) {
        let scope = if variant.is_multiple_of(2) { OFFLINE } else { Scopes::OPENID };
        let (one, other) = (self.let_in(0, scope).await, self.let_in(0, scope).await);
        let of = |grant| Operation::Exchange { grant };
        let race = vec![of(one), of(other), self.an_end(variant, None)];
        self.race(race, |_| Vec::new()).await;
    }

    /// What ends grants of Alice's first application.
    fn an_end(&mut self, variant: usize, grant: Option<usize>) -> Operation {
        match (variant / 2 % 7, grant) {
            (0, _) => Operation::Disconnect { seat: 0, client: 0 },
            (1, _) => Operation::Lock { who: ALICE },
            (2, _) => Operation::SignOutBySupport { who: ALICE },
            (3, _) => Operation::SetPassword { who: ALICE, new: self.new_password() },
            (4, _) => Operation::SignOut { seat: 0 },
            (5, Some(grant)) => Operation::RevokeRefresh { grant },
            _ => Operation::ChangePassword {
                seat: 0,
                new: self.new_password(),
                end_applications: true,
            },
        }
    }

    /// Whoever holds the session's cookie asks on while its owner ends the session.
    async fn requests_against_an_end(&mut self, variant: usize) {
        // One that asked, and one of the operator's own, who need not.
        let client = [0, 4][variant % 2];
        self.let_in(client, OFFLINE).await;
        self.runner.sign_in(1, ALICE, PLAIN).await;
        let mut race = vec![Operation::Authorize { seat: 0, client, scope: OFFLINE }; 3];
        race.push(match variant / 2 % 6 {
            0 => Operation::SetPassword { who: ALICE, new: self.new_password() },
            1 => Operation::ChangePassword {
                seat: 1,
                new: self.new_password(),
                end_applications: true,
            },
            2 => Operation::ResetTwoFactor { who: ALICE },
            3 => Operation::SignOut { seat: 0 },
            4 => Operation::Lock { who: ALICE },
            _ => Operation::Disconnect { seat: 1, client },
        });
        let looks = |seen: &[Seen]| {
            let codes = seen.iter().enumerate().filter(|(_, seen)| **seen == Seen::Code);
            codes.map(|(of, _)| Operation::ExchangeOf { of }).collect()
        };
        self.race(race, looks).await;
    }

    async fn sign_ins_against_an_end(&mut self, variant: usize) {
        self.runner.sign_in(0, BOB, PLAIN).await;
        let password = self.runner.world.people[BOB].password;
        let (one, other) = (self.new_seat(), self.new_seat());
        let enter = |seat| Operation::SignIn { seat, who: BOB, password };
        let new = self.new_password();
        let end = match variant % 3 {
            0 => Operation::Lock { who: BOB },
            1 => Operation::SetPassword { who: BOB, new },
            _ => Operation::ChangePassword { seat: 0, new, end_applications: false },
        };
        self.race(vec![enter(one), enter(other), end], move |_| probes([one, other])).await;
    }

    /// Two browsers that owe a code of Alice's, who has an app.
    async fn owing(&mut self) -> (usize, usize) {
        if self.runner.world.people[ALICE].app.is_none() {
            self.runner.sign_in(0, ALICE, PLAIN).await;
            self.runner.set_up(0).await;
        }
        self.runner.pass(self.runner.world.wait_for_code(ALICE));
        let (one, other) = (self.new_seat(), self.new_seat());
        for seat in [one, other] {
            self.runner.sign_in(seat, ALICE, Manner { code: Typed::Leave, ..PLAIN }).await;
        }
        (one, other)
    }

    async fn one_app_code(&mut self, _: usize) {
        // Tabs of one browser would do as well, but each is signed in when one of them is.
        let ((one, other), (third, fourth)) = (self.owing().await, self.owing().await);
        let code = Code::App(self.runner.world.step());
        let of = |seat| Operation::TypeCode { seat, code };
        let race = vec![of(one), of(other), of(third), of(fourth)];
        self.race(race, move |_| [probes([one, other]), probes([third, fourth])].concat()).await;
    }

    async fn app_codes_against_an_end(&mut self, variant: usize) {
        let (one, other) = self.owing().await;
        let code = Code::App(self.runner.world.step());
        let new = self.new_password();
        let end = match variant % 3 {
            0 => Operation::SetPassword { who: ALICE, new },
            1 => Operation::Lock { who: ALICE },
            _ => Operation::ResetTwoFactor { who: ALICE },
        };
        let password = self.runner.world.people[ALICE].password;
        let third = self.new_seat();
        let enter = Operation::SignIn { seat: third, who: ALICE, password };
        // Who has just been shown the page for the code is sent back by a reset, rightly; that is two
        // requests, and no order of single acts.
        let half_way = matches!(end, Operation::ResetTwoFactor { .. });
        let mut race = vec![Operation::TypeCode { seat: one, code }, end];
        if variant.is_multiple_of(2) && !half_way {
            race.push(enter);
        }
        self.race(race, move |_| {
            probes([one, other]).into_iter().chain(probes([third, third])).collect()
        })
        .await;
    }

    async fn one_backup_code(&mut self, _: usize) {
        let ((one, other), (third, fourth)) = (self.owing().await, self.owing().await);
        let left = self.runner.world.people[ALICE].backup.iter().position(|good| *good);
        let Some(at) = left else {
            // New ones come with the next app.
            self.runner.sign_in(0, ALICE, PLAIN).await;
            return self.runner.set_up(0).await;
        };
        let of = |seat| Operation::TypeCode { seat, code: Code::Backup(at) };
        let race = vec![of(one), of(other), of(third), of(fourth)];
        self.race(race, move |_| [probes([one, other]), probes([third, fourth])].concat()).await;
    }

    /// As many as are left until the account is closed to strangers, and more.
    async fn wrong_passwords(&mut self, variant: usize) {
        self.runner.flood(BOB, None, 4 + variant % 5).await;
        let mut race = Vec::new();
        for _ in 0..8 {
            let seat = self.new_seat();
            race.push(Operation::SignIn { seat, who: BOB, password: u32::MAX });
        }
        self.race(race, |_| Vec::new()).await;
    }
}

/// Looks at every refresh token that came of a race.
fn current(grant: usize, seen: &[Seen]) -> Vec<Operation> {
    let generation = |seen: &Seen| match seen {
        Seen::Tokens(generation) => Some(*generation),
        _ => None,
    };
    let mut generations: Vec<_> = seen.iter().filter_map(generation).chain([1]).collect();
    generations.sort_unstable();
    generations.dedup();
    generations.into_iter().map(|generation| Operation::IsCurrent { grant, generation }).collect()
}

fn probes(seats: [usize; 2]) -> Vec<Operation> {
    seats.map(|seat| Operation::Probe { seat }).to_vec()
}
