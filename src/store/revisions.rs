//! The count of writes that make something less allowed, and the one reader that tells it to all.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::{AnyConnection, Connection};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::db::silent;
use super::engine::Engine;
use super::{Db, StoreError};

/// Takes the lock that every write holds which makes something less allowed. Call it before the
/// first row of such a write is touched: whoever waits for another's rows then holds none that
/// the other may want, and several revocations of the same tokens cannot lock each other out.
pub(super) async fn lock(db: &mut Db) -> Result<(), StoreError> {
    sqlx::query("UPDATE revisions SET revision = revision WHERE name = 'standing'")
        .execute(db)
        .await?;
    Ok(())
}

/// Counts this write, so that no cache answers from before it; [`lock`] went before.
pub(super) async fn bump(db: &mut Db) -> Result<(), StoreError> {
    sqlx::query("UPDATE revisions SET revision = revision + 1 WHERE name = 'standing'")
        .execute(db)
        .await?;
    Ok(())
}

/// Counts this write if it changed any row, and says whether it did.
pub(super) async fn bump_if(db: &mut Db, rows: u64) -> Result<bool, StoreError> {
    if rows > 0 {
        bump(db).await?;
    }
    Ok(rows > 0)
}

/// How long a connection that lay idle may keep silent: every request waits for this one reader.
const IDLE_WITHIN: Duration = Duration::from_secs(1);
/// How long a new one may take, its answer included.
const FRESH_WITHIN: Duration = Duration::from_secs(2);

type Answer = oneshot::Sender<Result<i64, Arc<str>>>;

/// Tells the present revision. All who ask while a read is under way share the next one, so that
/// the answer is always read after the question was asked.
#[derive(Clone, Debug)]
pub(super) struct RevisionReader {
    asked: mpsc::UnboundedSender<Answer>,
    reads: Arc<AtomicU64>,
}

impl RevisionReader {
    /// Starts the task that reads; it ends when the last handle is gone.
    pub(super) fn start(engine: Engine) -> Self {
        let (asked, questions) = mpsc::unbounded_channel();
        let reads = Arc::new(AtomicU64::new(0));
        tokio::spawn(answer(engine, questions, Arc::clone(&reads)));
        Self { asked, reads }
    }

    /// The revision at some instant between this call and its return.
    pub(super) async fn current(&self) -> Result<i64, StoreError> {
        let (answer, revision) = oneshot::channel();
        let closed = || StoreError::Unavailable("closed".into());
        self.asked.send(answer).map_err(|_| closed())?;
        match revision.await {
            Ok(Ok(revision)) => Ok(revision),
            Ok(Err(cause)) => Err(StoreError::Unavailable(cause.to_string().into())),
            Err(_) => Err(closed()),
        }
    }

    /// How many reads there were.
    pub(super) fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }
}

async fn answer(
    engine: Engine,
    mut questions: mpsc::UnboundedReceiver<Answer>,
    reads: Arc<AtomicU64>,
) {
    let mut connection: Option<AnyConnection> = None;
    let mut asking = Vec::new();
    // Everyone in `asking` has asked before the read begins.
    while questions.recv_many(&mut asking, usize::MAX).await > 0 {
        if engine.is_closed() {
            break;
        }
        reads.fetch_add(1, Ordering::Relaxed);
        let revision = read(&engine, &mut connection).await;
        for answer in asking.drain(..) {
            // Who went away needs no answer.
            let _gone = answer.send(revision.clone());
        }
    }
    if let Some(connection) = connection {
        let _ = connection.close().await;
    }
}

/// Reads over a connection of its own, so that no shortage of others holds it up; a connection
/// that broke or fell silent while it lay idle is replaced.
async fn read(engine: &Engine, connection: &mut Option<AnyConnection>) -> Result<i64, Arc<str>> {
    if let Some(mut open) = connection.take() {
        match timeout(IDLE_WITHIN, select(&mut open)).await.unwrap_or_else(|_| Err(silent())) {
            Ok(revision) => {
                *connection = Some(open);
                return Ok(revision);
            }
            Err(error) => tracing::debug!(%error, "the revision's connection is replaced"),
        }
    }
    let connected = async {
        let mut fresh = engine.connect_reader().await?;
        let revision = select(&mut fresh).await?;
        Ok::<_, StoreError>((fresh, revision))
    };
    match timeout(FRESH_WITHIN, connected).await.unwrap_or_else(|_| Err(silent().into())) {
        Ok((fresh, revision)) => {
            *connection = Some(fresh);
            Ok(revision)
        }
        Err(error) => Err(error.to_string().into()),
    }
}

async fn select(connection: &mut AnyConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("SELECT revision FROM revisions WHERE name = 'standing'")
        .fetch_one(connection)
        .await
}
