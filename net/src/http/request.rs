//! The head of a request: parsed by `httparse` and checked for what this server supports. Owns no
//! bytes.

use std::net::IpAddr;

use super::response::Status;

/// The largest head, from the request line to the empty line that ends it.
pub(super) const HEAD_MAX_BYTES: usize = 8 << 10;

const HEADERS_MAX: usize = 64;

/// The outcome of parsing the first bytes of a connection, or those after the request before.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Head<'a> {
    /// The start of a head.
    Partial,
    /// A request, and the length of its head. It has no body.
    Whole(Request<'a>, usize),
    /// Bytes that only a refusal can answer. What follows them cannot be trusted to be a request.
    Refused(Refusal),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Request<'a> {
    pub(super) path: &'a str,
    /// What follows the path behind a `?`.
    pub(super) query: &'a str,
    /// It names this machine as its host, if any, and no proxy says that it passes it on.
    pub(super) is_direct: bool,
    pub(super) wants_body: bool,
    pub(super) keep_alive: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: Status,
    /// Whether the response has a body, which one to HEAD must not.
    pub(super) wants_body: bool,
}

impl<'a> Head<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Self {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut parsed = httparse::Request::new(&mut headers);
        let status = match parsed.parse(bytes) {
            Ok(httparse::Status::Complete(len)) if len <= HEAD_MAX_BYTES => {
                return match Request::from_parsed(&parsed) {
                    Ok(request) => Self::Whole(request, len),
                    Err(status) => {
                        Self::Refused(Refusal { status, wants_body: parsed.method != Some("HEAD") })
                    }
                };
            }
            Ok(httparse::Status::Partial) if bytes.len() <= HEAD_MAX_BYTES => return Self::Partial,
            Ok(_) | Err(httparse::Error::TooManyHeaders) => Status::HeadTooLarge,
            Err(httparse::Error::Version) => Status::VersionNotSupported,
            Err(_) => Status::BadRequest,
        };
        Self::Refused(Refusal { status, wants_body: true })
    }
}

impl<'a> Request<'a> {
    fn from_parsed(parsed: &httparse::Request<'_, 'a>) -> Result<Self, Status> {
        let (Some(method), Some(target), Some(minor_version)) =
            (parsed.method, parsed.path, parsed.version)
        else {
            return Err(Status::BadRequest);
        };
        let values = |name: &'static str| {
            parsed
                .headers
                .iter()
                .filter(move |header| header.name.eq_ignore_ascii_case(name))
                .map(|header| header.value)
        };
        // A request in HTTP/1.1 has exactly one Host field (RFC 9112, 3.2).
        if minor_version == 1 && values("host").count() != 1 {
            return Err(Status::BadRequest);
        }
        if !matches!(method, "GET" | "HEAD") {
            return Err(Status::MethodNotAllowed);
        }
        let no_length = values("content-length").all(|value| value == b"0");
        if !no_length || values("transfer-encoding").next().is_some() {
            return Err(Status::ContentTooLarge);
        }
        let Target { authority, path, query } = Target::parse(target).ok_or(Status::BadRequest)?;
        let is_direct = values("host").chain(authority.map(str::as_bytes)).all(is_loopback)
            && !parsed.headers.iter().any(|header| is_of_proxy(header.name));
        let asks = |option: &str| {
            values("connection")
                .flat_map(|value| value.split(|&byte| byte == b','))
                .any(|token| token.trim_ascii().eq_ignore_ascii_case(option.as_bytes()))
        };
        let keep_alive = !asks("close") && (minor_version == 1 || asks("keep-alive"));
        Ok(Self { path, query, is_direct, wants_body: method == "GET", keep_alive })
    }
}

/// Whether the value of a Host field means this machine and no other: a browser that another site's
/// name led here sends that name.
fn is_loopback(host: &[u8]) -> bool {
    let host = std::str::from_utf8(host).unwrap_or_default().trim();
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

/// Whether proxies add this field, alone or among others, to what they pass on: RFC 9110 and 7239,
/// and what products have of their own.
fn is_of_proxy(name: &str) -> bool {
    const NAMES: [&str; 12] = [
        "cdn-loop",
        "cf-connecting-ip",
        "cf-ray",
        "client-ip",
        "forwarded",
        "proxy-connection",
        "true-client-ip",
        "via",
        "x-client-ip",
        "x-host",
        "x-proxyuser-ip",
        "x-request-start",
    ];
    const PREFIXES: [&str; 6] =
        ["x-forwarded", "x-real-", "x-original-", "x-envoy-", "x-amzn-", "x-cluster-client-"];
    NAMES.iter().any(|known| name.eq_ignore_ascii_case(known))
        || PREFIXES.iter().any(|prefix| {
            name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        })
}

/// What a request is for, in origin or absolute form (RFC 9112, 3.2.1 and 3.2.2).
struct Target<'a> {
    /// The host, in absolute form: it counts, whatever the Host field says.
    authority: Option<&'a str>,
    path: &'a str,
    query: &'a str,
}

impl<'a> Target<'a> {
    fn parse(target: &'a str) -> Option<Self> {
        let (authority, path_and_query) = match target.strip_prefix("http://") {
            Some(rest) => {
                let (authority, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
                (Some(authority), rest)
            }
            None => (None, target),
        };
        let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
        // In absolute form an empty path is the root's.
        let path = if path.is_empty() && authority.is_some() { "/" } else { path };
        path.starts_with('/').then_some(Self { authority, path, query })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(head: &str) -> Request<'_> {
        match Head::parse(head.as_bytes()) {
            Head::Whole(request, len) if len == head.len() => request,
            other => panic!("{head:?}: {other:?}"),
        }
    }

    fn refused(head: &[u8]) -> Status {
        match Head::parse(head) {
            Head::Refused(refusal) => refusal.status,
            other => panic!("{:?}: {other:?}", String::from_utf8_lossy(head)),
        }
    }

    #[test]
    fn a_request_has_a_path_a_method_and_keep_alive() {
        let is = |request: Request<'_>, path: &str, query: &str, keep_alive: bool| {
            let found = (request.path, request.query, request.wants_body, request.keep_alive);
            assert_eq!(found, (path, query, true, keep_alive));
        };
        is(whole("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), "/", "", true);
        let closing = "GET /a?b=/c HTTP/1.1\r\nhost:h\r\nConnection: x, Close\r\n\r\n";
        is(whole(closing), "/a", "b=/c", false);
        is(whole("GET /a HTTP/1.0\r\n\r\n"), "/a", "", false);
        is(whole("GET /a HTTP/1.0\r\nCONNECTION: Keep-Alive\r\n\r\n"), "/a", "", true);
        is(whole("GET http://h:1/a?b HTTP/1.1\r\nHost: h:1\r\n\r\n"), "/a", "b", true);
        is(whole("GET http://h?a=/b HTTP/1.1\r\nHost: h\r\n\r\n"), "/", "a=/b", true);
        is(whole("GET http://h HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"), "/", "", true);
        assert!(!whole("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n").wants_body);
    }

    #[test]
    fn a_direct_request_names_this_machine_and_was_passed_on_by_no_proxy() {
        let is_direct = |fields: &str| whole(&format!("GET / HTTP/1.0\r\n{fields}\r\n")).is_direct;
        for fields in ["", "Host: localhost\r\n", "Host: 127.9.9.9:1\r\n", "Host: [::1]:80\r\n"] {
            assert!(is_direct(fields), "{fields:?}");
        }
        for fields in [
            "Host: h\r\n",
            "Host: localhost.h\r\n",
            "Host: \r\n",
            "Host: 192.0.2.1\r\n",
            "Host: [::2]\r\n",
            "VIA: 1.1 h\r\n",
            "Forwarded: for=h\r\n",
            "X-Forwarded-For: h\r\n",
            "X-Real-IP: h\r\n",
            "x-forwarded-Host: h\r\n",
            "X-Forwarded: h\r\n",
            "X-Original-Forwarded-For: h\r\n",
            "X-Client-IP: h\r\n",
            "X-Cluster-Client-Ip: h\r\n",
            "True-Client-IP: h\r\n",
            "CF-Connecting-IP: h\r\n",
            "X-Envoy-External-Address: h\r\n",
            "X-Amzn-Trace-Id: h\r\n",
            "CDN-Loop: h\r\n",
        ] {
            assert!(!is_direct(fields), "{fields:?}");
        }
        for fields in ["X-Request-Id: h\r\n", "User-Agent: via\r\n", "X-Re: h\r\n"] {
            assert!(is_direct(fields), "{fields:?}");
        }
    }

    /// Of an absolute target the host counts, whatever the field says (RFC 9112, 3.2.2).
    #[test]
    fn a_direct_request_in_absolute_form_names_this_machine_twice() {
        for (target, host, is_direct) in [
            ("http://localhost:9090/a", "localhost:9090", true),
            ("http://[::1]/a", "localhost", true),
            ("http://127.0.0.1?a", "127.0.0.1", true),
            ("http://evil.example/a", "localhost", false),
            ("http://evil.example?/a", "localhost", false),
            ("http://localhost@evil.example/a", "localhost", false),
            ("http://localhost/a", "evil.example", false),
            ("http:///a", "localhost", false),
        ] {
            let head = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
            assert_eq!(whole(&head).is_direct, is_direct, "{head:?}");
        }
    }

    #[test]
    fn malformed_and_unsupported_requests_are_refused() {
        for (head, status) in [
            ("GET / HTTP/1.1\r\n\r\n", Status::BadRequest),
            ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", Status::BadRequest),
            ("GET metrics HTTP/1.1\r\nHost: h\r\n\r\n", Status::BadRequest),
            ("GET * HTTP/1.1\r\nHost: h\r\n\r\n", Status::BadRequest),
            ("GET / HTTP/1.1\r\nHost : h\r\n\r\n", Status::BadRequest),
            ("GET / HTTP/1.1\r\nA: \0\r\n\r\n", Status::BadRequest),
            ("G\u{1}T", Status::BadRequest),
            ("GET / HTTP/2.0\r\n\r\n", Status::VersionNotSupported),
            ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n", Status::MethodNotAllowed),
            ("get / HTTP/1.1\r\nHost: h\r\n\r\n", Status::MethodNotAllowed),
            ("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", Status::MethodNotAllowed),
            ("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n", Status::ContentTooLarge),
            (
                "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nContent-Length: 3\r\n\r\n",
                Status::ContentTooLarge,
            ),
            (
                "GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
                Status::ContentTooLarge,
            ),
        ] {
            assert_eq!(refused(head.as_bytes()), status, "{head:?}");
        }
        assert_eq!(
            refused(b"\x16\x03\x01\x02\x00\x01"),
            Status::BadRequest,
            "a TLS client's hello"
        );
        assert_eq!(refused(b"\x01\x01\x00\x05\x03ada"), Status::BadRequest, "a chat client's");
        let head_with_body = b"HEAD / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n";
        let refusal = Refusal { status: Status::ContentTooLarge, wants_body: false };
        assert_eq!(Head::parse(head_with_body), Head::Refused(refusal));
    }

    #[test]
    fn a_head_may_have_8_kib_and_64_fields() {
        let head = |len: usize| {
            let frame = "GET / HTTP/1.1\r\nHost: h\r\nPad: \r\n\r\n";
            format!("GET / HTTP/1.1\r\nHost: h\r\nPad: {}\r\n\r\n", "x".repeat(len - frame.len()))
        };
        whole(&head(8192));
        assert_eq!(refused(head(8193).as_bytes()), Status::HeadTooLarge);
        assert_eq!(Head::parse(&head(9000).as_bytes()[..8192]), Head::Partial);
        assert_eq!(refused(&head(9000).as_bytes()[..8193]), Status::HeadTooLarge);

        let fields = |count: usize| {
            format!("GET / HTTP/1.1\r\nHost: h\r\n{}\r\n", "A: b\r\n".repeat(count - 1))
        };
        whole(&fields(64));
        assert_eq!(refused(fields(65).as_bytes()), Status::HeadTooLarge);
    }

    #[test]
    fn every_start_of_a_head_is_partial() {
        let head = b"GET /metrics HTTP/1.1\r\nHost: h\r\nAccept: */*\r\n\r\n";
        for len in 0..head.len() {
            assert_eq!(Head::parse(&head[..len]), Head::Partial, "{len}");
        }
    }
}
