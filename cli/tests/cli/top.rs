//! `top` without a terminal: one sample for scripts, and the messages when there is none. Its
//! screen is tested by .ci/top, on a terminal.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use cafewire_net::Client;

use crate::support::{ClosedPort, Running, cafewire, run};

/// A server with an HTTP port, its address, and the address of that port.
fn server() -> (Running, String, String) {
    let mut serve = cafewire(&["serve", "--listen", "127.0.0.1:0", "--http", "0"]);
    let [tcp, http] = [(); 2]
        .map(|()| serve.next_line().strip_prefix("listening on ").expect("an address").to_owned());
    (serve, tcp, http)
}

#[test]
fn one_sample_as_json_counts_what_happens_meanwhile() {
    let (_serve, tcp, http) = server();
    let stop = Arc::new(AtomicBool::new(false));
    let talking = thread::spawn({
        let (mut client, stop) =
            (Client::connect(&tcp.parse().unwrap()).unwrap(), Arc::clone(&stop));
        client.ping().unwrap();
        move || {
            while !stop.load(Ordering::Relaxed) {
                client.ping().unwrap();
            }
        }
    });
    let ended = run(&["top", &http, "--json", "-i", "0.3"], "");
    stop.store(true, Ordering::Relaxed);
    talking.join().unwrap();
    ended.assert_done();
    let report: serde_json::Value = serde_json::from_str(&ended.stdout.join("\n")).unwrap();
    assert_eq!(report["url"], format!("{http}/metrics"));
    assert_eq!(report["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(
        (&report["draining"], &report["connections"], &report["users"]),
        (&false.into(), &1.into(), &0.into())
    );
    assert!(report["interval_s"].as_f64().unwrap() >= 0.3, "{report}");
    assert!(report["messages_per_s"].as_f64().unwrap() > 0.0, "{report}");
    assert!(report["tick_p99_s"].as_f64().unwrap() > 0.0, "{report}");
    assert_eq!(report["closes"], serde_json::json!({}));
}

#[test]
fn one_sample_as_lines_says_why_connections_ended() {
    let (_serve, tcp, http) = server();
    run(&["ping", &tcp, "-c", "1"], "").assert_done();
    let ended = run(&["top", http.strip_prefix("http://").unwrap(), "--once", "-i", "0.1"], "");
    ended.assert_done();
    for line in ["server        serving", "connections   0", "closed        1 end_of_input"] {
        assert!(ended.stdout.iter().any(|shown| shown == line), "{line}: {ended:?}");
    }
}

#[test]
fn without_a_terminal_it_says_what_works() {
    run(&["top"], "").assert_failed(1, "--once or --json");
}

#[test]
fn a_closed_port_is_one_sentence_and_1() {
    let closed_port = ClosedPort::new();
    let address = closed_port.address.strip_prefix("tcp://").unwrap();
    run(&["top", address, "--once"], "")
        .assert_failed(1, &format!("no answer from http://{address}/metrics: "));
}

/// A server of another kind is reported as such.
#[test]
fn a_server_of_another_kind_is_one_sentence_and_1() {
    for (answer, says) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "no cafewire server's /metrics"),
        ("hello there\r\n\r\n", "speaks no HTTP: is it the port of `serve --http`?"),
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "status 404"),
        (
            "HTTP/1.1 302 Found\r\nLocation: http://example.org/\r\nContent-Length: 0\r\n\r\n",
            "status 302",
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n", ""),
        ("\u{1b}[2J no HTTP at all\r\n\r\n", ""),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let serving = thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let _ = socket.read(&mut request).unwrap();
            socket.write_all(answer.as_bytes()).unwrap();
        });
        let ended = run(&["top", &address, "--once"], "");
        ended.assert_failed(1, says);
        assert!(!ended.stderr.contains('\u{1b}'), "{ended:?}");
        serving.join().unwrap();
    }
}
