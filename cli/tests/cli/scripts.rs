//! What scripts need: settings from the environment, hosts without ports, lines of any kind, names
//! that overlap.

use std::time::{Duration, Instant};

use cafewire_core::{ErrorCode, MessagePayload};

use crate::support::scripted::ScriptedServer;
use crate::support::{Running, Server, cafewire, command, run};

#[test]
fn address_and_name_come_from_the_environment() {
    let server = Server::start();
    let with_variables = |args: &[&str]| {
        let mut command = command(args);
        command.env("CAFEWIRE_ADDR", &server.address).env("CAFEWIRE_USER", "ada");
        Running::start(&mut command)
    };
    with_variables(&["ping", "-c", "1"]).end().assert_done();
    with_variables(&["bench", "echo", "-c", "1", "-n", "1"]).end().assert_done();
    let mut listen = with_variables(&["listen", "--user", "ear", "--room", "lobby", "-n", "2"]);
    listen.remark_with("listening to [lobby] as <ear>");
    with_variables(&["send", "--room", "lobby", "hello"]).end().assert_done();
    assert!(listen.next_line().ends_with(" <ada> hello"));
    let mut chat = with_variables(&["chat", "--plain", "--room", "lobby"]);
    chat.write("hi\n");
    chat.end().assert_done();
    assert!(listen.next_line().ends_with(" <ada> hi"));
    listen.end_by_itself().assert_done();
    // The command line wins; and a wrong variable is named.
    run(&["ping", &server.address, "-c", "1"], "").assert_done();
    for args in [&["ping"][..], &["send", "--user", "a", "--room", "b", "text"]] {
        let mut wrong = command(args);
        let ended = Running::start(wrong.env("CAFEWIRE_ADDR", "udp://h")).end();
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains("CAFEWIRE_ADDR in the environment"), "{ended:?}");
    }
}

#[test]
fn a_host_alone_means_the_default_port() {
    // Whether a server is there does not matter: the address is named.
    for args in [
        &["ping", "-v", "-c", "1", "nowhere.invalid"][..],
        &["send", "nowhere.invalid", "--user", "a", "--room", "b", "text"],
        &["listen", "nowhere.invalid", "--user", "a", "--room", "b"],
    ] {
        run(args, "").assert_failed(1, "cannot connect to tcp://nowhere.invalid:8080: ");
    }
}

#[test]
fn times_have_units_or_are_seconds() {
    let server = Server::start();
    for time in ["50ms", "0.05"] {
        let args = ["listen", &server.address, "--user", "a", "--room", "b", "-t", time];
        assert_eq!(run(&args, "").code, Some(27));
        run(&["ping", &server.address, "-c", "2", "-i", time], "").assert_done();
        let args = ["bench", "echo", &server.address, "-c", "1", "-d", time, "--warm-up", "0"];
        run(&args, "").assert_done();
    }
}

#[test]
fn a_line_of_another_day_has_its_date() {
    let server = ScriptedServer::start(|mut peer| {
        peer.sign_in_and_let_in("ear", "lobby");
        // 2026-05-01, a second before its end.
        let start = 1_777_679_999_000;
        for (timestamp, content) in [(start, "a"), (start + 2000, "b"), (start + 3000, "c")] {
            let (user_id, username, room) = (8, "ada", "lobby");
            peer.send(&MessagePayload::MessageBroadcast {
                user_id,
                timestamp,
                username,
                room,
                content,
            });
        }
        peer.until_goodbye();
    });
    let ended =
        run(&["listen", &server.address, "--user", "ear", "--room", "lobby", "-n", "3"], "");
    server.finish();
    assert_eq!(
        ended.stdout,
        ["2026-05-01 23:59:59 <ada> a", "2026-05-02 00:00:01 <ada> b", "00:00:02 <ada> c"]
    );
}

#[test]
fn a_missing_socket_gives_a_hint() {
    run(&["ping", "unix:///nonexistent.sock", "-c", "1"], "").assert_failed(1, "is it running?");
}

fn bytes_of(kind: &str, server: &Server) -> Running {
    cafewire(&["send", &server.address, "--user", "bot", "--room", "lobby", kind])
}

#[test]
fn lines_that_cannot_be_said_are_left_out_or_split() {
    let server = Server::start();
    let mut listen = cafewire(&["listen", &server.address, "--user", "ear", "--room", "lobby"]);
    listen.remark_with("listening");
    let long = "x".repeat(513);
    let mut skip = bytes_of("--skip", &server);
    skip.write(&format!("one\n{long}\ntwo\n"));
    skip.remark_with("line 2 was left out: it is 513 bytes long, at most 512 are allowed");
    skip.end().assert_failed(1, "lines that were left out: 1");
    assert!(listen.next_line().ends_with("> one") && listen.next_line().ends_with("> two"));
    let mut split = bytes_of("--split", &server);
    split.write(&format!("{long}\n{}\nthree\n", "y".repeat(65_537)));
    split.remark_with("line 2 was left out: it is 65537 bytes long");
    split.end().assert_failed(1, "lines that were left out: 1");
    assert!(listen.next_line().ends_with(&format!("> {}", "x".repeat(512))));
    assert!(listen.next_line().ends_with("> x") && listen.next_line().ends_with("> three"));
}

#[test]
fn a_producer_is_not_ended_by_what_the_server_does() {
    let server = ScriptedServer::start(|mut peer| {
        peer.sign_in_and_let_in("bot", "lobby");
        peer.expect(&MessagePayload::SendMessage { room: "lobby", content: "one" });
        peer.send(&MessagePayload::Error { code: ErrorCode::InvalidContent, message: "no" });
        peer.expect(&MessagePayload::SendMessage { room: "lobby", content: "two" });
    });
    let args = ["send", &server.address, "--user", "bot", "--room", "lobby", "--skip"];
    let mut send = cafewire(&args);
    send.write("one\n");
    send.remark_with("line 1 was refused: no [InvalidContent (7)]");
    send.write("two\n");
    send.remark_with("closed the connection: the rest of the input is not said");
    server.finish();
    // Far more than a pipe holds: all of it is read.
    for _ in 0..1000 {
        send.write(&format!("{}\n", "z".repeat(512)));
    }
    assert!(!send.has_ended());
    send.end().assert_failed(1, "the server closed the connection");
}

#[test]
fn a_taken_name_gets_a_suffix() {
    let server = Server::start();
    let mut holder = cafewire(&["listen", &server.address, "--user", "bot", "--room", "lobby"]);
    holder.remark_with("listening");
    let args = ["send", &server.address, "--user", "bot", "--room", "lobby", "--user-suffix", "hi"];
    run(&args, "").assert_done();
    assert!(holder.next_line().ends_with(" <bot-2> hi"));
    let args = ["send", &server.address, "--user", "bot", "--room", "lobby", "hi"];
    run(&args, "").assert_failed(1, "UsernameTaken");
}

/// The server counts connects too.
#[test]
fn names_are_tried_with_pauses() {
    let mut first_at = None;
    let mut names = ["bot", "bot-2", "bot-3"].into_iter();
    let server = ScriptedServer::start_for(4, move |mut peer| {
        let start = *first_at.get_or_insert_with(Instant::now);
        if let Some(username) = names.next() {
            peer.expect(&MessagePayload::Connect { username });
            peer.send(&MessagePayload::Error { code: ErrorCode::UsernameTaken, message: "" });
        } else {
            assert!(start.elapsed() >= Duration::from_millis(300), "{:?}", start.elapsed());
            peer.sign_in_and_let_in("bot-4", "lobby");
            peer.expect(&MessagePayload::SendMessage { room: "lobby", content: "hi" });
            peer.broadcast(7, "bot-4", "lobby", "hi");
            peer.until_goodbye();
        }
    });
    let args = ["send", &server.address, "--user", "bot", "--room", "lobby", "--user-suffix", "hi"];
    run(&args, "").assert_done();
    server.finish();
}

#[test]
fn a_text_is_split_like_a_line() {
    let server = Server::start();
    let mut listen = cafewire(&["listen", &server.address, "--user", "ear", "--room", "lobby"]);
    listen.remark_with("listening");
    let text = format!("{}y", "x".repeat(512));
    let args = ["send", &server.address, "--user", "bot", "--room", "lobby", "--split"];
    run(&[&args[..], &[text.as_str()]].concat(), "").assert_done();
    assert!(listen.next_line().ends_with(&format!("> {}", "x".repeat(512))));
    assert!(listen.next_line().ends_with("> y"));
    let ended = run(&[&args[..], &["x".repeat(65_537).as_str()]].concat(), "");
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("65537 bytes long, at most 65536 are allowed"), "{ended:?}");
}
