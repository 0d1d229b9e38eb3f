//! What is to be said before a command speaks TLS: certificates that are out of their time, and
//! keys that are written down. Reads the files; a fault in one is told when the connection is made.

use std::time::SystemTime;

use cafewire_net::tls::key_log_file;
use cafewire_net::{Address, ClientTls};

use crate::escape;
use crate::output;

pub(crate) fn make(address: &Address, tls: &ClientTls) {
    if !matches!(address, Address::Tls { .. }) {
        return;
    }
    let now = SystemTime::now();
    for validity in tls.validities().unwrap_or_default() {
        if let Some(warning) = validity.warning(now) {
            output::remark(format_args!("cafewire: {}", escape::text(&warning)));
        }
    }
    if let Some((path, opened)) = key_log_file() {
        let path = path.to_string_lossy();
        let told = match opened {
            Ok(()) => format!(": those who read {path} can read this connection"),
            Err(error) => format!(", but {path} cannot be written: {error}"),
        };
        output::remark(format_args!("cafewire: SSLKEYLOGFILE is set{}", escape::text(&told)));
    }
}
