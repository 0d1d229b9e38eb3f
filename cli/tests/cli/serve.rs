//! `serve`: where it listens, what it prints, how it ends.

use cafewire_core::Message;
use cafewire_net::{Address, Client};

use crate::support::{Server, cafewire, command, run};

fn client(server: &Server) -> Client {
    Client::connect(&server.address.parse().expect("an address")).expect("the server listens")
}

#[test]
fn both_signals_end_it_with_0() {
    for signal in ["TERM", "INT"] {
        let server = Server::start();
        let mut connected = client(&server);
        connected.ping().unwrap();
        server.running.signal(signal);
        server.running.end_by_itself().assert_done();
    }
}

#[test]
fn every_listener_is_printed_and_serves() {
    let mut serve = cafewire(&["serve", "--listen", "127.0.0.1:0", "--listen", "tcp://127.0.0.1:0"]);
    let addresses = [(); 2].map(|()| serve.next_line().strip_prefix("listening on ").unwrap().to_owned());
    assert_ne!(addresses[0], addresses[1]);
    for address in addresses {
        run(&["ping", &address, "-c", "1"], "").assert_done();
    }
}

#[test]
fn an_address_in_use_is_one_sentence_and_1() {
    let server = Server::start();
    let ended = run(&["serve", "--listen", &server.address], "");
    ended.assert_failed(1, server.address.strip_prefix("tcp://").unwrap());
    assert!(ended.stdout.is_empty());
}

#[test]
fn data_is_printed_escaped_with_its_sender() {
    let mut server = Server::start_with(&["--print-data"]);
    let mut client = client(&server);
    let peer = client.local_address().unwrap();
    for (payload, shown) in
        [(&b"21.5 \xc2\xb0C"[..], "21.5 °C"), (b"\x1b[2J\x00\xff\\\n", "\\u{1b}[2J\\u{0}\\xff\\\\\\n"), (b"", "")]
    {
        client.send_message(&Message::data(payload)).unwrap();
        assert_eq!(server.running.next_line(), format!("data from {peer}: {shown}"));
    }
}

#[test]
fn data_is_not_printed_unasked() {
    let server = Server::start();
    let mut client = client(&server);
    client.send_message(&Message::data(b"secret")).unwrap();
    client.ping().unwrap();
    server.running.signal("TERM");
    let ended = server.running.end_by_itself();
    ended.assert_done();
    assert!(ended.stdout.is_empty() && !ended.stderr.contains("secret"), "{ended:?}");
}

#[test]
fn nobody_reading_the_data_ends_it() {
    use std::io::{BufRead as _, BufReader};
    let mut child = command(&["serve", "--listen", "127.0.0.1:0", "--print-data"]).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let running = crate::support::Running::adopt(child);
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    drop(stdout);
    let address = line.trim().strip_prefix("listening on ").unwrap().parse::<Address>().unwrap();
    Client::connect(&address).unwrap().send_message(&Message::data(b"x")).unwrap();
    running.end_by_itself().assert_done();
}

#[test]
fn the_log_is_on_standard_error_in_the_format_asked_for() {
    let json = Server::start_with(&["--log-format", "json"]);
    json.running.signal("TERM");
    let ended = json.running.end_by_itself();
    ended.assert_done();
    assert!(ended.stdout.is_empty(), "{ended:?}");
    assert!(!ended.stderr.is_empty());
    for line in ended.stderr.lines() {
        let entry: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(entry["level"], "INFO");
    }
    let text = Server::start();
    text.running.signal("TERM");
    let ended = text.running.end_by_itself();
    assert!(ended.stderr.contains(" INFO ") && !ended.stderr.contains('\u{1b}'), "{ended:?}");
}

#[test]
fn rust_log_chooses_what_is_logged() {
    let args = ["serve", "--listen", "127.0.0.1:0"];
    let mut quiet = crate::support::Running::start(command(&args).env("RUST_LOG", "off"));
    quiet.next_line();
    quiet.signal("TERM");
    let ended = quiet.end_by_itself();
    ended.assert_done();
    assert_eq!(ended.stderr, "");
    crate::support::Running::start(command(&args).env("RUST_LOG", "cafewire=loud"))
        .end()
        .assert_failed(1, "RUST_LOG is not understood");
}
