//! The head of a request: parsed by `httparse` and checked for what this server supports. Owns no
//! bytes.

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
        let path = path_of(target).ok_or(Status::BadRequest)?;
        let asks = |option: &str| {
            values("connection")
                .flat_map(|value| value.split(|&byte| byte == b','))
                .any(|token| token.trim_ascii().eq_ignore_ascii_case(option.as_bytes()))
        };
        let keep_alive = !asks("close") && (minor_version == 1 || asks("keep-alive"));
        Ok(Self { path, wants_body: method == "GET", keep_alive })
    }
}

/// The path without its query, of a target in origin or absolute form (RFC 9112, 3.2.1 and 3.2.2).
fn path_of(target: &str) -> Option<&str> {
    let path_and_query = match target.strip_prefix("http://") {
        Some(rest) => rest.find('/').map_or("/", |start| &rest[start..]),
        None => target,
    };
    path_and_query.split('?').next().filter(|path| path.starts_with('/'))
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
        let get = |path, keep_alive| Request { path, wants_body: true, keep_alive };
        assert_eq!(whole("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), get("/", true));
        assert_eq!(
            whole("GET /a?b=/c HTTP/1.1\r\nhost:h\r\nConnection: x, Close\r\n\r\n"),
            get("/a", false)
        );
        assert_eq!(whole("GET /a HTTP/1.0\r\n\r\n"), get("/a", false));
        assert_eq!(whole("GET /a HTTP/1.0\r\nCONNECTION: Keep-Alive\r\n\r\n"), get("/a", true));
        assert_eq!(whole("GET http://h:1/a?b HTTP/1.1\r\nHost: h:1\r\n\r\n"), get("/a", true));
        assert_eq!(
            whole("GET http://h HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"),
            get("/", true)
        );
        assert!(!whole("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n").wants_body);
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
