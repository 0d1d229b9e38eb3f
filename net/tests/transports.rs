//! The transports besides plain TCP, over real sockets: Unix-domain sockets, TLS, IPv6; and the
//! reload of certificates and limits.

#![allow(clippy::unwrap_used)] // helpers of tests may unwrap as tests do

mod support;

mod transports {
    mod backlog;
    mod certificates;
    mod ipv6;
    mod proxies;
    mod reload;
    mod tls;
    mod tls_expiry;
    mod tls_faults;
    mod tls_files;
    mod tls_peer;
    mod unix;
}
