//! The pages of the HTTP server. Knows paths and contents, not how requests come or responses go.

use std::sync::Arc;

use super::connections;
use super::exposition::{self, Exposition};
use super::request::Request;
use super::response::{Response, Status};
use crate::broker::Broker;
use crate::metrics::ServerMetrics;

const STATUS_PAGE: &str = include_str!("status.html");

/// The status page may load its own script and style, by their hashes, its own metrics, and nothing
/// else.
const STATUS_PAGE_FIELDS: &str = "Content-Security-Policy: default-src 'none'; \
    connect-src 'self'; img-src data:; \
    script-src 'sha256-X7jGHTWRaWXAn146XLGx1NnDETxdnwMnoaP4q7XfTjM='; \
    style-src 'sha256-dnccfN1Zi3yLs8+0mMOHueoC2ThuaEPX8BvNyEOh8IQ='; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n\
    Referrer-Policy: no-referrer\r\n";

#[derive(Debug)]
pub(super) struct Pages {
    metrics: Arc<ServerMetrics>,
    exposition: Exposition,
}

impl Pages {
    pub(super) fn new(metrics: Arc<ServerMetrics>, started_unix_seconds: f64) -> Self {
        let exposition = Exposition::new(Arc::clone(&metrics), started_unix_seconds);
        Self { metrics, exposition }
    }

    /// Appends the response to a request to the text. `is_local`: it comes from this machine.
    pub(super) fn respond(
        &self,
        request: &Request<'_>,
        is_local: bool,
        broker: &Broker,
        into: &mut String,
    ) {
        let mut text = String::new();
        let response = match request.path {
            "/" => Response {
                status: Status::Ok,
                content_type: "text/html; charset=utf-8",
                fields: STATUS_PAGE_FIELDS,
                body: STATUS_PAGE,
            },
            "/metrics" => match self.exposition.write(&mut text) {
                Ok(()) => Response {
                    status: Status::Ok,
                    content_type: exposition::CONTENT_TYPE,
                    fields: "",
                    body: &text,
                },
                // Writing to a String fails only through a fault of the encoder.
                Err(_) => {
                    Response::plain(Status::ServiceUnavailable, "the metrics cannot be shown\n")
                }
            },
            "/connections" if !is_local || !request.is_direct => {
                Response::refusal(Status::Forbidden)
            }
            "/connections" => match connections::page(broker, request.query) {
                Some(page) => {
                    text = page;
                    Response {
                        status: Status::Ok,
                        content_type: "application/json",
                        fields: "",
                        body: &text,
                    }
                }
                None => Response::refusal(Status::BadRequest),
            },
            "/healthz" => Response::plain(Status::Ok, "ok\n"),
            "/readyz" if self.metrics.draining.get() == 0 => Response::plain(Status::Ok, "ready\n"),
            "/readyz" => Response::plain(Status::ServiceUnavailable, "draining\n"),
            _ => Response::refusal(Status::NotFound),
        };
        response.write(request.wants_body, request.keep_alive, into);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn respond(path: &str, metrics: &Arc<ServerMetrics>) -> String {
        let mut bytes = String::new();
        respond_to(path, true, metrics, &mut bytes);
        bytes
    }

    fn respond_to(path: &str, is_local: bool, metrics: &Arc<ServerMetrics>, bytes: &mut String) {
        let request =
            Request { path, query: "", is_direct: true, wants_body: true, keep_alive: true };
        let broker = Broker::new(crate::config::Limits::default(), Arc::clone(metrics));
        Pages::new(Arc::clone(metrics), 1.5).respond(&request, is_local, &broker, bytes);
    }

    #[test]
    fn another_machine_is_not_told_who_is_connected() {
        for (is_local, status) in [(true, "200"), (false, "403")] {
            let mut bytes = String::new();
            respond_to("/connections", is_local, &Arc::default(), &mut bytes);
            assert!(bytes.starts_with(&format!("HTTP/1.1 {status} ")), "{bytes}");
        }
    }

    #[test]
    fn the_page_may_run_its_own_script_and_style() {
        for (tag, directive) in [("script", "script-src"), ("style", "style-src")] {
            let (_, from_tag) = STATUS_PAGE.split_once(&format!("<{tag}>")).unwrap();
            let (content, _) = from_tag.split_once(&format!("</{tag}>")).unwrap();
            let hash =
                base64(ring::digest::digest(&ring::digest::SHA256, content.as_bytes()).as_ref());
            assert!(
                STATUS_PAGE_FIELDS.contains(&format!("{directive} 'sha256-{hash}';")),
                "{directive} wants {hash}"
            );
        }
        assert!(
            !STATUS_PAGE.contains(" style=\"") && !STATUS_PAGE.contains(" onclick="),
            "a hash does not allow attributes"
        );
    }

    #[test]
    fn the_page_loads_nothing_from_other_hosts() {
        let own_names = STATUS_PAGE.replace("http://www.w3.org/2000/svg", "");
        assert!(
            !own_names.contains("http:")
                && !own_names.contains("https:")
                && !own_names.contains("url(")
        );
    }

    #[test]
    fn a_draining_server_is_healthy_but_not_ready() {
        let metrics = Arc::default();
        assert!(respond("/readyz", &metrics).starts_with("HTTP/1.1 200 "));
        metrics.draining.set(1);
        assert!(respond("/readyz", &metrics).starts_with("HTTP/1.1 503 "));
        assert!(respond("/healthz", &metrics).starts_with("HTTP/1.1 200 "));
    }

    fn base64(bytes: &[u8]) -> String {
        const DIGITS: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut text = String::new();
        for chunk in bytes.chunks(3) {
            let group = (0..3)
                .fold(0, |group, index| group << 8 | usize::from(*chunk.get(index).unwrap_or(&0)));
            for index in 0..4 {
                let digit = char::from(DIGITS[group >> (18 - 6 * index) & 63]);
                text.push(if index <= chunk.len() { digit } else { '=' });
            }
        }
        text
    }
}
