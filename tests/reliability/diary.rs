//! An application that must ask before it may act for somebody: consent given and taken back.

use std::sync::Arc;

use latchkey::paths;
use latchkey::secret::sha256;

use crate::keeper::Keeper;
use crate::ledger::Life;
use crate::server::DIARY_CALLBACK;
use crate::wire::{Auth, Reply, csrf};

/// How an authorization request of the application ended.
struct Came {
    /// Whether the person was asked.
    asked: bool,
    code: Option<String>,
}

impl Keeper {
    /// Lets the application in.
    pub(crate) async fn connect(&mut self) {
        let verifier = self.actor.random.token("");
        let before = self.link;
        let Some(came) = self.ask(&verifier, true).await else { return };
        if before == Life::Dead && !came.asked {
            self.actor.violate("a consent that was taken back still counts", None);
        }
        let Some(code) = came.code else { return };
        self.actor.acknowledged("consent given");
        self.link = Life::Doubtful;
        let cast = Arc::clone(&self.actor.cast);
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", DIARY_CALLBACK),
            ("code_verifier", &verifier),
        ];
        let by = Auth::Basic(&cast.diary);
        let reply = self.actor.wire.post("redeem", paths::TOKEN, by, &form).await;
        let Some(reply) = self.actor.heard("redeem", reply) else { return };
        let tokens = reply.member("access_token").zip(reply.member("refresh_token"));
        if tokens.is_none() {
            return self.actor.violate("a good code was refused", Some(&reply));
        }
        self.actor.acks += 1;
        (self.link, self.tokens) = (Life::Alive, tokens);
    }

    /// Sends the application's request and says yes if asked and `allows`; nothing if it came to
    /// no end. What was said yes to and not answered is doubtful.
    async fn ask(&mut self, verifier: &str, allows: bool) -> Option<Came> {
        let challenge = sha256(verifier);
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("client_id", self.actor.cast.diary.0.as_str()),
                ("redirect_uri", DIARY_CALLBACK),
                ("response_type", "code"),
                ("scope", "openid offline_access"),
                ("state", "s"),
                ("code_challenge", &challenge),
                ("code_challenge_method", "S256"),
            ])
            .finish();
        let mut path = format!("{}?{query}", paths::AUTHORIZE);
        let mut asked = false;
        for _ in 0..6 {
            let reply = self.actor.wire.get("connect", &path, Auth::None).await;
            let reply = self.actor.heard("connect", reply)?;
            let reply = if reply.status == 200 && reply.body.contains("id=\"consent\"") {
                asked = true;
                if !allows {
                    return Some(Came { asked, code: None });
                }
                self.link = Life::Doubtful;
                self.allow(&reply).await?
            } else {
                reply
            };
            if reply.location.starts_with(DIARY_CALLBACK) {
                return Some(Came { asked, code: reply.parameter("code") });
            }
            if reply.status != 303 {
                self.actor.violate("the way to the application", Some(&reply));
                return None;
            }
            let ours = reply.location.strip_prefix(self.actor.wire.base());
            path = ours.unwrap_or(&reply.location).to_owned();
        }
        self.actor.violate("the way to the application is a circle", None);
        None
    }

    async fn allow(&mut self, page: &Reply) -> Option<Reply> {
        let request = page.body.split("name=\"request\" value=\"").nth(1).unwrap_or_default();
        let request = request.split('"').next().unwrap_or_default();
        let token = csrf(&page.body);
        let form = [("csrf", token.as_str()), ("request", request), ("decision", "allow")];
        let reply = self.actor.wire.post("connect", paths::CONSENT, Auth::None, &form).await;
        self.actor.heard("connect", reply)
    }

    /// Takes back what the application was allowed.
    pub(crate) async fn disconnect(&mut self) {
        let path = paths::ACCOUNT_APPLICATIONS_REVOKE_ALL;
        let page = self.actor.wire.get("account page", path, Auth::None).await;
        let Some(page) = self.actor.heard("account page", page) else { return };
        if page.status != 200 {
            self.actor.session = Life::Dead;
            return;
        }
        let token = csrf(&page.body);
        let form = [("csrf", token.as_str())];
        self.link = Life::Doubtful;
        let reply = self.actor.wire.post("disconnect", path, Auth::None, &form).await;
        match self.actor.heard("disconnect", reply) {
            Some(reply) if reply.status == 303 => {
                self.actor.acknowledged("consent taken back");
                self.link = Life::Dead;
            }
            Some(reply) => self.actor.violate("not disconnected", Some(&reply)),
            None => {}
        }
    }

    /// The application may act, or may not and must ask again, as it was acknowledged.
    pub(crate) async fn audit_link(&mut self) {
        if self.actor.session != Life::Alive {
            return;
        }
        let verifier = self.actor.random.token("");
        let (link, tokens) = (self.link, self.tokens.clone());
        let Some(came) = self.ask(&verifier, false).await else {
            return self.actor.violate("the application gets no answer in calm weather", None);
        };
        match link {
            Life::Alive if came.asked => self.actor.violate("a consent was lost", None),
            Life::Dead if !came.asked => {
                self.actor.violate("a consent that was taken back still counts", None);
            }
            _ => {}
        }
        let live = match &tokens {
            Some((access, refresh)) => {
                let live = self.live(access, refresh).await;
                if !live && link == Life::Alive {
                    self.actor.violate("a token that nobody revoked is dead", None);
                }
                live
            }
            None => false,
        };
        // Tokens end with the consent, so they never stand alone.
        if live && (link == Life::Dead || came.asked) {
            self.actor.violate("tokens live without a consent", None);
        }
        self.link = if came.asked { Life::Dead } else { Life::Alive };
        if !live && !came.asked {
            // Nobody has tokens under it: it is taken back, to begin anew.
            self.disconnect().await;
        }
    }

    /// Whether both tokens live; every door must say the same.
    async fn live(&mut self, access: &str, refresh: &str) -> bool {
        let cast = Arc::clone(&self.actor.cast);
        let form = [("token", refresh)];
        let by = Auth::Basic(&cast.diary);
        let told = self.actor.wire.post("introspect", paths::INTROSPECT, by, &form).await;
        let refresh_lives = told.and_then(|reply| reply.active());
        let told = self.actor.ask_introspection("introspect", access).await;
        let access_lives = told.and_then(|reply| reply.active());
        let told = self.actor.wire.get("userinfo", paths::USERINFO, Auth::Bearer(access)).await;
        let told_by_userinfo = told.map(|reply| reply.status == 200);
        if access_lives.is_none() || [refresh_lives, told_by_userinfo] != [access_lives; 2] {
            let found = format!("{access_lives:?}, {refresh_lives:?}, {told_by_userinfo:?}");
            self.actor.violate(&format!("the doors do not agree on a token: {found}"), None);
        }
        access_lives == Some(true)
    }
}
