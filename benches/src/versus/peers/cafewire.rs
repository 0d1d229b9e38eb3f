//! `cafewire serve`. Its bounds are set so that no member of a workload can meet one.

/// The command line of a server for one port of the loopback interface.
pub(super) fn arguments(port: u16) -> Vec<String> {
    let address = format!("tcp://127.0.0.1:{port}");
    [
        "serve",
        "-q",
        "--listen",
        &address,
        // All members come from one address.
        "--connections-per-address",
        "0",
        "--outbox-bytes",
        "64MiB",
        "--room-log-bytes",
        "64MiB",
        "--buffer-bytes",
        "0",
        "--rooms-per-connection",
        "0",
    ]
    .map(str::to_owned)
    .into()
}

/// The first line of `cafewire --version` names the version.
pub(super) fn version(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
