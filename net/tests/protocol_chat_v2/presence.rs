//! Large rooms: who comes and goes is not told, but how many there are.

use cafewire_core::chat::v2::MessagePayload;

use crate::support::peer_v2::{PeerV2, parse};
use crate::support::{Peer, TestServer};

const ROOM: &str = "tea";

fn info(members: u32, presence: bool) -> MessagePayload<'static> {
    MessagePayload::RoomInfo { members, presence, room: ROOM }
}

#[test]
fn a_room_says_when_it_tells_no_more_and_when_it_does_again() {
    let server = TestServer::with(|config| config.limits.presence_members_max = 4);
    let mut ada = PeerV2::user(server.address(), "ada");
    ada.join(ROOM);
    let mut others: Vec<Peer> = Vec::new();
    for number in 2..=4_u32 {
        others.push(server.member(&format!("user-{number}"), ROOM));
        let frame = ada.next_frame();
        assert!(matches!(parse(&frame), (0, MessagePayload::UserJoined { members, .. })
            if members == number));
    }
    others.push(server.member("user-5", ROOM));
    ada.expect(0, &info(5, false));
    // One who comes now is told at once that it is so, and its coming is told as a number.
    let mut eve = PeerV2::user(server.address(), "eve");
    let request = eve.ask(&MessagePayload::JoinRoom { resume: None, replay: 0, room: ROOM });
    let frame = eve.next_frame();
    let (answered, MessagePayload::Joined { members: 6, presence: false, .. }) = parse(&frame)
    else {
        panic!("{:?}", parse(&frame))
    };
    assert_eq!(answered, request);
    ada.expect(0, &info(6, false));
    eve.expect(0, &info(6, false));
    others.clear();
    // Numbers on the way down, at most one a second, and then that it tells again.
    let last = loop {
        let frame = ada.next_frame();
        match parse(&frame) {
            (0, MessagePayload::RoomInfo { members, presence: false, .. }) => {
                assert!((3..6).contains(&members));
            }
            (0, MessagePayload::RoomInfo { members, presence: true, .. }) => break members,
            (0, MessagePayload::UserLeft { .. }) => panic!("told before that it tells again"),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(last, 2);
}
