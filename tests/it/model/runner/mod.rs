//! Does each command to the real server, over HTTP, and to the model; compares the answers, and
//! then looks whether what must be dead is dead and what must live lives.

mod account;
mod authorize;
mod entrance;
mod factors;
mod ledger;
mod machine;
pub mod support;
mod sweep;
mod tokens;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::command::{Command, PEOPLE, SEATS};
use super::world::scopes::Scopes;
use super::world::{Rules, World};
use crate::support::browser::Browser;
use crate::support::clients::{self, TestClient};
use crate::support::database::sqlite_url;
use crate::support::people::TestUser;
use crate::support::phone::Phone;
use crate::support::stage::Ask;
use crate::support::{Latchkey, START, in_haste};
pub use entrance::Manner;
pub use ledger::Ledger;

/// The applications.
const CAST: [Rules; 6] = [
    rules("Photo Printer", Scopes::ALL, true),
    rules("Calendar", Scopes(1 + 4 + 16), true),
    Rules { public: true, ..rules("Whiteboard", Scopes::ALL, true) },
    // On a loopback address: who answers there proves nothing.
    Rules { public: true, proven: false, ..rules("Terminal", Scopes::ALL, true) },
    Rules { first_party: true, ..rules("Intranet", Scopes::ALL, true) },
    rules("Newsletter", Scopes(1 + 2 + 4 + 8), false),
];

const fn rules(name: &'static str, scope: Scopes, refreshes: bool) -> Rules {
    Rules { name, scope, public: false, first_party: false, proven: true, refreshes }
}

/// What is registered for it.
fn metadata(at: usize) -> Value {
    let rules = CAST[at];
    let mut metadata = match at {
        2 => clients::spa(),
        3 => clients::native(),
        _ => clients::web(),
    };
    metadata["client_id"] = format!("c{at}").into();
    metadata["client_name"] = rules.name.into();
    metadata["scope"] = rules.scope.text().into();
    metadata["first_party"] = rules.first_party.into();
    if at == 3 {
        metadata["redirect_uris"] = json!(["http://127.0.0.1/cb"]);
    }
    if !rules.refreshes {
        metadata["grant_types"] = json!(["authorization_code"]);
    }
    metadata
}

/// What a grant's client holds.
#[derive(Debug)]
pub struct Held {
    pub ask: Ask,
    pub code: String,
    /// Its refresh tokens by generation.
    pub refresh: BTreeMap<i64, String>,
}

/// The server and the model side by side.
pub struct Runner {
    pub latchkey: Latchkey,
    pub world: World,
    pub browsers: Vec<Browser>,
    pub users: Vec<TestUser>,
    pub clients: Vec<TestClient>,
    /// May introspect everything.
    pub rs: TestClient,
    /// Nobody ever let it in.
    pub unknown: TestClient,
    /// Acts in its own name.
    pub machine: TestClient,
    /// By the place of the model's token of the machine.
    pub machine_access: Vec<String>,
    pub phones: Vec<Option<Phone>>,
    pub backup: Vec<Vec<String>>,
    /// By the place of the model's grant.
    pub held: Vec<Held>,
    /// By the place of the model's token.
    pub access: Vec<String>,
    pub ledger: Ledger,
    /// Draws what is looked at when not all is.
    pub dice: u64,
    _folder: TempDir,
}

impl Runner {
    /// SQLite lies in memory where there is such a folder: histories are not about disks, and each
    /// commit would wait for one.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        let folder = folder.expect("a folder of its own");
        let in_memory = sqlite_url(&folder);
        let latchkey = Latchkey::start_with(|config| {
            in_haste(config);
            if config.database.url.starts_with("sqlite:") {
                config.database.url = in_memory;
            }
        });
        Self::on(latchkey.await, folder).await
    }

    async fn on(latchkey: Latchkey, folder: TempDir) -> Self {
        let mut users = Vec::new();
        for name in ["alice", "bob"] {
            users.push(latchkey.person(name, json!({ "name": name })).await);
        }
        let mut clients = Vec::new();
        for at in 0..CAST.len() {
            clients.push(latchkey.client(metadata(at)).await);
        }
        let rs = latchkey.client(clients::rs()).await;
        let mut unknown = clients::other();
        unknown["client_id"] = "unknown".into();
        let unknown = latchkey.client(unknown).await;
        let machine = latchkey.client(clients::m2m()).await;
        let browsers = (0..SEATS).map(|_| latchkey.browser()).collect();
        Self {
            world: World::new(START.seconds(), PEOPLE, SEATS, &CAST),
            browsers,
            users,
            clients,
            rs,
            unknown,
            machine,
            machine_access: Vec::new(),
            phones: vec![None; PEOPLE],
            backup: vec![Vec::new(); PEOPLE],
            held: Vec::new(),
            access: Vec::new(),
            ledger: Ledger::default(),
            dice: 7,
            latchkey,
            _folder: folder,
        }
    }

    /// Lets time pass, for both.
    pub fn pass(&mut self, seconds: i64) {
        self.world.now += seconds;
        self.latchkey.pass(Duration::from_secs(seconds.unsigned_abs()));
        assert_eq!(self.latchkey.clock.now().seconds(), self.world.now);
    }

    /// A password of this person's: the first is number 0.
    pub fn password(&self, who: usize, number: u32) -> String {
        match number {
            0 => self.users[who].password.clone(),
            number => format!("Harbour%gull-{number}-t4ble"),
        }
    }

    /// One step, and what must hold after it.
    pub async fn step(&mut self, command: &Command) {
        self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let before = self.living();
        self.act(command).await;
        self.world.check();
        self.sweep(&before, changes_much(command)).await;
    }

    async fn act(&mut self, command: &Command) {
        match command.clone() {
            Command::SignIn { seat, who, password, code, remember, trust } => {
                let manner = entrance::Manner { password, code, remember, trust };
                self.sign_in(seat, who, manner).await;
            }
            Command::TypeCode { seat, code } => self.type_code(seat, code).await,
            Command::SignOut { seat } => self.sign_out(seat).await,
            Command::Visit { seat } => self.visit(seat).await,
            Command::Authorize { seat, who, client, scope, how } => {
                self.authorize(seat, who, (client, scope), how).await;
            }
            Command::Exchange { back, how } => self.exchange(back, how).await,
            Command::Refresh { back, older, wish, stranger } => {
                self.refresh(back, older, wish, stranger).await;
            }
            Command::Look { back } => self.look(back).await,
            Command::RevokeAccess { back, stranger } => self.revoke_access(back, stranger).await,
            Command::RevokeRefresh { back, stranger } => self.revoke_refresh(back, stranger).await,
            Command::Disconnect { seat, client } => self.disconnect(seat, Some(client)).await,
            Command::DisconnectAll { seat } => self.disconnect(seat, None).await,
            Command::EndSession { seat, back } => self.end_session(seat, back).await,
            Command::EndOthers { seat } => self.end_others(seat).await,
            Command::Confirm { seat, right, code } => self.confirm(seat, right, code).await,
            Command::ChangePassword { seat, right, end_applications } => {
                self.change_password(seat, right, end_applications).await;
            }
            Command::SetUp { seat } => self.set_up(seat).await,
            Command::TurnOff { seat } => self.turn_off(seat).await,
            Command::PlanRemoval { seat } => self.plan_removal(seat).await,
            Command::Keep { seat } => self.keep_account(seat).await,
            Command::Support { who, act } => self.support(who, act).await,
            Command::Recover { who } => self.recover(who).await,
            Command::Switch { client, on } => self.switch(client, on).await,
            Command::Machine { revoke: false } => self.ask_as_machine().await,
            Command::Machine { revoke: true } => self.revoke_as_machine().await,
            Command::Flood { who, seat, tries } => self.flood(who, seat, tries).await,
            Command::Housekeeping => self.housekeeping().await,
            Command::Wait { seconds } => {
                // Beyond a year browsers forget their cookies, which nothing here is about.
                if self.world.now + seconds < START.seconds() + 300 * 86_400 {
                    self.pass(seconds);
                }
            }
        }
    }
}

/// Whether a step may end much at once.
fn changes_much(command: &Command) -> bool {
    !matches!(
        command,
        Command::TypeCode { .. }
            | Command::Visit { .. }
            | Command::Look { .. }
            | Command::Exchange { .. }
            | Command::Refresh { .. }
            | Command::Keep { .. }
            | Command::Flood { .. }
            | Command::Machine { .. }
    )
}
