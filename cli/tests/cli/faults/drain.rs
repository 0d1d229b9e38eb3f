//! SIGTERM under load: every message that the server accepted (its sender got it back) reaches
//! every member, even if much of it still has to be read; the process ends with 0, and within the
//! time for draining.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use cafewire_core::ErrorCode;
use cafewire_net::{Address, ChatClient, ClientConfig, ClientError, Event};

use crate::support::{PATIENCE, Server, Signal};

const ROOM: &str = "load";
const SPEAKERS: usize = 4;
const LISTENERS: usize = 6;

/// Messages that a speaker has under way: enough that the server is never without work.
const WINDOW: u64 = 100;
/// More than systems buffer for a socket whose peer does not read: the server holds the rest for
/// the latecomer.
const MESSAGES_BEFORE_THE_SIGNAL: u64 = 25_000;
/// A message is a number, as long as a message may be.
const CONTENT_SIZE: usize = 512;
const DRAIN_TIMEOUT: Duration = PATIENCE;

/// Sender and number of a message.
type Said = (String, u64);

/// All messages of the room, in the order in which this member got them, up to the server's end.
fn hear_all(mut member: ChatClient, mut heard: impl FnMut(&Said)) -> Vec<Said> {
    let mut all = Vec::new();
    let mut was_told = false;
    loop {
        match member.next_event() {
            Ok(Event::Message { username, content, .. }) => {
                all.push((username, content.parse().unwrap()));
                heard(&all[all.len() - 1]);
            }
            Ok(Event::Joined { .. } | Event::Left { .. }) => {}
            Ok(Event::Error { code: ErrorCode::ShuttingDown, .. }) => was_told = true,
            Err(ClientError::Closed) => break,
            other => panic!("{other:?} where a message or the end was expected"),
        }
    }
    assert!(was_told, "{} got no reason", member.username());
    all
}

/// Sends numbered messages, never more than a window ahead of the ones received, until the server
/// ends. Returns the messages received.
fn speak_and_hear(member: ChatClient, said_by_all: &AtomicU64) -> Vec<Said> {
    let me = member.username().to_owned();
    let sender = member.sender().unwrap();
    let mut next = 0;
    let mut say = |count: u64| {
        for number in next..next + count {
            // A server that drains reads no more, or is gone: messages that it did not accept do
            // not come back either.
            let _ = sender.send(ROOM, &format!("{number:0>CONTENT_SIZE$}"));
        }
        next += count;
    };
    say(WINDOW);
    hear_all(member, |(sender, _)| {
        if *sender == me {
            said_by_all.fetch_add(1, Ordering::Relaxed);
            say(1);
        }
    })
}

fn member(address: &Address, name: &str) -> ChatClient {
    let config = ClientConfig { read_timeout: Some(PATIENCE), ..ClientConfig::default() };
    let mut member = ChatClient::connect_with(address, name, &config).unwrap();
    member.join(ROOM).unwrap();
    member
}

#[test]
fn a_signal_under_load_loses_nothing_that_was_taken() {
    let drain_timeout = format!("{}s", DRAIN_TIMEOUT.as_secs());
    // A listener on a busy machine may be far behind the speakers, and must not be closed for that
    // here.
    let args = [
        "--drain-timeout",
        &drain_timeout,
        "--outbox-bytes",
        "256MiB",
        "--room-log-bytes",
        "256MiB",
    ];
    let Server { running, address } = Server::start_with(&args);
    let address: Address = address.parse().unwrap();
    let listeners: Vec<_> =
        (0..LISTENERS).map(|n| member(&address, &format!("listener {n}"))).collect();
    let speakers: Vec<_> =
        (0..SPEAKERS).map(|n| member(&address, &format!("speaker {n}"))).collect();
    // It reads nothing before the signal.
    let latecomer = member(&address, "latecomer");
    let said_by_all = AtomicU64::new(0);

    let (heard, took) = thread::scope(|scope| {
        let speaking: Vec<_> = speakers
            .into_iter()
            .map(|member| scope.spawn(|| speak_and_hear(member, &said_by_all)))
            .collect();
        let listening: Vec<_> =
            listeners.into_iter().map(|member| scope.spawn(|| hear_all(member, |_| {}))).collect();
        let deadline = Instant::now() + PATIENCE;
        while said_by_all.load(Ordering::Relaxed) < MESSAGES_BEFORE_THE_SIGNAL {
            assert!(Instant::now() < deadline, "too little was said in time");
            thread::sleep(Duration::from_millis(1));
        }
        let asked = Instant::now();
        running.signal(Signal::TERM);
        let late = scope.spawn(|| hear_all(latecomer, |_| {}));
        let members = speaking.into_iter().chain(listening).chain([late]);
        let heard: Vec<Vec<Said>> = members.map(|member| member.join().unwrap()).collect();
        running.end_by_itself().assert_done();
        (heard, asked.elapsed())
    });

    assert!(took < DRAIN_TIMEOUT, "it took {took:?}");
    let (first, others) = heard.split_first().unwrap();
    assert!(first.len() as u64 >= MESSAGES_BEFORE_THE_SIGNAL);
    for other in others {
        assert!(
            other == first,
            "one member heard {} messages, another {}",
            first.len(),
            other.len()
        );
    }
    let mut next: HashMap<&str, u64> = HashMap::new();
    for (sender, number) in first {
        let expected = next.entry(sender).or_insert(0);
        assert_eq!(number, expected, "a message of {sender} was lost or came twice");
        *expected += 1;
    }
    println!("{} messages, {} members, ended {took:?} after the signal", first.len(), heard.len());
}
