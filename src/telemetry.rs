//! Logs and figures: what an operator sees of a running provider.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::io::IsTerminal;
use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tracing::Subscriber;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::filter::{EnvFilter, LevelFilter, filter_fn};
use tracing_subscriber::fmt::format::{DefaultFields, Writer};
use tracing_subscriber::fmt::{FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt as format};

use crate::config::{LogFormat, Telemetry};
use crate::secret::Random;

/// Starts logging to standard error; to be called once.
///
/// Other crates may log only warnings, whatever the level: what they say below that holds requests
/// and with them secrets.
pub fn start(config: &Telemetry) -> anyhow::Result<()> {
    let ours = EnvFilter::builder().parse(&config.log_level)?;
    let others = filter_fn(|metadata| {
        let target = metadata.target();
        target == "latchkey" || target.starts_with("latchkey::") || {
            *metadata.level() <= LevelFilter::WARN
        }
    });
    let colors = std::io::stderr().is_terminal();
    let lines = lines(config.log_format, colors, std::io::stderr);
    // Filters of the whole, not of the one layer: those forget to begin anew after somebody has
    // merely asked whether a level is on, as sqlx does, and lose the next line of that thread.
    tracing_subscriber::registry().with(ours).with(others).with(lines).try_init()?;
    std::panic::set_hook(Box::new(tell_panic));
    Ok(())
}

/// Logs where a task panicked, never with what words: they may hold what a person typed.
pub fn tell_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(target: "latchkey::panic", place, "a task panicked");
}

/// The layer that writes each event as one line, whatever strangers had written into its fields.
pub fn lines<S, W>(form: LogFormat, colors: bool, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let output = format::layer().with_writer(writer);
    match form {
        LogFormat::Json => output.json().flatten_event(true).boxed(),
        LogFormat::Text => output.with_ansi(colors).fmt_fields(Escaped).boxed(),
    }
}

/// Fields as the library writes them, without what would begin a line of its own, move a terminal
/// or turn the direction of the text: by default a value given with `%` is written as it is.
struct Escaped;

impl<'a> FormatFields<'a> for Escaped {
    fn format_fields<R: RecordFields>(&self, mut to: Writer<'a>, fields: R) -> fmt::Result {
        let mut written = String::new();
        DefaultFields::new().format_fields(Writer::new(&mut written), fields)?;
        for c in written.chars() {
            match c {
                '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                    write!(to, "{}", c.escape_unicode())?;
                }
                c if c.is_control() => write!(to, "{}", c.escape_default())?,
                c => to.write_char(c)?,
            }
        }
        Ok(())
    }
}

tokio::task_local! {
    static CURRENT: Arc<Caller>;
}

/// The request that is being answered, as far as it is written down with what it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The request's name.
    pub request_id: RequestId,
    /// The client address, as text.
    pub address: String,
    /// The `User-Agent`, cut.
    pub user_agent: String,
}

impl Caller {
    /// Of the request that this task answers; none outside of requests.
    #[must_use]
    pub fn current() -> Option<Arc<Self>> {
        CURRENT.try_with(Arc::clone).ok()
    }

    /// Runs `work` as part of this request.
    pub async fn scope<F: Future>(self, work: F) -> F::Output {
        CURRENT.scope(Arc::new(self), work).await
    }
}

/// The name of one request in logs and in the header `X-Request-Id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// A new one.
    #[must_use]
    pub fn new(random: &Random) -> Self {
        Self(format!("{:016x}", u64::from_be_bytes(random.bytes())).into())
    }

    /// Its text: 16 hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Upper bounds of the latency histogram in milliseconds.
const BUCKETS: [u64; 12] = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 5000, 30_000];

#[derive(Default)]
struct Route {
    /// By the first digit of the status.
    statuses: [AtomicU64; 5],
    buckets: [AtomicU64; BUCKETS.len()],
    micros: AtomicU64,
}

/// Figures, kept in memory and printed for Prometheus.
#[derive(Default)]
pub struct Metrics {
    routes: RwLock<BTreeMap<(String, &'static str), Arc<Route>>>,
    counters: RwLock<BTreeMap<&'static str, AtomicU64>>,
    gauges: RwLock<BTreeMap<&'static str, AtomicI64>>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// Counts one request; `route` must be the pattern that matched, never what was sent.
    pub fn request(&self, route: &str, method: &str, status: u16, took: Duration) {
        let method = known_method(method);
        let key = (route.to_owned(), method);
        let found = read(&self.routes).get(&key).cloned();
        let route = found.unwrap_or_else(|| write(&self.routes).entry(key).or_default().clone());
        let class = usize::from(status / 100).saturating_sub(1);
        if let Some(counter) = route.statuses.get(class) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        for (counter, bound) in route.buckets.iter().zip(BUCKETS) {
            if millis < bound {
                counter.fetch_add(1, Ordering::Relaxed);
            }
        }
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        route.micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// Counts one `name`, which is printed as `latchkey_<name>_total`.
    pub fn count(&self, name: &'static str) {
        if let Some(counter) = read(&self.counters).get(name) {
            counter.fetch_add(1, Ordering::Relaxed);
            return;
        }
        write(&self.counters).entry(name).or_default().fetch_add(1, Ordering::Relaxed);
    }

    /// How often `name` was counted.
    #[must_use]
    pub fn counted(&self, name: &str) -> u64 {
        read(&self.counters).get(name).map_or(0, |counter| counter.load(Ordering::Relaxed))
    }

    /// Moves the level `name`, which is printed as `latchkey_<name>`.
    pub fn shift(&self, name: &'static str, by: i64) {
        if let Some(gauge) = read(&self.gauges).get(name) {
            gauge.fetch_add(by, Ordering::Relaxed);
            return;
        }
        write(&self.gauges).entry(name).or_default().fetch_add(by, Ordering::Relaxed);
    }

    /// All figures in the text format of Prometheus.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) -> fmt::Result {
        writeln!(text, "# TYPE latchkey_build_info gauge")?;
        writeln!(text, "latchkey_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"))?;
        for (name, counter) in read(&self.counters).iter() {
            writeln!(text, "# TYPE latchkey_{name}_total counter")?;
            writeln!(text, "latchkey_{name}_total {}", counter.load(Ordering::Relaxed))?;
        }
        for (name, gauge) in read(&self.gauges).iter() {
            writeln!(text, "# TYPE latchkey_{name} gauge")?;
            writeln!(text, "latchkey_{name} {}", gauge.load(Ordering::Relaxed))?;
        }
        let routes = read(&self.routes);
        writeln!(text, "# TYPE latchkey_requests_total counter")?;
        for ((path, method), route) in routes.iter() {
            for (class, counter) in route.statuses.iter().enumerate() {
                let count = counter.load(Ordering::Relaxed);
                if count > 0 {
                    let class = class + 1;
                    writeln!(
                        text,
                        "latchkey_requests_total{{route=\"{path}\",method=\"{method}\",status=\"{class}xx\"}} {count}"
                    )?;
                }
            }
        }
        writeln!(text, "# TYPE latchkey_request_seconds histogram")?;
        for ((path, method), route) in routes.iter() {
            write_histogram(text, &format!("route=\"{path}\",method=\"{method}\""), route)?;
        }
        Ok(())
    }
}

fn write_histogram(text: &mut String, labels: &str, route: &Route) -> fmt::Result {
    const NAME: &str = "latchkey_request_seconds";
    let all: u64 = route.statuses.iter().map(|counter| counter.load(Ordering::Relaxed)).sum();
    for (counter, bound) in route.buckets.iter().zip(BUCKETS) {
        let (seconds, millis) = (bound / 1000, bound % 1000);
        let count = counter.load(Ordering::Relaxed);
        writeln!(text, "{NAME}_bucket{{{labels},le=\"{seconds}.{millis:03}\"}} {count}")?;
    }
    let micros = route.micros.load(Ordering::Relaxed);
    writeln!(text, "{NAME}_bucket{{{labels},le=\"+Inf\"}} {all}")?;
    writeln!(text, "{NAME}_sum{{{labels}}} {}.{:06}", micros / 1_000_000, micros % 1_000_000)?;
    writeln!(text, "{NAME}_count{{{labels}}} {all}")
}

fn known_method(method: &str) -> &'static str {
    const METHODS: [&str; 7] = ["GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"];
    METHODS.into_iter().find(|known| *known == method).unwrap_or("other")
}

fn read<T>(lock: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> std::sync::RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
