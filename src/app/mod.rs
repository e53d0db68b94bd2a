//! `App`: the handles that every request needs, built once.

mod master_key;
mod resealing;
mod signing_keys;

use std::ffi::OsStr;
use std::path::Path;
use std::sync::{Arc, OnceLock, RwLock};

use anyhow::Context;
use bytes::Bytes;
use tokio_util::task::TaskTracker;

use crate::blocklist::Blocklist;
use crate::clock::Clock;
use crate::config::Config;
use crate::geoip::Geoip;
use crate::hashing::Hasher;
use crate::keys::{KeyRing, LastingSecrets, Mac, MasterKey, TokenSealer};
use crate::limits::ProgramLimits;
use crate::mail::Mail;
use crate::outbound::Outbound;
use crate::paths;
use crate::protocol::client::{ClientMetadata, SubjectType};
use crate::secret::Random;
use crate::store::Store;
use crate::store::events::Event;
use crate::telemetry::Caller;
use crate::templates::Templates;
use crate::templates::brand::Brand;
use master_key::MasterKeyOpener;

/// The handles that every request needs.
pub struct App {
    /// The configuration, checked.
    pub config: Config,
    /// The issuer's origin: what browsers write into `Origin`.
    pub origin: String,
    /// The database.
    pub store: Store,
    /// What seals secrets at rest.
    pub master: MasterKey,
    /// What passwords, client secrets and tokens are made with.
    pub lasting: LastingSecrets,
    /// What seals access tokens.
    pub sealer: TokenSealer,
    /// Argon2id in its pool.
    pub hasher: Arc<Hasher>,
    /// What goes on after an answer, and is waited for when the program ends.
    pub afterwards: TaskTracker,
    /// Passwords that nobody may have.
    pub blocklist: Blocklist,
    /// How often clients may ask.
    pub limits: ProgramLimits,
    /// The pages.
    pub templates: Templates,
    /// The client for the calls that we make.
    pub outbound: Outbound,
    /// How mails leave.
    pub mail: Mail,
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
    /// Where addresses most likely are.
    pub geoip: Geoip,
    /// The operator's logo, read at start, with its media type.
    pub logo: Option<(Vec<u8>, &'static str)>,
    /// The metadata document, written when it is first asked for: it follows from the
    /// configuration alone.
    pub metadata: OnceLock<Bytes>,
    ring: RwLock<Arc<KeyRing>>,
}

impl App {
    /// Opens the database and brings it up to date, opens or makes the master key, loads the
    /// signing keys or makes the first ones. A database that is gone is never replaced by an empty
    /// one as long as the key is there that sealed it, nor the key as long as the database is.
    pub async fn start(config: Config, clock: Clock, random: Random) -> anyhow::Result<Arc<Self>> {
        let store = open_store(&config).await?;
        store.migrate().await?;
        let app = Self::on(store, config, clock, random).await?;
        app.tend_keys().await.context("preparing the signing keys")?;
        Ok(app)
    }

    async fn on(
        store: Store,
        config: Config,
        clock: Clock,
        random: Random,
    ) -> anyhow::Result<Arc<Self>> {
        let at_rest =
            MasterKeyOpener { store: &store, config: &config, clock: &clock, random: &random };
        let (master, lasting) = at_rest.open().await?;
        let rules = &config.password;
        let hasher = Hasher::new(
            rules.argon2_memory_kib,
            rules.argon2_iterations,
            rules.argon2_parallelism,
            usize::try_from(rules.hash_queue)?,
            lasting.pepper(),
            &random,
        )?;
        let origin = url::Url::parse(&config.issuer)?.origin().ascii_serialization();
        Ok(Arc::new(Self {
            origin,
            blocklist: Blocklist::open(config.password.blocklist.as_deref())?,
            templates: Templates::open(&brand(&config), config.templates.directory.as_deref())?,
            outbound: Outbound::new(&config.outbound, clock.clone())?,
            geoip: Geoip::open(&config.geoip)?,
            mail: Mail::open(&config)?,
            limits: ProgramLimits::new(&config.rate_limits, &clock, &random),
            logo: config.branding.logo.as_deref().map(read_logo).transpose()?,
            metadata: OnceLock::new(),
            ring: RwLock::new(Arc::new(KeyRing::load(&[], &master)?)),
            sealer: lasting.token_sealer(&random)?,
            config,
            store,
            master,
            lasting,
            hasher: Arc::new(hasher),
            afterwards: TaskTracker::new(),
            clock,
            random,
        }))
    }

    /// Looks whether everything could start, without changing anything: the database answers, the
    /// master key is there and opens what it sealed, templates, logo, blocklist and places can be
    /// read. Gives what an operator should know of the keys.
    pub async fn examine(config: &Config) -> anyhow::Result<Vec<String>> {
        Templates::open(&brand(config), config.templates.directory.as_deref())?;
        config.branding.logo.as_deref().map(read_logo).transpose()?;
        Blocklist::open(config.password.blocklist.as_deref())?;
        Geoip::open(&config.geoip)?;
        Outbound::new(&config.outbound, Clock::System)?;
        Mail::open(config)?;
        if Store::is_absent(&config.database.url) {
            return refuse_to_begin_anew(config).map(|()| Vec::new());
        }
        let store = Store::open(&config.database.url).await?;
        store.examine(u64::MAX).await?;
        store.check().await.context("the database is not ready: run `latchkey migrate`")?;
        let (clock, random) = (&Clock::System, &Random::System);
        MasterKeyOpener { store: &store, config, clock, random }.examine().await
    }

    /// The subject identifier of `user_id` for `client` (OpenID Connect Core §8): the user's id,
    /// or for a pairwise client a value that clients of other sectors cannot link to it.
    #[must_use]
    pub fn subject(&self, client: &ClientMetadata, user_id: &str) -> String {
        match client.subject_type {
            SubjectType::Public => user_id.to_owned(),
            SubjectType::Pairwise => {
                let sector = client.sector().unwrap_or_else(|| client.client_id.clone());
                let bound = format!("{sector}|{user_id}");
                self.lasting.mac_text(Mac::PairwiseSubject, bound.as_bytes())
            }
        }
    }

    /// The `sid` of a browser session for a client: no two clients get the same one.
    #[must_use]
    pub fn session_id(&self, client_id: &str, session_id: &str) -> String {
        let bound = format!("{client_id}|{session_id}");
        self.lasting.mac_text(Mac::SessionId, bound.as_bytes())
    }

    /// An event of this kind, now, from where the present request came; the caller adds who and
    /// what.
    #[must_use]
    pub fn event(&self, kind: &str) -> Event {
        let now = self.clock.now();
        let caller = Caller::current();
        let caller = caller.as_deref();
        let filled = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        Event {
            id: self.random.id(now),
            at: now,
            kind: kind.to_owned(),
            user_id: None,
            client_id: None,
            session_id: None,
            actor: None,
            address: caller.and_then(|caller| filled(&caller.address)),
            user_agent: caller.and_then(|caller| filled(&caller.user_agent)),
            outcome: "successful".to_owned(),
            details: serde_json::Value::Null,
            request_id: caller.map(|caller| caller.request_id.to_string()),
            attempt: None,
        }
    }
}

/// How large a database is looked at as a whole at every start; `latchkey check` always does.
const EXAMINED: u64 = 64 << 20;

/// Opens the database, unless it is damaged or one that was lost.
async fn open_store(config: &Config) -> anyhow::Result<Store> {
    let database = &config.database;
    if Store::is_absent(&database.url) {
        refuse_to_begin_anew(config)?;
    }
    let store = Store::open_with(&database.url, database.max_connections).await?;
    if store.is_blank().await? {
        refuse_to_begin_anew(config)?;
    }
    store.examine(EXAMINED).await?;
    Ok(store)
}

/// Fails if there is a master key though there is no database: at the first start there is
/// neither, so a database was lost, or another one is meant.
fn refuse_to_begin_anew(config: &Config) -> anyhow::Result<()> {
    let folder = &config.keys.directory;
    if MasterKey::is_in(folder) {
        anyhow::bail!(
            "there is a master key in {}, but the database that belongs to it is missing or empty: \
             put it back (`latchkey restore FILE`), correct database.url, or begin with an empty \
             one on purpose (`latchkey migrate`)",
            folder.display()
        );
    }
    Ok(())
}

fn brand(config: &Config) -> Brand {
    let branding = &config.branding;
    Brand {
        name: branding.name.clone(),
        logo: branding.logo.as_ref().map(|_| paths::BRAND_LOGO.to_owned()),
        primary_color: Some(branding.primary_color.clone()),
        support_url: branding.support_url.clone(),
        support_email: branding.support_email.clone(),
    }
}

fn read_logo(file: &Path) -> anyhow::Result<(Vec<u8>, &'static str)> {
    let kind = match file.extension().and_then(OsStr::to_str) {
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("webp") => "image/webp",
        _ => anyhow::bail!("branding.logo {} is no svg, png, jpg or webp", file.display()),
    };
    let image = std::fs::read(file)
        .with_context(|| format!("branding.logo {} cannot be read", file.display()))?;
    Ok((image, kind))
}
