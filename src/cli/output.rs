//! What commands print on standard output. Whoever reads it may stop at any line, and the disk that
//! it is redirected to may be full: neither is a reason to panic.

use std::io::{ErrorKind, Write};

use serde::Serialize;

/// Standard output took no more.
#[derive(Debug, thiserror::Error)]
#[error("writing the output")]
struct Unwritable(#[source] std::io::Error);

/// Prints a line. Fails when it cannot be written.
pub(crate) fn say(line: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(Unwritable)?;
    Ok(())
}

/// Whether a command stopped only because nobody reads on.
pub(crate) fn has_no_reader(error: &anyhow::Error) -> bool {
    let cause = error.downcast_ref::<Unwritable>();
    cause.is_some_and(|Unwritable(cause)| cause.kind() == ErrorKind::BrokenPipe)
}

/// How data are printed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    pub(crate) json: bool,
}

impl Output {
    /// Prints one thing: as JSON where that is asked, else in the given words.
    pub(crate) fn one<T: Serialize>(
        self,
        thing: &T,
        words: impl FnOnce(&T) -> String,
    ) -> anyhow::Result<()> {
        if self.json {
            say(&serde_json::to_string_pretty(thing)?)?;
        } else {
            say(&words(thing))?;
        }
        Ok(())
    }

    /// Prints a list: one JSON array, or a line each.
    pub(crate) fn list<T: Serialize>(
        self,
        things: &[T],
        line: impl Fn(&T) -> String,
    ) -> anyhow::Result<()> {
        if self.json {
            say(&serde_json::to_string_pretty(things)?)?;
        } else {
            for thing in things {
                say(&line(thing))?;
            }
        }
        Ok(())
    }
}
