//! The terminal as a full screen: taken over, drawn on, and given back as it was, however the
//! program ends. The content does not matter here.
//!
//! No question (where is the cursor?) is sent to the terminal: its answer would arrive among the
//! keys, which another thread reads.

use std::io::{self, IsTerminal as _, Stdout, Write};
use std::mem::ManuallyDrop;
use std::panic;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, DisableMouseCapture, EnableBracketedPaste,
    EnableFocusChange, EnableMouseCapture,
};
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, execute, queue};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Frame, TerminalOptions, Viewport};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use crate::failure::Failure;

/// Exit status of a program that panicked, as Rust's own runtime has it.
const PANIC_EXIT_STATUS: i32 = 101;

/// Whether the terminal is ours now. One per process, as the terminal is, so that a panic on any
/// thread sees it.
static IS_TAKEN: AtomicBool = AtomicBool::new(false);

/// The terminal, taken over until this is dropped.
pub(crate) struct FullScreen {
    /// Not dropped by itself: that would show the cursor, which [`restore`] does, and say on
    /// standard error that it can't, which panics where that is the terminal that is gone.
    terminal: ManuallyDrop<ratatui::Terminal<CrosstermBackend<Stdout>>>,
    /// What was drawn on last, in columns and rows. Ours to keep: the crate would ask the terminal,
    /// and draw nothing on one that does not know its size.
    drawn: (u16, u16),
}

/// Columns and rows of a terminal that does not know its size: a serial line, a container's.
const USUAL_SIZE: (u16, u16) = (80, 24);

/// The most that is drawn on. A terminal may claim 65,535 by 65,535, for which there is no memory.
const LARGEST_SIZE: (u16, u16) = (1000, 400);

impl FullScreen {
    /// Takes the terminal over: alternate screen, raw keys, pastes in one piece, mouse wheel,
    /// focus. A panic on any thread gives it back before it is reported, and ends the program.
    pub(crate) fn enter() -> Result<Self, Failure> {
        restore_on_panic();
        take().map_err(|error| failure(&error))?;
        let made = size_now().and_then(|drawn| {
            let viewport = Viewport::Fixed(area(drawn));
            let backend = CrosstermBackend::new(io::stdout());
            let terminal = ratatui::Terminal::with_options(backend, TerminalOptions { viewport })?;
            Ok(Self { terminal: ManuallyDrop::new(terminal), drawn })
        });
        made.map_err(|error| {
            restore();
            failure(&error)
        })
    }

    /// Columns and rows.
    pub(crate) fn size(&self) -> Result<(u16, u16), Failure> {
        size_now().map_err(|error| failure(&error))
    }

    /// Draws a frame; only what differs from the last one is written.
    pub(crate) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> Result<(), Failure> {
        if self.size()? != self.drawn {
            self.forget()?;
        }
        self.terminal.draw(draw).map(drop).map_err(|error| failure(&error))
    }

    /// Forgets the content of the screen: the next frame is written in full.
    pub(crate) fn forget(&mut self) -> Result<(), Failure> {
        self.drawn = self.size()?;
        self.terminal.resize(area(self.drawn)).map_err(|error| failure(&error))
    }

    /// Ctrl-Z: gives the terminal back and stops, with all processes of this job of the shell.
    /// Returns when the job is in the foreground again, at once if there is no shell that could
    /// bring it there.
    pub(crate) fn suspend(&mut self) -> Result<(), Failure> {
        restore();
        // The signal is delivered to the main thread, which this is, before the call returns.
        let stopped = rustix::process::kill_current_process_group(rustix::process::Signal::TSTP);
        self.retake()?;
        stopped.map_err(|error| failure(&error.into()))
    }

    /// Takes the terminal over again after a stop, whatever process caused the stop and whatever
    /// was done to the terminal meanwhile.
    pub(crate) fn retake(&mut self) -> Result<(), Failure> {
        restore();
        take().map_err(|error| failure(&error))?;
        self.forget()
    }
}

impl Drop for FullScreen {
    fn drop(&mut self) {
        restore();
    }
}

/// Whether a full screen can be drawn: on a terminal that takes keys and is not dumb, which is one
/// that only prints, as in the shell window of an editor.
pub(crate) fn is_full_screen_possible() -> bool {
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    io::stdin().is_terminal() && io::stdout().is_terminal() && !is_dumb
}

fn size_now() -> io::Result<(u16, u16)> {
    crossterm::terminal::size().map(known_size)
}

fn area((width, height): (u16, u16)) -> Rect {
    Rect::new(0, 0, width, height)
}

/// The size that a terminal has, or for what it does not know (0) that of the variables COLUMNS and
/// LINES, or the usual one; at most [`LARGEST_SIZE`].
pub(crate) fn known_size(told: (u16, u16)) -> (u16, u16) {
    known_or(told, |name| std::env::var(name).ok()?.parse().ok())
}

fn known_or(told: (u16, u16), variable: impl Fn(&str) -> Option<u16>) -> (u16, u16) {
    let known = |told: u16, name: &str, usual: u16| match told {
        0 => variable(name).filter(|&size| size > 0).unwrap_or(usual),
        told => told,
    };
    let columns = known(told.0, "COLUMNS", USUAL_SIZE.0).min(LARGEST_SIZE.0);
    (columns, known(told.1, "LINES", USUAL_SIZE.1).min(LARGEST_SIZE.1))
}

/// Calls `on_hang_up` once the terminal is gone: its window was closed, or the connection to it.
/// The system tells that by SIGHUP too, but not to a program that was started by `setsid` or
/// `su -c`; and reading keys from what is gone never waits, which took a whole core.
pub(crate) fn watch_for_hang_up(on_hang_up: impl FnOnce() + Send + 'static) {
    thread::spawn(move || {
        let stdin = io::stdin();
        // What is not asked for is told all the same: a hang-up, and an error (poll(2)).
        while let Err(error) = poll(&mut [PollFd::new(&stdin, PollFlags::empty())], None) {
            if error != Errno::INTR {
                return;
            }
        }
        on_hang_up();
    });
}

fn take() -> io::Result<()> {
    enable_raw_mode()?;
    IS_TAKEN.store(true, Ordering::SeqCst);
    let entered = execute!(
        io::stdout(),
        EnterAlternateScreen,
        EnableBracketedPaste,
        EnableMouseCapture,
        EnableFocusChange,
        cursor::Hide
    );
    if entered.is_err() {
        restore();
    }
    entered
}

/// Gives the terminal back if it is ours. Errors here cannot be repaired, and must not hide why the
/// program ends.
fn restore() {
    if !IS_TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut stdout = io::stdout();
    let _ = queue!(
        stdout,
        DisableFocusChange,
        DisableMouseCapture,
        DisableBracketedPaste,
        LeaveAlternateScreen,
        cursor::Show
    );
    let _ = stdout.flush();
    let _ = disable_raw_mode();
}

/// Without this, the panic's message would be drawn on the alternate screen, and vanish with it. A
/// panic on a thread that only reads ends the program too: it would go on with half of itself
/// missing.
fn restore_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            let was_taken = IS_TAKEN.load(Ordering::SeqCst);
            restore();
            report(panic);
            if was_taken {
                std::process::exit(PANIC_EXIT_STATUS);
            }
        }));
    });
}

/// Why the terminal could not be read or drawn on.
pub(crate) fn failure(error: &io::Error) -> Failure {
    // The answer of a terminal whose other end is gone.
    if error.raw_os_error() == Some(Errno::IO.raw_os_error()) {
        return Failure::TerminalGone;
    }
    Failure::Message(format!("cannot use the terminal: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_that_is_not_known_is_that_of_the_variables_or_the_usual_one() {
        let variables = |name: &str| Some(if name == "COLUMNS" { 132 } else { 43 });
        assert_eq!(known_or((0, 0), |_| None), (80, 24));
        assert_eq!(known_or((0, 0), |_| Some(0)), (80, 24));
        assert_eq!(known_or((0, 0), variables), (132, 43));
        assert_eq!(known_or((100, 0), variables), (100, 43));
        assert_eq!(known_or((100, 30), variables), (100, 30));
        assert_eq!(known_or((u16::MAX, u16::MAX), variables), LARGEST_SIZE);
    }
}
