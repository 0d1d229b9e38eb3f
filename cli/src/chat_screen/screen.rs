//! The full-screen client at work: the terminal, the clock, the signals, and the effects that the
//! state asks for. Decides nothing.

use std::hash::{BuildHasher as _, RandomState};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use cafewire_net::{Address, ClientConfig};
use crossterm::event::{self, Event as TerminalEvent};
use jiff::tz::TimeZone;
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM};

use super::clock::Clock;
use super::connection_task::ConnectionTask;
use super::effect::{Effect, Input};
use super::history::History;
use super::history_file::HistoryFile;
use super::model::{Detail, Model, Setup};
use super::view;
use super::view::theme::{ColourDepth, Theme};
use crate::failure::Failure;
use crate::interrupt;
use crate::output;
use crate::terminal::{self, FullScreen};
use crate::theme_name::ThemeName;

/// Events that wait to be handled. More wait in the sockets and in the terminal.
const QUEUE_LEN: usize = 1024;

/// Events handled before the screen is drawn again.
const BATCH_LEN: usize = 256;

/// Added to a signal's number in the exit status, as shells have it.
const SIGNAL_EXIT_STATUS: u8 = 128;

/// Choices of the user.
pub(crate) struct Options {
    pub(crate) address: Address,
    /// Configuration of the connection, to this server and to others chosen later.
    pub(crate) config: ClientConfig,
    pub(crate) username: Option<String>,
    pub(crate) rooms: Vec<String>,
    pub(crate) theme: ThemeName,
}

pub(super) enum ScreenEvent {
    Input(Input),
    Signal(i32),
    /// The terminal can no longer be read.
    TerminalLost(std::io::Error),
}

/// Runs until the user leaves.
pub(crate) fn run(options: Options) -> Result<ExitCode, Failure> {
    let (queue, events) = sync_channel(QUEUE_LEN);
    let signals = queue.clone();
    interrupt::watch_all(&[SIGINT, SIGTERM, SIGHUP, SIGCONT], move |signal| {
        signals.send(ScreenEvent::Signal(signal)).is_ok()
    })?;
    let hang_up = queue.clone();
    terminal::watch_for_hang_up(move || {
        // Sending fails only when the screen has ended already.
        let _ = hang_up.send(ScreenEvent::Signal(SIGHUP));
    });
    let terminal = FullScreen::enter()?;
    let keys = queue.clone();
    thread::spawn(move || pass_on_keys(&keys));
    let (history_file, history) = HistoryFile::open();
    let clock = Clock::start();
    let setup = Setup {
        address: options.address,
        username: options.username,
        rooms: options.rooms,
        history: History::new(history),
        theme: Theme::new(options.theme, colour_depth()),
        time_zone: TimeZone::system(),
        size: terminal.size()?,
        seed: RandomState::new().hash_one(0),
        detail: match output::verbosity() {
            ..0 => Detail::Less,
            0 => Detail::Usual,
            1.. => Detail::More,
        },
    };
    let (model, effects) = Model::new(setup, clock.now());
    let connection = ConnectionTask::new(queue, options.config);
    let mut screen = Screen { terminal, clock, model, connection, history_file, events };
    let ended = screen.run(effects);
    // The terminal is given back first: disconnecting may take a moment.
    let Screen { terminal, connection, events, .. } = screen;
    drop(terminal);
    connection.disconnect(&events);
    ended
}

struct Screen {
    terminal: FullScreen,
    clock: Clock,
    model: Model,
    connection: ConnectionTask,
    history_file: HistoryFile,
    events: Receiver<ScreenEvent>,
}

impl Screen {
    fn run(&mut self, first_effects: Vec<Effect>) -> Result<ExitCode, Failure> {
        if let Some(status) = self.perform(first_effects)? {
            return Ok(status);
        }
        loop {
            let (model, now) = (&self.model, self.clock.now());
            self.terminal.draw(|frame| view::draw(frame, model, now))?;
            let Some(first) = self.wait() else { continue };
            // One frame for all waiting events: a flood of messages must not be drawn one by one.
            let mut next = Some(first);
            let mut taken = 0;
            while let Some(event) = next {
                if let Some(status) = self.take(event)? {
                    return Ok(status);
                }
                taken += 1;
                next = if taken < BATCH_LEN { self.events.try_recv().ok() } else { None };
            }
        }
    }

    /// The next event; a time-out is an [`Input::Tick`].
    fn wait(&self) -> Option<ScreenEvent> {
        let now = self.clock.now().running;
        match self.model.connection.next_wake_up(now) {
            // The queue cannot close: the connection task holds a sender.
            None => self.events.recv().ok(),
            Some(at) => {
                match self.events.recv_timeout(at.saturating_sub(now).max(Duration::from_millis(1)))
                {
                    Ok(event) => Some(event),
                    Err(_) => Some(ScreenEvent::Input(Input::Tick)),
                }
            }
        }
    }

    fn take(&mut self, event: ScreenEvent) -> Result<Option<ExitCode>, Failure> {
        match event {
            ScreenEvent::Input(input) => {
                let effects = self.model.update(self.clock.now(), input);
                self.perform(effects)
            }
            ScreenEvent::Signal(SIGCONT) => self.terminal.retake().map(|()| None),
            ScreenEvent::Signal(signal) => Ok(Some(ExitCode::from(
                SIGNAL_EXIT_STATUS + u8::try_from(signal).unwrap_or_default(),
            ))),
            ScreenEvent::TerminalLost(error) => Err(terminal::failure(&error)),
        }
    }

    fn perform(&mut self, effects: Vec<Effect>) -> Result<Option<ExitCode>, Failure> {
        for effect in effects {
            match effect {
                Effect::Connect { number, address, username } => {
                    self.connection.connect(number, address, username);
                }
                Effect::HangUp { number } => self.connection.hang_up(number),
                Effect::Send { number, request } => self.connection.send(number, request),
                Effect::Remember(line) => {
                    if let Err(why) = self.history_file.append(&line) {
                        // This input has no effects.
                        self.model.update(self.clock.now(), Input::NotRemembered(why));
                    }
                }
                Effect::Suspend => self.terminal.suspend()?,
                Effect::Redraw => self.terminal.forget()?,
                Effect::Quit => return Ok(Some(ExitCode::SUCCESS)),
            }
        }
        Ok(None)
    }
}

fn pass_on_keys(queue: &SyncSender<ScreenEvent>) {
    loop {
        let input = match event::read() {
            Ok(TerminalEvent::Key(key)) => Input::Key(key),
            Ok(TerminalEvent::Mouse(mouse)) => Input::Mouse(mouse),
            Ok(TerminalEvent::Paste(text)) => Input::Paste(text),
            Ok(TerminalEvent::Resize(width, height)) => {
                let (width, height) = terminal::known_size((width, height));
                Input::Resized { width, height }
            }
            Ok(TerminalEvent::FocusGained) => Input::Focused(true),
            Ok(TerminalEvent::FocusLost) => Input::Focused(false),
            Err(error) => {
                // Sending fails only when the screen has ended already.
                let _ = queue.send(ScreenEvent::TerminalLost(error));
                return;
            }
        };
        if queue.send(ScreenEvent::Input(input)).is_err() {
            return;
        }
    }
}

fn colour_depth() -> ColourDepth {
    let variable = |name| std::env::var(name).unwrap_or_default();
    ColourDepth::of(&variable("NO_COLOR"), &variable("COLORTERM"), &variable("TERM"))
}
