//! What of a capture was not read, and why: as sentences for people and as objects for programs.
//! Pure. Bounded: of many of a kind the first are named and the others counted.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use serde::Serialize;

use super::unread::Unread;

/// Connections that are named in the summary, and those named on standard error.
const MAX_NAMED: usize = 64;
const MAX_SAID: usize = 4;
/// Kinds of packets that get a sentence of their own.
const MAX_SENTENCES: usize = 16;

/// Why a connection was not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Why {
    /// It speaks this.
    Foreign(&'static str),
    /// It starts with no good frame.
    NoFrame,
    /// Its start is not in the capture, and no good frame was found in it where one is likely.
    NotFound,
    /// The capture lacks bytes of it, and no good frame was found where one is likely.
    Lost,
    /// The capture cut its packets, and no good frame was found in what is left.
    Cut,
    /// It has none of the ports that were asked for.
    NotAsked,
    /// It was taken to be over, to bound memory.
    GivenUp,
}

#[derive(Debug, Default)]
struct Connections {
    count: u64,
    named: Vec<[SocketAddr; 2]>,
}

#[derive(Debug, Default)]
struct Packets {
    count: u64,
    /// Of a tunnel: between which ends, the first few of them and one more.
    between: Vec<[IpAddr; 2]>,
}

#[derive(Debug, Default)]
pub(crate) struct PassedOver {
    packets: BTreeMap<Unread, Packets>,
    connections: BTreeMap<Why, Connections>,
    /// IP packets of which fragments are missing.
    pub(crate) incomplete_datagrams: u64,
    /// Segments far outside of their connection's window.
    pub(crate) stray_segments: u64,
    /// Segments that came after a gap had been told in their place.
    pub(crate) late_segments: u64,
    /// IP packets of which fragments overlapped with other bytes.
    pub(crate) contradictory_datagrams: u64,
}

/// A member of the summary's list.
#[derive(Debug, Default, Serialize)]
pub(crate) struct PassedOverJson {
    what: &'static str,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    packets: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    between: Vec<[IpAddr; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connections: Option<u64>,
}

impl PassedOver {
    /// A packet; of a tunnel also between which ends it is.
    pub(crate) fn packet(&mut self, reason: Unread, between: Option<[IpAddr; 2]>) {
        let packets = self.packets.entry(reason).or_default();
        packets.count += 1;
        if let Some(ends) = between
            && packets.between.len() <= MAX_SAID
            && !packets.between.contains(&ends)
        {
            packets.between.push(ends);
        }
    }

    /// A connection, as its client and its server.
    pub(crate) fn connection(&mut self, why: Why, ends: [SocketAddr; 2]) {
        let connections = self.connections.entry(why).or_default();
        connections.count += 1;
        if connections.named.len() < MAX_NAMED {
            connections.named.push(ends);
        }
    }

    /// Whether conversations may have been in what was passed over.
    pub(crate) fn may_hide_conversations(&self) -> bool {
        self.incomplete_datagrams > 0
            || self.contradictory_datagrams > 0
            || self.packets.keys().any(|reason| reason.may_hide_conversations())
            || [Why::NotFound, Why::Lost, Why::Cut]
                .iter()
                .any(|why| self.connections.contains_key(why))
    }

    /// A sentence for each thing.
    pub(crate) fn sentences(&self) -> Vec<String> {
        let kinds = self.packets.iter().take(MAX_SENTENCES);
        let mut sentences: Vec<String> =
            kinds.map(|(reason, packets)| packets.sentence(*reason)).collect();
        let others = self.packets.values().map(|packets| packets.count).skip(MAX_SENTENCES);
        if let (others @ 1.., count) = (others.clone().count(), others.sum::<u64>()) {
            sentences.push(format!("{count} packets of {others} other kinds were passed over"));
        }
        match self.incomplete_datagrams {
            0 => {}
            1 => {
                let sentence = "1 IP packet lacks fragments: what it carried is missing";
                sentences.push(sentence.to_owned());
            }
            count => sentences
                .push(format!("{count} IP packets lack fragments: what they carried is missing")),
        }
        match self.stray_segments {
            0 => {}
            1 => sentences.push(
                "1 TCP segment far outside of its connection's window was passed over".to_owned(),
            ),
            count => sentences.push(format!(
                "{count} TCP segments far outside of their connections' windows were passed over"
            )),
        }
        if self.late_segments > 0 {
            sentences.push(format!(
                "{} came too late: a gap had been told in that place",
                match self.late_segments {
                    1 => "1 TCP segment".to_owned(),
                    count => format!("{count} TCP segments"),
                }
            ));
        }
        if self.contradictory_datagrams > 0 {
            sentences.push(format!(
                "fragments of {} overlapped with other bytes: of IPv4 what came first counts, and \
                 IPv6 is dropped",
                match self.contradictory_datagrams {
                    1 => "1 IP packet".to_owned(),
                    count => format!("{count} IP packets"),
                }
            ));
        }
        sentences.extend(self.connections.iter().map(|(why, them)| why.sentence(them)));
        sentences
    }

    /// The same for programs.
    pub(crate) fn json(&self) -> Vec<PassedOverJson> {
        let mut all: Vec<PassedOverJson> = self
            .packets
            .iter()
            .map(|(reason, packets)| PassedOverJson {
                what: reason.kind(),
                reason: reason.name(),
                packets: Some(packets.count),
                between: packets.between.iter().take(MAX_SAID).copied().collect(),
                ..PassedOverJson::default()
            })
            .collect();
        let contradictory = self.contradictory_datagrams;
        for (what, reason, count) in [
            ("fragments", "IP packets that lack fragments", self.incomplete_datagrams),
            ("segments", "far outside of the window", self.stray_segments),
            ("segments", "after a gap had been told in that place", self.late_segments),
            ("fragments", "IP packets whose fragments overlap with other bytes", contradictory),
        ] {
            if count > 0 {
                all.push(PassedOverJson {
                    what,
                    reason: reason.to_owned(),
                    packets: Some(count),
                    ..PassedOverJson::default()
                });
            }
        }
        for (why, Connections { count, named }) in &self.connections {
            all.extend(named.iter().map(|[client, server]| PassedOverJson {
                what: "connection",
                reason: why.name().to_owned(),
                client: Some(client.to_string()),
                server: Some(server.to_string()),
                ..PassedOverJson::default()
            }));
            let unnamed = count - named.len() as u64;
            if unnamed > 0 {
                let (reason, connections) = (why.name().to_owned(), Some(unnamed));
                let what = "connection";
                all.push(PassedOverJson { what, reason, connections, ..PassedOverJson::default() });
            }
        }
        all
    }
}

impl Packets {
    fn sentence(&self, reason: Unread) -> String {
        let ends =
            self.between.iter().take(MAX_SAID).map(|[one, other]| format!("{one} and {other}"));
        let more = if self.between.len() > MAX_SAID { ", and others" } else { "" };
        match ends.collect::<Vec<_>>().join(", ") {
            ends if ends.is_empty() => reason.sentence(self.count),
            ends => format!("{}: between {ends}{more}", reason.sentence(self.count)),
        }
    }
}

impl Why {
    const fn name(self) -> &'static str {
        match self {
            Self::Foreign(name) => name,
            Self::NoFrame => "starts with no good frame",
            Self::NotFound => "no good frame found",
            Self::Lost => "no good frame found beside what the capture lacks",
            Self::Cut => "cut by the capture",
            Self::NotAsked => "not of a port asked for",
            Self::GivenUp => "given up",
        }
    }

    fn sentence(self, Connections { count, named }: &Connections) -> String {
        let ends: Vec<String> = named
            .iter()
            .take(MAX_SAID)
            .map(|[client, server]| format!("{client} to {server}"))
            .collect();
        let unsaid = count - ends.len() as u64;
        let more = if unsaid > 0 { format!(", and {unsaid} more") } else { String::new() };
        let (connections, [speaks, does, is, was]) = match count {
            1 => ("1 TCP connection".to_owned(), ["speaks", "does", "is", "was"]),
            count => (format!("{count} TCP connections"), ["speak", "do", "are", "were"]),
        };
        let ends = ends.join(", ");
        match self {
            Self::Foreign(name) => {
                format!("{connections} {speaks} {name} and {was} left out: {ends}{more}")
            }
            Self::NoFrame => format!(
                "{connections} {does} not start with a good frame and {was} not looked at; --port \
                 PORT looks anyway: {ends}{more}"
            ),
            Self::NotFound => format!(
                "in {connections} whose start is not in the capture no good frame was found: \
                 {ends}{more}"
            ),
            Self::Lost => format!(
                "in {connections} of which the capture lacks bytes no good frame was found: \
                 {ends}{more}"
            ),
            Self::Cut => format!(
                "in {connections} whose packets the capture cut, as by tcpdump -s, no good frame \
                 was found: {ends}{more}"
            ),
            Self::NotAsked => {
                format!("{connections} {is} of no port that was asked for: {ends}{more}")
            }
            Self::GivenUp => format!(
                "{connections}, silent for long, {was} taken to be over, for too many were open at \
                 once: {ends}{more}"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn ends(port: u16) -> [SocketAddr; 2] {
        [port, 8080].map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
    }

    #[test]
    fn everything_is_said_once_with_how_many_there_were() {
        let mut passed_over = PassedOver::default();
        for reason in
            [Unread::LinkType(127), Unread::LinkType(127), Unread::Protocol(17), Unread::Damaged]
        {
            passed_over.packet(reason, None);
        }
        passed_over.connection(Why::Foreign("HTTP"), ends(1));
        assert_eq!(
            passed_over.sentences(),
            [
                "2 packets of link type 127 (IEEE 802.11 with a radiotap header), which is not \
                 read here, were passed over",
                "1 packet is no TCP, but UDP",
                "1 packet with headers that are cut or damaged was passed over",
                "1 TCP connection speaks HTTP and was left out: 127.0.0.1:1 to 127.0.0.1:8080",
            ]
        );
        assert_eq!(passed_over.json().len(), 4);
        assert!(passed_over.may_hide_conversations());
    }

    #[test]
    fn of_a_tunnel_some_of_its_ends_are_named() {
        let mut passed_over = PassedOver::default();
        for last in [2, 2, 3, 4, 5, 6, 7] {
            let ends = [1, last].map(|last| IpAddr::from([192, 0, 2, last]));
            passed_over.packet(Unread::Tunnel("GTP-U"), Some(ends));
        }
        let says = "7 packets in a tunnel, GTP-U, which is not read here, were passed over: \
                    between \
                    192.0.2.1 and 192.0.2.2, 192.0.2.1 and 192.0.2.3, 192.0.2.1 and 192.0.2.4, \
                    192.0.2.1 and 192.0.2.5, and others";
        assert_eq!(passed_over.sentences(), [says]);
        assert_eq!(passed_over.json()[0].between.len(), MAX_SAID);
    }

    #[test]
    fn what_is_named_has_a_bound_and_the_rest_is_counted() {
        let mut passed_over = PassedOver::default();
        for port in 0..1000 {
            passed_over.connection(Why::NoFrame, ends(port));
            passed_over.packet(Unread::EtherType(port), None);
        }
        assert!(passed_over.connections.values().all(|them| them.named.len() <= MAX_NAMED));
        let sentences = passed_over.sentences();
        assert_eq!(sentences.len(), MAX_SENTENCES + 2);
        assert!(sentences.last().is_some_and(|it| it.ends_with(", and 996 more")), "{sentences:?}");
        let last = passed_over.json().pop().map(|it| it.connections);
        assert_eq!(last, Some(Some(1000 - MAX_NAMED as u64)));
    }
}
