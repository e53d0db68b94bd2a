//! How hard a password is to guess, for the meter beside the field; it decides nothing.

use std::sync::LazyLock;

use tokio::sync::Semaphore;
use zxcvbn::zxcvbn;

/// Beyond so many characters the estimate says nothing new, and costs more than it is worth.
const LOOKED_AT: usize = 64;

/// One estimate at a time: it must never take the processor from those who sign in.
static TURN: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(1));

/// The words for each step of the meter.
const WORDS: [&str; 5] = ["Very weak", "Weak", "Fair", "Good", "Strong"];

/// What the meter shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strength {
    /// From 0, guessed at once, to 4.
    pub score: u8,
    /// The same in words.
    pub words: &'static str,
}

impl Strength {
    fn of(score: u8) -> Self {
        let words = WORDS.get(usize::from(score)).copied().unwrap_or_default();
        Self { score, words }
    }

    /// No stronger than `score`.
    #[must_use]
    pub fn at_most(self, score: u8) -> Self {
        Self::of(self.score.min(score))
    }
}

/// Estimates how hard `password` is to guess for somebody who knows `names`; `None` when too many
/// want to know at once.
pub async fn estimate(password: &str, names: &[&str]) -> anyhow::Result<Option<Strength>> {
    let Ok(_turn) = TURN.try_acquire() else { return Ok(None) };
    let password: String = password.chars().take(LOOKED_AT).collect();
    let names: Vec<String> = names.iter().map(|name| name.chars().take(100).collect()).collect();
    let score = tokio::task::spawn_blocking(move || {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        u8::from(zxcvbn(&password, &names).score())
    })
    .await?;
    Ok(Some(Strength::of(score)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_meter_knows_bad_from_good() {
        let score = async |password: &str| {
            estimate(password, &["Alice Moreau"]).await.unwrap().map(|strength| strength.score)
        };
        assert_eq!(score("").await, Some(0));
        assert!(score("password1!").await < Some(2));
        assert_eq!(score("t4ble-lamp-Orbit%91").await, Some(4));
    }
}
