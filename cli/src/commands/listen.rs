//! `cafewire listen`: prints the messages of a room on standard output.

mod args;

use std::ffi::c_int;
use std::process::{self, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use cafewire_net::client::{ChatClient, ChatSender, ClientError, Event};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::escape;
use crate::failure::Failure;
use crate::format::{self, EventJson};
use crate::interrupt;
use crate::output;

pub(crate) use self::args::ListenArgs;

/// Exit status when `-t` ran out; no other error has this number.
const TIMED_OUT: u8 = 27;

/// How long to wait for an event when there is no limit. Then the wait starts again.
const UNLIMITED_WAIT: Duration = Duration::from_secs(3600);

/// Time that the server has for closing the connection after our Disconnect.
const GOODBYE_WAIT: Duration = Duration::from_secs(2);

pub(crate) fn run(args: &ListenArgs) -> Result<ExitCode, Failure> {
    // A time too far away for the clock is no limit.
    let deadline = args.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let mut client = match connect(args) {
        Err(_) if is_over(deadline) => return Ok(ExitCode::from(TIMED_OUT)),
        client => client?,
    };
    let interruption = Interruption::watch(client.sender().map_err(Failure::no_second_handle)?)?;
    let ended = listen(args, &mut client, deadline);
    if let Some(signal) = interruption.signal() {
        // It is what closed the connection, whatever was being waited for.
        disconnect(client);
        return Ok(ExitCode::from(interrupt::exit_status(signal)));
    }
    let exit_code = ended?;
    disconnect(client);
    Ok(exit_code)
}

/// Has SIGINT and SIGTERM end the command with a Disconnect: the name is free for the next one.
struct Interruption(Arc<AtomicI32>);

impl Interruption {
    fn watch(sender: ChatSender) -> Result<Self, Failure> {
        let seen = Arc::new(AtomicI32::new(0));
        let noted = Arc::clone(&seen);
        interrupt::watch_all(&[SIGINT, SIGTERM], move |signal| {
            let status = interrupt::exit_status(signal).into();
            if noted.swap(signal, Ordering::Relaxed) == 0 {
                // The server closes, which the reading thread sees. If it does not, or does not
                // even take the Disconnect, this ends the command.
                thread::spawn(move || {
                    thread::sleep(GOODBYE_WAIT);
                    process::exit(status);
                });
                if sender.disconnect().is_ok() {
                    return true;
                }
            }
            process::exit(status)
        })?;
        Ok(Self(seen))
    }

    fn signal(&self) -> Option<c_int> {
        Some(self.0.load(Ordering::Relaxed)).filter(|&signal| signal != 0)
    }
}

fn listen(
    args: &ListenArgs,
    client: &mut ChatClient,
    deadline: Option<Instant>,
) -> Result<ExitCode, Failure> {
    match client.join(&args.room) {
        Err(ClientError::TimedOut) if is_over(deadline) => return Ok(ExitCode::from(TIMED_OUT)),
        joined => joined?,
    }
    show_joined(args, client)?;
    let mut messages_left = args.count;
    while messages_left != Some(0) {
        let wait = deadline
            .map_or(UNLIMITED_WAIT, |deadline| deadline.saturating_duration_since(Instant::now()));
        let event = client.next_event_within(wait)?;
        if let Some(event) = &event {
            show(event, args)?;
            if matches!(event, Event::Message { .. }) {
                messages_left = messages_left.map(|left| left - 1);
            }
        }
        if messages_left != Some(0) && is_over(deadline) {
            return Ok(ExitCode::from(TIMED_OUT));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Disconnects, and waits until the server has closed the connection: from then on the name is free
/// for the next command. A server that does not close is no failure of a command that has done its
/// work.
fn disconnect(mut client: ChatClient) {
    let deadline = Instant::now() + GOODBYE_WAIT;
    if client.sender().is_ok_and(|sender| sender.disconnect().is_ok()) {
        while client.next_event_within(deadline.saturating_duration_since(Instant::now())).is_ok()
            && !is_over(Some(deadline))
        {}
    }
}

/// Connecting and signing in are part of the total time.
fn connect(args: &ListenArgs) -> Result<ChatClient, ClientError> {
    let mut config = args.server.tls.client_config();
    if let Some(timeout) = args.timeout.map(|timeout| timeout.max(Duration::from_millis(1))) {
        config.connect_timeout = config.connect_timeout.min(timeout);
        config.read_timeout =
            Some(config.read_timeout.map_or(timeout, |default| default.min(timeout)));
    }
    let client = ChatClient::connect_with(&args.server.address, &args.user, &config)?;
    format::connected(&args.server.address, client.peer_address());
    Ok(client)
}

fn is_over(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| deadline <= Instant::now())
}

/// Announces, on standard error for people and as an object for programs, that messages are
/// complete from here on. The join has consumed the event that says so.
fn show_joined(args: &ListenArgs, client: &ChatClient) -> Result<(), Failure> {
    let (room, username) = (args.room.as_str(), client.username());
    output::notice(format_args!(
        "listening to [{}] as <{}>",
        escape::room(room),
        escape::username(username)
    ));
    if args.json {
        output::json(&EventJson::Joined { user_id: client.user_id(), username, room })?;
    }
    Ok(())
}

fn show(event: &Event, args: &ListenArgs) -> Result<(), Failure> {
    match event {
        Event::Error { code, message } => {
            Err(Failure::refused("the server ended the connection", *code, message))
        }
        event if args.json => EventJson::of(event).map_or(Ok(()), |event| output::json(&event)),
        Event::Message { timestamp_ms, username, content, .. } => output::line(format_args!(
            "{} {}",
            format::local_time(*timestamp_ms),
            format::said(username, content)
        )),
        _ => Ok(()),
    }
}
