//! How many connections are followed, and what waits in them.

use std::net::Ipv4Addr;

use super::*;
use crate::decode::filter::Filter;
use crate::decode::report::Form;

fn segment(
    client_port: u16,
    server_port: u16,
    sequence: u32,
    is_syn: bool,
    payload: &[u8],
) -> Segment<'_> {
    let end = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    Segment {
        source: end(client_port),
        destination: end(server_port),
        sequence,
        is_syn,
        is_answer: !is_syn,
        acknowledges: None,
        is_fin: false,
        is_reset: false,
        payload,
        wire_payload_size: payload.len(),
    }
}

fn new(bounds: Bounds) -> (Conversations, Report) {
    (Conversations::new(&[], bounds), Report::new(Form::Json, Filter::default()))
}

fn feed(conversations: &mut Conversations, report: &mut Report, packet: u64, it: &Segment<'_>) {
    assert!(conversations.segment(it, Moment { packet, time_ns: None }, report).is_ok());
}

fn said(conversations: &Conversations) -> String {
    conversations.passed_over.sentences().join("\n")
}

#[test]
fn as_many_connections_as_the_bound_are_followed_and_then_the_most_silent_are_over() {
    let (mut conversations, mut report) = new(Bounds { conversations: 16, ..Bounds::default() });
    for port in 0..16 {
        let first = segment(port, 8080, 8, false, b"\x01");
        feed(&mut conversations, &mut report, u64::from(port), &segment(port, 8080, 7, true, b""));
        feed(&mut conversations, &mut report, u64::from(port), &first);
    }
    assert_eq!((conversations.followed.len(), said(&conversations).as_str()), (16, ""));
    // The first one says something: now the second and third were silent for longest.
    feed(&mut conversations, &mut report, 20, &segment(0, 8080, 9, false, b"\x01"));
    feed(&mut conversations, &mut report, 21, &segment(16, 8080, 7, true, b""));
    assert_eq!(conversations.followed.len(), 15);
    assert!(said(&conversations).starts_with("2 TCP connections, silent for long, were taken"));
    let ports: Vec<u16> = conversations
        .followed
        .values()
        .flat_map(Conversation::client_and_server)
        .map(|end| end.port())
        .collect();
    assert!([0, 16].iter().all(|port| ports.contains(port)), "{ports:?}");
    assert!([1, 2].iter().all(|port| !ports.contains(port)), "{ports:?}");
}

#[test]
fn waiting_bytes_have_a_bound_over_all_connections() {
    let (mut conversations, mut report) = new(Bounds { held_bytes: 100_000, ..Bounds::default() });
    let chunk = [0x55; 1000];
    for port in 1000..1050 {
        let packet = u64::from(port);
        feed(&mut conversations, &mut report, packet, &segment(port, 9, 7, true, b""));
        // What would come before never does.
        for index in 0..50 {
            let late = segment(port, 9, 100 + 1000 * index, false, &chunk);
            feed(&mut conversations, &mut report, packet, &late);
            assert!(conversations.held_bytes <= 100_000, "{}", conversations.held_bytes);
        }
        let really: usize = conversations.followed.values().map(Conversation::held_bytes).sum();
        assert_eq!(conversations.held_bytes, really);
    }
    assert!(said(&conversations).contains("were taken to be over"), "{}", said(&conversations));
    assert!(conversations.finish(&mut report).is_ok());
    assert_eq!((conversations.held_bytes, conversations.followed.len()), (0, 0));
}

#[test]
fn what_speaks_something_else_is_let_go_at_once() {
    for (port, is_held) in [(80, false), (8080, true)] {
        let (mut conversations, mut report) = new(Bounds::default());
        let request = b"GET / HTTP/1.1\r\n".repeat(500);
        feed(&mut conversations, &mut report, 1, &segment(1, port, 7, true, b""));
        feed(&mut conversations, &mut report, 2, &segment(1, port, 8, false, &request));
        // On the usual port a server may answer with an error that is a good frame.
        assert_eq!(conversations.held_bytes > 0, is_held, "{port}");
        let mut next = 8;
        while conversations.held_bytes > 0 {
            next += 8000;
            assert!(next < 1_000_000, "what is held has a bound");
            feed(&mut conversations, &mut report, 3, &segment(1, port, next, false, &request));
        }
        assert!(conversations.finish(&mut report).is_ok());
        assert!(said(&conversations).starts_with("1 TCP connection speaks HTTP and was left out"));
        assert!(report.tally.is_empty());
    }
}

#[test]
fn what_waits_for_its_port_to_become_known_has_a_bound() {
    let bounds = Bounds { parked_bytes: 10_000, known_ports: 1, ..Bounds::default() };
    let (mut conversations, mut report) = new(bounds);
    for port in 1000..1100 {
        feed(&mut conversations, &mut report, u64::from(port), &segment(port, 9, 7, true, b""));
        let bad = segment(port, 9, 8, false, &[b'x'; 500]);
        feed(&mut conversations, &mut report, u64::from(port), &bad);
        assert!(conversations.parked_bytes <= 12_000, "{}", conversations.parked_bytes);
        let really: usize = conversations.followed.values().map(Conversation::parked_bytes).sum();
        assert_eq!(conversations.parked_bytes, really);
    }
    assert!(conversations.parked_bytes > 8000, "{}", conversations.parked_bytes);
    assert_eq!(report.tally.bad, 0);
    let disconnect = b"\x01\x02\x00\x00\x9A\x7C\x6C\x17";
    for server in [9, 10] {
        feed(&mut conversations, &mut report, 2000, &segment(1, server, 7, true, b""));
        feed(&mut conversations, &mut report, 2001, &segment(1, server, 8, false, disconnect));
        assert_eq!(conversations.ports.known.iter().collect::<Vec<_>>(), [&9]);
    }
    assert!(report.tally.bad > 5, "{:?}", report.tally);
    assert_eq!(conversations.parked_bytes, 0);
}

#[test]
fn a_connection_that_is_given_up_is_counted_once_and_one_that_holds_nothing_stays() {
    let (mut conversations, mut report) = new(Bounds { held_bytes: 3000, ..Bounds::default() });
    let speaks = |conversations: &mut Conversations, report: &mut Report, port, bytes: &[u8]| {
        let packet = u64::from(port);
        feed(conversations, report, packet, &segment(port, 9, 7, true, b""));
        // The first byte is missing.
        feed(conversations, report, packet, &segment(port, 9, 9, false, bytes));
    };
    feed(&mut conversations, &mut report, 1, &segment(1, 80, 7, true, b""));
    feed(&mut conversations, &mut report, 2, &segment(1, 80, 8, false, b"GET / HTTP/1.1\r\n"));
    for port in 1000..1003 {
        speaks(&mut conversations, &mut report, port, &[b'x'; 1000]);
    }
    feed(&mut conversations, &mut report, 3000, &segment(1, 80, 24, false, b"GET / HTTP/1.1\r\n"));
    assert!(conversations.finish(&mut report).is_ok());
    let said = said(&conversations);
    assert!(said.contains("1 TCP connection speaks HTTP"), "{said}");
    assert!(said.contains("1 TCP connection, silent for long"), "{said}");
    assert!(said.contains("2 TCP connections do not start with a good frame"), "{said}");
}

/// A frame was lost and acknowledged; after that the connection is silent.
#[test]
fn what_is_proven_is_told_a_tenth_of_a_second_later_whatever_comes() {
    let (mut conversations, mut report) = new(Bounds::default());
    let second_ns = 1_000_000_000;
    let disconnect = b"\x01\x02\x00\x00\x9A\x7C\x6C\x17";
    let answer = Segment { acknowledges: Some(24), ..segment(8080, 1, 70, false, b"") };
    let segments =
        [segment(1, 8080, 7, true, b""), segment(1, 8080, 16, false, disconnect), answer];
    for (packet, it) in (1..).zip(&segments) {
        let moment = Moment { packet, time_ns: Some(second_ns) };
        assert!(conversations.tick(second_ns, &mut report).is_ok());
        assert!(conversations.segment(it, moment, &mut report).is_ok());
    }
    assert_eq!(conversations.scheduled.len(), 1);
    for (later_ns, is_told) in [(99_999_999, false), (100_000_000, true)] {
        assert!(conversations.tick(second_ns + later_ns, &mut report).is_ok());
        assert_eq!((report.tally.gaps, report.tally.frames), (is_told.into(), is_told.into()));
    }
    assert!(conversations.scheduled.is_empty());
    // One that ends is waited for no longer.
    feed(&mut conversations, &mut report, 4, &segment(2, 8080, 7, true, b""));
    feed(&mut conversations, &mut report, 5, &segment(2, 8080, 9, false, disconnect));
    assert_eq!(conversations.scheduled.len(), 1);
    feed(&mut conversations, &mut report, 6, &segment(2, 8080, 1007, true, b""));
    assert!(conversations.scheduled.is_empty());
}
