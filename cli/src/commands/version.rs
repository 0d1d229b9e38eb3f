//! Texts of `--version`. `-V` prints the number alone.

/// The number, what is in every build (there are no optional parts), and how this one was built.
pub(crate) const LONG: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    "\nprotocol: echo, chat 1",
    "\nfeatures: tcp, unix, tls (rustls, ring), http, systemd; the same in every build",
    "\nbuild: ",
    env!("CAFEWIRE_BUILD_PROFILE"),
    ", ",
    env!("CAFEWIRE_BUILD_TARGET"),
    ", ",
    env!("CAFEWIRE_BUILD_RUSTC"),
);
