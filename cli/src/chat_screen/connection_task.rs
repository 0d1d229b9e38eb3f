//! The connection: a thread that connects and then reads, and one that writes. Their events go into
//! the screen's queue; they decide nothing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use cafewire_net::client::{ChatClient, ChatSender, ClientError};
use cafewire_net::{Address, ClientConfig};

use super::effect::{ConnectionEvent, Input};
use super::screen::ScreenEvent;
use crate::failure;
use crate::format;
use crate::requests::{MAX_IN_FLIGHT, Request};

/// Interval at which the reading thread checks whether it was given up, and whether writing failed.
const CHECK_WAIT: Duration = Duration::from_secs(1);

/// Time that the server has for closing the connection after our Disconnect.
const GOODBYE_WAIT: Duration = Duration::from_secs(2);

pub(super) struct ConnectionTask {
    queue: SyncSender<ScreenEvent>,
    config: ClientConfig,
    current: Option<Connection>,
}

/// This end of the threads of one connection. Dropping it makes the writing thread send Disconnect.
struct Connection {
    number: u64,
    /// Has room for all requests that may be unanswered, so that sending into it never blocks.
    requests: SyncSender<Request>,
    shared: Arc<Shared>,
}

/// State shared by the threads of one connection.
#[derive(Default)]
struct Shared {
    is_given_up: AtomicBool,
    /// True between sign-in and end.
    is_signed_in: AtomicBool,
    write_failure: OnceLock<String>,
}

impl ConnectionTask {
    pub(super) const fn new(queue: SyncSender<ScreenEvent>, config: ClientConfig) -> Self {
        Self { queue, config, current: None }
    }

    pub(super) fn connect(&mut self, number: u64, address: Address, username: String) {
        let (requests, outbox) = sync_channel(MAX_IN_FLIGHT);
        let shared = Arc::new(Shared::default());
        self.current = Some(Connection { number, requests, shared: Arc::clone(&shared) });
        let (queue, config) = (self.queue.clone(), self.config.clone());
        thread::spawn(move || {
            let report =
                |event| queue.send(ScreenEvent::Input(Input::Connection { number, event })).is_ok();
            let error = converse(&address, &config, &username, outbox, &shared, report);
            shared.is_signed_in.store(false, Ordering::Relaxed);
            let code =
                if let ClientError::Refused { code, .. } = &error { Some(*code) } else { None };
            // The system's error for a failed write says less than the server's own reason, if
            // there is one.
            let why = match (error, shared.write_failure.get()) {
                (ClientError::TimedOut, Some(why)) => why.clone(),
                (error, _) => failure::sentence(&error),
            };
            report(ConnectionEvent::Ended { why, code });
        });
    }

    pub(super) fn send(&self, number: u64, request: Request) {
        if let Some(connection) =
            self.current.as_ref().filter(|connection| connection.number == number)
        {
            // Sending fails only after the writing thread has ended, and the reading one reports
            // that.
            let _ = connection.requests.try_send(request);
        }
    }

    pub(super) fn hang_up(&mut self, number: u64) {
        if let Some(connection) = self.current.take_if(|connection| connection.number == number) {
            connection.shared.is_given_up.store(true, Ordering::Relaxed);
        }
    }

    /// Disconnects, and waits until the server has closed the connection: from then on the name is
    /// free for the next command.
    pub(super) fn disconnect(mut self, events: &Receiver<ScreenEvent>) {
        let Some(Connection { number: last, requests, shared }) = self.current.take() else {
            return;
        };
        if !shared.is_signed_in.load(Ordering::Relaxed) {
            return;
        }
        drop(requests);
        let deadline = Instant::now() + GOODBYE_WAIT;
        while let Ok(event) =
            events.recv_timeout(deadline.saturating_duration_since(Instant::now()))
        {
            if let ScreenEvent::Input(Input::Connection { number, event }) = event
                && matches!(event, ConnectionEvent::Ended { .. })
                && number == last
            {
                return;
            }
        }
    }
}

/// Connects and reads until the connection ends. Returns the reason; [`ClientError::TimedOut`] if
/// the connection was given up, or if writing failed and the server gave no reason.
fn converse(
    address: &Address,
    config: &ClientConfig,
    username: &str,
    outbox: Receiver<Request>,
    shared: &Arc<Shared>,
    report: impl Fn(ConnectionEvent) -> bool,
) -> ClientError {
    let mut client = match ChatClient::connect_with(address, username, config) {
        Ok(client) => client,
        Err(error) => return error,
    };
    let sender = match client.sender() {
        Ok(sender) => sender,
        Err(error) => return ClientError::Io(error),
    };
    let writer = Arc::clone(shared);
    thread::spawn(move || pass_on_requests(&sender, &outbox, &writer));
    shared.is_signed_in.store(true, Ordering::Relaxed);
    let mut is_heard = report(ConnectionEvent::SignedIn {
        server_info: client.server_info().to_owned(),
        peer: format::found(client.peer_address()),
    });
    while is_heard && !shared.is_given_up.load(Ordering::Relaxed) {
        match client.receive_within(CHECK_WAIT) {
            Ok(Some(received)) => is_heard = report(ConnectionEvent::Chat(received)),
            Ok(None) if shared.write_failure.get().is_some() => break,
            Ok(None) => {}
            Err(error) => return error,
        }
    }
    ClientError::TimedOut
}

/// Writes requests until their queue is closed, and then sends Disconnect.
fn pass_on_requests(sender: &ChatSender, outbox: &Receiver<Request>, shared: &Shared) {
    let written = outbox.iter().try_for_each(|request| match &request {
        Request::Join { room } => sender.join(room),
        Request::Leave { room } => sender.leave(room),
        Request::Send { room, content } => sender.send(room, content),
    });
    match written {
        // A server that is already gone needs no Disconnect.
        Ok(()) => drop(sender.disconnect()),
        Err(error) => drop(shared.write_failure.set(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use cafewire_core::ErrorCode;
    use cafewire_net::client::{Event, Received};
    use cafewire_net::{Server, ServerConfig, ServerHandle};

    use super::*;

    /// Longer than anything here takes on a busy machine.
    const PATIENCE: Duration = Duration::from_secs(30);

    /// The real server on a port of its own, until this is dropped.
    struct TestServer {
        address: Address,
        handle: ServerHandle,
        thread: Option<thread::JoinHandle<std::io::Result<()>>>,
    }

    impl TestServer {
        fn start() -> Self {
            let mut config = ServerConfig::default();
            config.listen = vec!["127.0.0.1:0".parse().unwrap()];
            let server = Server::bind(config).unwrap();
            let (address, handle) = (server.local_addresses()[0].clone(), server.handle());
            Self { address, handle, thread: Some(thread::spawn(move || server.run())) }
        }

        fn stop(&mut self) {
            self.handle.shut_down();
            if let Some(thread) = self.thread.take() {
                thread.join().unwrap().unwrap();
            }
        }
    }

    impl Drop for TestServer {
        fn drop(&mut self) {
            if self.thread.is_some() {
                self.stop();
            }
        }
    }

    struct Line {
        connection: ConnectionTask,
        events: Receiver<ScreenEvent>,
    }

    impl Line {
        fn connect(server: &TestServer, username: &str) -> Self {
            let (queue, events) = sync_channel(64);
            let mut connection = ConnectionTask::new(queue, ClientConfig::default());
            connection.connect(1, server.address.clone(), username.to_owned());
            Self { connection, events }
        }

        fn next(&self) -> ConnectionEvent {
            match self.events.recv_timeout(PATIENCE) {
                Ok(ScreenEvent::Input(Input::Connection { event, .. })) => event,
                _ => panic!("nothing is heard of the connection"),
            }
        }
    }

    #[test]
    fn what_is_asked_is_sent_and_what_is_said_is_heard() {
        let server = TestServer::start();
        let line = Line::connect(&server, "ada");
        let ConnectionEvent::SignedIn { peer: Some(peer), .. } = line.next() else { panic!() };
        assert_eq!(format!("tcp://{peer}"), server.address.to_string());
        line.connection.send(1, Request::Join { room: "lobby".to_owned() });
        line.connection
            .send(1, Request::Send { room: "lobby".to_owned(), content: "hello".to_owned() });
        line.connection.send(2, Request::Leave { room: "lobby".to_owned() });
        assert!(matches!(
            line.next(),
            ConnectionEvent::Chat(Received { event: Event::Joined { room, .. }, .. })
                if room == "lobby"
        ));
        assert!(matches!(
            line.next(),
            ConnectionEvent::Chat(Received { event: Event::Message { content, .. }, .. })
                if content == "hello"
        ));
        line.connection.disconnect(&line.events);
        // The name is free from then on.
        assert!(matches!(Line::connect(&server, "ada").next(), ConnectionEvent::SignedIn { .. }));
    }

    #[test]
    fn a_refused_name_says_so_by_its_code() {
        let server = TestServer::start();
        let first = Line::connect(&server, "ada");
        assert!(matches!(first.next(), ConnectionEvent::SignedIn { .. }));
        let second = Line::connect(&server, "ada");
        assert!(matches!(
            second.next(),
            ConnectionEvent::Ended { code: Some(ErrorCode::UsernameTaken), .. }
        ));
        // Without a signed-in connection there is none to close, so this waits for nothing.
        second.connection.disconnect(&second.events);
    }

    #[test]
    fn the_end_of_the_server_is_heard_with_its_reason() {
        let mut server = TestServer::start();
        let line = Line::connect(&server, "ada");
        assert!(matches!(line.next(), ConnectionEvent::SignedIn { .. }));
        server.stop();
        assert!(matches!(
            line.next(),
            ConnectionEvent::Chat(Received {
                event: Event::Error { code: ErrorCode::ShuttingDown, .. },
                ..
            })
        ));
        assert!(matches!(line.next(), ConnectionEvent::Ended { code: None, .. }));
        let line = Line::connect(&server, "ada");
        assert!(matches!(
            line.next(),
            ConnectionEvent::Ended { why, .. } if why.contains("cannot connect")
        ));
    }

    #[test]
    fn a_connection_that_is_given_up_ends() {
        let server = TestServer::start();
        let mut line = Line::connect(&server, "ada");
        assert!(matches!(line.next(), ConnectionEvent::SignedIn { .. }));
        line.connection.hang_up(1);
        assert!(matches!(line.next(), ConnectionEvent::Ended { .. }));
        line.connection.hang_up(1);
    }
}
