//! Passwords that attackers try first: a list of our own, and the operator's beside it.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::LazyLock;

use anyhow::Context;
use aws_lc_rs::digest;
use unicode_normalization::UnicodeNormalization;

/// The passwords that lead every list of leaked ones; `README.md` beside it says whence.
const COMMON: &str = include_str!("common.txt");

/// Those that people here are fond of and the list lacks.
const MORE: [&str; 4] = ["administrator", "changeit", "passphrase", "kennwort"];

/// A word with up to so many digits and signs around it is still that word.
const DRESS: usize = 8;

/// The shortest word that makes a password common by itself when it is dressed up.
const SHORTEST_WORD: usize = 4;

/// A longer line of a list is no password that anybody may have.
const LONGEST_LINE: usize = 512;

/// Our own list is the same for all: it is read once.
static OWN: LazyLock<Vec<u64>> =
    LazyLock::new(|| sorted(COMMON.lines().chain(MORE).map(fingerprint).collect()));

/// On which list a password was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    /// Our own.
    Common,
    /// The operator's.
    Operators,
}

/// What is looked up: eight bytes of a hash for each password, so that a list of millions fits.
#[derive(Debug, Default)]
pub struct Blocklist {
    operators: Vec<u64>,
}

impl Blocklist {
    /// Our own list, and the operator's (`password.blocklist`), one password a line.
    pub fn open(operators: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = operators else { return Ok(Self::default()) };
        let read = || -> std::io::Result<Vec<u64>> {
            let mut prints = Vec::new();
            // Not `lines`: one name in Latin-1 among a million must not refuse the rest.
            for line in BufReader::new(File::open(path)?).split(b'\n') {
                let line = line?;
                let text = String::from_utf8_lossy(&line);
                let text = text.trim_end_matches('\r');
                if !text.is_empty() && text.len() <= LONGEST_LINE {
                    prints.push(fingerprint(&fold(text)));
                }
            }
            Ok(prints)
        };
        let prints = read()
            .with_context(|| format!("password.blocklist {} cannot be read", path.display()))?;
        Ok(Self { operators: sorted(prints) })
    }

    /// Whether `password`, or the word that is only dressed up in it, is on a list.
    #[must_use]
    pub fn find(&self, password: &str) -> Option<Listed> {
        let forms = forms(&fold(password));
        let on = |list: &[u64]| forms.iter().any(|form| list.binary_search(form).is_ok());
        if on(&OWN) {
            return Some(Listed::Common);
        }
        on(&self.operators).then_some(Listed::Operators)
    }
}

fn sorted(mut prints: Vec<u64>) -> Vec<u64> {
    prints.sort_unstable();
    prints.dedup();
    prints.shrink_to_fit();
    prints
}

/// How passwords are compared: NFC, in lower case.
fn fold(password: &str) -> String {
    password.nfc().collect::<String>().to_lowercase()
}

fn fingerprint(password: &str) -> u64 {
    let hash = digest::digest(&digest::SHA256, password.as_bytes());
    hash.as_ref().iter().take(8).fold(0, |print, byte| (print << 8) | u64::from(*byte))
}

/// Letters in place of the digits and signs that stand for them; `one` is what `1` and `!` are.
fn undress(text: &str, one: char) -> String {
    let letter = |c| match c {
        '@' | '4' => 'a',
        '0' => 'o',
        '1' | '!' | '|' => one,
        '3' => 'e',
        '5' | '$' => 's',
        '7' | '+' => 't',
        other => other,
    };
    text.chars().map(letter).collect()
}

/// The password itself, and the words that `P@ssw0rd1!` and its like are made of.
fn forms(folded: &str) -> BTreeSet<u64> {
    let no_letter = |c: char| !c.is_alphabetic();
    let sign = |c: char| !c.is_alphanumeric();
    let length = folded.chars().count();
    let mut words = BTreeSet::new();
    for cut in [
        folded,
        folded.trim_matches(sign),
        folded.trim_end_matches(no_letter),
        folded.trim_start_matches(no_letter),
        folded.trim_matches(no_letter),
    ] {
        let left = cut.chars().count();
        if cut == folded || (left >= SHORTEST_WORD && length - left <= DRESS) {
            words.insert(cut.to_owned());
            words.insert(undress(cut, 'i'));
            words.insert(undress(cut, 'l'));
        }
    }
    words.iter().map(|word| fingerprint(word)).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn what_everybody_tries_first_is_found_in_any_dress() {
        let list = Blocklist::default();
        for common in [
            "password",
            "PassWord",
            "P@ssw0rd1!",
            "p455w0rd",
            "$unsh1ne99!",
            "Letm31n!!",
            "Adm1n123!",
            "Administrator#1",
            "1q2w3e4r",
            "Qwertyuiop1!",
            "!!Dragon2024",
            "abcdef12!",
        ] {
            assert_eq!(list.find(common), Some(Listed::Common), "{common}");
        }
        for fine in
            ["t4ble-lamp-Orbit%91", "ab1!efgh", "a long passphrase", "dragon-of-2-Harbours!"]
        {
            assert_eq!(list.find(fine), None, "{fine}");
        }
        // More than a dress: a word with so much of chance around it is no word.
        assert_eq!(list.find("dragon#8164029375"), None);
    }

    #[test]
    fn our_list_is_long_and_as_its_readme_says() {
        assert!(OWN.len() >= 30_000, "{}", OWN.len());
        let lines: Vec<_> = COMMON.lines().collect();
        assert!(lines.is_sorted() && lines.iter().all(|line| fold(line) == *line));
    }

    #[test]
    fn the_operators_list_counts_beside_ours() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all("Caf\u{e9}-Nord-77\r\n\n\u{fffd}\nLighthouse\n".as_bytes()).unwrap();
        file.write_all(b"caf\xe9\n").unwrap();
        let list = Blocklist::open(Some(file.path())).unwrap();
        for listed in ["CAFE\u{301}-nord-77", "lighthouse", "L1ghth0use!7"] {
            assert_eq!(list.find(listed), Some(Listed::Operators), "{listed}");
        }
        assert_eq!(list.find("password"), Some(Listed::Common));
        assert_eq!(list.find("harbour-nord-77"), None);
        let missing = Blocklist::open(Some(Path::new("/nowhere/list.txt"))).unwrap_err();
        assert!(format!("{missing:#}").contains("/nowhere/list.txt"));
    }
}
