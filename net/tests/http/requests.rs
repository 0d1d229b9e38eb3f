//! Requests that are answered and requests that are refused, in any division into segments.

use super::peer::{HttpPeer, get, server};

#[test]
fn every_page_is_served() {
    let (_server, address) = server(|_| {});
    let mut peer = HttpPeer::connect(address);
    for (path, content_type, start) in [
        ("/", "text/html; charset=utf-8", "<!DOCTYPE html>"),
        ("/?a=b", "text/html; charset=utf-8", "<!DOCTYPE html>"),
        ("/metrics", "text/plain; version=0.0.4; charset=utf-8", "# HELP "),
        ("/healthz", "text/plain; charset=utf-8", "ok\n"),
        ("/readyz", "text/plain; charset=utf-8", "ready\n"),
    ] {
        let response = peer.get(path);
        assert_eq!((response.status, response.closes()), (200, false), "{path}");
        assert_eq!(response.field("content-type"), Some(content_type));
        assert_eq!(response.field("cache-control"), Some("no-store"));
        assert_eq!(response.field("x-content-type-options"), Some("nosniff"));
        assert!(response.body.starts_with(start), "{path}: {}", response.body);
    }
    let policy = peer.get("/");
    let policy = policy.field("content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'; connect-src 'self';") && !policy.contains("unsafe"),
        "{policy}"
    );
    let nothing = peer.get("/metrics/");
    assert_eq!((nothing.status, nothing.closes()), (404, false));
    assert_eq!(peer.get("/healthz").body, "ok\n");
}

#[test]
fn head_is_get_without_the_body() {
    let (_server, address) = server(|_| {});
    let mut peer = HttpPeer::connect(address);
    for path in ["/", "/healthz", "/nothing"] {
        let whole = peer.get(path);
        peer.send(format!("HEAD {path} HTTP/1.1\r\nHost: h\r\n\r\n"));
        let head = peer.head();
        assert_eq!((head.status, head.fields), (whole.status, whole.fields), "{path}");
    }
    // The next bytes are the next response, so there was no body.
    assert_eq!(peer.get("/readyz").body, "ready\n");
}

#[test]
fn a_bad_request_is_refused_and_its_connection_closed() {
    let (server, address) = server(|_| {});
    for (request, status) in [
        ("GET /\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: h\r\nA\0: b\r\n\r\n", 400),
        ("\x16\x03\x01\x02\x00", 400),
        ("POST /metrics HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", 405),
        ("DELETE / HTTP/1.1\r\nHost: h\r\n\r\n", 405),
        ("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", 413),
        ("GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 413),
        ("GET / HTTP/3.0\r\nHost: h\r\n\r\n", 505),
    ] {
        let mut peer = HttpPeer::connect(address);
        // Bytes behind a refused request are not parsed as a request.
        peer.send(format!("{request}{}", get("/")));
        let response = peer.response();
        assert_eq!((response.status, response.closes()), (status, true), "{request:?}");
        assert_eq!(response.field("allow"), (status == 405).then_some("GET, HEAD"));
        assert!(!response.body.is_empty());
        peer.expect_end();
    }
    server.wait_until("no HTTP peer", |metrics| metrics.http_connections == 0);
    assert_eq!(server.metrics().http_responses, 10);
}

#[test]
fn a_connection_is_kept_alive_as_the_peer_asks() {
    let (_server, address) = server(|_| {});
    for (version_and_fields, closes) in [
        ("1.1\r\nHost: h", false),
        ("1.1\r\nHost: h\r\nConnection: close", true),
        ("1.0", true),
        ("1.0\r\nConnection: keep-alive", false),
    ] {
        let mut peer = HttpPeer::connect(address);
        peer.send(format!("GET /healthz HTTP/{version_and_fields}\r\n\r\n"));
        let response = peer.response();
        assert_eq!((response.status, response.closes()), (200, closes), "{version_and_fields:?}");
        if closes {
            peer.expect_end();
        } else {
            assert_eq!(peer.get("/readyz").status, 200);
        }
    }
}

#[test]
fn requests_that_come_at_once_are_answered_in_order() {
    let paths = ["/healthz", "/metrics", "/readyz", "/", "/nothing"];
    let (_server, address) = server(|_| {});
    let mut peer = HttpPeer::connect(address);
    peer.send(paths.map(get).concat().repeat(20));
    peer.half_close();
    for round in 0..20 {
        let responses = paths.map(|_| peer.response());
        assert_eq!(
            responses.each_ref().map(|response| response.status),
            [200, 200, 200, 200, 404],
            "{round}"
        );
        assert_eq!((&*responses[0].body, &*responses[2].body), ("ok\n", "ready\n"));
        assert!(
            responses[1].body.contains("cafewire_ticks_total")
                && responses[3].body.ends_with("</html>\n")
        );
    }
    peer.expect_end();
}

#[test]
fn a_request_may_come_byte_by_byte() {
    let (_server, address) = server(|_| {});
    let mut peer = HttpPeer::connect(address);
    for _ in 0..2 {
        for byte in get("/healthz").as_bytes().chunks(1) {
            peer.send(byte);
        }
        assert_eq!(peer.response().body, "ok\n");
    }
    peer.half_close();
    peer.expect_end();
}

#[test]
fn several_addresses_answer() {
    use cafewire_net::{Server, ServerConfig};
    let mut config = ServerConfig::default();
    config.listen = vec!["127.0.0.1:0".parse().unwrap()];
    config.http = vec!["127.0.0.1:0".parse().unwrap(); 2];
    let server = Server::bind(config).unwrap();
    let addresses = server.http_addresses().to_vec();
    assert!(
        addresses.len() == 2
            && addresses[0] != addresses[1]
            && addresses.iter().all(|at| at.port() != 0)
    );
    let handle = server.handle();
    let thread = std::thread::spawn(|| server.run());
    for address in &addresses {
        assert_eq!(HttpPeer::connect(*address).get("/healthz").status, 200);
    }
    handle.shut_down();
    thread.join().unwrap().unwrap();

    let mut taken = ServerConfig::default();
    taken.listen = vec!["127.0.0.1:0".parse().unwrap()];
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    taken.http = vec![holder.local_addr().unwrap().into()];
    let error = Server::bind(taken).unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("cannot listen on http://{}: ", holder.local_addr().unwrap())),
        "{error}"
    );
}
