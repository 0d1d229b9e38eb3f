//! Healthy connections beside the bad one: two chat members and an echo peer. They send before each
//! bad byte string and receive after it, and must receive everything, once, in order.

use cafewire_core::{Message, MessagePayload};
use cafewire_net::CloseReason;

use crate::support::{Peer, TestServer, echo, parse, publish};

pub(super) struct Neighbours {
    chatting: [Peer; 2],
    ids: [u32; 2],
    echoing: Peer,
    round: u64,
}

impl Neighbours {
    pub(super) fn beside(server: &TestServer) -> Self {
        let mut chatting = [server.peer(), server.peer()];
        let ids = [chatting[0].sign_in("ada"), chatting[1].sign_in("bob")];
        chatting[0].join("tea");
        chatting[1].join("tea");
        let frame = chatting[0].next_chat();
        assert!(matches!(parse(&frame), MessagePayload::UserJoined { username: "bob", .. }));
        Self { chatting, ids, echoing: server.peer(), round: 0 }
    }

    /// Sends a message and an echo that [`receive`](Self::receive) expects to come back. Returns
    /// the number of bytes sent.
    pub(super) fn send(&mut self) -> u64 {
        self.round += 1;
        let content = self.round.to_string();
        let (said, echoed) = (publish("tea", &content), echo(&Message::echo(content.as_bytes())));
        self.chatting[0].send(&said);
        self.echoing.send(&echoed);
        (said.len() + echoed.len()) as u64
    }

    pub(super) fn receive(&mut self) {
        let content = self.round.to_string();
        for member in &mut self.chatting {
            member.expect_broadcast((self.ids[0], "ada"), "tea", &content);
        }
        self.echoing.expect_echo(&Message::echo(content.as_bytes()));
    }

    /// Checks that all of them are still connected and received nothing else, and ends them in
    /// order.
    pub(super) fn leave(mut self, server: &TestServer) {
        self.send();
        self.receive();
        assert_eq!(server.metrics().users, 2);
        let [mut ada, mut bob] = self.chatting;
        assert!(ada.has_nothing() && bob.has_nothing() && self.echoing.has_nothing());
        let ended_before = server.metrics().closes(CloseReason::EndOfInput);
        for peer in [&mut ada, &mut self.echoing] {
            peer.half_close();
            peer.expect_end();
        }
        bob.expect_chat(&MessagePayload::UserLeft {
            user_id: self.ids[0],
            username: "ada",
            room: "tea",
        });
        bob.half_close();
        bob.expect_end();
        server.wait_for_closes(CloseReason::EndOfInput, ended_before + 3);
        server.wait_until_empty();
    }
}
