//! Why a packet holds no TCP segment that could be read, and what that is called. Pure.

/// Ordered, so that what is told of a capture is told in the same order each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Unread {
    /// A link type that is not read, by its number.
    LinkType(i32),
    /// A packet of an interface that the file does not describe.
    NoInterface,
    /// A tunnel that is not read.
    Tunnel(&'static str),
    /// More tunnels in each other than are followed.
    TooDeep,
    /// Something else than IP, by its EtherType.
    EtherType(u16),
    /// Something else than IP, by its number in PPP.
    Ppp(u16),
    /// Something else than TCP, by its IP protocol.
    Protocol(u8),
    /// A header that is cut or contradicts itself.
    Damaged,
}

/// What of it is a tunnel that may have carried conversations.
const TUNNEL_PROTOCOLS: [(u8, &str); 6] = [
    (50, "ESP (IPsec)"),
    (55, "minimal encapsulation (Mobile IP)"),
    (94, "IPIP"),
    (98, "IP encapsulation"),
    (108, "IPComp"),
    (115, "L2TP"),
];
const TUNNEL_ETHER_TYPES: [(u16, &str); 6] = [
    (0x22F3, "TRILL"),
    (0x4305, "batman-adv"),
    (0x880B, "PPP"),
    (0x88E7, "provider backbone bridges (802.1ah)"),
    (0x8903, "FabricPath"),
    (0x894F, "NSH"),
];
const TUNNEL_PORTS: [(u16, &str); 13] = [
    (1701, "L2TP"),
    (2152, "GTP-U"),
    (3544, "Teredo"),
    (4341, "LISP"),
    (4500, "ESP (IPsec)"),
    (4755, "GRE in DTLS"),
    (4789, "VXLAN"),
    (5247, "CAPWAP"),
    (6080, "GUE"),
    (6636, "MPLS in DTLS"),
    (8472, "VXLAN"),
    (37_008, "TZSP"),
    (51_820, "WireGuard"),
];

/// The tunnel of an IP protocol that is not read here.
pub(crate) fn tunnel_of_protocol(protocol: u8) -> Option<Unread> {
    name_of(&TUNNEL_PROTOCOLS, protocol).map(Unread::Tunnel)
}

/// The same by its EtherType.
pub(crate) fn tunnel_of_ether_type(ether_type: u16) -> Option<Unread> {
    name_of(&TUNNEL_ETHER_TYPES, ether_type).map(Unread::Tunnel)
}

/// The tunnel that usually has this UDP port.
pub(crate) fn tunnel_of_port(port: u16) -> Option<Unread> {
    name_of(&TUNNEL_PORTS, port).map(Unread::Tunnel)
}

fn name_of<N: PartialEq>(names: &[(N, &'static str)], number: N) -> Option<&'static str> {
    names.iter().find(|(known, _)| *known == number).map(|(_, name)| *name)
}

impl Unread {
    /// Which kind of thing it is, for programs.
    pub(crate) const fn kind(self) -> &'static str {
        match self {
            Self::LinkType(_) | Self::NoInterface => "link-type",
            Self::Tunnel(_) | Self::TooDeep => "tunnel",
            Self::EtherType(_) | Self::Ppp(_) | Self::Protocol(_) => "protocol",
            Self::Damaged => "damaged",
        }
    }

    /// Whether conversations may have been in it, so that a capture of nothing else was not read.
    pub(crate) const fn may_hide_conversations(self) -> bool {
        !matches!(self, Self::EtherType(_) | Self::Ppp(_) | Self::Protocol(_))
    }

    /// What it is called.
    pub(crate) fn name(self) -> String {
        match self {
            Self::LinkType(number) => match link_type_name(number) {
                Some(name) => format!("{number} ({name})"),
                None => number.to_string(),
            },
            Self::NoInterface => "of an interface that the file does not describe".to_owned(),
            Self::Tunnel(name) => name.to_owned(),
            Self::TooDeep => "tunnels in tunnels".to_owned(),
            Self::EtherType(0x0806) => "ARP".to_owned(),
            Self::EtherType(0x88CC) => "LLDP".to_owned(),
            Self::EtherType(0) => "IEEE 802.3".to_owned(),
            Self::EtherType(number) => format!("EtherType {number:#06x}"),
            Self::Ppp(number) => format!("PPP protocol {number:#06x}"),
            Self::Protocol(1 | 58) => "ICMP".to_owned(),
            Self::Protocol(17) => "UDP".to_owned(),
            Self::Protocol(132) => "SCTP".to_owned(),
            Self::Protocol(number) => format!("IP protocol {number}"),
            Self::Damaged => "cut or damaged headers".to_owned(),
        }
    }

    /// One sentence for so many packets.
    pub(crate) fn sentence(self, count: u64) -> String {
        let packets = if count == 1 { "1 packet".to_owned() } else { format!("{count} packets") };
        let (is, was) = if count == 1 { ("is", "was") } else { ("are", "were") };
        let name = self.name();
        match self {
            Self::LinkType(_) => {
                format!("{packets} of link type {name}, which is not read here, {was} passed over")
            }
            Self::NoInterface => format!("{packets} {name} {was} passed over"),
            Self::Tunnel(_) => {
                format!("{packets} in a tunnel, {name}, which is not read here, {was} passed over")
            }
            Self::TooDeep => {
                format!(
                    "{packets} in more than {} {name} {was} passed over",
                    super::network::MAX_TUNNELS
                )
            }
            Self::EtherType(_) | Self::Ppp(_) | Self::Protocol(_) => {
                format!("{packets} {is} no TCP, but {name}")
            }
            Self::Damaged => {
                format!("{packets} with headers that are cut or damaged {was} passed over")
            }
        }
    }
}

fn link_type_name(number: i32) -> Option<&'static str> {
    Some(match number {
        105 => "IEEE 802.11",
        119 => "IEEE 802.11 with a Prism header",
        127 => "IEEE 802.11 with a radiotap header",
        163 => "IEEE 802.11 with an AVS header",
        147..=162 => "for private use",
        187 | 201 => "Bluetooth HCI",
        189 | 220 | 249 => "USB",
        192 => "PPI",
        195 | 215 | 230 => "IEEE 802.15.4",
        227 => "CAN",
        251 | 256 => "Bluetooth Low Energy",
        252 => "exported PDUs of Wireshark",
        253 => "netlink",
        _ => return None,
    })
}
