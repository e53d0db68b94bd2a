//! The mails that an instance sent: read from its folder, as a mail program reads them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use latchkey::identity::recovery;
use latchkey::notices::{self, Notice, Source};
use latchkey::server::post;
use latchkey::store::{sessions, users};
use tokio_util::sync::CancellationToken;

use super::Latchkey;
use super::flow::sign_in;
use super::people::TestUser;

/// A mail as its reader sees it.
#[derive(Clone, Debug)]
pub struct Mail {
    pub to: String,
    pub from: String,
    pub subject: String,
    /// The words alone.
    pub text: String,
    pub html: String,
    /// By their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// What the server or the folder got.
    pub raw: String,
}

impl Mail {
    /// Reads a message with words and HTML side by side.
    pub fn read(raw: &str) -> Self {
        let (headers, body) = part(raw);
        let kind = headers["content-type"].clone();
        let boundary = kind.split("boundary=\"").nth(1).and_then(|rest| rest.split('"').next());
        let boundary = format!("--{}", boundary.expect("a mail has two parts"));
        let parts: Vec<_> = body.split(boundary.as_str()).skip(1).map(part).collect();
        let of = |kind: &str| {
            let found = parts.iter().find(|(headers, _)| {
                headers.get("content-type").is_some_and(|found| found.starts_with(kind))
            });
            let (headers, body) = found.unwrap_or_else(|| panic!("no {kind} in {raw}"));
            decoded(headers, body)
        };
        Self {
            to: headers["to"].clone(),
            from: headers["from"].clone(),
            subject: words(&headers["subject"]),
            text: of("text/plain"),
            html: of("text/html"),
            headers,
            raw: raw.to_owned(),
        }
    }

    /// Every address in its words.
    pub fn links(&self) -> Vec<String> {
        let found = self.text.split_whitespace().filter(|word| word.starts_with("http"));
        found.map(|word| word.trim_end_matches(['.', ',']).to_owned()).collect()
    }

    /// The one address that contains `part`.
    #[track_caller]
    pub fn link(&self, part: &str) -> String {
        let found = self.links().into_iter().find(|link| link.contains(part));
        found.unwrap_or_else(|| panic!("no link with {part:?} in {}", self.text))
    }

    /// Whether its words, lines joined, contain these.
    pub fn says(&self, words: &str) -> bool {
        self.text.split_whitespace().collect::<Vec<_>>().join(" ").contains(words)
    }
}

impl Latchkey {
    /// Sends what waits, and gives all mails so far, the oldest first.
    pub async fn mails(&self) -> Vec<Mail> {
        self.deliver().await;
        let raw = files_in(&self.outbox());
        raw.iter().map(|file| Mail::read(&std::fs::read_to_string(file).expect("a mail"))).collect()
    }

    /// The same, but only those to this address.
    pub async fn mails_to(&self, address: &str) -> Vec<Mail> {
        self.mails().await.into_iter().filter(|mail| mail.to == address).collect()
    }

    /// Sends what waits; the mail whose subject contains these words, the newest of several.
    #[track_caller]
    pub fn mail_about<'a>(&'a self, words: &'a str) -> impl Future<Output = Mail> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            let mut mails = self.mails().await;
            let subjects: Vec<_> = mails.iter().map(|mail| mail.subject.clone()).collect();
            mails.retain(|mail| mail.subject.contains(words));
            mails.pop().unwrap_or_else(|| panic!("{caller}: no {words:?} among {subjects:?}"))
        }
    }

    /// A link to choose a new password, as this person gets it by mail.
    pub async fn recovery_link(&self, user: &TestUser) -> String {
        let app = &self.app;
        let mut db = app.store.write().await.expect("a transaction");
        let user = users::find(&mut db, &user.id).await.expect("an answer").expect("a person");
        let link = recovery::make_link(app, &mut db, &user).await.expect("a link");
        db.commit().await.expect("a commit");
        link
    }

    /// A link that ends a session of this person, which begins now in a browser of its own.
    pub async fn not_me_link(&self, user: &TestUser) -> String {
        sign_in(&mut self.browser(), user).await;
        let app = &self.app;
        let mut db = app.store.write().await.expect("a transaction");
        let person = users::find(&mut db, &user.id).await.expect("an answer").expect("a person");
        let sessions = sessions::list(&mut db, &user.id).await.expect("sessions");
        let newest = sessions.iter().max_by_key(|session| &session.id).expect("a session");
        let marker = format!("A test wrote this ({})", newest.id);
        let notice = Notice::UnfamiliarSignIn {
            session_id: &newest.id,
            reasons: std::slice::from_ref(&marker),
        };
        let told = notices::tell(app, &mut db, &person, Source::default(), notice).await;
        told.expect("a mail in the queue");
        db.commit().await.expect("a commit");
        let mails = self.mails_to(&user.email).await;
        let mail = mails.iter().find(|mail| mail.says(&marker)).expect("the mail about it");
        mail.link("/not-me/")
    }

    /// Runs the job that sends mails once.
    pub async fn deliver(&self) {
        post::deliver(&self.app, &CancellationToken::new()).await.expect("the queue can be read");
    }

    /// Where the mails lie.
    pub fn outbox(&self) -> PathBuf {
        let folder = self.app.config.mail.transport.strip_prefix("file://");
        folder.expect("mails go into a folder").into()
    }
}

/// The mails in a folder in the order of their names.
pub fn files_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<_> = entries.map(|entry| entry.expect("a file").path()).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "eml"));
    files.sort();
    files
}

/// Headers, unfolded and by their names in lower case, and the body.
fn part(raw: &str) -> (BTreeMap<String, String>, String) {
    let raw = raw.replace("\r\n", "\n");
    let (head, body) = raw.trim_start_matches('\n').split_once("\n\n").unwrap_or((&raw, ""));
    let unfolded = head.replace("\n ", " ").replace("\n\t", " ");
    let headers = unfolded.lines().filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_lowercase(), value.trim().to_owned()))
    });
    (headers.collect(), body.to_owned())
}

fn decoded(headers: &BTreeMap<String, String>, body: &str) -> String {
    let bytes = match headers.get("content-transfer-encoding").map(String::as_str) {
        Some("quoted-printable") => quoted_printable(body, false),
        Some("base64") => STANDARD.decode(body.replace('\n', "")).expect("base64"),
        _ => body.as_bytes().to_vec(),
    };
    String::from_utf8(bytes).expect("UTF-8").replace("\r\n", "\n")
}

/// RFC 2045 §6.7, and the `Q` encoding of RFC 2047 §4.2, where a space is written as `_`.
fn quoted_printable(text: &str, in_header: bool) -> Vec<u8> {
    let text = text.replace("=\n", "");
    let mut bytes = text.bytes();
    let mut found = Vec::new();
    while let Some(byte) = bytes.next() {
        found.push(match byte {
            b'=' => {
                let pair = [bytes.next().expect("a digit"), bytes.next().expect("a digit")];
                let pair = std::str::from_utf8(&pair).expect("two digits");
                u8::from_str_radix(pair, 16).expect("hexadecimal digits")
            }
            b'_' if in_header => b' ',
            other => other,
        });
    }
    found
}

/// A header's words (RFC 2047).
fn words(header: &str) -> String {
    let joined = header.replace("?= =?", "?==?");
    let mut found = String::new();
    let mut rest = joined.as_str();
    while let Some((before, after)) = rest.split_once("=?utf-8?") {
        let (kind, after) = after.split_once('?').expect("an encoding");
        let (word, after) = after.split_once("?=").expect("an encoded word");
        let bytes = match kind {
            "b" | "B" => STANDARD.decode(word).expect("base64"),
            _ => quoted_printable(word, true),
        };
        found.push_str(before);
        found.push_str(&String::from_utf8(bytes).expect("UTF-8"));
        rest = after;
    }
    found + rest
}
