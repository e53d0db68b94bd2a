// What is written of strangers' words: logs, spreadsheets, mails, sealed records.

use std::io;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use latchkey::account::csv::cell;
use latchkey::clock::Timestamp;
use latchkey::config::{Config, LogFormat};
use latchkey::keys::MasterKey;
use latchkey::mail::{Letter, Mail};
use latchkey::secret::Random;
use latchkey::telemetry;
use serde_json::Value;
use tracing::dispatcher::{self, Dispatch};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;

use super::text;

/// Where a log goes that is looked at.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn logger(form: LogFormat, colors: bool) -> (Dispatch, Sink) {
    let sink = Sink::default();
    let to = sink.clone();
    let layer = telemetry::lines::<Registry, _>(form, colors, move || to.clone());
    (Dispatch::new(tracing_subscriber::registry().with(layer)), sink)
}

/// What `log` writes while it is the log.
fn logged((dispatch, sink): &(Dispatch, Sink), stranger: &str) -> String {
    dispatcher::with_default(dispatch, || {
        let span = tracing::error_span!("request", id = stranger, shown = %stranger);
        let _within = span.enter();
        tracing::error!(text = stranger, shown = %stranger, debug = ?stranger, "an event");
    });
    let mut written = sink.0.lock().unwrap_or_else(PoisonError::into_inner);
    String::from_utf8(std::mem::take(&mut *written)).expect("a log is text")
}

/// Whatever a stranger wrote, an event is one line, and it moves no terminal.
pub fn log(data: &[u8]) {
    static PLAIN: LazyLock<(Dispatch, Sink)> = LazyLock::new(|| logger(LogFormat::Text, false));
    static JSON: LazyLock<(Dispatch, Sink)> = LazyLock::new(|| logger(LogFormat::Json, false));
    static COLORS: LazyLock<(Dispatch, Sink)> = LazyLock::new(|| logger(LogFormat::Text, true));
    // A log is one: what another thread writes meanwhile is not looked at.
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let stranger = String::from_utf8_lossy(data);
    let line = logged(&PLAIN, &stranger);
    let line = line.strip_suffix('\n').expect("a line ends");
    assert!(!line.chars().any(|c| c.is_control() || turns(c)), "{line:?}");
    // The only escapes of a coloured line are the library's own, for colours.
    let colored = logged(&COLORS, &stranger);
    let colored = colored.strip_suffix('\n').expect("a line ends");
    for (at, c) in colored.char_indices().filter(|(_, c)| c.is_control()) {
        let rest: String = colored[at + c.len_utf8()..].chars().take(4).collect();
        let own = ["[0m", "[1m", "[2m", "[3m", "[31m"].iter().any(|own| rest.starts_with(own));
        assert!(c == '\u{1b}' && own, "{colored:?}");
    }
    let json = logged(&JSON, &stranger);
    let json = json.strip_suffix('\n').expect("a line ends");
    assert!(!json.contains(['\n', '\r', '\u{1b}', '\0']), "{json:?}");
    let value: Value = serde_json::from_str(json).expect("a line of JSON");
    for (name, value) in [("text", &value["text"]), ("shown", &value["shown"])] {
        assert_eq!(value.as_str(), Some(&*stranger), "{name}");
    }
    assert_eq!(value["message"].as_str(), Some("an event"));
}

/// Characters that end a line for some, or turn the text around.
fn turns(c: char) -> bool {
    matches!(u32::from(c), 0x2028..=0x202e | 0x2066..=0x2069)
}

/// A cell is read as what was written, never as more cells, never as a formula.
pub fn csv(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let values: Vec<&str> = text.split('\u{1f}').collect();
    let line: Vec<String> = values.iter().map(|value| cell(value)).collect();
    let read = rows(&format!("{}\r\n", line.join(",")));
    let [read] = read.as_slice() else { panic!("{} rows of {values:?}", read.len()) };
    assert_eq!(read.len(), values.len());
    for (read, value) in read.iter().zip(values) {
        let first = read.trim_start().chars().next();
        assert!(!first.is_some_and(|first| "=+-@\u{ff1d}\u{ff0b}\u{ff0d}\u{ff20}".contains(first)));
        assert!(!read.starts_with(['\t', '\r', '\n']), "{read:?}");
        assert!(read == value || read.strip_prefix('\'') == Some(value), "{read:?} of {value:?}");
    }
}

/// RFC 4180, read sign by sign.
fn rows(file: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), String::new());
    let (mut quoted, mut signs) = (false, file.chars().peekable());
    while let Some(sign) = signs.next() {
        match sign {
            '"' if quoted && signs.peek() == Some(&'"') => cell.extend(signs.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut cell)),
            '\r' if !quoted && signs.peek() == Some(&'\n') => {
                signs.next();
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            _ => cell.push(sign),
        }
    }
    rows
}

/// Lines: recipient, subject, words. A letter has our headers and no others, and one recipient.
pub fn mail(data: &[u8]) {
    static MAIL: LazyLock<Mail> =
        LazyLock::new(|| Mail::open(&Config::default()).expect("the default is a folder"));
    let Some(text) = text(data) else { return };
    let mut parts = text.splitn(3, '\u{1f}');
    let [to, subject, words] = [(); 3].map(|()| parts.next().unwrap_or_default().to_owned());
    let letter = Letter {
        id: "0198f0a0".into(),
        at: Timestamp::from_seconds(1_772_442_000),
        to: to.clone(),
        subject,
        text: words.clone(),
        html: words,
    };
    let Ok(written) = MAIL.written(&letter) else { return };
    let written = String::from_utf8(written).expect("a mail of ours is text");
    let (head, _) = written.split_once("\r\n\r\n").expect("a head");
    let mut names = Vec::new();
    let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ");
    for line in unfolded.split("\r\n") {
        assert!(!line.contains(['\r', '\n', '\0']), "{line:?}");
        let (name, value) = line.split_once(':').expect("a field");
        // An address beyond ASCII stands there as it is (RFC 6532 §3.2); all else is encoded.
        assert!(name == "To" || line.is_ascii(), "{line:?}");
        if name == "To" {
            assert_eq!(value.trim(), to.trim());
        }
        names.push(name.to_ascii_lowercase());
    }
    names.sort();
    let ours = [
        "auto-submitted",
        "content-type",
        "date",
        "from",
        "message-id",
        "mime-version",
        "subject",
        "to",
    ];
    assert_eq!(names, ours);
}

/// Nothing opens but what we sealed, and that only in its own place.
pub fn sealed_record(data: &[u8]) {
    static KEY: LazyLock<MasterKey> =
        LazyLock::new(|| MasterKey::in_memory([7; 32], &Random::seeded(7)));
    if let Some(text) = text(data) {
        assert!(KEY.open_sealed("purpose", "place", text).is_err());
        let own = format!("v1.{}.{text}", KEY.id());
        assert!(KEY.open_sealed("purpose", "place", &own).is_err());
    }
    let sealed = KEY.seal("purpose", "place", data).expect("it is sealed");
    let opened = KEY.open_sealed("purpose", "place", &sealed).expect("and opened");
    assert_eq!(opened.as_slice(), data);
    assert!(KEY.open_sealed("purpose", "elsewhere", &sealed).is_err());
    assert!(KEY.open_sealed("other", "place", &sealed).is_err());
    // One bit of it changed; which one, the input says.
    let at = data.iter().fold(0_usize, |sum, byte| sum * 31 % 8191 + usize::from(*byte));
    let mut changed = sealed.clone().into_bytes();
    let at = at % changed.len();
    changed[at] ^= 1;
    let changed = String::from_utf8(changed).expect("ASCII");
    assert!(KEY.open_sealed("purpose", "place", &changed).is_err(), "{sealed} {changed}");
}
