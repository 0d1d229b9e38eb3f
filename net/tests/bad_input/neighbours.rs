//! Healthy connections beside the bad one: two who chat and one who echoes. They speak before each
//! bad byte string and listen after it, and must hear everything, once, in order.

use cafewire_core::{Message, MessagePayload};
use cafewire_net::CloseReason;

use crate::support::{Peer, TestServer, echo, parse, say};

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

    /// Says something that [`hear`](Self::hear) expects to come back. Gives how many bytes that
    /// took.
    pub(super) fn speak(&mut self) -> u64 {
        self.round += 1;
        let content = self.round.to_string();
        let (said, echoed) = (say("tea", &content), echo(&Message::echo(content.as_bytes())));
        self.chatting[0].send(&said);
        self.echoing.send(&echoed);
        (said.len() + echoed.len()) as u64
    }

    pub(super) fn hear(&mut self) {
        let content = self.round.to_string();
        for listener in &mut self.chatting {
            listener.expect_broadcast((self.ids[0], "ada"), "tea", &content);
        }
        self.echoing.expect_echo(&Message::echo(content.as_bytes()));
    }

    /// All of them are still there, nothing else came to them, and they go in peace.
    pub(super) fn part(mut self, server: &TestServer) {
        self.speak();
        self.hear();
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
