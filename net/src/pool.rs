//! A pool of [`EchoClient`]s: a bounded number of connections, each lent to one caller at a time.
//! Spawns no thread: connections idle for too long are closed at the next call that takes or
//! returns one.

use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::address::Address;
use crate::client::{ClientConfig, ClientError, EchoClient};

/// The limits and time-outs of a [`ConnectionPool`].
///
/// ```
/// use std::time::Duration;
/// use cafewire_net::pool::PoolConfig;
/// let wait_timeout = Duration::from_secs(1);
/// let config = PoolConfig { max_connections: 32, wait_timeout, ..PoolConfig::default() };
/// assert_eq!(config.max_idle, 8); // if all 32 come back at once, 24 of them are closed
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolConfig {
    /// The most connections at a time, lent out and idle together; 0 counts as 1. Default: 8.
    pub max_connections: usize,
    /// The most idle connections; one that is returned beyond them is closed. Default: 8.
    pub max_idle: usize,
    /// How long [`ConnectionPool::get_connection`] waits while all are lent out. Default: 5 s.
    pub wait_timeout: Duration,
    /// A connection idle for longer is not lent out again. `None` keeps it until the server closes
    /// it. Default: 60 s, well below the 300 s after which a server closes idle connections.
    pub idle_timeout: Option<Duration>,
    /// The settings of each connection. One that was idle for
    /// [`probe_interval`](ClientConfig::probe_interval) is asked for a sign before it is lent out
    /// again: if none comes in as much time, or in the read time-out if that is shorter, it is
    /// closed, with those that were idle for as long.
    pub client: ClientConfig,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self {
            max_connections: 8,
            max_idle: 8,
            wait_timeout: Duration::from_secs(5),
            idle_timeout: Some(Duration::from_secs(60)),
            client: ClientConfig::default(),
        }
    }
}

/// The reason why the pool returned no connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum PoolError {
    /// All connections stayed lent out for the whole of the wait time-out.
    Exhausted {
        /// The number of connections.
        max_connections: usize,
        /// The time that the caller waited.
        wait_timeout: Duration,
    },
    /// A new connection was needed and could not be made.
    Connect(ClientError),
}

impl fmt::Display for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exhausted { max_connections, wait_timeout } => write!(
                f,
                "all {max_connections} connections of the pool stayed in use for {wait_timeout:?}: \
                 return them sooner, or allow more"
            ),
            Self::Connect(error) => error.fmt(f),
        }
    }
}

impl Error for PoolError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Exhausted { .. } => None,
            Self::Connect(error) => error.source(),
        }
    }
}

/// Connections to one server, shared by threads.
///
/// ```
/// use cafewire_net::{ConnectionPool, Server, ServerConfig};
/// use cafewire_net::pool::PoolConfig;
/// let mut config = ServerConfig::default();
/// config.listen = vec!["127.0.0.1:0".parse()?]; // any free port
/// let server = Server::bind(config)?;
/// let (address, handle) = (server.local_addresses()[0].clone(), server.handle());
/// let thread = std::thread::spawn(|| server.run());
///
/// let config = PoolConfig { max_connections: 4, ..PoolConfig::default() };
/// let pool = ConnectionPool::new(address, config);
/// std::thread::scope(|scope| {
///     for _ in 0..32 {
///         scope.spawn(|| {
///             let mut connection = pool.get_connection().unwrap();
///             assert_eq!(connection.echo(b"hello").unwrap(), b"hello");
///         }); // returned by going out of scope
///     }
/// });
/// assert!(pool.in_use() == 0 && pool.idle() <= 4);
///
/// handle.shut_down();
/// thread.join().unwrap()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ConnectionPool {
    address: Address,
    config: PoolConfig,
    state: Mutex<State>,
}

/// `in_use + idle.len() ≤ max_connections` whenever the lock is free.
struct State {
    /// Connections lent out, being opened or being checked.
    in_use: usize,
    /// Idle connections. The last one returned is at the end and lent first.
    idle: Vec<IdleConnection>,
    /// Waiting callers in the order they came, each with its own condition variable.
    waiting: VecDeque<Arc<Condvar>>,
}

struct IdleConnection {
    client: EchoClient,
    since: Instant,
}

impl ConnectionPool {
    /// A pool without connections: they are made when needed.
    ///
    /// ```
    /// use cafewire_net::{Address, ConnectionPool};
    /// let pool = ConnectionPool::new(Address::default(), Default::default());
    /// assert_eq!((pool.in_use(), pool.idle()), (0, 0)); // nothing was connected yet
    /// ```
    #[must_use]
    pub fn new(address: Address, mut config: PoolConfig) -> Self {
        config.max_connections = config.max_connections.max(1);
        let state = State { in_use: 0, idle: Vec::new(), waiting: VecDeque::new() };
        Self { address, config, state: Mutex::new(state) }
    }

    /// Lends an idle connection that is as good as new, or a new one. Waits while all are lent out,
    /// first come, first served.
    ///
    /// # Errors
    /// [`PoolError::Exhausted`] if no connection was returned within [`PoolConfig::wait_timeout`];
    /// [`PoolError::Connect`] if a new one was needed and could not be made.
    pub fn get_connection(&self) -> Result<PooledConnection<'_>, PoolError> {
        // The loan is counted from here on, and dropping `connection` ends it on any path.
        let mut connection = PooledConnection { pool: self, client: self.begin_loan()? };
        // The server may have closed the connection, or sent bytes, while it was idle.
        while let Some(client) = &mut connection.client {
            if client.is_reusable() {
                if client.is_answering() {
                    return Ok(connection);
                }
                // Those that were quiet for as long would take as long to find out.
                self.lock().close_quiet(self.config.client.probe_interval);
            }
            connection.client = self.lock().take_idle(self.config.idle_timeout);
        }
        let client = EchoClient::connect_with(&self.address, &self.config.client)
            .map_err(PoolError::Connect)?;
        connection.client = Some(client);
        Ok(connection)
    }

    /// Returns a connection, as dropping it does.
    ///
    /// The connection is kept if it is as good as new: no call on it failed, no answer is on its
    /// way, no byte lies unread and the server has not closed it. Otherwise it is closed.
    pub fn return_connection(&self, connection: PooledConnection<'_>) {
        drop(connection);
    }

    /// Connections lent out, being opened or being checked: 0 to [`PoolConfig::max_connections`].
    #[must_use]
    pub fn in_use(&self) -> usize {
        self.lock().in_use
    }

    /// Idle connections: 0 to [`PoolConfig::max_idle`]. Together with those in use never more than
    /// [`PoolConfig::max_connections`].
    #[must_use]
    pub fn idle(&self) -> usize {
        self.lock().idle.len()
    }

    /// The server's address.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }
}

impl ConnectionPool {
    /// Counts one more connection in use, once that is allowed, and takes an idle connection for it
    /// if there is one.
    fn begin_loan(&self) -> Result<Option<EchoClient>, PoolError> {
        let PoolConfig { max_connections, wait_timeout, idle_timeout, .. } = self.config;
        let started = Instant::now();
        let mut state = self.lock();
        if state.waiting.is_empty() && state.in_use < max_connections {
            state.in_use += 1;
            return Ok(state.take_idle(idle_timeout));
        }
        let me = Arc::new(Condvar::new());
        state.waiting.push_back(Arc::clone(&me));
        loop {
            let remaining = wait_timeout.saturating_sub(started.elapsed());
            let is_first = state.waiting.front().is_some_and(|first| Arc::ptr_eq(first, &me));
            let may_take = is_first && state.in_use < max_connections;
            if may_take || remaining.is_zero() {
                state.waiting.retain(|other| !Arc::ptr_eq(other, &me));
                state.in_use += usize::from(may_take);
                // The next caller may have waited only for this one to leave the queue.
                state.wake_first();
                if may_take {
                    return Ok(state.take_idle(idle_timeout));
                }
                return Err(PoolError::Exhausted { max_connections, wait_timeout });
            }
            (state, _) = me.wait_timeout(state, remaining).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn end_loan(&self, client: Option<EchoClient>) {
        // The check is done outside the lock because it makes system calls.
        let client = client.and_then(|mut client| client.is_reusable().then_some(client));
        let mut state = self.lock();
        state.in_use -= 1;
        state.close_expired(self.config.idle_timeout);
        if let Some(client) = client
            && state.idle.len() < self.config.max_idle
        {
            state.idle.push(IdleConnection { client, since: Instant::now() });
        }
        state.wake_first();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code panics while the lock is held, so a poisoned lock's state is sound.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The connection returned last.
    fn take_idle(&mut self, idle_timeout: Option<Duration>) -> Option<EchoClient> {
        self.close_expired(idle_timeout);
        self.idle.pop().map(|idle| idle.client)
    }

    fn close_expired(&mut self, idle_timeout: Option<Duration>) {
        if let Some(idle_timeout) = idle_timeout {
            // The longest idle are first.
            let expired = self.idle.partition_point(|idle| idle.since.elapsed() > idle_timeout);
            self.idle.drain(..expired);
        }
    }

    /// Closes what has been idle for the probe interval.
    fn close_quiet(&mut self, probe_interval: Option<Duration>) {
        self.idle.retain(|idle| probe_interval.is_none_or(|time| idle.since.elapsed() < time));
    }

    fn wake_first(&self) {
        if let Some(first) = self.waiting.front() {
            first.notify_one();
        }
    }
}

impl fmt::Debug for ConnectionPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("ConnectionPool")
            .field("address", &self.address)
            .field("in_use", &state.in_use)
            .field("idle", &state.idle.len())
            .field("waiting", &state.waiting.len())
            .finish_non_exhaustive()
    }
}

/// A connection lent out by a [`ConnectionPool`]: an [`EchoClient`] that is returned when dropped.
#[derive(Debug)]
pub struct PooledConnection<'p> {
    pool: &'p ConnectionPool,
    /// `None` only before the connection is lent out and while it is returned.
    client: Option<EchoClient>,
}

impl Deref for PooledConnection<'_> {
    type Target = EchoClient;

    fn deref(&self) -> &EchoClient {
        self.client.as_ref().expect("there is a client for as long as it is lent out")
    }
}

impl DerefMut for PooledConnection<'_> {
    fn deref_mut(&mut self) -> &mut EchoClient {
        self.client.as_mut().expect("there is a client for as long as it is lent out")
    }
}

impl Drop for PooledConnection<'_> {
    fn drop(&mut self) {
        self.pool.end_loan(self.client.take());
    }
}
