//! What both doors show of setting two-factor up: the code to scan, the key to type, the backup
//! codes this one time.

use std::fmt::Write;

use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use qrcode::{Color, EcLevel, QrCode};
use serde::Serialize;

use crate::app::App;
use crate::identity::two_factor::{Claim, Confirmed, Enrolment, NAME_LENGTH, Replaces};
use crate::store::users::User;
use crate::web::error::PageError;
use crate::web::form::PageForm;

/// What is scanned or typed into an app, and what was filled in so far.
#[derive(Clone, Debug, Serialize)]
pub struct SetUpView {
    id: String,
    key: String,
    url: String,
    qr: QrView,
    name: String,
    name_length: usize,
    error: Option<String>,
}

/// A QR code as one SVG path on a square grid, its quiet zone included.
#[derive(Clone, Debug, Serialize)]
struct QrView {
    size: usize,
    path: String,
}

/// Backup codes, shown this once.
#[derive(Clone, Debug, Serialize)]
pub struct CodesView {
    list: Vec<String>,
    file: String,
    file_name: &'static str,
}

/// The modules of white that a QR code needs around it (ISO/IEC 18004).
const QUIET: usize = 4;

impl SetUpView {
    /// The app that is being set up for `user`; `name` and `error` as of the last try.
    pub fn of(
        app: &App,
        user: &User,
        enrolment: &Enrolment,
        (name, error): (&str, Option<String>),
    ) -> Result<Self, PageError> {
        let url = enrolment.url(&app.config.branding.name, &user.username);
        let qr = draw(&url).map_err(PageError::Fault)?;
        Ok(Self {
            id: enrolment.id.clone(),
            key: in_groups(&enrolment.key()),
            url,
            qr,
            name: name.to_owned(),
            name_length: NAME_LENGTH,
            error,
        })
    }

    /// The status that the page is sent with.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        if self.error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }
    }
}

impl CodesView {
    /// The codes, and the same as a file to download: an address that holds its content needs no
    /// JavaScript and no second request.
    #[must_use]
    pub fn of(app: &App, user: &User, list: Vec<String>) -> Self {
        let lines: Vec<String> =
            list.iter().enumerate().map(|(at, code)| format!("{:>2}. {code}", at + 1)).collect();
        let text = format!(
            "Backup codes for {} at {}\r\n{}\r\n\r\n{}\r\n\r\nEach code signs you in once. \
             Keep them where only you can find them.\r\n",
            user.username,
            app.config.branding.name,
            app.config.issuer,
            lines.join("\r\n"),
        );
        let file = format!("data:text/plain;charset=utf-8;base64,{}", STANDARD.encode(text));
        Self { list, file, file_name: "backup-codes.txt" }
    }
}

/// What the set-up page posts.
#[must_use]
pub fn claim(form: &PageForm) -> Claim<'_> {
    Claim {
        id: form.text("enrolment"),
        code: form.text("code"),
        name: form.text("name"),
        replaces: Replaces::read(form.text("replace")),
    }
}

/// Why a first code did not do, in words that help; nothing when it did.
#[must_use]
pub fn complaint(outcome: &Confirmed) -> Option<String> {
    Some(match outcome {
        Confirmed::Done(_) => return None,
        Confirmed::Wrong => "The code is not right. Check that you scanned the code below, then \
                             enter the six digits that the app shows now."
            .into(),
        Confirmed::Over => "This page was open too long, or another app was set up meanwhile. \
                            Scan the new code below."
            .into(),
        Confirmed::ClockOff { ahead, minutes } => {
            let plural = if *minutes == 1 { "" } else { "s" };
            let side = if *ahead { "ahead" } else { "behind" };
            format!(
                "The code is right, but your phone’s clock seems to be {minutes} minute{plural} \
                 {side}. Set its date and time to automatic, then enter the code that the app \
                 shows."
            )
        }
    })
}

/// Groups of four letters, as people read a key aloud.
fn in_groups(key: &str) -> String {
    let letters: Vec<char> = key.chars().collect();
    let groups: Vec<String> = letters.chunks(4).map(|group| group.iter().collect()).collect();
    groups.join(" ")
}

fn draw(text: &str) -> anyhow::Result<QrView> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M)?;
    let (width, colors) = (code.width(), code.to_colors());
    let mut path = String::new();
    for (y, row) in colors.chunks(width).enumerate() {
        let mut x = 0;
        for run in row.chunk_by(PartialEq::eq) {
            if run.first() == Some(&Color::Dark) {
                let (left, top, length) = (x + QUIET, y + QUIET, run.len());
                write!(path, "M{left} {top}h{length}v1h-{length}z")?;
            }
            x += run.len();
        }
    }
    Ok(QrView { size: width + 2 * QUIET, path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_qr_code_is_drawn_module_by_module() {
        let view = draw("otpauth://totp/x").unwrap();
        let code = QrCode::with_error_correction_level("otpauth://totp/x", EcLevel::M).unwrap();
        assert_eq!(view.size, code.width() + 8);
        let drawn: usize = view
            .path
            .split('h')
            .filter_map(|part| part.split_once('v').map(|(length, _)| length))
            .map(|length| length.parse::<usize>().unwrap())
            .sum();
        let dark = code.to_colors().iter().filter(|color| **color == Color::Dark).count();
        assert_eq!(drawn, dark);
        // The finder pattern in the corner, behind the quiet zone.
        assert!(view.path.starts_with("M4 4h7v1h-7z"), "{}", view.path);
    }
}
