//! What people do on the pages of their account.

use latchkey::paths;
use latchkey::secret::sha256;

use super::Runner;
use super::entrance::{is_at, says};
use crate::model::command::{Password, Typed};
use crate::model::world::codes::Code;
use crate::model::world::entrance::Proven;
use crate::support::page::Page;

impl Runner {
    /// Opens a page of the account; nothing if nobody is signed in.
    pub async fn open(&mut self, seat: usize, path: &str) -> Option<Page> {
        let page = self.browsers[seat].open(path).await;
        if self.world.present(seat).is_none() {
            is_at(&page, paths::LOGIN);
            return None;
        }
        self.world.touch(seat);
        Some(page)
    }

    /// Opens a page that takes a fresh proof, and gives the proof if it is asked for.
    pub async fn open_proven(&mut self, seat: usize, path: &str) -> Option<Page> {
        if let Some(who) = self.world.who(seat) {
            self.pass(self.world.wait_for_code(who));
        }
        let fresh = self.world.is_fresh(seat);
        let page = self.open(seat, path).await?;
        if fresh {
            return Some(page);
        }
        is_at(&page, paths::ACCOUNT_CONFIRM);
        self.fill_proof(seat, page, Password::Right, Typed::Good).await
    }

    /// Types password and code into the page that asks for them; the page after it, if it went on.
    async fn fill_proof(
        &mut self,
        seat: usize,
        page: Page,
        password: Password,
        typed: Typed,
    ) -> Option<Page> {
        let who = self.world.who(seat).expect("somebody is signed in");
        let has_app = self.world.people[who].app.is_some();
        assert_eq!(page.has("code"), has_app, "{page}");
        let (text, _) = self.typed(who, password);
        let page = page.fill("password", &text);
        let (page, code) = if has_app {
            let (text, code) = self.code(who, typed);
            (page.fill("code", &text), code)
        } else {
            (page, Code::None)
        };
        let page = self.browsers[seat].submit(&page, "Confirm").await.page();
        let proof = self.proves(seat, password == Password::Right, (code, false), &page)?;
        self.world.renew(seat, proof);
        assert_ne!(page.url.path(), paths::ACCOUNT_CONFIRM, "{page}");
        Some(page)
    }

    /// What the model makes of a proof; what was proven, if it was.
    fn proves(
        &mut self,
        seat: usize,
        right: bool,
        (code, known): (Code, bool),
        page: &Page,
    ) -> Option<(i64, bool)> {
        let who = self.world.who(seat).expect("somebody is signed in");
        let bucket = (who, Some(seat));
        let outcome = self.world.prove(seat, right, code, known);
        self.ledger.reached((
            "proof",
            std::mem::discriminant(&outcome) == std::mem::discriminant(&Proven::Yes(0, true)),
        ));
        match outcome {
            Proven::Yes(auth_time, mfa) => {
                self.ledger.was_right(bucket, self.world.now);
                Some((auth_time, mfa))
            }
            Proven::No => {
                if right {
                    self.ledger.was_right(bucket, self.world.now);
                } else {
                    self.ledger.was_wrong(bucket, self.world.now);
                }
                says(page, 422);
                None
            }
            Proven::Closed => {
                says(page, 429);
                None
            }
        }
    }

    /// Proves once more who one is.
    pub async fn confirm(&mut self, seat: usize, right: bool, typed: Typed) {
        if let Some(who) = self.world.who(seat) {
            self.pass(self.world.wait_for_code(who));
        }
        let fresh = self.world.is_fresh(seat);
        let Some(page) = self.open(seat, paths::ACCOUNT_CONFIRM).await else { return };
        if fresh {
            return assert_ne!(page.url.path(), paths::ACCOUNT_CONFIRM, "{page}");
        }
        let password = if right { Password::Right } else { Password::Wrong };
        self.fill_proof(seat, page, password, typed).await;
    }

    pub async fn change_password(&mut self, seat: usize, right: bool, end_applications: bool) {
        if let Some(who) = self.world.who(seat) {
            self.pass(self.world.wait_for_code(who));
        }
        let known = self.world.is_fresh(seat);
        let Some(page) = self.open(seat, paths::ACCOUNT_PASSWORD).await else { return };
        let who = self.world.who(seat).expect("somebody is signed in");
        let asks = self.world.people[who].app.is_some() && !known;
        assert_eq!(page.has("code"), asks, "{page}");
        let password = if right { Password::Right } else { Password::Wrong };
        let (old, _) = self.typed(who, password);
        let number = self.world.people[who].password + 1;
        let new = self.password(who, number);
        let page = page.fill("password", &old).fill("new_password", &new);
        let page = page.fill("new_password_again", &new);
        let page = if end_applications { page.tick("end_applications") } else { page };
        let (page, code) = if asks {
            let (text, code) = self.code(who, Typed::Good);
            (page.fill("code", &text), code)
        } else {
            (page, Code::None)
        };
        let page = self.browsers[seat].submit(&page, "Change password").await.page();
        let Some(proof) = self.proves(seat, right, (code, known), &page) else { return };
        self.ledger.reached("password changed");
        self.world.change_password(seat, number, end_applications, proof);
        self.ledger.reopened(who);
        assert_eq!(page.texts("#changed").len(), 1, "{page}");
    }

    /// Somebody who forgot the password chooses a new one by the link that was mailed, in a browser
    /// that the account does not know.
    pub async fn recover(&mut self, who: usize) {
        if self.world.people[who].gone {
            return;
        }
        let link = self.latchkey.recovery_link(&self.users[who]).await;
        let mut browser = self.latchkey.browser();
        let worthless = "This link does not work any more";
        let page = browser.open(&link).await;
        if self.world.people[who].locked {
            return assert_eq!(page.heading(), worthless, "{page}");
        }
        let number = self.world.people[who].password + 1;
        let new = self.password(who, number);
        let page = page.fill("password", &new).fill("repeat", &new);
        let page = browser.submit(&page, "Set new password").await.page();
        assert_eq!(page.heading(), "Your new password is set", "{page}");
        self.ledger.reached("recovered");
        self.world.recover(who, number);
        self.ledger.reopened(who);
        let page = browser.open(&link).await;
        assert_eq!(page.heading(), worthless, "{page}");
    }

    /// Disconnects one application, or all.
    pub async fn disconnect(&mut self, seat: usize, client: Option<usize>) {
        let Some(list) = self.open(seat, paths::ACCOUNT_APPLICATIONS).await else { return };
        let who = self.world.who(seat).expect("somebody is signed in");
        let named = self.world.consents.keys().filter(|(of, _)| *of == who).map(|(_, to)| *to);
        let mut connected: Vec<_> = named.map(|at| self.world.clients[at].name).collect();
        let mut shown = list.texts("ul.apps .who-name");
        connected.sort_unstable();
        shown.sort_unstable();
        assert_eq!(shown, connected, "the applications of person {who}");
        let page = match client {
            Some(client) if !self.world.consents.contains_key(&(who, client)) => return,
            Some(client) => {
                let name = self.world.clients[client].name;
                let ask = list.link(&format!("Revoke access of {name}"));
                let page = self.browsers[seat].open(ask.as_str()).await;
                self.browsers[seat].submit(&page, "Revoke access").await.page()
            }
            None if connected.is_empty() => return,
            None => {
                let page = self.browsers[seat].open(paths::ACCOUNT_APPLICATIONS_REVOKE_ALL).await;
                self.browsers[seat].submit(&page, "Revoke all").await.page()
            }
        };
        is_at(&page, paths::ACCOUNT_APPLICATIONS);
        self.ledger.reached("disconnected");
        self.world.disconnect(who, client);
    }

    /// The id of a session, by the cookie of its browser.
    async fn session_id(&self, seat: usize) -> String {
        let token = self.browsers[seat].cookies().value("session").expect("a session");
        let mut db = self.latchkey.app.store.read().await.expect("a connection");
        let (hash, now) = (sha256(&token), self.latchkey.clock.now());
        let found = latchkey::store::sessions::find_live(&mut db, &hash, now).await;
        found.expect("an answer").expect("a live session").0.id
    }

    /// Ends the session of another browser of the same person.
    pub async fn end_session(&mut self, seat: usize, back: usize) {
        let Some(who) = self.world.who(seat) else { return };
        let others: Vec<_> = (0..self.browsers.len())
            .filter(|other| *other != seat && self.world.who(*other) == Some(who))
            .collect();
        let Some(other) = others.get(back % others.len().max(1)).copied() else { return };
        let id = self.session_id(other).await;
        let path = paths::about(paths::ACCOUNT_SESSION_END, &id);
        let ended = self.world.present(other).expect("it is live");
        let Some(page) = self.open_proven(seat, &path).await else { return };
        if self.world.present(other).is_none() {
            // Waiting for a code took too long.
            return says(&page, 404);
        }
        let page = self.browsers[seat].submit(&page, "Sign out that browser").await.page();
        is_at(&page, paths::ACCOUNT_SESSIONS);
        self.ledger.reached("session ended");
        self.world.end_session(ended);
    }

    pub async fn end_others(&mut self, seat: usize) {
        let path = paths::ACCOUNT_SESSIONS_END_OTHERS;
        let Some(page) = self.open_proven(seat, path).await else { return };
        let Some(form) = page.forms().iter().find(|form| form.action == page.url) else { return };
        let form = form.submission(None);
        let page = self.browsers[seat].send(&page, form).await.page();
        is_at(&page, paths::ACCOUNT_SESSIONS);
        let here = self.world.present(seat).expect("somebody is signed in");
        let who = self.world.sessions[here].who;
        self.world.end_sessions(who, Some(here));
    }

    /// Wants the account removed.
    pub async fn plan_removal(&mut self, seat: usize) {
        // Its form asks for the proof, not its page; another page that does comes first.
        if self.open_proven(seat, paths::ACCOUNT_SESSIONS_END_OTHERS).await.is_none() {
            return;
        }
        let Some(page) = self.open(seat, paths::ACCOUNT_REMOVE).await else { return };
        let who = self.world.who(seat).expect("somebody is signed in");
        let planned = self.world.people[who].removal_at.is_some();
        assert_eq!(page.has("Keep my account"), planned, "{page}");
        if planned {
            return;
        }
        let page = page.fill("username", &self.users[who].username);
        let page = self.browsers[seat].submit(&page, "Remove my account").await.page();
        is_at(&page, paths::ACCOUNT_DATA);
        self.ledger.reached("removal planned");
        self.world.plan_removal(seat);
    }

    /// Keeps it after all.
    pub async fn keep_account(&mut self, seat: usize) {
        let Some(page) = self.open(seat, paths::ACCOUNT_REMOVE).await else { return };
        let who = self.world.who(seat).expect("somebody is signed in");
        if self.world.people[who].removal_at.is_some() {
            let page = self.browsers[seat].submit(&page, "Keep my account").await.page();
            is_at(&page, paths::ACCOUNT_DATA);
            self.world.people[who].removal_at = None;
        }
    }
}
