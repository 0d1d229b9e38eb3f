//! The bytes of a response: its status line, its header fields and, if it is wanted, its body.

use std::fmt::Write as _;

/// The statuses that this server answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Ok,
    BadRequest,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    ContentTooLarge,
    HeadTooLarge,
    ServiceUnavailable,
    VersionNotSupported,
}

impl Status {
    /// The number and its words, as they stand in the status line.
    const fn line(self) -> &'static str {
        match self {
            Self::Ok => "200 OK",
            Self::BadRequest => "400 Bad Request",
            Self::Forbidden => "403 Forbidden",
            Self::NotFound => "404 Not Found",
            Self::MethodNotAllowed => "405 Method Not Allowed",
            Self::RequestTimeout => "408 Request Timeout",
            Self::ContentTooLarge => "413 Content Too Large",
            Self::HeadTooLarge => "431 Request Header Fields Too Large",
            Self::ServiceUnavailable => "503 Service Unavailable",
            Self::VersionNotSupported => "505 HTTP Version Not Supported",
        }
    }

    /// The sentence in the body of a refusal.
    const fn explained(self) -> &'static str {
        match self {
            Self::Ok => "",
            Self::BadRequest => "this is not a valid HTTP/1.1 request\n",
            Self::Forbidden => "only this machine itself is told, not browsers of other sites\n",
            Self::NotFound => {
                "there is nothing here: try /, /metrics, /connections, /healthz or /readyz\n"
            }
            Self::MethodNotAllowed => "only GET and HEAD are answered here\n",
            Self::RequestTimeout => "the request was not complete in time\n",
            Self::ContentTooLarge => "a request must not have a body here\n",
            Self::HeadTooLarge => "a request may have 8 KiB and 64 header fields\n",
            Self::ServiceUnavailable => "too many connections: try again later\n",
            Self::VersionNotSupported => "HTTP/1.0 and HTTP/1.1 are spoken here\n",
        }
    }
}

const PLAIN: &str = "text/plain; charset=utf-8";

/// The response to a request, before its header fields are written.
#[derive(Debug)]
pub(super) struct Response<'a> {
    pub(super) status: Status,
    pub(super) content_type: &'static str,
    /// Further header fields, each with its CRLF.
    pub(super) fields: &'static str,
    pub(super) body: &'a str,
}

impl<'a> Response<'a> {
    pub(super) const fn plain(status: Status, body: &'a str) -> Self {
        Self { status, content_type: PLAIN, fields: "", body }
    }

    /// A refusal that explains itself.
    pub(super) const fn refusal(status: Status) -> Self {
        let fields =
            if matches!(status, Status::MethodNotAllowed) { "Allow: GET, HEAD\r\n" } else { "" };
        Self { status, content_type: PLAIN, fields, body: status.explained() }
    }

    /// Appends the response's bytes to `into`. A response to HEAD has the length of the body that
    /// it leaves out (RFC 9110, 9.3.2).
    pub(super) fn write(&self, wants_body: bool, keep_alive: bool, into: &mut String) {
        let Self { status, content_type, fields, body } = self;
        let connection = if keep_alive { "keep-alive" } else { "close" };
        // Writing to a String cannot fail.
        let _ = write!(
            into,
            "HTTP/1.1 {}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\
             Connection: {connection}\r\nCache-Control: no-store\r\n\
             X-Content-Type-Options: nosniff\r\nCross-Origin-Resource-Policy: same-origin\r\n\
             {fields}\r\n",
            status.line(),
            body.len(),
        );
        if wants_body {
            into.push_str(body);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(response: &Response<'_>, wants_body: bool, keep_alive: bool) -> String {
        let mut bytes = String::new();
        response.write(wants_body, keep_alive, &mut bytes);
        bytes
    }

    #[test]
    fn a_response_tells_its_length_whether_or_not_the_body_is_wanted() {
        let response = Response::plain(Status::Ok, "hello");
        let whole = written(&response, true, true);
        let (head, body) = whole.split_once("\r\n\r\n").unwrap();
        assert!(
            head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("\r\nContent-Length: 5\r\n"),
            "{head}"
        );
        assert!(head.contains("\r\nConnection: keep-alive\r\n"));
        assert_eq!(body, "hello");
        assert_eq!(written(&response, false, true), format!("{head}\r\n\r\n"));
        assert!(written(&response, true, false).contains("\r\nConnection: close\r\n"));
    }

    #[test]
    fn a_method_that_is_refused_comes_with_those_that_are_not() {
        let refusal = written(&Response::refusal(Status::MethodNotAllowed), true, false);
        assert!(refusal.contains("\r\nAllow: GET, HEAD\r\n\r\n"), "{refusal}");
        assert!(!written(&Response::refusal(Status::NotFound), true, false).contains("Allow"));
    }
}
