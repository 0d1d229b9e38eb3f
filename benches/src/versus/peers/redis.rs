//! `redis-server`, without persistence and without a bound on what it queues for a subscriber.

pub(super) const PROGRAM: &str = "redis-server";
pub(super) const HOW_TO_GET_IT: &str =
    "install it (Debian, Ubuntu: apt-get install redis-server) or leave it out (--peers none)";

/// The command line of a server for one port of the loopback interface.
pub(super) fn arguments(port: u16) -> Vec<String> {
    let port = port.to_string();
    [
        "--port",
        &port,
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--appendonly",
        "no",
        "--client-output-buffer-limit",
        "pubsub",
        "0",
        "0",
        "0",
    ]
    .map(str::to_owned)
    .into()
}

/// `redis-server --version` prints `Redis server v=7.0.15 sha=…`.
pub(super) fn version(text: &str) -> &str {
    let number = text.split_whitespace().find_map(|word| word.strip_prefix("v="));
    number.unwrap_or_default()
}
