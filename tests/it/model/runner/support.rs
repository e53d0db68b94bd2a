//! What support does, what guessers do, what the clockwork does.

use latchkey::app::App;
use latchkey::identity::{people, two_factor};
use latchkey::paths;
use latchkey::store::credentials;
use secrecy::SecretString;

use super::Runner;
use crate::model::command::{Act, Password};
use crate::model::world::entrance::{self, Typing};
use crate::support::flow::type_in;

/// What follows when support has set a password and the person has chosen one of their own: what
/// is between the two is a matter of `security::temporary_password`.
pub async fn set_password(
    app: &App,
    name: &str,
    new: &SecretString,
) -> Result<(), people::PeopleError> {
    let user = people::set_password(app, name, new).await?;
    let mut db = app.store.write().await.expect("a write");
    let present = credentials::find(&mut db, &user.id).await.expect("an answer");
    if let Some(present) = present {
        // The same password, now their own.
        credentials::change(&mut db, &present.hash, &present).await.expect("an answer");
    }
    db.commit().await.expect("a commit");
    Ok(())
}

impl Runner {
    /// What the command line calls.
    pub async fn support(&mut self, who: usize, act: Act) {
        let app = self.latchkey.app.clone();
        let name = self.users[who].username.clone();
        let number = self.world.people[who].password + 1;
        let new = SecretString::from(self.password(who, number));
        let done = match act {
            Act::Lock => people::lock(&app, &name, "the model").await.map(drop),
            Act::Unlock => people::unlock(&app, &name).await.map(drop),
            Act::SignOut => people::sign_out(&app, &name).await.map(drop),
            Act::SetPassword => set_password(&app, &name, &new).await,
            Act::ResetTwoFactor => two_factor::reset(&app, &name).await.map(drop),
            Act::Remove => people::remove(&app, &name).await.map(drop),
        };
        assert_eq!(done.is_ok(), !self.world.people[who].gone, "{act:?}: {done:?}");
        if done.is_err() {
            return;
        }
        match act {
            Act::Lock => self.world.lock(who),
            Act::Unlock => self.world.unlock(who),
            Act::SignOut => self.world.end_sessions(who, None),
            Act::SetPassword => self.world.set_password(who, number),
            Act::ResetTwoFactor => self.world.reset_two_factor(who),
            Act::Remove => self.world.remove(who),
        }
        if matches!(act, Act::Unlock | Act::SetPassword | Act::Remove) {
            self.ledger.reopened(who);
        }
    }

    /// Wrong passwords one after the other; from browsers that were never here if there is no seat.
    pub async fn flood(&mut self, who: usize, seat: Option<usize>, tries: usize) {
        let stranger = self.world.seats.len();
        let at = seat.unwrap_or(stranger);
        if seat.is_none() {
            self.browsers.push(self.latchkey.browser());
            self.world.seats.push(crate::model::world::Seat::default());
        }
        for _ in 0..tries {
            let (text, password) = self.typed(who, Password::Wrong);
            self.world.touch(at);
            let page = self.browsers[at].open(&format!("{}?switch=1", paths::LOGIN)).await;
            let name = self.users[who].username.clone();
            let arrival = type_in(&mut self.browsers[at], page, &name, &text).await;
            let typing = Typing { who, password, remember: false, strict: false };
            let outcome = self.judge_password(at, typing, &arrival);
            assert!(matches!(outcome, entrance::Typed::Refused | entrance::Typed::Blocked));
        }
        self.browsers.truncate(stranger.max(3).min(self.browsers.len()));
        self.world.seats.truncate(self.browsers.len());
    }

    /// What runs every minute: deletes what is over, removes who wants to be removed.
    pub async fn housekeeping(&mut self) {
        latchkey::server::sweeping::sweep(&self.latchkey.app).await.expect("it sweeps");
        let gone: Vec<_> = self.world.people.iter().map(|person| person.gone).collect();
        self.world.housekeeping();
        for (who, person) in self.world.people.iter().enumerate() {
            if person.gone && !gone[who] {
                self.ledger.reopened(who);
            }
        }
    }
}
