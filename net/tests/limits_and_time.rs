//! Limits and time over real sockets: connections that are late, idle, slow or over a limit get an
//! Error frame and are closed; the others notice nothing; and a server that shuts down notifies
//! every peer. Each limit is tried at its value, one below, one above and at 0, which is no limit.
//! No test depends on speed.

#![allow(clippy::unwrap_used)] // helpers of tests may unwrap as tests do

mod support;

mod limits_and_time {
    mod accounts;
    mod addresses;
    mod broker;
    mod budget;
    mod clock;
    mod connections;
    mod counts;
    mod outboxes;
    mod queues;
    mod rates;
    mod send_buffers;
    mod shutdown;
    mod ticks;
    mod timeouts;
}
