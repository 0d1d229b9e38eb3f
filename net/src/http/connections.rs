//! The page with the connections, for the operator: a bounded part of them at a time, in JSON. Not
//! for others: it has names and addresses.

use serde_json::json;

use crate::broker::{Broker, ConnectionEntry};

/// Connections on one page.
const CONNECTIONS_MAX: usize = 500;

/// A page has no further connection once it has so many bytes: long names may take their part.
const PAGE_BYTES: usize = 64 << 10;

/// Rooms of one connection that are named.
const ROOMS_MAX: usize = 8;

/// The page behind that of the place that the query names (`after=PLACE`); `None` if the query is
/// another.
pub(super) fn page(broker: &Broker, query: &str) -> Option<String> {
    let after = match query.strip_prefix("after=") {
        Some(place) => Some(place.parse().ok()?),
        None if query.is_empty() => None,
        None => return None,
    };
    let mut connections = String::new();
    let mut entries = broker.connections_after(after, ROOMS_MAX).peekable();
    let mut last = None;
    for _ in 0..CONNECTIONS_MAX {
        if connections.len() >= PAGE_BYTES {
            break;
        }
        let Some(entry) = entries.next() else { break };
        if last.is_some() {
            connections.push(',');
        }
        connections += &as_json(&entry);
        last = Some(entry.place());
    }
    let next = last.filter(|_| entries.peek().is_some());
    let next = next.map_or_else(|| "null".to_owned(), |place| place.to_string());
    Some(format!("{{\"connections\":[{connections}],\"next\":{next}}}\n"))
}

fn as_json(entry: &ConnectionEntry<'_>) -> String {
    json!({
        "id": entry.id.to_string(),
        "name": entry.username,
        "address": entry.address.to_string(),
        "family": entry.family_label(),
        "rooms": entry.rooms,
        "rooms_total": entry.rooms_total,
        "queued_bytes": entry.queued_bytes,
        "closing": entry.is_closing,
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::SocketAddr;
    use std::sync::Arc;

    use cafewire_core::MessagePayload;
    use serde_json::Value;

    use super::*;
    use crate::broker::Now;
    use crate::config::Limits;

    const NOW: Now = Now { monotonic_ms: 0, unix_ms: 0 };

    fn broker(connections: usize, name: impl Fn(usize) -> String, rooms: usize) -> Broker {
        let limits = Limits { connections_per_address: 0, ..Limits::default() };
        let mut broker = Broker::new(limits, Arc::default());
        let mut buffer = [0; 1024];
        let address = SocketAddr::from(([192, 0, 2, 1], 4711));
        for number in 0..connections {
            let id = broker.accept(address, NOW).expect("a place");
            let username = name(number);
            let connect = MessagePayload::Connect { username: &username };
            broker.handle_input(id, connect.encode_into(&mut buffer).expect("it fits"), NOW);
            for room in 0..rooms {
                let room = format!("room {room}");
                let join = MessagePayload::JoinRoom { room: &room };
                broker.handle_input(id, join.encode_into(&mut buffer).expect("it fits"), NOW);
            }
        }
        broker
    }

    fn parsed(broker: &Broker, query: &str) -> (Vec<Value>, Option<u64>, usize) {
        let page = page(broker, query).expect("a page");
        let value: Value = serde_json::from_str(&page).expect("JSON");
        let connections = value["connections"].as_array().expect("a list").clone();
        (connections, value["next"].as_u64(), page.len())
    }

    #[test]
    fn a_connection_is_told_with_its_name_address_rooms_and_queue() {
        let broker = broker(1, |_| "a\"da\u{1f980}".to_owned(), ROOMS_MAX + 2);
        let (connections, next, _) = parsed(&broker, "");
        assert_eq!((connections.len(), next), (1, None));
        let ada = &connections[0];
        assert_eq!((&ada["name"], &ada["address"]), (&"a\"da🦀".into(), &"192.0.2.1:4711".into()));
        assert_eq!((&ada["family"], &ada["closing"]), (&"chat-v1".into(), &false.into()));
        assert_eq!((&ada["id"], &ada["rooms_total"]), (&"1v1".into(), &10.into()));
        assert_eq!(ada["rooms"].as_array().expect("a list").len(), ROOMS_MAX);
        assert!(ada["queued_bytes"].as_u64() > Some(0), "its answers");
    }

    #[test]
    fn pages_are_bounded_and_have_each_connection_once() {
        for (name_len, rooms) in [(4, 0), (32, 20)] {
            let total = CONNECTIONS_MAX * 2 + 1;
            let broker = broker(total, |number| format!("{number:0name_len$}"), rooms);
            let (mut query, mut names, mut pages) = (String::new(), BTreeSet::new(), 0);
            loop {
                let (connections, next, bytes) = parsed(&broker, &query);
                assert!(connections.len() <= CONNECTIONS_MAX && bytes < 2 * PAGE_BYTES);
                for connection in &connections {
                    let name = connection["name"].as_str().expect("a name").to_owned();
                    assert!(names.insert(name), "{connection} twice");
                }
                pages += 1;
                match next {
                    Some(place) => query = format!("after={place}"),
                    None => break,
                }
            }
            assert_eq!(names.len(), total);
            assert!(pages >= 3, "{pages}");
        }
        let empty = broker(0, |_| String::new(), 0);
        assert_eq!(page(&empty, "").as_deref(), Some("{\"connections\":[],\"next\":null}\n"));
        for query in ["after=", "after=-1", "after=x", "before=1", "after=1&after=2"] {
            assert_eq!(page(&empty, query), None, "{query}");
        }
    }
}
