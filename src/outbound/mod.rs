//! The one client for calls that the provider makes: address checked, bounded, no redirects.

mod addresses;
mod images;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use ipnet::IpNet;
use moka::sync::Cache;
use reqwest::{Certificate, Client, StatusCode, header, redirect};
use serde_json::Value;
use tokio::sync::{Mutex, Semaphore};
use url::{Host, Url};

use crate::clock::{Clock, Timestamp};
use crate::config::Outbound as Config;
use crate::protocol::json_depth::json_depth;

pub use addresses::{Found, LookUp, may_be_called};
pub use images::{Image, kind as image_kind};

/// Bytes of an answer at most.
const ANSWER_BYTES: usize = 64 * 1024;
/// How deep JSON may be nested.
const JSON_DEPTH: usize = 32;
/// Calls at once, and those of them to one host: a slow one must not take the places of all.
const CALLS: usize = 64;
const CALLS_TO_ONE_HOST: usize = 8;
/// Addresses remembered.
const REMEMBERED: u64 = 1000;
/// Images remembered: they are larger.
const IMAGES: u64 = 200;
/// How long an answer is good.
const FRESH: Duration = Duration::from_mins(5);
/// How long an address is left alone after a failure, or after a key was looked for in vain.
const PAUSE: Duration = Duration::from_mins(1);

/// A call failed. It never says why: to whoever chose the address the reason would tell which
/// ports of our network are open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the document could not be fetched")]
pub struct OutboundError;

/// What is known of one address.
struct Known<T> {
    answer: Option<(Arc<T>, Timestamp)>,
    tried_at: Option<Timestamp>,
}

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self { answer: None, tried_at: None }
    }
}

/// Answers by address.
type Memory<T> = Cache<String, Arc<Mutex<Known<T>>>>;

/// Makes the calls and remembers the answers.
#[derive(Clone)]
pub struct Outbound {
    client: Option<Client>,
    allowed: Arc<[IpNet]>,
    timeout: Duration,
    clock: Clock,
    calls: Arc<Semaphore>,
    hosts: Cache<String, Arc<Semaphore>>,
    documents: Memory<Value>,
    images: Memory<Image>,
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound").field("allowed", &self.allowed).finish_non_exhaustive()
    }
}

impl Outbound {
    /// A client for calls under `config`; fails if `extra_ca` cannot be read.
    pub fn new(config: &Config, clock: Clock) -> anyhow::Result<Self> {
        Self::with_look_up(config, clock, addresses::by_the_system())
    }

    /// The same with another way to look names up; for tests.
    pub fn with_look_up(config: &Config, clock: Clock, look_up: LookUp) -> anyhow::Result<Self> {
        let allowed: Arc<[IpNet]> = config.allow_private_networks.clone().into();
        let mut builder = Client::builder()
            .dns_resolver(addresses::CheckedResolver::new(Arc::clone(&allowed), look_up))
            .https_only(true)
            .no_proxy()
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .pool_max_idle_per_host(0)
            .user_agent("latchkey")
            .timeout(config.timeout.get());
        if let Some(file) = &config.extra_ca {
            let name = || format!("outbound.extra_ca {}", file.display());
            let pem = std::fs::read(file).with_context(name)?;
            builder =
                builder.tls_certs_merge(Certificate::from_pem_bundle(&pem).with_context(name)?);
        }
        let client = builder.build();
        if let Err(error) = &client {
            // Such as a machine without any certificate authority: all else can still work.
            tracing::warn!(%error, "calls to other servers are not possible");
        }
        Ok(Self {
            client: client.ok(),
            allowed,
            timeout: config.timeout.get(),
            clock,
            calls: Arc::new(Semaphore::new(CALLS)),
            hosts: Cache::new(REMEMBERED),
            documents: Cache::new(REMEMBERED),
            images: Cache::new(IMAGES),
        })
    }

    /// The JSON document at `url`, at most five minutes old. After a failure the address is left
    /// alone for a minute.
    pub async fn fetch_json(&self, url: &str) -> Result<Arc<Value>, OutboundError> {
        self.remembered(&self.documents, url, |_| true, read_json).await
    }

    /// The image at `url`, at most five minutes old: PNG, JPEG, GIF, WebP or SVG by its content.
    pub async fn image(&self, url: &str) -> Result<Arc<Image>, OutboundError> {
        self.remembered(&self.images, url, |_| true, images::read).await
    }

    /// The JWK set at `url` (RFC 7517 §5), at most five minutes old. When `want_kid` is not in it,
    /// it is fetched again, but not more often than once a minute; the caller looks for the key in
    /// what is returned, which may still lack it.
    pub async fn jwks(
        &self,
        url: &str,
        want_kid: Option<&str>,
    ) -> Result<Arc<Value>, OutboundError> {
        let holds = |set: &Value| {
            let keys = set.get("keys").and_then(Value::as_array);
            let has = |kid: &str| {
                keys.is_some_and(|keys| {
                    keys.iter().any(|key| key.get("kid").and_then(Value::as_str) == Some(kid))
                })
            };
            want_kid.is_none_or(has)
        };
        self.remembered(&self.documents, url, holds, read_json).await
    }

    /// One call an address at a time; the others wait for its answer, but no longer than a call
    /// may take.
    async fn remembered<T: Send + Sync + 'static>(
        &self,
        memory: &Memory<T>,
        url: &str,
        suffices: impl Fn(&T) -> bool,
        read: impl Fn(&[u8]) -> anyhow::Result<T>,
    ) -> Result<Arc<T>, OutboundError> {
        let known = memory.get_with_by_ref(url, Arc::default);
        let lock = tokio::time::timeout(self.timeout, known.lock());
        let mut known = lock.await.map_err(|_| OutboundError)?;
        let now = self.clock.now();
        let fresh = known.answer.as_ref().filter(|(_, at)| is_within(FRESH, *at, now));
        let fresh = fresh.map(|(answer, _)| Arc::clone(answer));
        if let Some(answer) = fresh.as_ref().filter(|answer| suffices(answer)) {
            return Ok(Arc::clone(answer));
        }
        if known.tried_at.is_some_and(|at| is_within(PAUSE, at, now)) {
            return fresh.ok_or(OutboundError);
        }
        known.tried_at = Some(now);
        let call = async { read(&self.call(url).await?) };
        match tokio::time::timeout(self.timeout, call).await {
            Ok(Ok(answer)) => {
                let answer = Arc::new(answer);
                known.answer = Some((Arc::clone(&answer), now));
                Ok(answer)
            }
            Ok(Err(error)) => {
                tracing::warn!(host = host(url), error = cause(&error), "a call failed");
                fresh.ok_or(OutboundError)
            }
            Err(_elapsed) => {
                tracing::warn!(host = host(url), "a call took too long");
                fresh.ok_or(OutboundError)
            }
        }
    }

    async fn call(&self, url: &str) -> anyhow::Result<Vec<u8>> {
        let url = check_url(url, &self.allowed)?;
        let client = self.client.as_ref().context("there is no client")?;
        let host = self.hosts.get_with_by_ref(url.host_str().unwrap_or_default(), || {
            Arc::new(Semaphore::new(CALLS_TO_ONE_HOST))
        });
        let _place = host.acquire().await?;
        let _permit = self.calls.acquire().await?;
        let request = client.get(url).header(header::ACCEPT, "application/json, image/*");
        let mut response = request.send().await?;
        // Once more on the connected socket, whatever happened on the way to it.
        let peer = response.remote_addr().context("the peer is unknown")?;
        ensure!(may_be_called(peer.ip(), &self.allowed), "connected to an address not public");
        ensure!(response.status() == StatusCode::OK, "status {}", response.status().as_u16());
        // Nothing is unpacked: a small answer stays small.
        let plain = !response.headers().contains_key(header::CONTENT_ENCODING);
        ensure!(plain, "the answer is encoded");
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            ensure!(body.len() + chunk.len() <= ANSWER_BYTES, "the answer is too large");
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

/// Whether `at` is no longer ago than `span`. What seems to lie ahead was noted before the clock was
/// set back, and nobody knows how long ago that is.
fn is_within(span: Duration, at: Timestamp, now: Timestamp) -> bool {
    at <= now && now.since(at) < span
}

fn read_json(body: &[u8]) -> anyhow::Result<Value> {
    ensure!(json_depth(body) <= JSON_DEPTH, "the answer is nested too deep");
    let value: Value = serde_json::from_slice(body).ok().context("the answer is not JSON")?;
    ensure!(value.is_object() || value.is_array(), "the answer is not a document");
    Ok(value)
}

/// What can be said of an address before any call. The `url` crate reads every spelling of an
/// IPv4 address (decimal, octal, hexadecimal, short), so none slips through as a name.
fn check_url(text: &str, allowed: &[IpNet]) -> anyhow::Result<Url> {
    let url = Url::parse(text)?;
    ensure!(url.scheme() == "https", "the address is not https");
    ensure!(url.username().is_empty() && url.password().is_none(), "the address names a user");
    let address: IpAddr = match url.host() {
        Some(Host::Domain(_)) => return Ok(url),
        Some(Host::Ipv4(address)) => address.into(),
        Some(Host::Ipv6(address)) => address.into(),
        None => bail!("the address has no host"),
    };
    ensure!(may_be_called(address, allowed), "the address is not public");
    Ok(url)
}

/// The host alone: paths and queries may hold secrets.
fn host(url: &str) -> String {
    let host = Url::parse(url).ok().and_then(|url| Some(url.host_str()?.to_owned()));
    host.unwrap_or_default()
}

/// The innermost reason, without the address that reqwest writes into its own messages.
fn cause(error: &anyhow::Error) -> String {
    error.root_cause().to_string()
}
