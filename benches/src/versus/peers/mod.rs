//! The servers: how each is started, and which dialect it speaks. A further one is a file here and
//! an arm in each `match`.

mod cafewire;
mod redis;

use std::env;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::dialects::{ChatV1, Resp};
use super::fault::Fault;
use super::generator::{Generator, Load};
use super::plan::Plan;
use super::process::ServerProcess;

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `cafewire serve`, chat version 1.
    Cafewire,
    /// `redis-server`, publish and subscribe.
    Redis,
}

/// One contender: a server's program under a name.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its name in the table.
    pub name: String,
    /// What its program says it is.
    pub version: String,
    kind: Kind,
    program: PathBuf,
}

impl Peer {
    /// A build of cafewire.
    ///
    /// # Errors
    /// There is no such program.
    pub fn cafewire(name: &str, program: &Path) -> Result<Self, Fault> {
        Self::new(name, Kind::Cafewire, program.to_owned())
    }

    /// Redis, from the `PATH`.
    ///
    /// # Errors
    /// It is not installed; the text says how to get it.
    pub fn redis() -> Result<Self, Fault> {
        let program = in_path(redis::PROGRAM).ok_or_else(|| {
            let what = format!("{} is not in PATH: {}", redis::PROGRAM, redis::HOW_TO_GET_IT);
            Fault::Unexpected(what)
        })?;
        Self::new("Redis", Kind::Redis, program)
    }

    /// The same program under another name, as a control.
    #[must_use]
    pub fn named(&self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self.clone() }
    }

    fn new(name: &str, kind: Kind, program: PathBuf) -> Result<Self, Fault> {
        let output = Command::new(&program).arg("--version").output().map_err(|error| {
            Fault::Unexpected(format!("{} cannot be run: {error}", program.display()))
        })?;
        let text = String::from_utf8_lossy(&output.stdout);
        let version = match kind {
            Kind::Cafewire => cafewire::version(&text),
            Kind::Redis => redis::version(&text),
        };
        let (name, version) = (name.to_owned(), version.to_owned());
        Ok(Self { name, version, kind, program })
    }

    /// Starts its server on a core.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(&self, core: usize) -> Result<ServerProcess, Fault> {
        let arguments = match self.kind {
            Kind::Cafewire => cafewire::arguments,
            Kind::Redis => redis::arguments,
        };
        ServerProcess::start(&self.program, core, arguments)
    }

    /// Connects a workload's members to its server.
    ///
    /// # Errors
    /// They could not connect or join.
    pub fn connect(&self, server: SocketAddr, plan: &Plan) -> Result<Box<dyn Load>, Fault> {
        Ok(match self.kind {
            Kind::Cafewire => Box::new(Generator::connect(ChatV1::new(plan.rooms), server, plan)?),
            Kind::Redis => Box::new(Generator::connect(Resp::new(plan.rooms), server, plan)?),
        })
    }
}

fn in_path(program: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    env::split_paths(&folders).map(|folder| folder.join(program)).find(|path| path.is_file())
}
