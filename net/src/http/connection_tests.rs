//! The connection's state machine, driven by hand: the input and the output split at any byte, at
//! any time.

use super::*;

const TIMEOUT: Duration = Duration::from_millis(10_000);
const GET: &[u8] = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n";

fn new_connection() -> HttpConnection {
    HttpConnection::new(TIMEOUT, 0)
}

/// Answers with the path that was asked for.
fn answer(connection: &mut HttpConnection, now_ms: u64) -> bool {
    connection.answer(now_ms, |request, into| {
        Response::plain(Status::Ok, request.path).write(
            request.wants_body,
            request.keep_alive,
            into,
        );
    })
}

/// Feeds these bytes as they are wanted, and returns all that was written.
fn talk(connection: &mut HttpConnection, mut bytes: &[u8], step: usize) -> String {
    let mut said = Vec::new();
    loop {
        let count = bytes.len().min(step).min(connection.wanted_bytes());
        let had_input = count > 0;
        connection.handle_input(&bytes[..count]);
        bytes = &bytes[count..];
        let answered = answer(connection, 0);
        while !connection.unwritten().is_empty() {
            let count = connection.unwritten().len().min(step);
            said.extend_from_slice(&connection.unwritten()[..count]);
            let _ = connection.consume(count, 0);
        }
        if !had_input && !answered {
            return String::from_utf8(said).unwrap();
        }
    }
}

fn bodies(said: &str) -> Vec<&str> {
    said.split("HTTP/1.1 ")
        .skip(1)
        .map(|response| response.split_once("\r\n\r\n").unwrap().1)
        .collect()
}

#[test]
fn requests_split_at_any_byte_give_the_same_responses() {
    let requests =
        [GET, b"GET /b HTTP/1.1\r\nHost: h\r\n\r\nGET /c HTTP/1.1\r\nHost: h\r\n\r\n"].concat();
    for step in 1..=requests.len() {
        let mut connection = new_connection();
        let said = talk(&mut connection, &requests, step);
        assert_eq!(bodies(&said), ["/a", "/b", "/c"], "in steps of {step}");
        assert!(!connection.is_finished() && connection.wanted_bytes() == READ_MAX_BYTES);
        assert_eq!(
            (connection.input.capacity(), connection.output.capacity()),
            (0, 0),
            "an idle connection holds buffers"
        );
    }
}

#[test]
fn nothing_is_wanted_while_a_response_waits() {
    let mut connection = new_connection();
    connection.handle_input(&GET.repeat(3));
    assert!(answer(&mut connection, 0));
    assert_eq!(connection.wanted_bytes(), 0);
    assert!(!answer(&mut connection, 0), "one response at a time");
    let len = connection.unwritten().len();
    assert_eq!(connection.consume(len, 0), AfterWrite::Nothing);
    assert!(connection.has_unseen_input() && answer(&mut connection, 0));
}

#[test]
fn a_head_is_wanted_up_to_its_bound_and_a_byte_more() {
    let mut connection = new_connection();
    let endless = [b"GET / HTTP/1.1\r\nPad: ".as_slice(), &[b'x'; 20_000]].concat();
    let said = talk(&mut connection, &endless, 1000);
    assert!(said.starts_with("HTTP/1.1 431 "), "{said}");
    assert_eq!(connection.stage, HttpStage::Lingering, "what is left over is read and dropped");
    connection.handle_eof();
    assert!(connection.is_finished());
}

#[test]
fn a_peer_that_asks_to_close_or_is_refused_gets_one_response() {
    for request in [
        "GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        "GET /a HTTP/1.0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\n\r\n",
    ] {
        let mut connection = new_connection();
        let said = talk(&mut connection, &[request.as_bytes(), GET].concat(), 4096);
        assert_eq!(said.matches("HTTP/1.1 ").count(), 1, "{said}");
        assert!(said.contains("Connection: close\r\n"), "{said}");
        assert_eq!(connection.stage, HttpStage::Lingering);
        assert_eq!(connection.deadline_ms(), LINGER_MS);
        connection.handle_timeout(LINGER_MS - 1);
        assert!(!connection.is_finished());
        connection.handle_timeout(LINGER_MS);
        assert!(connection.is_finished());
    }
}

#[test]
fn a_peer_that_has_shut_its_side_gets_what_it_asked_for() {
    let mut connection = new_connection();
    connection.handle_input(&GET.repeat(2));
    connection.handle_eof();
    assert!(!connection.is_finished() && connection.wanted_bytes() == 0);
    assert_eq!(bodies(&talk(&mut connection, b"", 7)), ["/a", "/a"]);
    assert!(connection.is_finished());

    let mut cut = new_connection();
    cut.handle_input(&GET[..9]);
    cut.handle_eof();
    assert!(!answer(&mut cut, 0) && cut.is_finished(), "half a request is no request");

    let mut silent = new_connection();
    silent.handle_eof();
    assert!(silent.is_finished());
}

#[test]
fn a_head_has_its_time_from_the_start_and_not_from_its_last_byte() {
    let mut connection = new_connection();
    for (now_ms, byte) in (0..).step_by(1000).zip(GET.chunks(1)).take(10) {
        connection.handle_input(byte);
        assert!(!answer(&mut connection, now_ms));
    }
    connection.handle_timeout(9_999);
    assert!(connection.unwritten().is_empty() && !connection.is_finished());
    connection.handle_timeout(10_000);
    assert!(connection.unwritten().starts_with(b"HTTP/1.1 408 "));
    let len = connection.unwritten().len();
    assert_eq!(connection.consume(len, 10_000), AfterWrite::ShutDownSending);
}

#[test]
fn a_silent_peer_is_closed_without_a_response() {
    let mut connection = new_connection();
    talk(&mut connection, GET, 4096);
    connection.handle_timeout(10_000);
    assert!(connection.is_finished() && connection.unwritten().is_empty());
}

#[test]
fn a_response_has_its_time_from_the_start_however_slowly_it_is_taken() {
    let mut connection = new_connection();
    connection.handle_input(GET);
    assert!(answer(&mut connection, 5_000));
    assert_eq!(connection.consume(1, 14_000), AfterWrite::Nothing);
    assert_eq!(connection.deadline_ms(), 15_000);
    connection.handle_timeout(15_000);
    assert!(connection.is_finished());
}

#[test]
fn without_a_time_out_there_is_no_end_that_matters() {
    let mut connection = HttpConnection::new(Duration::MAX, 1);
    connection.handle_timeout(1 << 60);
    assert!(!connection.is_finished());
}
