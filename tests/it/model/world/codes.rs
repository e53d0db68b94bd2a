//! Codes of the second factor: each step counts once, three wrong ones within a step are enough.

use super::World;

/// A code lasts so many seconds.
pub const STEP: i64 = 30;

/// What is typed where a code is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Nothing, or what cannot be a code.
    None,
    /// Six digits that are the app's at no time near now.
    Wrong,
    /// The app's code of a step.
    App(i64),
    /// One of the present set of backup codes.
    Backup(usize),
}

/// Wrong codes of a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodeTries {
    in_a_row: u32,
    step: i64,
    in_step: u32,
}

impl World {
    /// The step that it is now.
    pub fn step(&self) -> i64 {
        self.now.div_euclid(STEP)
    }

    /// How long to wait for a code of this person's app that will be taken.
    pub fn wait_for_code(&self, who: usize) -> i64 {
        let person = &self.people[who];
        let too_fast = person.code_tries.step == self.step() && person.code_tries.in_step >= 3;
        let used = person.app.is_some_and(|last| last >= self.step());
        if !too_fast && !used {
            return 0;
        }
        let next = (self.step() + 1).max(person.app.unwrap_or_default() + 1);
        next * STEP - self.now
    }

    /// Whether a code is right; it is used up then, and counted if it is wrong.
    pub fn take_code(&mut self, who: usize, code: Code) -> bool {
        let (now, person) = (self.step(), &mut self.people[who]);
        let tries = &mut person.code_tries;
        if code == Code::None || (tries.step == now && tries.in_step >= 3) {
            return false;
        }
        if !matches!(code, Code::Backup(_)) && tries.in_a_row >= 100 {
            return false;
        }
        let right = match (code, person.app) {
            (Code::App(step), Some(last)) => (step - now).abs() <= 1 && step > last,
            (Code::Backup(at), Some(_)) => person.backup.get(at).copied().unwrap_or_default(),
            _ => false,
        };
        if !right {
            let in_step = if tries.step == now { tries.in_step + 1 } else { 1 };
            *tries = CodeTries { in_a_row: tries.in_a_row + 1, step: now, in_step };
            return false;
        }
        match code {
            Code::App(step) => person.app = Some(step),
            Code::Backup(at) => person.backup[at] = false,
            Code::None | Code::Wrong => {}
        }
        (tries.in_a_row, tries.in_step) = (0, 0);
        true
    }

    /// An authenticator app takes the place of all there were, with a first code of this step.
    /// Says whether there is a new set of backup codes.
    pub fn set_app(&mut self, seat: usize, step: i64) -> bool {
        let at = self.present(seat).expect("somebody is signed in");
        let who = self.sessions[at].who;
        let person = &mut self.people[who];
        let is_new = person.app.is_none() || !person.backup.contains(&true);
        if is_new {
            person.backup = vec![true; 10];
        }
        person.app = Some(step);
        person.trusted.clear();
        (person.code_tries.in_a_row, person.code_tries.in_step) = (0, 0);
        // The password and the code were both shown here; when, has not changed.
        self.sessions[at].mfa = true;
        self.sessions[at].last_active = self.now;
        self.seats[seat].owed = None;
        is_new
    }

    /// No second factor any more, nor anything that stood in for one.
    pub fn strip(&mut self, who: usize) {
        let person = &mut self.people[who];
        (person.app, person.backup) = (None, Vec::new());
        person.trusted.clear();
        (person.code_tries.in_a_row, person.code_tries.in_step) = (0, 0);
        self.forget_owed(who);
    }
}
