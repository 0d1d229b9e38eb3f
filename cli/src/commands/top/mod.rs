//! `cafewire top`: watches a server through its `/metrics`. Threads and terminal are here; the
//! samples and their drawing are pure, in their own files.

mod args;
pub(super) mod fetch;
mod figures;
mod once;
mod sample;
mod view;
mod watch;

use std::io;
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM};

pub(crate) use self::args::TopArgs;
use self::fetch::Fetcher;
use self::once::Report;
use self::sample::Sample;
use self::view::Palette;
use self::watch::Watch;
use crate::failure::Failure;
use crate::terminal::FullScreen;
use crate::{interrupt, output, terminal};

/// Interval of redrawing without events, so that ages grow.
const REDRAW_EVERY: Duration = Duration::from_secs(1);

/// Added to a signal's number in the exit status, as shells have it.
const SIGNAL_EXIT_STATUS: u8 = 128;

/// An event while the screen is up.
enum TopEvent {
    Asked(Result<Box<Sample>, String>),
    Input(Event),
    InputBroke(io::Error),
    Signal(i32),
}

pub(crate) fn run(args: &TopArgs) -> Result<ExitCode, Failure> {
    if args.once || args.json {
        return print_once(args).map(|()| ExitCode::SUCCESS);
    }
    if !terminal::is_full_screen_possible() {
        let sentence =
            "top needs a terminal to draw on: --once or --json print one sample anywhere";
        return Err(Failure::Message(sentence.to_owned()));
    }
    let events = watch_everything(args)?;
    show(args, &events)
}

/// Takes one sample, another an interval later, and prints the second with the rates between them.
fn print_once(args: &TopArgs) -> Result<(), Failure> {
    let url = args.url.to_string();
    let fetcher = Fetcher::new(args.url.clone());
    let started = Instant::now();
    let sample = || {
        let text = fetcher
            .fetch()
            .map_err(|why| Failure::Message(format!("no answer from {url}: {why}")))?;
        Sample::parse(&text, started.elapsed())
            .map_err(|sentence| Failure::Message(format!("{url}: {sentence}")))
    };
    let before = sample()?;
    thread::sleep(args.interval);
    let after = sample()?;
    if !after.continues(&before) {
        return Err(Failure::Message(format!(
            "{url}: the server restarted within the interval: ask again"
        )));
    }
    if args.json {
        output::json(&Report::of(&url, &before, &after))
    } else {
        output::text(&once::lines(&before, &after))
    }
}

/// Starts the threads that fetch metrics, read keys and wait for signals; each ends with the
/// program.
fn watch_everything(args: &TopArgs) -> Result<Receiver<TopEvent>, Failure> {
    // Threads that are ahead of the screen wait for it.
    let (sender, events) = sync_channel(16);
    let signals = sender.clone();
    interrupt::watch_all(&[SIGINT, SIGTERM, SIGHUP, SIGCONT], move |signal| {
        signals.send(TopEvent::Signal(signal)).is_ok()
    })?;
    let hang_up = sender.clone();
    terminal::watch_for_hang_up(move || {
        // Sending fails only when the screen has ended already.
        let _ = hang_up.send(TopEvent::Signal(SIGHUP));
    });
    let (fetcher, interval, asking) =
        (Fetcher::new(args.url.clone()), args.interval, sender.clone());
    thread::spawn(move || ask(&fetcher, interval, &asking));
    thread::spawn(move || read_keys(&sender));
    Ok(events)
}

fn ask(fetcher: &Fetcher, interval: Duration, asked: &SyncSender<TopEvent>) {
    let started = Instant::now();
    loop {
        let due = Instant::now() + interval;
        let sample = fetcher.fetch().and_then(|text| Sample::parse(&text, started.elapsed()));
        if asked.send(TopEvent::Asked(sample.map(Box::new))).is_err() {
            return;
        }
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
}

fn read_keys(sender: &SyncSender<TopEvent>) {
    loop {
        let event = match crossterm::event::read() {
            Ok(event) => TopEvent::Input(event),
            Err(error) => TopEvent::InputBroke(error),
        };
        let is_last = matches!(event, TopEvent::InputBroke(_));
        if sender.send(event).is_err() || is_last {
            return;
        }
    }
}

/// Draws until the user quits.
fn show(args: &TopArgs, events: &Receiver<TopEvent>) -> Result<ExitCode, Failure> {
    let palette =
        Palette { is_coloured: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) };
    let started = Instant::now();
    let mut watch = Watch::new(args.url.to_string());
    let mut screen = FullScreen::enter()?;
    loop {
        // A clock before 1970 was never set.
        let unix_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        screen.draw(|frame| view::draw(frame, &watch, started.elapsed(), unix_s, palette))?;
        match events.recv_timeout(REDRAW_EVERY) {
            Ok(TopEvent::Asked(Ok(sample))) => watch.heard(*sample),
            Ok(TopEvent::Asked(Err(why))) => watch.failed(started.elapsed(), why),
            Ok(TopEvent::Input(Event::Key(key))) if wants(key, 'z') => screen.suspend()?,
            Ok(TopEvent::Input(Event::Key(key))) if quits(key) => return Ok(ExitCode::SUCCESS),
            Ok(TopEvent::Input(Event::Key(key))) if wants(key, 'l') => screen.forget()?,
            // The next frame is drawn in the size that the terminal has by then.
            Ok(TopEvent::Input(_)) | Err(RecvTimeoutError::Timeout) => {}
            Ok(TopEvent::InputBroke(error)) => return Err(terminal::failure(&error)),
            Ok(TopEvent::Signal(SIGCONT)) => screen.retake()?,
            Ok(TopEvent::Signal(signal)) => {
                return Ok(ExitCode::from(
                    SIGNAL_EXIT_STATUS.saturating_add(u8::try_from(signal).unwrap_or_default()),
                ));
            }
            Err(RecvTimeoutError::Disconnected) => return Ok(ExitCode::FAILURE),
        }
    }
}

fn quits(key: KeyEvent) -> bool {
    key.kind != KeyEventKind::Release
        && (matches!(key.code, KeyCode::Char('q') | KeyCode::Esc) || wants(key, 'c'))
}

/// Whether this is the letter with Ctrl.
fn wants(key: KeyEvent, letter: char) -> bool {
    key.kind != KeyEventKind::Release
        && key.modifiers.contains(KeyModifiers::CONTROL)
        && key.code == KeyCode::Char(letter)
}
