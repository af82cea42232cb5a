//! The connections to one database: bounded in number, kept for a minute, closed when work at one of them is given up.
//!
//! The pool of the driver would not do: it tries a refused connection until its time limit and then hides the cause, gives
//! a connection back whose statement still runs, and lives and dies with one executor, while a host may use several.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use kailash_core::{Error, Result};
use tokio::{
    runtime::{Handle, Id},
    sync::{OnceCell, OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep_until, timeout, timeout_at},
};

use super::{
    connection::{Connection, Target},
    error::no_connection,
};

/// How long a connection that nobody uses is kept.
const IDLE: Duration = Duration::from_secs(60);
/// How long the server may take to answer over a connection that was idle, at most.
const PING: Duration = Duration::from_secs(2);

/// The connections to one database.
pub(super) struct Pool {
    /// The database.
    pub(super) target: Target,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Idle>>,
    /// What keeps a database in memory alive.
    anchor: OnceCell<Connection>,
    sweeping: AtomicBool,
}

struct Idle {
    connection: Connection,
    since: Instant,
    /// The executor that watches over its socket.
    executor: Id,
}

impl Pool {
    /// A pool of `size` connections at most, none of them made yet.
    pub(super) fn new(target: Target, size: usize) -> Self {
        // A database in memory has one connection, and so no locks between its tables to trip over.
        let size = if matches!(target, Target::Sqlite { memory: true, .. }) { 1 } else { size };
        Self {
            target,
            permits: Arc::new(Semaphore::new(size)),
            idle: Mutex::default(),
            anchor: OnceCell::new(),
            sweeping: AtomicBool::new(false),
        }
    }

    /// A connection for one piece of work, within `limit`.
    ///
    /// # Errors
    /// Kind `Unavailable`, code `sql.connect`, among others.
    pub(super) async fn lease(self: &Arc<Self>, limit: Duration) -> Result<Lease> {
        let until = Instant::now() + limit;
        let at = |error: Error| self.target.at(error);
        let permit = timeout_at(until, Arc::clone(&self.permits).acquire_owned()).await;
        let permit = permit.map_err(|_| at(no_connection(limit, true)))?;
        let permit = permit.map_err(|_| Error::internal("a pool of connections was closed"))?;
        let connection = timeout_at(until, self.connection(PING.min(limit / 4))).await;
        let connection = connection.map_err(|_| at(no_connection(limit, false)))??;
        Ok(Lease { connection, pool: Arc::clone(self), _permit: permit })
    }

    /// Whether its data is gone when it is dropped.
    pub(super) fn is_kept(&self) -> bool {
        self.anchor.initialized()
    }

    async fn connection(&self, ping: Duration) -> Result<Connection> {
        if matches!(self.target, Target::Sqlite { memory: true, .. }) {
            self.anchor.get_or_try_init(|| self.target.connect()).await?;
        }
        while let Some(mut connection) = self.pop() {
            let alive = timeout(ping, connection.is_alive()).await;
            match alive {
                Ok(true) => return Ok(connection),
                Ok(false) => {}
                // Whatever is in the way of this one is in the way of the others.
                Err(_) => self.idle().clear(),
            }
        }
        self.target.connect().await
    }

    /// The connection that was used last.
    fn pop(&self) -> Option<Connection> {
        let here = Handle::current().id();
        let mut idle = self.idle();
        idle.retain(|idle| idle.since.elapsed() < IDLE);
        let at = idle
            .iter()
            .rposition(|idle| idle.executor == here || matches!(idle.connection, Connection::Sqlite(_)))?;
        Some(idle.remove(at).connection)
    }

    fn put(self: &Arc<Self>, connection: Connection) {
        let executor = Handle::current().id();
        self.idle().push(Idle { connection, since: Instant::now(), executor });
        if !self.sweeping.swap(true, Ordering::AcqRel) {
            tokio::spawn(Sweep(Arc::downgrade(self)).run());
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes connections that nobody used for a while, as long as there are any.
struct Sweep(Weak<Pool>);

impl Sweep {
    async fn run(self) {
        while let Some(next) = self.next() {
            sleep_until(next).await;
        }
    }

    /// Closes what is old enough; when the next one will be.
    fn next(&self) -> Option<Instant> {
        let pool = self.0.upgrade()?;
        let mut idle = pool.idle();
        idle.retain(|idle| idle.since.elapsed() < IDLE);
        let next = idle.iter().map(|idle| idle.since + IDLE).min();
        if next.is_none() {
            pool.sweeping.store(false, Ordering::Release);
        }
        next
    }
}

impl Drop for Sweep {
    /// The executor may end before its work does.
    fn drop(&mut self) {
        if let Some(pool) = self.0.upgrade() {
            pool.sweeping.store(false, Ordering::Release);
        }
    }
}

/// A connection for one piece of work. Unless it is released it is closed, and with it whatever still runs there.
pub(super) struct Lease {
    /// The connection.
    pub(super) connection: Connection,
    pool: Arc<Pool>,
    _permit: OwnedSemaphorePermit,
}

impl Lease {
    /// Gives the connection back for others.
    pub(super) fn release(self) {
        self.pool.put(self.connection);
    }
}
