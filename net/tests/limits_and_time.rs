//! Limits and time over real sockets: who is too late, too silent, too slow or one too many is told
//! and closed; the others notice nothing; and a server that goes down tells everybody. Each limit
//! is tried at its value, one below, one above and at 0, which is no limit. Nothing here depends on
//! how fast anything is.

#![allow(clippy::unwrap_used)] // helpers of tests may unwrap as tests do

mod support;

mod limits_and_time {
    mod accounts;
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
