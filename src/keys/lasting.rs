//! The instance's lasting secrets: what passwords, client secrets and tokens are made with. They
//! lie in the database, sealed, and outlive every master key.

use std::fmt;

use anyhow::ensure;
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use zeroize::Zeroizing;

use super::files::Secret;
use super::master::bytes_of;
use super::token_sealer::TokenSealer;
use crate::secret::Random;

/// What goes into every password hash.
pub const PEPPER: &str = "password-pepper";
/// What access tokens are sealed with.
pub const ACCESS_TOKENS: &str = "access-tokens";

/// What is authenticated by a MAC, each under a secret of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mac {
    /// A client's secret, as it lies in the database.
    ClientSecret,
    /// A backup code, as it lies in the database.
    BackupCode,
    /// A name that nobody has, in counts and in the trail.
    UnknownName,
    /// The subject that a pairwise client knows a person by.
    PairwiseSubject,
    /// The `sid` that a client knows a session by.
    SessionId,
    /// A refresh token.
    RefreshToken,
    /// The token of a form.
    Form,
    /// Where a list goes on.
    Cursor,
}

impl Mac {
    /// All of them, in the order of the list that [`LastingSecrets`] keeps.
    const ALL: [Self; 8] = [
        Self::ClientSecret,
        Self::BackupCode,
        Self::UnknownName,
        Self::PairwiseSubject,
        Self::SessionId,
        Self::RefreshToken,
        Self::Form,
        Self::Cursor,
    ];

    /// The secret's name. Earlier versions derived it from the master key under the same one.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClientSecret => "mac/client-secret",
            Self::BackupCode => "mac/backup-code",
            Self::UnknownName => "mac/unknown-name",
            Self::PairwiseSubject => "mac/pairwise-subject",
            Self::SessionId => "mac/session-id",
            Self::RefreshToken => "mac/refresh-token",
            Self::Form => "mac/csrf",
            Self::Cursor => "mac/cursor",
        }
    }
}

/// The names of all lasting secrets.
pub fn names() -> impl Iterator<Item = &'static str> {
    [PEPPER, ACCESS_TOKENS].into_iter().chain(Mac::ALL.map(Mac::name))
}

/// The lasting secrets, opened. Of each the first one makes; others are only accepted, which an
/// installation has whose tokens an earlier version made under several master keys.
pub struct LastingSecrets {
    pepper: Secret,
    access_tokens: Vec<Secret>,
    macs: Vec<(Mac, Vec<hmac::Key>)>,
}

impl LastingSecrets {
    /// Those whose bytes `read` gives for each name: 32 for each secret.
    pub fn read(
        mut read: impl FnMut(&str) -> anyhow::Result<Zeroizing<Vec<u8>>>,
    ) -> anyhow::Result<Self> {
        let mut secrets = |name: &str| -> anyhow::Result<Vec<Secret>> {
            let bytes = read(name)?;
            let (secrets, rest) = bytes.as_chunks::<32>();
            ensure!(!secrets.is_empty() && rest.is_empty(), "the secret {name} is damaged");
            Ok(secrets.iter().map(|secret| Zeroizing::new(*secret)).collect())
        };
        let mut macs = Vec::new();
        for mac in Mac::ALL {
            let keys = secrets(mac.name())?;
            let key = |secret: &Secret| hmac::Key::new(hmac::HMAC_SHA256, secret.as_slice());
            macs.push((mac, keys.iter().map(key).collect()));
        }
        let mut peppers = secrets(PEPPER)?;
        Ok(Self { pepper: peppers.swap_remove(0), access_tokens: secrets(ACCESS_TOKENS)?, macs })
    }

    /// New ones that nobody keeps: for tests and benchmarks.
    pub fn in_memory(random: &Random) -> anyhow::Result<Self> {
        Self::read(|_| Ok(Zeroizing::new(random.bytes::<32>().to_vec())))
    }

    /// What goes into every password hash.
    #[must_use]
    pub fn pepper(&self) -> [u8; 32] {
        *self.pepper
    }

    /// What seals access tokens.
    pub fn token_sealer(&self, random: &Random) -> anyhow::Result<TokenSealer> {
        TokenSealer::new(&self.access_tokens, random)
    }

    /// HMAC-SHA256 under the secret of that purpose.
    #[must_use]
    pub fn mac(&self, mac: Mac, data: &[u8]) -> [u8; 32] {
        // The list has all of them; without keys nothing could ever hold.
        self.keys(mac).first().map_or([0; 32], |key| bytes_of(&hmac::sign(key, data)))
    }

    /// [`Self::mac`] in base64url.
    #[must_use]
    pub fn mac_text(&self, mac: Mac, data: &[u8]) -> String {
        BASE64.encode(self.mac(mac, data))
    }

    /// Whether `tag` is right for `data`; takes the same time either way.
    #[must_use]
    pub fn mac_holds(&self, mac: Mac, data: &[u8], tag: &[u8]) -> bool {
        self.keys(mac).iter().any(|key| hmac::verify(key, data, tag).is_ok())
    }

    fn keys(&self, mac: Mac) -> &[hmac::Key] {
        let found = self.macs.iter().find(|(of, _)| *of == mac);
        found.map(|(_, keys)| keys.as_slice()).unwrap_or_default()
    }
}

impl fmt::Debug for LastingSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LastingSecrets")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lasting_secrets_make_with_the_first_and_accept_all() {
        let one = |byte| Zeroizing::new(vec![byte; 32]);
        let old = LastingSecrets::read(|_| Ok(one(1))).unwrap();
        let both =
            LastingSecrets::read(|_| Ok([one(2).as_slice(), &one(1)].concat().into())).unwrap();
        let mac = old.mac(Mac::RefreshToken, b"data");
        assert!(both.mac_holds(Mac::RefreshToken, b"data", &mac));
        assert!(!both.mac_holds(Mac::RefreshToken, b"date", &mac));
        assert!(!both.mac_holds(Mac::RefreshToken, b"data", &mac[..31]));
        assert_ne!(both.mac(Mac::RefreshToken, b"data"), mac);
        let token = old.token_sealer(&Random::System).unwrap().seal_token(b"record").unwrap();
        assert_eq!(
            both.token_sealer(&Random::System).unwrap().open_token(&token).unwrap(),
            b"record"
        );
        let mut names: Vec<_> = names().collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 10);
        for wrong in [0, 31, 33] {
            assert!(LastingSecrets::read(|_| Ok(vec![0; wrong].into())).is_err());
        }
    }
}
