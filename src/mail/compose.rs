//! A letter as a message of the Internet (RFC 5322): words and HTML side by side.

use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context, ensure};
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::{Address, Message};

use super::Letter;

/// The message; fails if the address is none, or if the subject is more than a line.
///
/// The date is the letter's own, so that a mail that was delayed does not claim to be new.
pub(super) fn message(from: &Mailbox, letter: &Letter) -> anyhow::Result<Message> {
    let to: Address = letter.to.parse().context("the recipient's address cannot be used")?;
    ensure!(!letter.subject.contains(char::is_control), "the subject is more than a line");
    let millis = u64::try_from(letter.at.millis()).unwrap_or_default();
    // RFC 3834 §5: nobody's automatic reply comes back to it.
    let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
    let message = Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to))
        .subject(letter.subject.clone())
        .date(UNIX_EPOCH + Duration::from_millis(millis))
        .message_id(Some(format!("<{}@{}>", letter.id, from.email.domain())))
        .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
        .multipart(
            MultiPart::alternative()
                .boundary(format!("latchkey-{}", letter.id))
                .singlepart(SinglePart::plain(letter.text.clone()))
                .singlepart(SinglePart::html(letter.html.clone())),
        )?;
    Ok(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    fn letter(to: &str, subject: &str) -> Letter {
        Letter {
            id: "0198f0a0".into(),
            at: Timestamp::from_seconds(1_772_442_000),
            to: to.into(),
            subject: subject.into(),
            text: "Grüße".into(),
            html: "<p>Grüße</p>".into(),
        }
    }

    fn text(letter: &Letter) -> anyhow::Result<String> {
        let from = "Latchkey <id@example.com>".parse().unwrap();
        Ok(String::from_utf8(message(&from, letter)?.formatted()).unwrap())
    }

    #[test]
    fn a_message_says_when_who_and_that_a_machine_wrote_it() {
        let text = text(&letter("alice@people.example", "Hello")).unwrap();
        for line in [
            "From: Latchkey <id@example.com>",
            "To: alice@people.example",
            "Subject: Hello",
            "Date: Mon, 02 Mar 2026 09:00:00 +0000",
            "Message-ID: <0198f0a0@example.com>",
            "Auto-Submitted: auto-generated",
            "MIME-Version: 1.0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing: {text}");
        }
        assert!(text.is_ascii(), "{text}");
    }

    #[test]
    fn nobody_adds_a_header() {
        for to in ["a@b.example\r\nBcc: c@d.example", "a@b.example,c@d.example", "a@b\n.example"] {
            assert!(text(&letter(to, "Hello")).is_err(), "{to:?}");
        }
        for subject in ["Hello\r\nBcc: c@d.example", "Hello\nX: y", "Hello\0"] {
            assert!(text(&letter("a@b.example", subject)).is_err(), "{subject:?}");
        }
    }
}
