//! SQLite's one writer: those who wait for it together share a COMMIT.
//!
//! A commit costs a wait for the disk, whatever it holds. So the first writer begins a
//! transaction, and each works in a savepoint of its own. Who is done while others wait hands the
//! open transaction on; a committer queues up behind those who wait at that moment, and when its
//! turn comes, one COMMIT serves them all. Nobody is told of success before that returned.
//!
//! All statements that open or close anything run in tasks of their own, so that a caller who
//! goes away never leaves one half done. What a caller leaves behind is undone by whoever comes
//! next, and a reaper is sent in case nobody does. Whenever a statement fails that never should,
//! all who wait for the COMMIT are told so and the connection is closed, which rolls back.

use std::future::poll_fn;
use std::mem;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex as StdMutex, MutexGuard as StdMutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Mutex, OwnedMappedMutexGuard, OwnedMutexGuard, oneshot};

use super::sqlite::connect_writer;
use super::{Db, StoreError};
use crate::waiting::Waiting;

/// How long a caller waits for its turn before it is told to come back later.
const TURN_TIMEOUT: Duration = Duration::from_secs(3);

const BEGIN: &str = "BEGIN IMMEDIATE; SAVEPOINT member";
const JOIN: &str = "SAVEPOINT member";
const LEAVE: &str = "RELEASE member";
const LEAVE_AND_COMMIT: &str = "RELEASE member; COMMIT";
const UNDO: &str = "ROLLBACK TO member; RELEASE member";
const COMMIT: &str = "COMMIT";
const ROLLBACK: &str = "ROLLBACK";

/// The connection, while it is open.
type Slot = Option<Db>;
/// What became of a group: all its members hear the same.
type Outcome = Result<(), Arc<str>>;

/// The writer; clones share it.
#[derive(Clone, Debug)]
pub(super) struct Writer {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    url: String,
    /// Fair: who asks first is served first.
    slot: Arc<Mutex<Slot>>,
    /// Changed only by whoever holds the slot.
    group: StdMutex<Group>,
    waiting: AtomicUsize,
    closed: AtomicBool,
    commits: AtomicU64,
}

/// How far the connection's transaction is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// There is none.
    #[default]
    Idle,
    /// It is open, and no writer works in it.
    Open,
    /// A writer works in a savepoint; if the slot is free, it went away without a word.
    Occupied,
    /// A statement failed that never should: the connection must go.
    Broken,
}

/// The state of the transaction, and who shares it.
#[derive(Debug, Default)]
struct Group {
    phase: Phase,
    /// A committer stands in the queue for the slot. There is one whenever there are members.
    committer: bool,
    /// Who has left the transaction and waits for its COMMIT.
    members: Vec<oneshot::Sender<Outcome>>,
}

fn stopped() -> StoreError {
    StoreError::Unavailable("stopping".into())
}

impl Writer {
    pub(super) fn new(url: String) -> Self {
        Self {
            shared: Arc::new(Shared {
                url,
                slot: Arc::default(),
                group: StdMutex::default(),
                waiting: AtomicUsize::new(0),
                closed: AtomicBool::new(false),
                commits: AtomicU64::new(0),
            }),
        }
    }

    pub(super) fn commits(&self) -> u64 {
        self.shared.commits.load(Ordering::Relaxed)
    }

    /// Waits for its turn and opens a savepoint.
    pub(super) async fn write(&self) -> Result<GroupWrite, StoreError> {
        let waiting = Waiting::new(&self.shared.waiting);
        let turn = tokio::time::timeout(TURN_TIMEOUT, Arc::clone(&self.shared.slot).lock_owned());
        let slot = turn
            .await
            .map_err(|_| StoreError::Unavailable("the queue for writing is too long".into()))?;
        drop(waiting);
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move { shared.enter(slot).await }).await.map_err(|_| stopped())?
    }

    /// Lets those finish who stand in the queue, and closes the connection.
    pub(super) async fn close(&self) {
        self.shared.closed.store(true, Ordering::SeqCst);
        let shared = Arc::clone(&self.shared);
        let closing = tokio::spawn(async move {
            let mut slot = Arc::clone(&shared.slot).lock_owned().await;
            shared.commit_group(&mut slot).await;
            if let Some(connection) = slot.take() {
                let _ = connection.close().await;
            }
        });
        let _ = closing.await;
    }
}

impl Shared {
    fn group(&self) -> StdMutexGuard<'_, Group> {
        self.group.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a savepoint for the one whose turn it is, in the group's transaction if there is one.
    async fn enter(
        self: Arc<Self>,
        mut slot: OwnedMutexGuard<Slot>,
    ) -> Result<GroupWrite, StoreError> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("closed".into()));
        }
        self.tidy(&mut slot).await;
        let connection = match &mut *slot {
            Some(connection) => connection,
            None => slot.insert(Db::own(connect_writer(&self.url).await?)),
        };
        let before = mem::replace(&mut self.group().phase, Phase::Occupied);
        let opened = run(connection, if before == Phase::Idle { BEGIN } else { JOIN }).await;
        if let Err(error) = opened {
            self.fail(&mut slot, &error).await;
            return Err(error);
        }
        let reaper = Reaper { shared: Arc::clone(&self) };
        match OwnedMutexGuard::try_map(slot, Option::as_mut) {
            Ok(connection) => Ok(GroupWrite { connection, reaper }),
            Err(_) => Err(stopped()),
        }
    }

    /// Undoes what a writer left behind that went away.
    async fn tidy(&self, slot: &mut Slot) {
        let phase = self.group().phase;
        match phase {
            Phase::Idle | Phase::Open => return,
            Phase::Broken => {
                return self.fail(slot, &StoreError::Unavailable("a write broke off".into())).await;
            }
            Phase::Occupied => {}
        }
        let undone = match slot {
            Some(connection) => run(connection, UNDO).await,
            None => Ok(()),
        };
        match undone {
            Ok(()) => self.group().phase = Phase::Open,
            // SQLite itself has rolled back: the disk is full, for one.
            Err(error) => self.fail(slot, &error).await,
        }
    }

    /// Tells all members that their group failed, and closes the connection, which rolls back.
    async fn fail(&self, slot: &mut Slot, cause: &StoreError) {
        if let Some(connection) = slot.take() {
            let _ = connection.close().await;
        }
        let members = {
            let mut group = self.group();
            group.phase = Phase::Idle;
            mem::take(&mut group.members)
        };
        tell(members, &Err(cause.to_string().into()));
    }

    /// Ends the transaction: by COMMIT if anyone waits for that.
    async fn commit_group(&self, slot: &mut Slot) {
        self.tidy(slot).await;
        let (phase, members) = {
            let mut group = self.group();
            (group.phase, mem::take(&mut group.members))
        };
        let (Phase::Open, Some(connection)) = (phase, &mut *slot) else { return };
        let ended = run(connection, if members.is_empty() { ROLLBACK } else { COMMIT }).await;
        match ended {
            Ok(()) => {
                self.group().phase = Phase::Idle;
                if !members.is_empty() {
                    self.commits.fetch_add(1, Ordering::Relaxed);
                }
                tell(members, &Ok(()));
            }
            Err(error) => {
                tell(members, &Err(error.to_string().into()));
                self.fail(slot, &error).await;
            }
        }
    }

    /// Sends a committer to the end of the queue for the slot, as it stands now.
    async fn send_committer(self: &Arc<Self>) {
        let mut turn = Box::pin(Arc::clone(&self.slot).lock_owned());
        // The first poll is what takes a place in the queue; the slot is not free yet.
        let early = poll_fn(|context| Poll::Ready(Pin::new(&mut turn).poll(context))).await;
        let shared = Arc::clone(self);
        tokio::spawn(async move {
            let mut slot = match early {
                Poll::Ready(slot) => slot,
                Poll::Pending => turn.await,
            };
            shared.group().committer = false;
            shared.commit_group(&mut slot).await;
        });
    }
}

/// Runs statements that open or close something.
async fn run(connection: &mut Db, sql: &'static str) -> Result<(), StoreError> {
    sqlx::query(sql).execute(connection).await?;
    Ok(())
}

fn tell(members: Vec<oneshot::Sender<Outcome>>, outcome: &Outcome) {
    for member in members {
        // Who went away needs no answer.
        let _gone = member.send(outcome.clone());
    }
}

/// A writer's savepoint. The order of the fields counts: the slot is free before the reaper goes.
#[derive(Debug)]
pub(super) struct GroupWrite {
    connection: OwnedMappedMutexGuard<Slot, Db>,
    reaper: Reaper,
}

impl GroupWrite {
    pub(super) fn db(&self) -> &Db {
        &self.connection
    }

    pub(super) fn db_mut(&mut self) -> &mut Db {
        &mut self.connection
    }

    /// Leaves the savepoint and waits until the transaction is committed.
    pub(super) async fn commit(self) -> Result<(), StoreError> {
        let left = tokio::spawn(self.leave()).await.map_err(|_| stopped())??;
        match left {
            None => Ok(()),
            Some(outcome) => match outcome.await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(cause)) => Err(StoreError::Unavailable(cause.to_string().into())),
                Err(_) => Err(stopped()),
            },
        }
    }

    /// Commits at once when nobody else is there, else hands the transaction on; then the outcome
    /// comes later.
    async fn leave(mut self) -> Result<Option<oneshot::Receiver<Outcome>>, StoreError> {
        let shared = Arc::clone(&self.reaper.shared);
        let alone = shared.waiting.load(Ordering::SeqCst) == 0 && shared.group().members.is_empty();
        let sql = if alone { LEAVE_AND_COMMIT } else { LEAVE };
        if let Err(error) = run(&mut self.connection, sql).await {
            shared.group().phase = Phase::Broken;
            return Err(error);
        }
        if alone {
            shared.commits.fetch_add(1, Ordering::Relaxed);
            shared.group().phase = Phase::Idle;
            return Ok(None);
        }
        let (tell, outcome) = oneshot::channel();
        let first = {
            let mut group = shared.group();
            group.phase = Phase::Open;
            group.members.push(tell);
            !mem::replace(&mut group.committer, true)
        };
        if first {
            shared.send_committer().await;
        }
        Ok(Some(outcome))
    }
}

/// Comes after a writer that left something behind, in case nobody else does.
#[derive(Debug)]
struct Reaper {
    shared: Arc<Shared>,
}

impl Drop for Reaper {
    fn drop(&mut self) {
        let left_behind = matches!(self.shared.group().phase, Phase::Occupied | Phase::Broken);
        if left_behind && let Ok(runtime) = Handle::try_current() {
            let shared = Arc::clone(&self.shared);
            runtime.spawn(async move {
                let mut slot = Arc::clone(&shared.slot).lock_owned().await;
                shared.tidy(&mut slot).await;
                let abandoned = {
                    let group = shared.group();
                    group.phase == Phase::Open && group.members.is_empty()
                };
                if abandoned {
                    shared.commit_group(&mut slot).await;
                }
            });
        }
    }
}
