// For the examples in the documentation of this crate, which include it as an expression: an exchange with the default
// limits and one peer in it, that peer's id, and the time.
{
    use cafewire_net::exchange::{Exchange, Now};

    let mut exchange = Exchange::new(cafewire_net::Limits::default(), std::sync::Arc::default());
    let now = Now { monotonic_ms: 0, unix_ms: 1_700_000_000_000 };
    let address: std::net::SocketAddr = "192.0.2.1:4711".parse().unwrap();
    let id = exchange.admit(address, now).expect("the first is let in");
    (exchange, id, now)
}
