//! What `--version` says. `-V` says the number alone.

use std::env::consts::{ARCH, OS};
use std::sync::LazyLock;

/// The number, what this program can do, and how it was built.
pub(crate) static LONG: LazyLock<String> = LazyLock::new(|| {
    let number = env!("CARGO_PKG_VERSION");
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    format!(
        "{number}\nprotocol: echo, chat 1\nfeatures: tcp, unix, tls, http, systemd\nbuild: {profile}, {ARCH}-{OS}, Rust {} or newer",
        env!("CARGO_PKG_RUST_VERSION")
    )
});
