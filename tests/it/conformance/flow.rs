//! A request of the suite, how it ended, and what it brought.

use serde_json::Value;

use super::suite::text;
use crate::support::browser::Departure;
use crate::support::clients::TestClient;
use crate::support::page::Page;

/// An authorization request in the making.
#[derive(Clone, Debug)]
pub struct Request {
    pub client: TestClient,
    pub parameters: Vec<(String, String)>,
}

/// How a request ended, and what the person saw on the way.
pub struct Outcome {
    pub sign_ins: u32,
    pub consents: u32,
    pub end: End,
}

pub enum End {
    /// The answer arrived at the client.
    Answer(Departure),
    /// An error page was shown.
    ErrorPage(Box<Page>),
}

/// What a whole flow brought.
#[derive(Clone, Debug)]
pub struct Issued {
    pub code: String,
    /// The token response.
    pub tokens: Value,
    /// The claims of the ID token.
    pub id: Value,
    /// The header of the ID token.
    pub header: Value,
}

impl Request {
    /// With this parameter, in place of one of the same name.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        match self.parameters.iter_mut().find(|(key, _)| key == name) {
            Some((_, old)) => value.clone_into(old),
            None => self.parameters.push((name.to_owned(), value.to_owned())),
        }
        self
    }

    /// Without this parameter.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.parameters.retain(|(key, _)| key != name);
        self
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }
}

impl Outcome {
    /// The code; fails if there is none.
    pub fn code(&self) -> String {
        let answer = self.answer();
        answer.parameter("code").unwrap_or_else(|| panic!("no code came: {answer:?}"))
    }

    /// The error that the client was told; fails if it was not told any.
    pub fn error(&self) -> String {
        let answer = self.answer();
        answer.parameter("error").unwrap_or_else(|| panic!("no error came: {answer:?}"))
    }

    pub fn answer(&self) -> &Departure {
        match &self.end {
            End::Answer(answer) => answer,
            End::ErrorPage(page) => panic!("instead of an answer, {page}"),
        }
    }

    /// The error page; fails if the client was told anything.
    pub fn error_page(&self) -> &Page {
        match &self.end {
            End::ErrorPage(page) => {
                assert!(page.status.is_client_error(), "{page}");
                page
            }
            End::Answer(answer) => {
                panic!("instead of an error page, the client was told {answer:?}")
            }
        }
    }
}

impl Issued {
    pub fn access_token(&self) -> &str {
        text(&self.tokens, "access_token")
    }

    pub fn id_token(&self) -> &str {
        text(&self.tokens, "id_token")
    }
}
