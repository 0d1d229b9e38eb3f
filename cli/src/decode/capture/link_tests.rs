//! Every link type, and what is none that is read.

use super::*;

const IP: [u8; 20] = *b"\x45\0\0\x14\0\x01\0\0\x40\x06\x66\xE1\x0A\0\0\x01\x0A\0\0\x02";

fn found(link_type: i32, header: &[u8]) -> Result<(u16, Vec<u8>), Unread> {
    let packet = [header, &IP].concat();
    network(link_type, &packet, packet.len()).map(|it| (it.ether_type, it.bytes.to_vec()))
}

#[test]
fn every_link_type_leads_to_the_same_packet() {
    let ethernet = [&[2; 12][..], &[0x08, 0]].concat();
    let nflog = [&[2, 0, 0, 1][..], &[6, 0, 10, 0, b'x', 0, 0, 0], &[24, 0, 9, 0]].concat();
    let nflog_big = [&[2, 0, 0, 1][..], &[0, 24, 0, 9]].concat();
    let mut pktap = [&[108, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0][..], &[7; 96]].concat();
    pktap.extend(&ethernet);
    for (link_type, header) in [
        (ETHERNET, ethernet.clone()),
        (ETHERNET, [&[2; 12][..], &[0x81, 0, 0, 5, 0x88, 0xA8, 0, 6, 0x08, 0]].concat()),
        (ETHERNET, [&[2; 12][..], &[0, 28, 0xAA, 0xAA, 3, 0, 0, 0, 0x08, 0]].concat()),
        (ETHERNET, [&[2; 12][..], &[0x88, 0x47, 0, 1, 0, 9, 0, 1, 1, 9]].concat()),
        (ETHERNET, [&[2; 12][..], &[0x88, 0x64, 0x11, 0, 0, 1, 0, 22, 0, 0x21]].concat()),
        (ETHERNET, [&[2; 12][..], &[0x89, 0x3F, 0, 0, 0, 1, 0, 0, 0x08, 0]].concat()),
        (ETHERNET, [&[2; 12][..], &[0x89, 0x26, 0, 0, 0, 1, 0x08, 0]].concat()),
        (ETHERNET, [&[2; 12][..], &[0x89, 0x09, 1, 1, 0, 1, 0, 9, 0x08, 0]].concat()),
        (ETHERNET, [&[2; 12][..], &[0x89, 0x2F, 0, 40, 0, 1, 0x08, 0]].concat()),
        (ETHERNET, [&[2; 12][..], &[0x88, 0xE5, 0, 0, 0, 0, 0, 1, 0x08, 0]].concat()),
        (NULL, vec![2, 0, 0, 0]),
        (LOOP, vec![0, 0, 0, 2]),
        (RAW, vec![]),
        (RAW_BSD, vec![]),
        (IPV4, vec![]),
        (LINUX_SLL, [&[0; 14][..], &[0x08, 0]].concat()),
        (LINUX_SLL2, [&[0x08, 0][..], &[0; 18]].concat()),
        (C_HDLC, vec![0x0F, 0, 0x08, 0]),
        (PPP, vec![0, 0x21]),
        (PPP, vec![0xFF, 3, 0x21]),
        (PPP_PPPD, vec![1, 0xFF, 3, 0, 0x21]),
        (PPP_ETHER, vec![0x11, 0, 0, 1, 0, 22, 0, 0x21]),
        (NFLOG, nflog),
        (NFLOG, nflog_big),
        (PKTAP, pktap),
        (PKTAP, [&[0; 36][..], &ethernet].concat()),
    ] {
        assert_eq!(found(link_type, &header), Ok((0x0800, IP.to_vec())), "{link_type}");
    }
}

#[test]
fn what_is_not_read_says_what_it_is() {
    assert_eq!(found(127, &[]), Err(Unread::LinkType(127)));
    assert_eq!(found(PPP, &[0xC0, 0x21]), Err(Unread::Ppp(0xC021)));
    let of_length = [&[2; 12][..], &[0, 9, 1, 2, 3]].concat();
    assert_eq!(found(ETHERNET, &of_length), Err(Unread::EtherType(0)));
    let encrypted = [&[2; 12][..], &[0x88, 0xE5, 0x0C, 0, 0, 0, 0, 1], &[0x5A; 20]].concat();
    assert_eq!(found(ETHERNET, &encrypted), Err(Unread::Tunnel("MACsec")));
    let tags = [&[2; 12][..], &[0x81, 0, 0, 5].repeat(MAX_TAGS + 1)].concat();
    assert_eq!(found(ETHERNET, &tags), Err(Unread::Damaged), "tags have a bound");
    let nested = [108, 0, 0, 0, 1, 0, 0, 0, 2, 1, 0, 0];
    assert_eq!(found(PKTAP, &[&nested[..], &[0; 96]].concat()), Err(Unread::Damaged));
}

#[test]
fn any_cut_is_survived_and_the_size_on_the_wire_is_kept() {
    let packet = [&[2; 12][..], &[0x81, 0, 0, 5, 0x08, 0], &IP, &[0; 6]].concat();
    for link_type in 0..300 {
        for cut in 0..packet.len() {
            let _ = network(link_type, &packet[..cut], packet.len());
        }
    }
    let cut = network(ETHERNET, &packet[..30], packet.len());
    assert_eq!(cut.map(|it| (it.bytes.len(), it.wire_size)), Ok((12, 26)));
}
