//! `connections`: the operator sees who is connected, and metrics do not tell.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::support::{ClosedPort, Server, cafewire, run};

fn get(http: &str, path: &str, fields: &str) -> String {
    let mut socket = TcpStream::connect(http.trim_start_matches("http://")).expect("it listens");
    let request = format!("GET {path} HTTP/1.0\r\n{fields}\r\n");
    socket.write_all(request.as_bytes()).expect("it reads");
    let mut response = String::new();
    socket.read_to_string(&mut response).expect("it answers");
    response
}

#[test]
fn names_addresses_rooms_and_queues_are_listed() {
    let mut server = Server::start_with(&["--http", "0"]);
    let http = server.running.line_with("listening on http://").replace("listening on ", "");
    let mut listen = cafewire(&["listen", &server.address, "--user", "ada", "--room", "tea"]);
    listen.remark_with("listening to");
    let _silent =
        TcpStream::connect(server.address.trim_start_matches("tcp://")).expect("it listens");
    // It is accepted once a later one is served.
    run(&["ping", &server.address, "-c", "1"], "").assert_done();

    let listed = run(&["connections", &http], "");
    listed.assert_done();
    assert!(listed.stdout[0].starts_with("id ") && listed.stdout[0].ends_with("name  rooms"));
    let ada = listed.stdout.iter().find(|line| line.ends_with("  ada  tea")).expect("ada's line");
    assert!(ada.contains(" 127.0.0.1:") && ada.contains(" chat-v1 "), "{ada}");
    let nameless = listed.stdout.iter().filter(|line| line.ends_with("  -  -")).count();
    assert!(nameless >= 1, "{listed:?}");

    let objects = run(&["connections", &http, "--json"], "");
    objects.assert_done();
    let of_ada = |line: &String| {
        let object: serde_json::Value = serde_json::from_str(line).expect("an object");
        (object["name"] == "ada").then_some(object)
    };
    let ada = objects.stdout.iter().find_map(of_ada).expect("ada's object");
    assert_eq!((&ada["rooms"][0], &ada["rooms_total"]), (&"tea".into(), &1.into()));
    // No name is in what others may see.
    for page in ["/metrics", "/", "/readyz"] {
        assert!(!get(&http, page, "").contains("ada"), "{page}");
    }
    let top = run(&["top", &http, "--json", "-i", "0.1"], "");
    assert!(!top.stdout.join("\n").contains("\"ada\""), "{top:?}");
}

/// A browser that was led here by another site's name, and a proxy, speak for others.
#[test]
fn only_this_machine_itself_is_told() {
    let mut server = Server::start_with(&["--http", "0"]);
    let http = server.running.line_with("listening on http://").replace("listening on ", "");
    for (fields, status) in [
        ("", "200"),
        ("Host: 127.0.0.1:9090\r\n", "200"),
        ("Host: localhost\r\n", "200"),
        ("Host: [::1]:1\r\n", "200"),
        ("Host: evil.example\r\n", "403"),
        ("Host: localhost.evil.example:9090\r\n", "403"),
        ("Host: 127.0.0.1\r\nX-Forwarded-For: 192.0.2.1\r\n", "403"),
        ("Forwarded: for=192.0.2.1\r\n", "403"),
        ("Via: 1.1 proxy\r\n", "403"),
        ("X-Forwarded-Host: localhost\r\n", "403"),
        ("True-Client-IP: 192.0.2.1\r\n", "403"),
    ] {
        let response = get(&http, "/connections", fields);
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{fields:?}: {response}");
    }
    // Of an absolute target the host counts, whatever the field says.
    for (target, status) in
        [("http://localhost:9090/connections", "200"), ("http://evil.example/connections", "403")]
    {
        let response = get(&http, target, "Host: localhost\r\n");
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{target}: {response}");
    }
    let response = get(&http, "/connections?before=1", "");
    assert!(response.starts_with("HTTP/1.1 400 "), "{response}");
}

#[test]
fn without_an_answer_there_is_no_heading() {
    let closed = ClosedPort::new();
    let ended = run(&["connections", &closed.address.replace("tcp://", "http://")], "");
    ended.assert_failed(1, "no answer from ");
    assert_eq!(ended.stdout, [""; 0]);
}

#[test]
fn the_page_is_named_where_others_are() {
    let mut server = Server::start_with(&["--http", "0"]);
    let http = server.running.line_with("listening on http://").replace("listening on ", "");
    assert!(get(&http, "/nothing", "").contains(", /connections, "));
    let help = run(&["serve", "--help"], "").stdout.join(" ");
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(help.contains("/readyz, a status page at /, and for this machine alone /connections"));
}
