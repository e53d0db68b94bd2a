//! Mails as files.

use std::os::unix::fs::PermissionsExt;

use latchkey::clock::Timestamp;
use latchkey::config::Config;
use latchkey::mail::{Letter, Mail, MailError};

use crate::support::mails::{self, files_in};

/// A mail to Alice.
pub fn letter(id: &str, seconds: i64) -> Letter {
    Letter {
        id: id.to_owned(),
        at: Timestamp::from_seconds(seconds),
        to: "alice@people.example".into(),
        subject: "Ein Gruß, und mehr als fünfundsiebzig Zeichen, damit er gefaltet werden muß"
            .into(),
        text: ".\nEin Punkt am Anfang, Grüße, und eine lange Zeile: ".to_owned() + &"x".repeat(200),
        html: "<!doctype html><html lang=\"de\"><p>Grüße</p></html>".into(),
    }
}

fn into(folder: &std::path::Path) -> Mail {
    let mut config = Config::default();
    config.mail.transport = format!("file://{}", folder.display());
    config.mail.from = "Latchkey <id@example.com>".into();
    Mail::open(&config).expect("a folder will do")
}

#[tokio::test]
async fn a_mail_becomes_a_file_that_only_its_owner_reads() {
    let home = tempfile::tempdir().expect("a folder");
    let folder = home.path().join("deep/outbox");
    let mail = into(&folder);
    assert!(!folder.exists(), "nothing is made before it is needed");
    let second = letter("0002", 1_772_442_060);
    for letter in [&second, &letter("0001", 1_772_442_000), &second] {
        mail.send(letter).await.expect("it is written");
    }
    let files = files_in(&folder);
    assert_eq!(files.len(), 2, "a second try replaces the first: {files:?}");
    let all = std::fs::read_dir(&folder).expect("the folder").count();
    assert_eq!(all, 2, "nothing unfinished is left");
    let mode = |path: &std::path::Path| {
        std::fs::metadata(path).expect("a file").permissions().mode() & 0o777
    };
    assert_eq!((mode(&folder), mode(&files[0])), (0o700, 0o600));
    assert!(files[0].to_string_lossy().ends_with("20260302T090000Z-0001.eml"), "{files:?}");
    let read = mails::Mail::read(&std::fs::read_to_string(&files[1]).expect("a mail"));
    assert_eq!((read.subject.as_str(), read.text.trim_end()), (&*second.subject, &*second.text));
    assert_eq!((read.html.trim_end(), read.to.as_str()), (&*second.html, &*second.to));
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_tried_again() {
    let home = tempfile::tempdir().expect("a folder");
    let file = home.path().join("outbox");
    std::fs::write(&file, "no folder").expect("a file");
    let error = into(&file).send(&letter("0001", 0)).await.expect_err("it is no folder");
    assert!(matches!(error, MailError::NotNow(_)), "{error:?}");
}

#[tokio::test]
async fn an_address_that_is_none_is_not_tried_again() {
    let home = tempfile::tempdir().expect("a folder");
    let letter =
        Letter { to: "alice@people.example\r\nBcc: eve@x.example".into(), ..letter("1", 0) };
    let error = into(home.path()).send(&letter).await.expect_err("it is no address");
    assert!(matches!(error, MailError::Hopeless(_)), "{error:?}");
    assert!(files_in(home.path()).is_empty());
}

#[tokio::test]
async fn what_is_wrong_with_the_way_out_is_said_at_start() {
    let mut config = Config::default();
    config.mail.from = "Latchkey <two@@example.com>".into();
    let error = Mail::open(&config).expect_err("no address").to_string();
    assert!(error.contains("mail.from"), "{error}");
    let mut config = Config::default();
    config.mail.transport = "smtps://mail.example.com".into();
    config.outbound.extra_ca = Some("/nonexistent.pem".into());
    let error = format!("{:#}", Mail::open(&config).expect_err("no such file"));
    assert!(error.contains("outbound.extra_ca /nonexistent.pem"), "{error}");
}
