//! Setting up an authenticator app, putting another in its place, turning two-factor off.

use latchkey::paths;

use super::Runner;
use super::entrance::is_at;
use crate::support::flow::totp;
use crate::support::phone::{Phone, codes_of};

impl Runner {
    /// Sets up an authenticator app, in place of any other.
    pub async fn set_up(&mut self, seat: usize) {
        let path = format!("{}?replace=1", paths::ACCOUNT_TWO_FACTOR_SET_UP);
        let Some(page) = self.open_proven(seat, &path).await else { return };
        is_at(&page, paths::ACCOUNT_TWO_FACTOR_SET_UP);
        let who = self.world.who(seat).expect("somebody is signed in");
        let phone = Phone::scan(&page);
        let step = self.world.step();
        let page = page.fill("code", &totp(&phone.seed, self.world.now)).fill("name", "Pixel");
        let replaces = self.world.people[who].app.is_some();
        let button = if replaces { "Replace the old one" } else { "Turn on" };
        let page = self.browsers[seat].submit(&page, button).await.page();
        if self.world.set_app(seat, step) {
            self.backup[who] = codes_of(&page);
        } else {
            is_at(&page, paths::ACCOUNT_TWO_FACTOR);
        }
        self.ledger.reached("app set up");
        self.phones[who] = Some(phone);
    }

    pub async fn turn_off(&mut self, seat: usize) {
        let Some(page) = self.open_proven(seat, paths::ACCOUNT_TWO_FACTOR_OFF).await else {
            return;
        };
        let who = self.world.who(seat).expect("somebody is signed in");
        if self.world.people[who].app.is_none() {
            return is_at(&page, paths::ACCOUNT_TWO_FACTOR);
        }
        let page = self.browsers[seat].submit(&page, "Turn off").await.page();
        is_at(&page, paths::ACCOUNT_TWO_FACTOR);
        self.world.strip(who);
    }
}
