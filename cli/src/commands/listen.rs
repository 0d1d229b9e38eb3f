//! `cafewire listen`: prints the messages of rooms on standard output. With `--retry` a connection
//! that is lost is made again, and what may be missing is said.

mod args;
mod interruption;
mod show;

use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use cafewire_net::client::{ChatClient, ClientError, Event};

pub(crate) use self::args::ListenArgs;
use self::interruption::Interruption;
use self::show::Show;
use crate::escape;
use crate::failure::Failure;
use crate::format;
use crate::interrupt;
use crate::output;
use crate::retry::{self, End, Retry};
use crate::tls_remarks;

/// Exit status when `-t` ran out; no other error has this number.
const TIMED_OUT: u8 = 27;

/// How long to wait for an event when there is no limit. Then the wait starts again.
const UNLIMITED_WAIT: Duration = Duration::from_secs(3600);

/// Time that the server has for closing the connection after our Disconnect.
const GOODBYE_WAIT: Duration = Duration::from_secs(2);

pub(crate) fn run(args: &ListenArgs) -> Result<ExitCode, Failure> {
    let interruption = Interruption::watch()?;
    tls_remarks::make(&args.server.address, &args.server.way.client_config().tls);
    let mut listening = Listening {
        args,
        show: Show::new(args),
        interruption: &interruption,
        // A time too far away for the clock is no limit.
        deadline: args.timeout.and_then(|timeout| Instant::now().checked_add(timeout)),
        messages_left: args.count,
        retry: args.retry.attempts(),
        was_signed_in: false,
        missing_since: None,
    };
    loop {
        match listening.listen_once() {
            Ok(exit_code) => return Ok(exit_code),
            Err(_) if is_over(listening.deadline) => return Ok(ExitCode::from(TIMED_OUT)),
            Err(End::Final(failure)) => return Err(failure),
            Err(End::Lost(failure)) => listening.wait_for_next_attempt(failure)?,
        }
    }
}

struct Listening<'a> {
    args: &'a ListenArgs,
    show: Show<'a>,
    interruption: &'a Interruption,
    deadline: Option<Instant>,
    messages_left: Option<u64>,
    retry: Retry,
    was_signed_in: bool,
    /// When the last sign came over the connection that was lost.
    missing_since: Option<SystemTime>,
}

impl Listening<'_> {
    /// From the connect to the end of the command or of the connection.
    fn listen_once(&mut self) -> Result<ExitCode, End> {
        let mut client = self.connect().map_err(|error| self.end(error))?;
        self.was_signed_in = true;
        let sender = client.sender().map_err(Failure::no_second_handle)?;
        self.interruption.set_sender(Some(sender));
        let ended = self.join(&mut client).and_then(|()| self.show_events(&mut client));
        self.interruption.set_sender(None);
        if let Some(signal) = self.interruption.signal() {
            // It is what closed the connection, whatever was being waited for.
            disconnect(client);
            return Ok(ExitCode::from(interrupt::exit_status(signal)));
        }
        match ended {
            Ok(_) => disconnect(client),
            Err(_) => {
                let heard = SystemTime::now().checked_sub(client.last_heard().elapsed());
                self.missing_since = self.missing_since.or(heard);
            }
        }
        ended
    }

    /// Connecting and signing in are part of the total time.
    fn connect(&self) -> Result<ChatClient, ClientError> {
        let mut config = self.args.server.way.client_config();
        config.probe_interval = self.args.probe.interval();
        if let Some(deadline) = self.deadline {
            let left = deadline.saturating_duration_since(Instant::now());
            let left = left.max(Duration::from_millis(1));
            config.connect_timeout = config.connect_timeout.min(left);
            config.read_timeout = Some(config.read_timeout.map_or(left, |time| time.min(left)));
        }
        let address = &self.args.server.address;
        let client = ChatClient::connect_with(address, &self.args.user, &config)?;
        format::connected(address, client.peer_address());
        Ok(client)
    }

    fn join(&mut self, client: &mut ChatClient) -> Result<(), End> {
        for room in self.show.rooms() {
            client.join(room).map_err(|error| self.end(error))?;
        }
        self.retry.succeeded(Instant::now());
        if let Some(since) = self.missing_since.take() {
            self.show.missing(since, SystemTime::now())?;
        }
        Ok(self.show.joined(client)?)
    }

    fn show_events(&mut self, client: &mut ChatClient) -> Result<ExitCode, End> {
        while self.messages_left != Some(0) {
            let wait = self.deadline.map_or(UNLIMITED_WAIT, |deadline| {
                deadline.saturating_duration_since(Instant::now())
            });
            match client.next_event_within(wait).map_err(|error| self.end(error))? {
                Some(Event::Error { code, message }) => {
                    let failure =
                        Failure::refused("the server ended the connection", code, &message);
                    let may_pass = retry::code_may_pass(code, self.was_signed_in);
                    return Err(if may_pass { End::Lost(failure) } else { End::Final(failure) });
                }
                Some(event) => {
                    self.show.event(&event)?;
                    if matches!(event, Event::Message { .. }) {
                        self.messages_left = self.messages_left.map(|left| left - 1);
                    }
                }
                None => {}
            }
            if self.messages_left != Some(0) && is_over(self.deadline) {
                return Ok(ExitCode::from(TIMED_OUT));
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    fn end(&self, error: ClientError) -> End {
        End::of(error, self.was_signed_in)
    }

    /// A signal ends the command meanwhile.
    fn wait_for_next_attempt(&mut self, failure: Failure) -> Result<(), Failure> {
        let is_first = self.retry.is_first_failure();
        let now = Instant::now();
        let Some(pause) = self.retry.pause(now) else { return Err(failure) };
        if is_first {
            let why = failure.into_sentence();
            output::remark(format_args!("cafewire: {}: trying again", escape::text(&why)));
        }
        let left = self.deadline.map(|deadline| deadline.saturating_duration_since(now));
        thread::sleep(left.map_or(pause, |left| pause.min(left)));
        Ok(())
    }
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

fn is_over(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| deadline <= Instant::now())
}
