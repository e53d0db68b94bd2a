//! Replacing the master key loses nothing (S-129, S-167): not on a new installation, not on one
//! that an earlier version made, not beside other nodes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::{hkdf, hmac};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use latchkey::app::App;
use latchkey::hashing::Hasher;
use latchkey::identity::people;
use latchkey::keys::{key_of, place, replacing};
use latchkey::secret::Random;
use latchkey::store::sealed;
use serde_json::json;

use crate::support::Latchkey;
use crate::support::browser::Browser;
use crate::support::clients::{self, TestClient};
use crate::support::flow::{claims_of, exchange, sign_in, text};
use crate::support::people::TestUser;
use crate::support::phone::Phone;

/// An installation with all that hangs on its keys.
struct House {
    latchkey: Latchkey,
    alice: TestUser,
    phone: Phone,
    codes: Vec<String>,
    browser: Browser,
    web: TestClient,
    clinic: TestClient,
    tokens: serde_json::Value,
    subject: String,
}

fn keys_folder(latchkey: &Latchkey) -> PathBuf {
    latchkey.app.config.keys.directory.clone()
}

fn clinic() -> serde_json::Value {
    let mut clinic = clients::web();
    clinic["client_id"] = "clinic".into();
    clinic["redirect_uris"] = json!(["https://clinic.example/cb"]);
    clinic["subject_type"] = "pairwise".into();
    clinic
}

impl House {
    async fn furnish(latchkey: Latchkey, alice: TestUser, web: TestClient) -> Self {
        let clinic = latchkey.client(clinic()).await;
        let mut browser = latchkey.browser();
        sign_in(&mut browser, &alice).await;
        let (phone, codes) = latchkey.turn_on(&mut browser).await;
        let offline = [("scope", "openid offline_access")];
        let tokens = latchkey.tokens_in(&mut browser, &alice, &web, &offline).await;
        let known = latchkey.tokens_in(&mut browser, &alice, &clinic, &[]).await;
        let subject = claims_of(text(&known, "id_token"))["sub"].as_str().expect("sub").to_owned();
        Self { latchkey, alice, phone, codes, browser, web, clinic, tokens, subject }
    }

    /// Everything works that was made before, and goes on working.
    async fn stands(&mut self, when: &str) {
        let (access, refresh) =
            (text(&self.tokens, "access_token"), text(&self.tokens, "refresh_token").to_owned());
        assert_eq!(self.latchkey.userinfo(access).await.status, 200, "{when}: access token");
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
        let endpoints = &self.latchkey.endpoints;
        let path = latchkey::paths::TOKEN;
        self.tokens = endpoints.post(path, &self.web.credentials(), &form).await.good();
        // The session of before, a list of it that goes on, and a form.
        let page = self.browser.open(latchkey::paths::ACCOUNT_SECURITY).await;
        assert_eq!(page.url.path(), latchkey::paths::ACCOUNT_SECURITY, "{when}: session");
        // Password and authenticator app.
        let mut fresh = self.latchkey.enter_with(&self.alice, &self.phone).await;
        // Password and backup code.
        let code = self.codes.pop().expect("a code is left");
        let (mut other, page) = self.latchkey.owing(&self.alice).await;
        let page = self.latchkey.use_backup_code(&mut other, &page, &code).await;
        let recovered = latchkey::paths::ACCOUNT_TWO_FACTOR_RECOVERED;
        assert_eq!(page.url.path(), recovered, "{when}: {page}");
        // Each application knows her by the same name.
        for (client, subject) in [(&self.web, &self.alice.id), (&self.clinic, &self.subject)] {
            let code = self.latchkey.code(&mut fresh, &self.alice, client, &[]).await;
            let (endpoints, credentials) = (&self.latchkey.endpoints, client.credentials());
            let told = exchange(endpoints, &credentials, client, &code).await.good();
            assert_eq!(claims_of(text(&told, "id_token"))["sub"], json!(subject), "{when}");
        }
        // And what waited to be sent is sent, however it was sealed.
        let waited = self.latchkey.mail_about("unlocked").await;
        assert_eq!(waited.to, self.alice.email, "{when}");
    }

    async fn keys_in_use(&self) -> Vec<String> {
        let mut db = self.latchkey.app.store.read().await.expect("a connection");
        let mut found = Vec::new();
        for column in &sealed::COLUMNS {
            for head in sealed::heads(&mut db, column).await.expect("heads") {
                found.extend(key_of(&head).map(str::to_owned));
            }
        }
        found.sort();
        found.dedup();
        found.retain(|id| !id.is_empty());
        found
    }

    async fn notes(&self) -> String {
        App::examine(&self.latchkey.app.config).await.expect("nothing is wrong").join("\n")
    }

    /// The whole story of one replacement.
    async fn replace_master_key(&mut self) {
        let folder = keys_folder(&self.latchkey);
        let old = self.latchkey.app.master.id();
        people::unlock(&self.latchkey.app, "alice").await.expect("a mail that waits");
        let (former, new) = replacing::promote(&folder, &old, &Random::System).expect("replaced");
        assert_eq!(former, old);
        self.latchkey.restart().await;
        assert_eq!(self.latchkey.app.master.id(), new);
        assert!(self.notes().await.contains("is still needed"), "{}", self.notes().await);
        self.stands("with both keys").await;
        assert!(self.latchkey.app.tend_sealed().await.expect("sealed anew") > 0);
        assert_eq!(self.latchkey.app.tend_sealed().await.expect("nothing is left"), 0);
        assert_eq!(self.keys_in_use().await, [new]);
        let told = self.notes().await;
        assert!(told.contains(&format!("former-{old}.key ({old}) is needed no more")), "{told}");
        std::fs::remove_file(folder.join(format!("former-{old}.key"))).expect("removed");
        self.latchkey.restart().await;
        assert!(self.notes().await.contains("no former key is needed"));
        self.stands("with the new key only").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s_129_replacing_the_master_key_loses_nothing() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    let web = latchkey.client(clients::web()).await;
    let mut house = House::furnish(latchkey, alice, web).await;
    house.replace_master_key().await;
    // And once more.
    house.replace_master_key().await;
    let trail = house.latchkey.count_all("master_key_replaced").await;
    assert_eq!(trail, 2);
}

/// The key that earlier versions derived for a purpose (RFC 5869).
fn derived(secret: &[u8], purpose: &str) -> [u8; 32] {
    struct Bytes32;
    impl hkdf::KeyType for Bytes32 {
        fn len(&self) -> usize {
            32
        }
    }
    let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"latchkey master key");
    let info = format!("latchkey/v1/{purpose}");
    let mut key = [0; 32];
    let info = [info.as_bytes()];
    salt.extract(secret).expand(&info, Bytes32).expect("a key").fill(&mut key).expect("32 bytes");
    key
}

fn mac(secret: &[u8], purpose: &str, data: &str) -> String {
    let key = derived(secret, &format!("mac/{purpose}"));
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    BASE64.encode(hmac::sign(&key, data.as_bytes()))
}

/// Brings database and rows into the state in which the version before left them: nothing lasting,
/// everything made with the master key.
async fn as_before(latchkey: &Latchkey, alice: &TestUser, web: &TestClient) {
    let file = std::fs::read_to_string(keys_folder(latchkey).join("master.key")).expect("a key");
    let secret = BASE64.decode(file.lines().nth(1).expect("two lines")).expect("base64url");
    let pepper = derived(&secret, "password-pepper");
    let hasher = Hasher::new(19_456, 2, 1, 0, pepper, &Random::System).expect("a hasher");
    let turn = hasher.reserve().expect("a place");
    let hash = hasher.hash(&turn, alice.password.clone().into(), &Random::System).await;
    let hash = hash.expect("a hash");
    let presented = web.secret.as_deref().expect("a secret");
    let secret_hash = mac(&secret, "client-secret", &format!("{}|{presented}", web.id));
    let check = place("instance", "value", "master_key_check");
    let check = latchkey.app.master.seal("master_key_check", &check, b"master_key_check");
    let check = check.expect("it seals");
    let mut db = latchkey.app.store.write().await.expect("a write");
    for (sql, value, of) in [
        ("UPDATE password_credentials SET hash = $1 WHERE user_id = $2", &hash, alice.id.as_str()),
        ("UPDATE clients SET secret_hash = $1 WHERE id = $2", &secret_hash, web.id.as_str()),
        ("UPDATE instance SET value = $1 WHERE name = $2", &check, "master_key_check"),
        ("DELETE FROM instance WHERE name <> $1 AND name LIKE $2", &check, "secret/%"),
    ] {
        let done = sqlx::query(sql).bind(value).bind(of).execute(&mut *db).await.expect("written");
        assert!(done.rows_affected() > 0, "{sql}");
    }
    db.commit().await.expect("a commit");
}

#[tokio::test(flavor = "multi_thread")]
async fn s_129_an_installation_of_before_goes_on_and_its_key_can_be_replaced() {
    let mut latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    let web = latchkey.client(clients::web()).await;
    as_before(&latchkey, &alice, &web).await;
    let file = std::fs::read_to_string(keys_folder(&latchkey).join("master.key")).expect("a key");
    let secret = BASE64.decode(file.lines().nth(1).expect("two lines")).expect("base64url");
    latchkey.restart().await;
    let mut house = House::furnish(latchkey, alice, web).await;
    let known = format!("clinic.example|{}", house.alice.id);
    assert_eq!(house.subject, mac(&secret, "pairwise-subject", &known), "as it always was");
    house.replace_master_key().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s_129_an_upgrade_may_be_the_moment_of_the_replacement() {
    let mut latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    let web = latchkey.client(clients::web()).await;
    as_before(&latchkey, &alice, &web).await;
    let old = latchkey.app.master.id();
    replacing::promote(&keys_folder(&latchkey), &old, &Random::System).expect("replaced");
    latchkey.restart().await;
    let mut house = House::furnish(latchkey, alice, web).await;
    people::unlock(&house.latchkey.app, "alice").await.expect("a mail that waits");
    house.stands("upgraded and replaced at once").await;
}

/// Another node, with a keys folder of its own.
async fn node(latchkey: &Latchkey, folder: &Path) -> anyhow::Result<Arc<App>> {
    let mut config = latchkey.app.config.clone();
    config.keys.directory = folder.to_owned();
    App::start(config, latchkey.clock.clone(), Random::System).await
}

fn copy(from: &Path, name: &str, to: &Path, as_name: &str) {
    std::fs::create_dir_all(to).expect("a folder");
    std::fs::copy(from.join(name), to.join(as_name)).expect("a copy");
}

#[tokio::test(flavor = "multi_thread")]
async fn s_129_nodes_follow_one_another() {
    let mut latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    let folder = keys_folder(&latchkey);
    let home = tempfile::tempdir().expect("a folder");
    let theirs = home.path().join("keys");
    copy(&folder, "master.key", &theirs, "master.key");
    let late = node(&latchkey, &theirs).await.expect("a second node");
    let old = latchkey.app.master.id();
    let (_, new) = replacing::promote(&folder, &old, &Random::System).expect("replaced");
    latchkey.restart().await;
    // It has not got the new key: it says so, and what it seals is sealed anew by the other.
    let told = late.tend_sealed().await.expect_err("it cannot follow").to_string();
    assert!(told.contains(&new), "{told}");
    people::lock(&late, "alice", "lost").await.expect("a mail that waits");
    assert!(latchkey.app.tend_sealed().await.expect("sealed anew") > 0);
    let refused = node(&latchkey, &theirs).await.err().expect("no start without the key");
    assert!(format!("{refused:#}").contains(&new), "{refused:#}");
    // It gets it while it runs, under whatever name.
    copy(&folder, "master.key", &theirs, "next.key");
    assert_eq!(late.tend_sealed().await.expect("it follows"), 0);
    assert_eq!(late.master.id(), new);
    people::unlock(&late, "alice").await.expect("unlocked");
    assert_eq!(latchkey.app.tend_sealed().await.expect("nothing is left"), 0);
    // Started again with the former key in its first place it does not turn the others back.
    let late = node(&latchkey, &theirs).await.expect("it starts");
    assert_eq!((late.master.own_id(), late.master.id()), (old.clone(), new.clone()));
    assert_eq!(late.tend_sealed().await.expect("nothing to do"), 0);
    let tidied = replacing::promote(&theirs, &new, &Random::System).expect("tidied up");
    assert_eq!(tidied, (old, new.clone()));
    let late = node(&latchkey, &theirs).await.expect("it starts");
    assert_eq!((late.master.own_id(), late.master.id()), (new.clone(), new));
    // A third node with a key of its own making finds no way in.
    let (_, third) =
        replacing::promote(&theirs, &late.master.id(), &Random::System).expect("replaced");
    let (one, other) = tokio::join!(node(&latchkey, &theirs), node(&latchkey, &theirs));
    assert_eq!(one.expect("one").master.id(), third);
    assert_eq!(other.expect("the other").master.id(), third, "two at once agree");
    assert_eq!(latchkey.count_all("master_key_replaced").await, 2);
    drop(alice);
}

#[tokio::test(flavor = "multi_thread")]
async fn s_167_nodes_that_begin_at_once_agree_and_nothing_lost_is_made_anew() {
    let latchkey = Latchkey::start_with(|config| config.issuer = "http://localhost:1".into()).await;
    let folder = keys_folder(&latchkey);
    let write = async |sql: &'static str| {
        let mut db = latchkey.app.store.write().await.expect("a write");
        sqlx::query(sql).execute(&mut *db).await.expect("written");
        db.commit().await.expect("a commit");
    };
    // As a database that was only migrated.
    write("DELETE FROM instance").await;
    write("DELETE FROM signing_keys").await;
    let starts = tokio::join!(
        node(&latchkey, &folder),
        node(&latchkey, &folder),
        node(&latchkey, &folder),
        node(&latchkey, &folder),
    );
    let nodes = [starts.0, starts.1, starts.2, starts.3].map(|node| node.expect("a node"));
    let made = |app: &Arc<App>| app.lasting.mac(latchkey::keys::Mac::ClientSecret, b"x");
    assert!(nodes.iter().all(|node| made(node) == made(&nodes[0])));
    // Secrets that are gone do not come back as others.
    write("DELETE FROM instance WHERE name = 'secret/password-pepper'").await;
    let refused = node(&latchkey, &folder).await.err().expect("no start");
    assert!(format!("{refused:#}").contains("password-pepper"), "{refused:#}");
    assert!(App::examine(&latchkey.app.config).await.is_err());
    write("DELETE FROM instance").await;
    let refused = node(&latchkey, &folder).await.err().expect("no start");
    assert!(format!("{refused:#}").contains("restore a backup"), "{refused:#}");
}
