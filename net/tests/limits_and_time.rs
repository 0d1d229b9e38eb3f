//! Limits and time over real sockets: who is too late, too silent, too slow or one too many is told and closed; the
//! others notice nothing; and a server that goes down tells everybody. Nothing here depends on how fast anything is.

#![allow(clippy::unwrap_used)] // helpers of tests may unwrap as tests do

mod support;

mod limits_and_time {
    mod connections;
    mod outboxes;
    mod rates;
    mod shutdown;
    mod timeouts;
}
