//! An authenticator app and the backup codes beside it.

use latchkey::clock::Clock;

/// What a person keeps of their second factor.
#[derive(Clone, Debug, Default)]
pub struct Phone {
    seed: Vec<u8>,
    /// Backup codes that nobody has used.
    pub codes: Vec<String>,
    /// Those whose use was acknowledged.
    pub used: Vec<String>,
    /// The step of the last code that was used.
    step: u64,
}

impl Phone {
    /// Scans what a set-up page shows.
    pub fn scan(page: &str) -> Option<Self> {
        let rest = page.split("secret=").nth(1)?;
        let letters: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
        Some(Self { seed: from_base32(&letters)?, ..Self::default() })
    }

    /// Keeps the backup codes that a page shows.
    pub fn keep_codes(&mut self, page: &str) {
        let codes = page.split("<li><code>").skip(1);
        let codes = codes.filter_map(|rest| rest.split('<').next());
        self.codes = codes.map(str::to_owned).collect();
    }

    /// A code that was not used yet and is good now; none before the next half minute begins.
    pub fn code(&mut self) -> Option<String> {
        let now = u64::try_from(Clock::System.now().seconds()).ok()? / 30;
        let step = now.max(self.step + 1);
        (step <= now + 1).then(|| {
            self.step = step;
            code_of(&self.seed, step)
        })
    }
}

/// RFC 6238 with its defaults.
fn code_of(seed: &[u8], step: u64) -> String {
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, seed);
    let mac = aws_lc_rs::hmac::sign(&key, &step.to_be_bytes());
    let mac = mac.as_ref();
    let at = usize::from(mac[19] & 15);
    let word = u32::from_be_bytes(mac[at..at + 4].try_into().expect("four bytes"));
    format!("{:06}", (word & 0x7fff_ffff) % 1_000_000)
}

/// The bytes of RFC 4648 base32.
fn from_base32(letters: &str) -> Option<Vec<u8>> {
    let (mut bits, mut held, mut bytes) = (0_u32, 0, Vec::new());
    for letter in letters.bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'2'..=b'7' => letter - b'2' + 26,
            _ => return None,
        };
        bits = (bits << 5) | u32::from(value);
        held += 5;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from((bits >> held) & 255).ok()?);
        }
    }
    Some(bytes)
}
