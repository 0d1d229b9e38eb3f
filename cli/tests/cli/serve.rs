//! `serve`: its addresses, its output, its end.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;

use cafewire_core::Message;
use cafewire_net::{Address, Client};

use crate::support::{Server, Signal, cafewire, command, program, run};

fn client(server: &Server) -> Client {
    Client::connect(&server.address.parse().expect("an address")).expect("the server listens")
}

#[test]
fn both_signals_end_it_with_0() {
    for signal in [Signal::TERM, Signal::INT] {
        let server = Server::start();
        let mut connected = client(&server);
        connected.ping().unwrap();
        server.running.signal(signal);
        server.running.end_by_itself().assert_done();
    }
}

#[test]
fn every_listener_is_printed_and_serves() {
    let mut serve =
        cafewire(&["serve", "--listen", "127.0.0.1:0", "--listen", "tcp://127.0.0.1:0"]);
    let addresses =
        [(); 2].map(|()| serve.next_line().strip_prefix("listening on ").unwrap().to_owned());
    assert_ne!(addresses[0], addresses[1]);
    for address in addresses {
        run(&["ping", &address, "-c", "1"], "").assert_done();
    }
}

#[test]
fn the_http_address_is_printed_and_answers() {
    let mut serve = cafewire(&["serve", "--listen", "127.0.0.1:0", "--http", "0"]);
    serve.next_line();
    let address = serve.next_line().strip_prefix("listening on http://").unwrap().to_owned();
    assert!(address.starts_with("127.0.0.1:"), "{address}");
    let mut socket = TcpStream::connect(address).unwrap();
    socket.write_all(b"GET /healthz HTTP/1.0\r\n\r\n").unwrap();
    let mut response = String::new();
    socket.read_to_string(&mut response).unwrap();
    assert!(
        response.starts_with("HTTP/1.1 200 OK\r\n") && response.ends_with("\r\n\r\nok\n"),
        "{response}"
    );
}

/// A browser asks for `localhost` at `::1` first.
#[test]
fn http_on_localhost_is_on_all_addresses_of_that_name_with_one_port() {
    use std::net::{TcpListener, ToSocketAddrs as _};
    let has = |address: &std::net::SocketAddr| TcpListener::bind((address.ip(), 0)).is_ok();
    let addresses = ("localhost", 0).to_socket_addrs().unwrap().filter(has);
    let mut ips: Vec<_> = addresses.map(|address| address.ip()).collect();
    ips.dedup();
    let serve = ["serve", "--listen", "127.0.0.1:0", "--http", "localhost:0"];
    let mut serve = cafewire(&serve);
    let mut told = Vec::new();
    for _ in &ips {
        let line = serve.line_with("listening on http://").replace("listening on http://", "");
        let address: std::net::SocketAddr = line.parse().unwrap();
        let mut socket = TcpStream::connect(address).unwrap();
        socket.write_all(b"GET /healthz HTTP/1.0\r\n\r\n").unwrap();
        let mut response = String::new();
        socket.read_to_string(&mut response).unwrap();
        assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
        told.push(address);
    }
    assert_eq!(told.iter().map(|address| address.ip()).collect::<Vec<_>>(), ips);
    assert!(told.iter().all(|address| address.port() == told[0].port()), "{told:?}");
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
    for (payload, shown) in [
        (&b"21.5 \xc2\xb0C"[..], "21.5 °C"),
        (b"\x1b[2J\x00\xff\\\n", "\\u{1b}[2J\\u{0}\\xff\\\\\\n"),
        (b"", ""),
    ] {
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
    server.running.signal(Signal::TERM);
    let ended = server.running.end_by_itself();
    ended.assert_done();
    assert!(ended.stdout.is_empty() && !ended.stderr.contains("secret"), "{ended:?}");
}

#[test]
fn serve_ends_when_the_reader_of_its_output_is_gone() {
    use std::io::{BufRead as _, BufReader};
    let mut child = command(&["serve", "--listen", "127.0.0.1:0", "--print-data"]).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let running = crate::support::Running::adopt(child);
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    drop(stdout);
    let address = line.trim().strip_prefix("listening on ").unwrap().parse::<Address>().unwrap();
    Client::connect(&address).unwrap().send_message(&Message::data(b"x")).unwrap();
    let ended = running.end_by_itself();
    ended.assert_failed(1, "the reader of standard output has closed it");
}

/// Nothing reads what it prints: not even where it listens can be told.
#[cfg(target_os = "linux")] // whose pipes hold 64 KiB (pipe(7))
#[test]
fn a_full_output_does_not_keep_it_from_serving() {
    let (_output, mut writer) = std::io::pipe().unwrap();
    writer.write_all(&[b'x'; 64 << 10]).unwrap();
    for more_args in [&[][..], &["--print-data"]] {
        let mut command = command(&[&["serve", "--listen", "127.0.0.1:0"], more_args].concat());
        command.stdout(writer.try_clone().unwrap());
        let mut running = crate::support::Running::start(&mut command);
        let listening = running.remark_with("listening address=");
        let (_, address) = listening.split_once("address=").unwrap();
        run(&["ping", address.trim(), "-c", "1"], "").assert_done();
        running.signal(Signal::TERM);
        running.end_by_itself().assert_done();
    }
}

/// A reader that does not read holds up neither the served connections nor the end.
#[test]
fn data_that_is_not_read_holds_up_nothing_and_what_is_dropped_is_told() {
    let (mut output, writer) = std::io::pipe().unwrap();
    let mut command = command(&["serve", "--listen", "127.0.0.1:0", "--print-data"]);
    let mut running = crate::support::Running::start(command.stdout(writer));
    drop(command); // closes the other handle of the pipe
    let listening = running.remark_with("listening");
    let address = listening
        .split_once("address=")
        .expect("where it listens")
        .1
        .trim()
        .parse::<Address>()
        .unwrap();
    let mut client = Client::connect(&address).unwrap();
    // Each is printed as four times as many bytes: a hundred exceed the capacity of pipe and queue
    // together.
    let (payload, sent) = ([0xff; 65_535], 100);
    for _ in 0..sent {
        client.send_message(&Message::data(&payload)).unwrap();
    }
    client.ping().unwrap();
    running.remark_with("dropped from now on");
    running.signal(Signal::TERM);
    let told = running.remark_with("so many lines were dropped");
    running.end_by_itself().assert_done();
    let mut printed = Vec::new();
    output.read_to_end(&mut printed).unwrap();
    // The first line has the address.
    let whole_lines = printed.iter().filter(|&&byte| byte == b'\n').count() - 1;
    assert!(
        told.ends_with(&format!(" lines={}", sent - whole_lines)),
        "{whole_lines} of {sent} printed; {told}"
    );
}

#[test]
fn the_log_is_on_standard_error_in_the_format_asked_for() {
    let json = Server::start_with(&["--log-format", "json"]);
    json.running.signal(Signal::TERM);
    let ended = json.running.end_by_itself();
    ended.assert_done();
    assert!(ended.stdout.is_empty(), "{ended:?}");
    assert!(!ended.stderr.is_empty());
    for line in ended.stderr.lines() {
        let entry: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(entry["level"], "INFO");
    }
    let text = Server::start();
    text.running.signal(Signal::TERM);
    let ended = text.running.end_by_itself();
    assert!(ended.stderr.contains(" INFO ") && !ended.stderr.contains('\u{1b}'), "{ended:?}");
}

#[test]
fn rust_log_chooses_what_is_logged() {
    let args = ["serve", "--listen", "127.0.0.1:0"];
    let mut quiet = crate::support::Running::start(command(&args).env("RUST_LOG", "off"));
    quiet.next_line();
    quiet.signal(Signal::TERM);
    let ended = quiet.end_by_itself();
    ended.assert_done();
    assert_eq!(ended.stderr, "");
    crate::support::Running::start(command(&args).env("RUST_LOG", "cafewire=loud"))
        .end()
        .assert_failed(1, "RUST_LOG is not understood");
}

/// With 40 descriptors there is room for 18 connections, and for two that are told that there is
/// none; a hundred come at once.
#[test]
fn with_few_descriptors_it_serves_refuses_and_turns_away_without_stall_or_spin() {
    let mut limited = program("sh");
    limited.args([
        "-c",
        "ulimit -n 40; exec \"$0\" serve --listen 127.0.0.1:0",
        env!("CARGO_BIN_EXE_cafewire"),
    ]);
    limited.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut serve = crate::support::Running::start(&mut limited);
    let address: Address =
        serve.next_line().strip_prefix("listening on ").unwrap().parse().unwrap();
    let mut peers: Vec<TcpStream> = Vec::new();
    for _ in 0..100 {
        peers.push(
            TcpStream::connect(address.resolve().unwrap()[0])
                .expect("the backlog is emptied all the time"),
        );
    }
    let mut answers = peers.iter_mut().map(|peer| {
        peer.set_read_timeout(Some(crate::support::PATIENCE)).unwrap();
        let mut header = [0; 2];
        // A rejected connection may be reset before or during this write.
        let said = peer
            .write_all(&[0xCA, 0xFE, 0x01, 0x00, 0x00])
            .and_then(|()| peer.read_exact(&mut header));
        said.map_or(0x00, |()| header[0])
    });
    let (mut served, mut refused, mut turned_away) = (0, 0, 0);
    answers.by_ref().for_each(|first_byte| match first_byte {
        0xCA => served += 1,
        0x01 => refused += 1,
        _ => turned_away += 1,
    });
    assert_eq!(
        (served, served + refused + turned_away),
        (18, 100),
        "{refused} refused, {turned_away} turned away"
    );
    assert!(refused > 0 && turned_away > 0, "{refused} refused, {turned_away} turned away");
    // All that took only a moment: the whole life of the process so far, in clock ticks of 10 ms.
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", serve.id())).unwrap();
    let ticks: u64 =
        stat.split(' ').skip(13).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    assert!(ticks < 100, "{ticks} ticks for a hundred connections: it spins");
    // The server accepts again when there is a place.
    drop(peers);
    let deadline = std::time::Instant::now() + crate::support::PATIENCE;
    while Client::connect(&address).and_then(|mut client| client.ping()).is_err() {
        assert!(std::time::Instant::now() < deadline, "no connection is taken any more");
    }
    serve.signal(Signal::TERM);
    serve.end_by_itself().assert_done();
}
