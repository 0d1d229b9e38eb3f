// For the examples in the documentation of this crate, which include it as an expression: a broker
// with the default limits and one peer in it, that peer's id, and the time.
{
    use cafewire_net::broker::{Broker, Now};

    let mut broker = Broker::new(cafewire_net::Limits::default(), std::sync::Arc::default());
    let now = Now { monotonic_ms: 0, unix_ms: 1_700_000_000_000 };
    let address: std::net::SocketAddr = "192.0.2.1:4711".parse().unwrap();
    let id = broker.accept(address, now).expect("the first connection is accepted");
    (broker, id, now)
}
