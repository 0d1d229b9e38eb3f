//! Shared by the tests of the binary: a child process that never outlives its test, the real
//! server, and a server that follows a script. Every wait has a deadline.

mod folder;
pub(crate) mod scripted;

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

pub(crate) use folder::Folder;
pub(crate) use rustix::process::Signal;
use rustix::process::{Pid, kill_process};

/// Far longer than anything here takes, on a busy machine and on one that stands still for seconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// A running `cafewire`. Killed when dropped.
pub(crate) struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Lines,
    stderr: Lines,
}

/// Output and exit status of a `cafewire` that ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    /// The lines that no [`Running::next_line`] took.
    pub(crate) stdout: Vec<String>,
    pub(crate) stderr: String,
}

/// Lines of a pipe, read on a thread of their own so that the child never blocks on a full one.
struct Lines(Receiver<String>);

impl Lines {
    fn of(pipe: Option<impl Read + Send + 'static>) -> Self {
        let (sender, lines) = channel();
        if let Some(pipe) = pipe {
            thread::spawn(move || {
                for line in BufReader::new(pipe).lines() {
                    let Ok(line) = line else { return };
                    if sender.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        Self(lines)
    }

    fn next(&self, deadline: Instant) -> Option<String> {
        self.0.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()
    }

    /// Up to the end of the pipe.
    fn rest(&self, deadline: Instant) -> Vec<String> {
        std::iter::from_fn(|| self.next(deadline)).collect()
    }
}

/// Variables that the binary inherits: for programs, temporary files and coverage. Forced colours,
/// the width of a terminal, a service manager's sockets and the user's own settings are not
/// inherited.
const INHERITED: [&str; 4] = ["PATH", "HOME", "TMPDIR", "LLVM_PROFILE_FILE"];

/// The binary with these arguments, its three streams piped, its clock in UTC, its environment the
/// same everywhere.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = program(env!("CARGO_BIN_EXE_cafewire"));
    command.args(args);
    command
}

/// Any program, with the same streams and environment.
pub(crate) fn program(name: &str) -> Command {
    let mut command = Command::new(name);
    command
        .env_clear()
        .envs(INHERITED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    command.env("TZ", "UTC").env("XDG_CONFIG_HOME", "/nonexistent");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Starts `cafewire` with these arguments.
pub(crate) fn cafewire(args: &[&str]) -> Running {
    Running::start(&mut command(args))
}

/// Runs `cafewire` to its end on this input.
pub(crate) fn run(args: &[&str], input: &str) -> Ended {
    let mut running = cafewire(args);
    if let Some(mut stdin) = running.stdin.take() {
        let input = input.to_owned();
        // A child that does not read its input must not block the test, even if the input exceeds a
        // pipe.
        thread::spawn(move || stdin.write_all(input.as_bytes()));
    }
    running.end()
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self::adopt(command.spawn().expect("the binary starts"))
    }

    /// A child that a test has started itself.
    pub(crate) fn adopt(mut child: Child) -> Self {
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        Self { child, stdin, stdout: Lines::of(stdout), stderr: Lines::of(stderr) }
    }

    /// Writes to its standard input. A closed pipe shows in the output, which tests check.
    pub(crate) fn write(&mut self, input: &str) {
        if let Some(stdin) = &mut self.stdin {
            let _ = stdin.write_all(input.as_bytes()).and_then(|()| stdin.flush());
        }
    }

    pub(crate) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// The next line of standard output.
    pub(crate) fn next_line(&mut self) -> String {
        match self.stdout.next(Instant::now() + PATIENCE) {
            Some(line) => line,
            None => {
                panic!("no more output; standard error: {:?}", self.stderr.rest(Instant::now()))
            }
        }
    }

    /// The next line of standard output that holds this, past others.
    pub(crate) fn line_with(&mut self, needle: &str) -> String {
        loop {
            let line = self.next_line();
            if line.contains(needle) {
                return line;
            }
        }
    }

    /// The next line of standard error that holds this, past others.
    pub(crate) fn remark_with(&mut self, needle: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut passed = Vec::new();
        while let Some(line) = self.stderr.next(deadline) {
            if line.contains(needle) {
                return line;
            }
            passed.push(line);
        }
        panic!("no {needle:?} on standard error, only {passed:?}");
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("it can be waited for").is_some()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it is there");
    }

    /// Reads its standard output no further than to the next line, and closes it.
    pub(crate) fn stop_reading(&mut self) {
        self.stdout = Lines::of(None::<std::io::Empty>);
    }

    /// Closes its input and waits for it to end.
    pub(crate) fn end(mut self) -> Ended {
        self.close_stdin();
        self.end_by_itself()
    }

    /// Waits for it to end, its input still open.
    pub(crate) fn end_by_itself(mut self) -> Ended {
        let deadline = Instant::now() + PATIENCE;
        // Both pipes end with the process, so only its status is awaited afterwards.
        let stdout = self.stdout.rest(deadline);
        let stderr = self.stderr.rest(deadline);
        loop {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                return Ended { code: status.code(), stdout, stderr: stderr.join("\n") };
            }
            assert!(Instant::now() < deadline, "it does not end; so far: {stdout:?} {stderr:?}");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// Asserts that it failed with this status and one sentence of our own that holds `needle`.
    pub(crate) fn assert_failed(&self, code: i32, needle: &str) {
        assert_eq!(self.code, Some(code), "{self:?}");
        let last = self.stderr.lines().last().unwrap_or_default();
        assert!(last.starts_with("cafewire: ") && last.contains(needle), "{self:?}");
    }

    pub(crate) fn assert_done(&self) {
        assert_eq!(self.code, Some(0), "{self:?}");
    }
}

/// The real server on a port of its own.
pub(crate) struct Server {
    pub(crate) running: Running,
    pub(crate) address: String,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    pub(crate) fn start_with(more_args: &[&str]) -> Self {
        let mut running =
            cafewire(&[&["serve", "--listen", "tcp://127.0.0.1:0"], more_args].concat());
        let line = running.next_line();
        let address =
            line.strip_prefix("listening on ").unwrap_or_else(|| panic!("{line:?}")).to_owned();
        Self { running, address }
    }
}

/// An address where no process listens, or can listen while this lives: it is the client's end of a
/// connection.
pub(crate) struct ClosedPort {
    pub(crate) address: String,
    _connection: (TcpListener, TcpStream),
}

impl ClosedPort {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let stream =
            TcpStream::connect(listener.local_addr().expect("its address")).expect("it listens");
        let address = format!("tcp://{}", stream.local_addr().expect("its address"));
        Self { address, _connection: (listener, stream) }
    }
}
