//! Mails as files, for development, tests, and programs that pick them up.

use std::path::Path;

use anyhow::Context;
use tokio::fs::{DirBuilder, OpenOptions};
use tokio::io::AsyncWriteExt;

use super::Letter;

/// Writes a mail into `folder`, where it appears whole or not at all. Names sort by time, and a
/// mail that is written twice has one. Only the account that runs the program can read it: mails
/// hold links that open accounts.
pub(super) async fn put(folder: &Path, letter: &Letter, bytes: &[u8]) -> anyhow::Result<()> {
    let place = || format!("the folder of mail.transport, {}", folder.display());
    DirBuilder::new().recursive(true).mode(0o700).create(folder).await.with_context(place)?;
    let at = letter.at.to_string().replace([':', '-'], "");
    let name = format!("{at}-{}.eml", letter.id);
    let unfinished = folder.join(format!(".{name}.tmp"));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&unfinished).await.with_context(place)?;
    file.write_all(bytes).await.with_context(place)?;
    file.sync_all().await.with_context(place)?;
    tokio::fs::rename(&unfinished, folder.join(name)).await.with_context(place)
}
