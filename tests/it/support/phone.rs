//! A person's phone: an authenticator app that scans what a page shows.

use latchkey::paths;

use super::Latchkey;
use super::browser::Browser;
use super::flow::{sign_in_with, totp};
use super::page::Page;
use super::people::TestUser;

/// An app that has scanned a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phone {
    pub seed: Vec<u8>,
}

/// The bytes of RFC 4648 base32.
pub fn from_base32(text: &str) -> Vec<u8> {
    let (mut bits, mut held, mut bytes) = (0_u32, 0, Vec::new());
    for letter in text.bytes().filter(|byte| *byte != b' ') {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'2'..=b'7' => letter - b'2' + 26,
            other => panic!("{other} is no base32"),
        };
        bits = (bits << 5) | u32::from(value);
        held += 5;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from((bits >> held) & 255).expect("a byte"));
        }
    }
    bytes
}

impl Phone {
    /// Scans the `otpauth:` address of a set-up page.
    pub fn scan(page: &Page) -> Self {
        let links = page.attributes("a#otpauth", "href");
        assert_eq!(links.len(), 1, "nothing to scan: {page}");
        Self::read(&links[0])
    }

    /// Reads an `otpauth:` address.
    pub fn read(address: &str) -> Self {
        let address: reqwest::Url = address.parse().expect("an address");
        assert_eq!((address.scheme(), address.host_str()), ("otpauth", Some("totp")));
        let secret = address.query_pairs().find(|(name, _)| name == "secret").expect("a secret");
        Self { seed: from_base32(&secret.1) }
    }

    /// What it shows so many steps from now.
    pub fn code(&self, latchkey: &Latchkey, steps: i64) -> String {
        totp(&self.seed, latchkey.clock.now().seconds() + 30 * steps)
    }

    /// Types the next code that was not used yet into a page and sends it.
    pub async fn answer(&self, latchkey: &Latchkey, browser: &mut Browser, page: Page) -> Page {
        latchkey.pass_seconds(30);
        let page = page.fill("code", &self.code(latchkey, 0));
        browser.submit(&page, "Verify").await.page()
    }
}

/// The backup codes that a page shows.
pub fn codes_of(page: &Page) -> Vec<String> {
    let codes = page.texts("#codes code");
    assert_eq!(codes.len(), 10, "{page}");
    codes
}

impl Latchkey {
    /// Turns two-factor on in a browser that has just signed in, as its pages lead.
    pub async fn turn_on(&self, browser: &mut Browser) -> (Phone, Vec<String>) {
        let page = browser.open(paths::ACCOUNT_TWO_FACTOR_SET_UP).await;
        let phone = Phone::scan(&page);
        let page = page.fill("code", &phone.code(self, 0)).fill("name", "Pixel");
        let page = browser.submit(&page, "Turn on").await.page();
        let codes = codes_of(&page);
        let page = browser.submit(&page, "I have saved them").await.page();
        assert_eq!(page.url.path(), paths::ACCOUNT_TWO_FACTOR, "{page}");
        (phone, codes)
    }

    /// Adds one more app in a browser that has shown a code.
    pub async fn add_app(&self, browser: &mut Browser, name: &str) -> Phone {
        let page = browser.open(paths::ACCOUNT_TWO_FACTOR_SET_UP).await;
        let phone = Phone::scan(&page);
        let page = page.fill("name", name).fill("code", &phone.code(self, 0));
        let page = browser.submit(&page, "Add this app").await.page();
        assert_eq!(page.url.path(), paths::ACCOUNT_TWO_FACTOR, "{page}");
        phone
    }

    /// A browser that has proven the password, before the page that asks for a code.
    pub async fn owing(&self, user: &TestUser) -> (Browser, Page) {
        let mut browser = self.browser();
        let page = sign_in_with(&mut browser, &user.username, &user.password).await;
        assert_eq!(page.url.path(), paths::LOGIN_TWO_FACTOR, "{page}");
        (browser, page)
    }

    /// Signs in with a code, in a browser of its own.
    pub async fn enter_with(&self, user: &TestUser, phone: &Phone) -> Browser {
        let (mut browser, page) = self.owing(user).await;
        let page = phone.answer(self, &mut browser, page).await;
        assert_eq!(page.url.path(), paths::ACCOUNT_SECURITY, "{page}");
        browser
    }

    /// Types a backup code where one is asked for; the page that comes.
    pub async fn use_backup_code(&self, browser: &mut Browser, page: &Page, code: &str) -> Page {
        let other = page.link("Use a backup code instead");
        let page = browser.open(other.as_str()).await;
        browser.submit(&page.fill("code", code), "Verify").await.page()
    }
}
