//! `ping` and `echo`.

use std::process::Stdio;

use crate::support::scripted::{Peer, ScriptedServer};
use crate::support::{Running, Server, Signal, cafewire, command, run};
use cafewire_core::{Frame, Message};
use serde_json::Value;

/// Answers this many Pings.
fn answer_pings(peer: &mut Peer, count: u64) {
    for _ in 0..count {
        let payload = peer.receive(|frame| match frame {
            Frame::Echo(view) => view.payload.to_vec(),
            Frame::Chat(view) => panic!("{view:?}"),
        });
        peer.send_echo(&Message::Pong(&payload.expect("a Ping")));
    }
}

fn objects(lines: &[String]) -> Vec<Value> {
    lines
        .iter()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect()
}

#[test]
fn ping_shows_each_reply_and_the_summary() {
    let server = Server::start();
    let ended = run(&["ping", &server.address, "-c", "3", "-i", "0.001"], "");
    ended.assert_done();
    for (seq, line) in ended.stdout[..3].iter().enumerate() {
        let time = line
            .strip_prefix(&format!("reply from {}: seq={seq} time=", server.address))
            .expect(line);
        assert!(time.strip_suffix(" ms").is_some_and(|ms| ms.parse::<f64>().is_ok()), "{line}");
    }
    assert_eq!(ended.stdout[3], format!("--- {} ---", server.address));
    assert_eq!(ended.stdout[4], "3 sent, 3 received, 0 lost");
    assert!(
        ended.stdout[5].starts_with("round trip min/avg/max/p99 = ")
            && ended.stdout[5].ends_with(" ms")
    );
    assert_eq!(ended.stdout.len(), 6);
}

#[test]
fn ping_as_json() {
    let server = Server::start();
    let ended = run(&["ping", &server.address, "-c", "20", "-i", "0", "--json"], "");
    ended.assert_done();
    let objects = objects(&ended.stdout);
    assert_eq!(objects.len(), 21);
    for (seq, reply) in objects[..20].iter().enumerate() {
        assert_eq!((&reply["kind"], &reply["seq"]), (&"reply".into(), &seq.into()));
        assert_eq!(reply["address"], server.address.as_str());
    }
    let mut times: Vec<u64> =
        objects[..20].iter().map(|reply| reply["time_ns"].as_u64().unwrap()).collect();
    times.sort_unstable();
    let summary = &objects[20];
    let figure = |name: &str| summary[name].as_u64().unwrap();
    assert_eq!(summary["kind"], "summary");
    assert_eq!((figure("sent"), figure("received"), figure("lost")), (20, 20, 0));
    assert_eq!((figure("min_ns"), figure("max_ns")), (times[0], times[19]));
    assert_eq!(figure("avg_ns"), times.iter().sum::<u64>() / 20);
    assert!((times[0]..=times[19]).contains(&figure("p99_ns")));
}

#[test]
fn ping_goes_on_until_interrupted_and_still_sums_up() {
    let server = Server::start();
    for (interval, signal) in [("0", Signal::INT), ("60", Signal::TERM)] {
        let mut ping = cafewire(&["ping", &server.address, "-i", interval]);
        ping.line_with("seq=0");
        ping.signal(signal);
        let ended = ping.end();
        ended.assert_done();
        let counts = ended.stdout.iter().find(|line| line.contains(" sent, ")).expect("a summary");
        assert!(counts.ends_with(" received, 0 lost"), "{counts}");
    }
}

#[test]
fn a_lost_ping_is_shown_counted_and_ends_with_1_and_the_next_reconnects() {
    let server = ScriptedServer::start_for(2, |mut peer| answer_pings(&mut peer, 1));
    let ended = run(&["ping", &server.address, "-c", "3", "-i", "0", "--json"], "");
    server.finish();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let objects = objects(&ended.stdout);
    let kinds: Vec<_> = objects.iter().map(|object| object["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["reply", "lost", "reply", "summary"]);
    assert_eq!(objects[1]["seq"], 1);
    assert!(objects[1]["reason"].as_str().unwrap().contains("connection"), "{}", objects[1]);
    assert_eq!(
        (&objects[3]["sent"], &objects[3]["received"], &objects[3]["lost"]),
        (&3.into(), &2.into(), &1.into())
    );
}

#[test]
fn an_interrupted_ping_that_was_not_answered_is_lost() {
    let server = ScriptedServer::start(|mut peer| {
        answer_pings(&mut peer, 1);
        peer.until_it_leaves();
    });
    let mut ping = cafewire(&["ping", &server.address, "-i", "0"]);
    ping.line_with("seq=0");
    ping.signal(Signal::INT);
    let ended = ping.end();
    server.finish();
    // Interrupted between the reply and the next ping, nothing was under way.
    let counts =
        ended.stdout.iter().find(|line| line.contains(" sent, ")).expect("a summary").as_str();
    match ended.code {
        Some(0) => assert_eq!(counts, "1 sent, 1 received, 0 lost"),
        _ => assert_eq!((ended.code, counts), (Some(1), "2 sent, 1 received, 1 lost")),
    }
}

#[test]
fn echo_from_a_pipe_has_no_prompt() {
    let server = Server::start();
    let long = "x".repeat(65_535);
    let ended =
        run(&["echo", &server.address], &format!("hello\nping\n\n{long}\nquit\nnot sent\n"));
    ended.assert_done();
    assert_eq!(ended.stdout, ["Server: hello", "Pong!", "Server: ", &format!("Server: {long}")]);
    let until_the_input_ends = run(&["echo", &server.address], "last line without an end");
    until_the_input_ends.assert_done();
    assert_eq!(until_the_input_ends.stdout, ["Server: last line without an end"]);
}

#[test]
fn what_an_echo_brings_back_cannot_drive_the_terminal() {
    let server = Server::start();
    let ended = run(&["echo", &server.address], "\x1b[2J\u{202e}x\\y\n");
    assert_eq!(ended.stdout, ["Server: \\u{1b}[2J\\u{202e}x\\y"]);
}

#[test]
fn echo_names_the_line_that_is_too_long() {
    let server = Server::start();
    let ended = run(&["echo", &server.address], &format!("fine\n{}\n", "x".repeat(65_536)));
    ended.assert_failed(1, "line 2 not sent: it is 65536 bytes long, at most 65535 are allowed");
    assert_eq!(ended.stdout, ["Server: fine"]);
}

#[test]
fn a_server_that_answers_wrongly_or_complains_is_reported() {
    let server = ScriptedServer::start(|mut peer| {
        peer.receive(|_| ());
        peer.send_echo(&Message::echo(b"something else"));
    });
    run(&["echo", &server.address], "hello\n").assert_failed(1, "the server sent");
    server.finish();
    let server = ScriptedServer::start(|mut peer| {
        peer.receive(|_| ());
        peer.send_echo(&Message::error("no \u{1b}[31mthanks\u{202e}"));
    });
    let ended = run(&["echo", &server.address], "hello\n");
    server.finish();
    ended.assert_failed(1, "no \\u{1b}[31mthanks\\u{202e}");
}

#[test]
fn a_reader_that_is_gone_ends_it_at_whatever_pace() {
    let server = Server::start();
    for args in [["ping", &server.address, "-i", "0"], ["ping", &server.address, "-i", "0.01"]] {
        let mut child = command(&args).spawn().expect("the binary starts");
        drop(child.stdout.take());
        let ended = Running::adopt(child).end();
        ended.assert_failed(1, "the reader of standard output has closed it");
    }
}

#[test]
fn output_that_cannot_be_written_is_a_failure() {
    let Ok(full) = std::fs::File::options().write(true).open("/dev/full") else { return };
    let server = Server::start();
    for args in [&["ping", &server.address][..], &["--help"], &["-h"], &["help", "serve"], &["-V"]]
    {
        let full = Stdio::from(full.try_clone().unwrap());
        let ended = Running::start(command(args).stdout(full)).end();
        ended.assert_failed(1, "cannot write to standard output");
    }
}
