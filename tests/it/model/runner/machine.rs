//! Clients that are switched off and on, and one that acts in its own name.

use latchkey::paths;
use latchkey::store::clients;

use super::Runner;

impl Runner {
    /// Switches an application, or the machine after the last of them, on or off.
    pub async fn switch(&mut self, client: usize, on: bool) {
        let id = self.clients.get(client).unwrap_or(&self.machine).id.clone();
        let app = &self.latchkey.app;
        let mut db = app.store.write().await.expect("a transaction");
        let found = clients::find(&mut db, &id).await.expect("an answer");
        let mut record = found.expect("the client");
        record.disabled_at = (!on).then(|| app.clock.now());
        assert!(clients::update(&mut db, &record).await.expect("an update"));
        db.commit().await.expect("a commit");
        self.world.disabled[client] = !on;
        self.ledger.reached(("switched", on));
    }

    /// The machine asks for a token.
    pub async fn ask_as_machine(&mut self) {
        let form = [("grant_type", "client_credentials")];
        let endpoints = &self.latchkey.endpoints;
        let answer = endpoints.post(paths::TOKEN, &self.machine.credentials(), &form).await;
        self.ledger.reached(("machine", !self.world.is_machine_off()));
        if self.world.is_machine_off() {
            return answer.refuses(401, "invalid_client");
        }
        let body = answer.good();
        let token = self.world.give_machine();
        assert_eq!(body["expires_in"], token.until - self.world.now, "{answer}");
        assert!(body["refresh_token"].is_null() && body["id_token"].is_null(), "{answer}");
        let text = body["access_token"].as_str().expect("an access token").to_owned();
        assert!(!self.machine_access.contains(&text), "no token is given twice");
        self.machine_access.push(text);
    }

    /// The machine revokes the last token that it got.
    pub async fn revoke_as_machine(&mut self) {
        let Some(text) = self.machine_access.last() else { return };
        let (endpoints, form) = (&self.latchkey.endpoints, [("token", text.as_str())]);
        let answer = endpoints.post(paths::REVOKE, &self.machine.credentials(), &form).await;
        if self.world.is_machine_off() {
            return answer.refuses(401, "invalid_client");
        }
        assert_eq!(answer.status.as_u16(), 200, "{answer}");
        self.world.machine.last_mut().expect("it is the model's, too").revoked = true;
    }

    /// Holds tokens of the machine against the model.
    pub async fn look_at_machine(&mut self, tokens: impl IntoIterator<Item = usize>) {
        for at in tokens {
            let seen = self.latchkey.introspect(&self.rs, &self.machine_access[at]).await;
            let good = self.world.is_machine_good(at);
            assert_eq!(seen["active"], good, "token {at} of the machine: {seen}");
            if good {
                assert_eq!(seen["client_id"], self.machine.id.as_str(), "{seen}");
            }
            self.ledger.looks += 1;
        }
    }
}
