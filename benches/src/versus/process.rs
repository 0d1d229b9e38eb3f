//! A server's process: pinned to a core, killed at the end, however this program ends.
//!
//! The death signal of prctl(2) has to be set in the child. As this package has no `unsafe` and so
//! no `pre_exec`, this program starts itself once more, sets it (and the core), and becomes the
//! server.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, io, process, thread};

use rustix::process::{Signal, getppid, set_parent_process_death_signal};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use super::fault::Fault;

/// The first argument of this program when it is to become a server: see [`become_server`].
pub const BECOME_SERVER: &str = "become-server";

/// From the start of the process until it takes connections.
const START_TIMEOUT: Duration = Duration::from_secs(10);
const START_POLL_INTERVAL: Duration = Duration::from_millis(5);

/// The cores of server and generator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cores {
    /// The server's.
    pub server: usize,
    /// The generator's.
    pub generator: usize,
}

impl Cores {
    /// The first two that this process may run on.
    ///
    /// # Errors
    /// There is only one.
    pub fn first_two() -> Result<Self, Fault> {
        let allowed = sched_getaffinity(None).map_err(io::Error::from)?;
        let mut cores = (0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core));
        match (cores.next(), cores.next()) {
            (Some(server), Some(generator)) => Ok(Self { server, generator }),
            _ => Err(Fault::Unexpected("two cores are needed, one for the generator".to_owned())),
        }
    }
}

/// Has this thread run on one core only.
///
/// # Errors
/// This process may not use that core.
pub fn pin_to(core: usize) -> io::Result<()> {
    let mut cores = CpuSet::new();
    cores.set(core);
    Ok(sched_setaffinity(None, &cores)?)
}

/// A running server; dropping it kills it.
#[derive(Debug)]
pub struct ServerProcess {
    child: Child,
    address: SocketAddr,
}

impl ServerProcess {
    /// Starts a program on a core, with arguments for the port that it is to listen on, and waits
    /// until it takes connections.
    ///
    /// # Errors
    /// It cannot be started, ended at once, or takes no connections.
    pub fn start(
        program: &Path,
        core: usize,
        arguments: impl FnOnce(u16) -> Vec<String>,
    ) -> Result<Self, Fault> {
        let port = free_port()?;
        let child = Command::new(env::current_exe()?)
            .args([BECOME_SERVER, &process::id().to_string(), &core.to_string()])
            .arg(program)
            .args(arguments(port))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()?;
        let address = (Ipv4Addr::LOCALHOST, port).into();
        let mut server = Self { child, address };
        server.wait_until_it_listens(program)?;
        Ok(server)
    }

    fn wait_until_it_listens(&mut self, program: &Path) -> Result<(), Fault> {
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            let connected = TcpStream::connect_timeout(&self.address, START_TIMEOUT).is_ok();
            if let Some(status) = self.child.try_wait()? {
                let what = format!("{} ended at once ({status})", program.display());
                return Err(Fault::Unexpected(what));
            }
            if connected {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(Fault::TooSlow("the server's start"));
            }
            thread::sleep(START_POLL_INTERVAL);
        }
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The processor time that all its threads have had, as the scheduler counts it. It is exact
    /// while the server sleeps. Of a thread that has ended nothing is known: no server here ends
    /// threads while it serves.
    ///
    /// # Errors
    /// It has ended, or the kernel keeps no such figures (`CONFIG_SCHED_INFO`).
    pub fn processor_time(&self) -> Result<Duration, Fault> {
        let mut nanoseconds = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let text = fs::read_to_string(task?.path().join("schedstat"))?;
            let first = text.split_whitespace().next().and_then(|first| first.parse::<u64>().ok());
            let no_figure = || Fault::Unexpected("the kernel keeps no schedstat".to_owned());
            nanoseconds += first.ok_or_else(no_figure)?;
        }
        Ok(Duration::from_nanos(nanoseconds))
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // A process that has ended needs no kill; the wait removes it either way.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that was free just now. Should another program take it first, the server ends at once.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// What stands before the server's own command line: the parent's process id and the core.
const ARGUMENTS: Range<usize> = 0..2;

/// Becomes a server, with the arguments behind [`BECOME_SERVER`]: the process keeps its id, dies
/// with its parent, and runs on one core. Returns only if that fails.
#[must_use]
pub fn become_server(arguments: &[String]) -> Fault {
    let numbers = arguments.get(ARGUMENTS).map(|two| two.iter().map(|one| one.parse().ok()));
    let (Some(mut numbers), Some(program)) = (numbers, arguments.get(ARGUMENTS.end)) else {
        return Fault::Unexpected("a process id, a core and a program are needed".to_owned());
    };
    let (parent, core) = (numbers.next().flatten(), numbers.next().flatten());
    let prepare = || -> io::Result<()> {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // A parent that ended before the line above sends no signal any more.
        let actual = getppid().map(|parent| parent.as_raw_nonzero().get() as usize);
        if actual != parent {
            return Err(io::Error::other("the parent has ended"));
        }
        pin_to(core.ok_or(io::ErrorKind::InvalidInput)?)
    };
    match prepare() {
        Ok(()) => Command::new(program).args(&arguments[ARGUMENTS.end + 1..]).exec().into(),
        Err(error) => error.into(),
    }
}
