//! The transports besides plain TCP, over real sockets: Unix-domain sockets, TLS, IPv6; and the reload of certificates
//! and limits.

#[allow(dead_code)] // each test file uses its part
mod support;
mod transports {
    mod certificates;
    mod ipv6;
    mod reload;
    mod tls;
    mod tls_faults;
    mod tls_peer;
    mod unix;
}
