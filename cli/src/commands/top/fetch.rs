//! Fetches a server's metrics over HTTP, within limits on time and size.

use std::time::Duration;

use ureq::http::Uri;

/// Longer than any healthy server takes. A slower one counts as not answering.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Several times the size of a server's metrics.
const ANSWER_MAX_BYTES: u64 = 256 << 10;

/// Address of a server's metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MetricsUrl(String);

impl std::str::FromStr for MetricsUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted =
            || "http://HOST:PORT, HOST:PORT or a port of this machine is wanted".to_owned();
        if text.starts_with("https:") {
            return Err("a server speaks plain HTTP here: http://HOST:PORT is wanted".to_owned());
        }
        let address = text.strip_prefix("http://").unwrap_or(text);
        let port = address.strip_prefix(':').unwrap_or(address);
        let url = match port.parse::<u16>() {
            Ok(port) => format!("http://127.0.0.1:{port}"),
            Err(_) => format!("http://{address}"),
        };
        let uri: Uri = url.parse().map_err(|_| wanted())?;
        if uri.host().is_none_or(str::is_empty) || uri.port_u16().is_none() || uri.query().is_some()
        {
            return Err(wanted());
        }
        let path = if uri.path() == "/" { "/metrics" } else { uri.path() };
        Ok(Self(format!("http://{}{path}", uri.authority().ok_or_else(wanted)?)))
    }
}

impl MetricsUrl {
    /// The address of another page of the same server.
    pub(crate) fn beside(&self, page: &str) -> String {
        let (folder, _) = self.0.rsplit_once('/').unwrap_or((&self.0, ""));
        format!("{folder}/{page}")
    }
}

impl std::fmt::Display for MetricsUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Keeps a connection from one request to the next.
pub(crate) struct Fetcher {
    agent: ureq::Agent,
    url: MetricsUrl,
}

impl Fetcher {
    pub(crate) fn new(url: MetricsUrl) -> Self {
        // Requests go to the server itself, whatever proxy the environment names.
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .proxy(None)
            .max_redirects(0)
            .build();
        Self { agent: config.new_agent(), url }
    }

    /// The text of the metrics.
    ///
    /// # Errors
    /// No answer in time, or one that is no metrics. A few words have the reason.
    pub(super) fn fetch(&self) -> Result<String, String> {
        self.fetch_from(&self.url.0)
    }

    /// The text of another page of the server.
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch).
    pub(crate) fn fetch_from(&self, url: &str) -> Result<String, String> {
        let mut response = self.agent.get(url).call().map_err(|error| describe(&error))?;
        if response.status() != 200 {
            return Err(format!("status {}", response.status().as_u16()));
        }
        response
            .body_mut()
            .with_config()
            .limit(ANSWER_MAX_BYTES)
            .read_to_string()
            .map_err(|error| describe(&error))
    }
}

fn describe(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Io(error) => error.to_string(),
        ureq::Error::StatusCode(status) => format!("status {status}"),
        ureq::Error::Timeout(_) => format!("nothing for {} s", TIMEOUT.as_secs()),
        ureq::Error::HostNotFound => "there is no such host".to_owned(),
        ureq::Error::BodyExceedsLimit(_) => "far more is said than a server's metrics".to_owned(),
        ureq::Error::Protocol(_) => {
            "what answers there speaks no HTTP: is it the port of `serve --http`?".to_owned()
        }
        other => crate::escape::text(&other.to_string()).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write() {
        for (text, url) in [
            ("9090", "http://127.0.0.1:9090/metrics"),
            (":9090", "http://127.0.0.1:9090/metrics"),
            ("localhost:9090", "http://localhost:9090/metrics"),
            ("http://192.0.2.7:9090/", "http://192.0.2.7:9090/metrics"),
            ("http://[::1]:9090", "http://[::1]:9090/metrics"),
            ("http://example.org:80/cafe/metrics", "http://example.org:80/cafe/metrics"),
        ] {
            assert_eq!(
                text.parse::<MetricsUrl>().map(|url| url.to_string()).as_deref(),
                Ok(url),
                "{text}"
            );
        }
        for text in ["", "host", "http://", "65536", "h:1?x", "a b:1", "tcp://h:1", "https://h:1"] {
            assert!(text.parse::<MetricsUrl>().unwrap_err().contains("http://HOST:PORT"), "{text}");
        }
    }
}
