//! A connection to either engine, with an end to the patience where there must be one.
//!
//! PostgreSQL bounds what it works on by itself (`statement_timeout`), but a network that swallows
//! packets, or a machine that is gone, says nothing at all, and the driver has no limit and no TCP
//! keepalive of its own. So each statement has a limit here, and so has the way back into the
//! pool: a connection that kept silent is dropped and never used again.

use std::io;
use std::mem;
use std::time::Duration;

use futures_util::future::{self, BoxFuture};
use futures_util::stream::{self, BoxStream, StreamExt};
use sqlx::any::{AnyQueryResult, AnyRow, AnyStatement, AnyTypeInfo};
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, Connection, Describe, Either, Execute, Executor, SqlStr};
use tokio::runtime::Handle;
use tokio::time::timeout;

/// How long PostgreSQL may keep silent over a statement: somewhat longer than its own limit, so
/// that it can still say that it gave up.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(7);

/// A connection to either engine: what every function of this room takes first.
#[derive(Debug)]
pub struct Db(Held);

#[derive(Debug)]
enum Held {
    /// A connection of nobody else's.
    Own(AnyConnection),
    /// One of the pool, to a database in this process.
    Pooled(PoolConnection<Any>),
    /// One of the pool, over a network.
    Remote(Remote),
    /// It was given back.
    Gone,
}

/// A connection of the pool whose other end may fall silent.
#[derive(Debug)]
struct Remote {
    connection: PoolConnection<Any>,
    /// A statement was begun and its answer has not come, so that the next one might get it.
    unanswered: bool,
    /// There is something to roll back.
    in_transaction: bool,
}

/// How a statement gets to the database.
enum Way<'a> {
    Free(&'a mut AnyConnection),
    /// With a limit; the flag is set until the answer has come.
    Bounded(&'a mut AnyConnection, &'a mut bool),
    /// Not any more.
    Closed,
}

impl Db {
    pub(super) fn own(connection: AnyConnection) -> Self {
        Self(Held::Own(connection))
    }

    pub(super) fn pooled(connection: PoolConnection<Any>) -> Self {
        Self(Held::Pooled(connection))
    }

    pub(super) fn remote(connection: PoolConnection<Any>) -> Self {
        Self(Held::Remote(Remote { connection, unanswered: false, in_transaction: false }))
    }

    /// Begins a transaction, which is rolled back before anyone else uses the connection.
    pub(super) async fn begin(&mut self) -> Result<(), sqlx::Error> {
        self.mark_transaction(true);
        self.execute(sqlx::raw_sql("BEGIN")).await.map(drop)
    }

    /// Commits what [`Db::begin`] began.
    ///
    /// After a failed statement PostgreSQL answers COMMIT with success but rolls back; the SELECT
    /// before it, in the same message, fails then.
    pub(super) async fn commit(&mut self) -> Result<(), sqlx::Error> {
        self.execute(sqlx::raw_sql("SELECT 1; COMMIT")).await?;
        self.mark_transaction(false);
        Ok(())
    }

    fn mark_transaction(&mut self, open: bool) {
        if let Held::Remote(remote) = &mut self.0 {
            remote.in_transaction = open;
        }
    }

    /// Closes a connection of one's own.
    pub(super) async fn close(mut self) -> Result<(), sqlx::Error> {
        match mem::replace(&mut self.0, Held::Gone) {
            Held::Own(connection) => connection.close().await,
            other => {
                self.0 = other;
                Ok(())
            }
        }
    }

    fn way(&mut self) -> Way<'_> {
        match &mut self.0 {
            Held::Own(connection) => Way::Free(connection),
            Held::Pooled(connection) => Way::Free(connection),
            Held::Remote(remote) if !remote.unanswered => {
                Way::Bounded(&mut remote.connection, &mut remote.unanswered)
            }
            Held::Remote(_) | Held::Gone => Way::Closed,
        }
    }
}

impl Drop for Db {
    fn drop(&mut self) {
        let Held::Remote(mut remote) = mem::replace(&mut self.0, Held::Gone) else { return };
        match Handle::try_current() {
            Ok(runtime) if !remote.unanswered => drop(runtime.spawn(remote.give_back())),
            _ => remote.abandon(),
        }
    }
}

impl Remote {
    /// Back to the pool, where its place is free again at the latest when it has kept silent for
    /// too long over the rollback or over whether it still lives.
    async fn give_back(mut self) {
        if self.in_transaction {
            let rollback = self.connection.execute(sqlx::raw_sql("ROLLBACK"));
            if !matches!(timeout(ANSWER_WITHIN, rollback).await, Ok(Ok(_))) {
                return self.abandon();
            }
        }
        let _silent = timeout(ANSWER_WITHIN, self.connection.return_to_pool()).await;
    }

    /// Closes the connection without a word, and frees its place.
    fn abandon(&mut self) {
        drop(self.connection.return_to_pool());
    }
}

/// The database said nothing for too long; it is not known what became of the statement.
pub(super) fn silent() -> sqlx::Error {
    let what = "it has not answered for too long";
    sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, what))
}

type Answer = Result<Either<AnyQueryResult, AnyRow>, sqlx::Error>;

/// Answers that are still to come, and the flag that is set until they have.
type Coming<'e> = (BoxStream<'e, Answer>, &'e mut bool);

/// The next answer, waited for no longer than [`ANSWER_WITHIN`], and what comes after it.
async fn next(coming: Option<Coming<'_>>) -> Option<(Answer, Option<Coming<'_>>)> {
    let (mut answers, unanswered) = coming?;
    match timeout(ANSWER_WITHIN, answers.next()).await {
        Ok(Some(Ok(answer))) => Some((Ok(answer), Some((answers, unanswered)))),
        Ok(Some(Err(error))) => {
            *unanswered = false;
            Some((Err(error), None))
        }
        Ok(None) => {
            *unanswered = false;
            None
        }
        Err(_elapsed) => Some((Err(silent()), None)),
    }
}

impl<'c> Executor<'c> for &'c mut Db {
    type Database = Any;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Answer>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        match self.way() {
            Way::Free(connection) => connection.fetch_many(query),
            Way::Bounded(connection, unanswered) => {
                *unanswered = true;
                let coming = Some((connection.fetch_many(query), unanswered));
                stream::unfold(coming, next).boxed()
            }
            Way::Closed => stream::once(future::ready(Err(silent()))).boxed(),
        }
    }

    fn fetch_optional<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxFuture<'e, Result<Option<AnyRow>, sqlx::Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        match self.way() {
            Way::Free(connection) => connection.fetch_optional(query),
            Way::Bounded(connection, unanswered) => {
                let answer = connection.fetch_optional(query);
                Box::pin(async move {
                    *unanswered = true;
                    let answer = timeout(ANSWER_WITHIN, answer).await.map_err(|_| silent())?;
                    *unanswered = false;
                    answer
                })
            }
            Way::Closed => Box::pin(future::ready(Err(silent()))),
        }
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [AnyTypeInfo],
    ) -> BoxFuture<'e, Result<AnyStatement, sqlx::Error>>
    where
        'c: 'e,
    {
        match self.way() {
            Way::Free(connection) | Way::Bounded(connection, _) => {
                connection.prepare_with(sql, parameters)
            }
            Way::Closed => Box::pin(future::ready(Err(silent()))),
        }
    }
    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Any>, sqlx::Error>>
    where
        'c: 'e,
    {
        match self.way() {
            Way::Free(connection) | Way::Bounded(connection, _) => connection.describe(sql),
            Way::Closed => Box::pin(future::ready(Err(silent()))),
        }
    }
}
