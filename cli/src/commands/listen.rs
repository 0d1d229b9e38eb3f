//! `cafewire listen`: prints the messages of rooms on standard output. With `--retry` a connection
//! that is lost is made again, and what may be missing is said.

mod args;
mod interruption;
mod joins;
mod show;

use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use cafewire_core::ErrorCode;
use cafewire_net::client::{ChatClient, ChatSender, ClientError, Event, Received};

pub(crate) use self::args::ListenArgs;
use self::interruption::Interruption;
use self::joins::{Asked, Joins};
use self::show::Show;
use crate::escape;
use crate::failure::Failure;
use crate::format;
use crate::interrupt;
use crate::output;
use crate::pace::REFUSED_MAX;
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
        most_joined: 0,
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
    /// In how many rooms one connection was. As many may be joined again.
    most_joined: usize,
    /// When the last sign came over the connection that was lost.
    missing_since: Option<SystemTime>,
}

impl Listening<'_> {
    /// From the connect to the end of the command or of the connection.
    fn listen_once(&mut self) -> Result<ExitCode, End> {
        let mut client = self.connect().map_err(|error| self.end(error))?;
        self.was_signed_in = true;
        let second_handle = || client.sender().map_err(Failure::no_second_handle);
        let (sender, of_signals) = (second_handle()?, second_handle()?);
        self.interruption.set_sender(Some(of_signals));
        let ended = self.join_and_show(&mut client, &sender);
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

    /// Joins the rooms and shows what is said in them, in those that are joined first too while the
    /// answers of the others are on their way.
    fn join_and_show(
        &mut self,
        client: &mut ChatClient,
        sender: &ChatSender,
    ) -> Result<ExitCode, End> {
        let answer_timeout = client_timeout(self.args);
        let mut joins = Joins::new(self.show.rooms());
        let mut is_announced = false;
        while self.messages_left != Some(0) {
            self.ask(sender, client, &mut joins)?;
            if joins.are_done() && !is_announced {
                is_announced = true;
                self.joined(client);
            }
            let now = Instant::now();
            let until = [self.deadline, joins.wait_until(answer_timeout)];
            let wait = until
                .into_iter()
                .flatten()
                .min()
                .map_or(UNLIMITED_WAIT, |until| until.saturating_duration_since(now));
            match client.receive_within(wait).map_err(|error| self.end(error))? {
                Some(received) => self.take(received, &mut joins)?,
                None if joins.is_overdue(Instant::now(), answer_timeout)
                    && !is_over(self.deadline) =>
                {
                    return Err(self.end(ClientError::TimedOut));
                }
                None => {}
            }
            if self.messages_left != Some(0) && is_over(self.deadline) {
                return Ok(ExitCode::from(TIMED_OUT));
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Asks for rooms, as many as may be under way.
    fn ask(
        &self,
        sender: &ChatSender,
        client: &mut ChatClient,
        joins: &mut Joins<'_>,
    ) -> Result<(), End> {
        while let Some(room) = joins.next_to_ask(Instant::now()) {
            if let Err(error) = sender.join(room) {
                return Err(self.why_not_written(client, error));
            }
        }
        Ok(())
    }

    /// A server that closed may have sent the reason before, which says more than the failed write.
    fn why_not_written(&self, client: &mut ChatClient, error: ClientError) -> End {
        while let Ok(Some(event)) = client.next_event_within(Duration::ZERO) {
            if let Event::Error { code, message } = event
                && code.closes()
            {
                return self.ended_by_server(code, &message);
            }
        }
        self.end(error)
    }

    fn joined(&mut self, client: &ChatClient) {
        self.retry.succeeded(Instant::now());
        if let Some(since) = self.missing_since.take() {
            Show::missing(since, SystemTime::now());
        }
        self.show.joined(client);
    }

    fn take(&mut self, received: Received, joins: &mut Joins<'_>) -> Result<(), End> {
        let asked = joins.take(&received, Instant::now());
        match (received.event, asked) {
            (Event::Error { code, message }, _) if code.closes() => {
                Err(self.ended_by_server(code, &message))
            }
            (Event::Error { code: ErrorCode::RateLimited, message }, Some(asked)) => {
                let at_most = self.retry.within().unwrap_or(REFUSED_MAX);
                if joins.ask_again(&asked, Instant::now()) < at_most {
                    return Ok(());
                }
                Err(self.not_joined(&asked, ErrorCode::RateLimited, message))
            }
            (Event::Error { code, message }, Some(asked)) => {
                Err(self.not_joined(&asked, code, message))
            }
            (Event::Error { code, message }, None) => Err(self.ended_by_server(code, &message)),
            (event, asked) => {
                if asked.is_some() {
                    self.most_joined = self.most_joined.max(joins.joined());
                    if let (Some(since), Event::Joined { room, .. }) = (self.missing_since, &event)
                    {
                        self.show.gap(room, since, SystemTime::now())?;
                    }
                }
                self.show.event(&event)?;
                if matches!(event, Event::Message { .. }) {
                    self.messages_left = self.messages_left.map(|left| left - 1);
                }
                Ok(())
            }
        }
    }

    fn not_joined(&self, asked: &Asked<'_>, code: ErrorCode, message: String) -> End {
        // A room may have place later. A server that lets this connection into some rooms, but not
        // into one more than ever, will not do so later either.
        let is_one_too_many =
            code == ErrorCode::LimitReached && asked.at > 0 && asked.at >= self.most_joined;
        let refused = ClientError::Refused { code, message };
        let (rooms, may_pass) =
            (self.show.rooms().count(), retry::may_pass(&refused, self.was_signed_in));
        let what = if rooms > 1 {
            format!("cannot listen to {}, room {} of {rooms}", asked.room, asked.at + 1)
        } else {
            format!("cannot listen to {}", asked.room)
        };
        let failure = Failure::Message(format!("{what}: {refused}"));
        if may_pass && !is_one_too_many { End::Lost(failure) } else { End::Final(failure) }
    }

    fn ended_by_server(&self, code: ErrorCode, message: &str) -> End {
        let failure = Failure::refused("the server ended the connection", code, message);
        let may_pass = retry::code_may_pass(code, self.was_signed_in);
        if may_pass { End::Lost(failure) } else { End::Final(failure) }
    }

    fn end(&self, error: ClientError) -> End {
        End::of(error, self.was_signed_in)
    }

    /// A signal ends the command meanwhile.
    fn wait_for_next_attempt(&mut self, failure: Failure) -> Result<(), Failure> {
        let is_first = self.retry.is_first_failure();
        let now = Instant::now();
        let Some(pause) = self.retry.pause(now) else { return Err(self.retry.given_up(failure)) };
        if is_first {
            let why = failure.into_sentence();
            output::remark(format_args!("cafewire: {}: trying again", escape::text(&why)));
        }
        let left = self.deadline.map(|deadline| deadline.saturating_duration_since(now));
        thread::sleep(left.map_or(pause, |left| pause.min(left)));
        Ok(())
    }
}

/// How long the server may be silent while it owes an answer.
fn client_timeout(args: &ListenArgs) -> Duration {
    args.server.way.client_config().read_timeout.unwrap_or(UNLIMITED_WAIT)
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
