// What people type: names, passwords, codes, colours, links back into a list.

use std::sync::LazyLock;

use latchkey::blocklist::Blocklist;
use latchkey::clock::Timestamp;
use latchkey::config::PasswordPolicy;
use latchkey::identity::password;
use latchkey::identity::sign_in::canonical_login;
use latchkey::identity::two_factor::{Typed, digits};
use latchkey::keys::LastingSecrets;
use latchkey::secret::Random;
use latchkey::templates::brand::Color;
use latchkey::web::cursor::Cursor;

use super::text;

/// Passwords and names have one form each, within their bounds.
pub fn password_and_name(data: &[u8]) {
    static BLOCKLIST: LazyLock<Blocklist> = LazyLock::new(Blocklist::default);
    let Some(text) = text(data) else { return };
    if let Some(normal) = password::normalize(text) {
        assert!(normal.chars().count() <= password::MAX_CHARS);
        assert!(normal.len() <= password::MAX_BYTES);
        assert_eq!(password::normalize(&normal).as_deref(), Some(normal.as_str()));
    }
    for policy in [PasswordPolicy::Default, PasswordPolicy::Nist] {
        let rules = password::Rules { policy, blocklist: &BLOCKLIST, service: "Latchkey" };
        if rules.check(text, &[]).is_ok() {
            assert!(text.chars().count() >= 8 && password::normalize(text).is_some());
        }
    }
    if let Some(name) = canonical_login(text) {
        assert!(!name.is_empty() && name.chars().count() <= 254);
        assert!(!name.chars().any(|c| c.is_control() || c.is_whitespace()));
        assert_eq!(canonical_login(&name).as_deref(), Some(name.as_str()));
    }
}

/// A code of an app is six digits, one of the backup set sixteen letters; nothing is both.
pub fn second_factor(data: &[u8]) {
    let Some(typed) = text(data) else { return };
    let app_code = digits(typed);
    let backup_code = Typed::read(typed).map(|code| code.letters().to_owned());
    let (mut numbers, mut others) = (String::new(), 0);
    for c in typed.chars() {
        match c {
            '0'..='9' => numbers.push(c),
            ' ' => {}
            _ => others += 1,
        }
    }
    let is_code = numbers.len() == 6 && others == 0 && typed.len() <= 64;
    assert_eq!(app_code, is_code.then_some(numbers));
    let expected = crockford(typed).filter(|_| typed.len() <= 64);
    assert_eq!(backup_code, expected);
    assert!(app_code.is_none() || backup_code.is_none());
    if let Some(code) = backup_code {
        // As it is shown and as it is typed it is the same code.
        let shown: Vec<String> =
            (0..4).map(|group| code[group * 4..group * 4 + 4].to_lowercase()).collect();
        let again = Typed::read(&shown.join("-")).expect("its own form");
        assert_eq!(again.letters(), code);
    }
}

/// Crockford's base32 by its table: each sign to its value and back.
fn crockford(typed: &str) -> Option<String> {
    let mut letters = String::new();
    for c in typed.chars() {
        let value = match c {
            ' ' | '-' => continue,
            '0' | 'o' | 'O' => 0,
            '1' | 'i' | 'I' | 'l' | 'L' => 1,
            '2'..='9' => u32::from(c) - u32::from('0'),
            'a'..='h' => u32::from(c) - u32::from('a') + 10,
            'A'..='H' => u32::from(c) - u32::from('A') + 10,
            'j' | 'J' => 18,
            'k' | 'K' => 19,
            'm' | 'M' => 20,
            'n' | 'N' => 21,
            'p'..='t' => u32::from(c) - u32::from('p') + 22,
            'P'..='T' => u32::from(c) - u32::from('P') + 22,
            'v'..='z' => u32::from(c) - u32::from('v') + 27,
            'V'..='Z' => u32::from(c) - u32::from('V') + 27,
            _ => return None,
        };
        letters.push(char::from(b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"[value as usize]));
    }
    (letters.len() == 16).then_some(letters)
}

/// Two lines: an instant with an id, and what somebody made of our link. Only what we made for
/// this list and person is read, and as what it was.
pub fn cursor(data: &[u8]) {
    static KEY: LazyLock<LastingSecrets> =
        LazyLock::new(|| LastingSecrets::in_memory(&Random::seeded(7)).expect("secrets"));
    let Some(text) = text(data) else { return };
    let (own, sent) = text.split_once('\n').unwrap_or(("0.", text));
    assert!(Cursor::read_with(&KEY, "list", "alice", sent).is_none(), "{sent:?} is not ours");
    let (at, id) = own.split_once('.').unwrap_or((own, ""));
    let Ok(at) = at.parse() else { return };
    if id.contains('.') {
        return;
    }
    let cursor = Cursor { at: Timestamp::from_millis(at), id: id.to_owned() };
    let sealed = cursor.seal_with(&KEY, "list", "alice");
    let read = |text: &str| Cursor::read_with(&KEY, "list", "alice", text);
    assert_eq!(read(&sealed), Some(cursor.clone()));
    assert_eq!(Cursor::read_with(&KEY, "list", "bob", &sealed), None);
    assert_eq!(Cursor::read_with(&KEY, "other", "alice", &sealed), None);
    // Whatever is written before, after or into it makes it another link.
    for changed in [format!("{sent}{sealed}"), format!("{sealed}{sent}"), sealed.to_lowercase()] {
        let opened = read(&changed);
        assert!(opened.is_none() || opened == Some(cursor.clone()), "{changed:?}");
    }
}

/// What somebody chose as their colour becomes a style sheet of two colours, and nothing else.
pub fn color(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let Some(color) = Color::parse(text) else { return };
    let digits: String = text.trim().chars().skip(1).collect();
    assert!(digits.len() == 3 || digits.len() == 6);
    let doubled: String = if digits.len() == 3 {
        digits.chars().flat_map(|digit| [digit, digit]).collect()
    } else {
        digits
    };
    assert_eq!(color.css(), format!("#{}", doubled.to_ascii_lowercase()));
    assert_eq!(Color::parse(&color.css()), Some(color));
    let sheet = color.stylesheet();
    let rest = sheet.strip_prefix(":root{--accent:#").expect("one rule");
    let (light, rest) = rest.split_at(6);
    let dark = rest.strip_prefix(";--accent-dark:#").expect("two colours");
    let (dark, end) = dark.split_at(6);
    assert_eq!(end, "}\n");
    assert!(light.chars().chain(dark.chars()).all(|digit| digit.is_ascii_hexdigit()));
}
