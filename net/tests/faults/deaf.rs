//! A member of a busy room that never reads is a slow consumer and closed as one. The room's other
//! members miss nothing and do not wait for it. When it resets while the server still tries to send
//! it the reason, the server keeps nothing of it.

use std::time::Duration;

use cafewire_core::{ErrorCode, MessagePayload};
use cafewire_net::CloseReason;

use super::Neighbourhood;
use crate::support::{Peer, parse, publish};

const ROOM: &str = "busy";
const MESSAGES_PER_BURST: usize = 20;

/// Far more than systems buffer for a socket whose peer does not read.
const BURSTS_MAX: usize = 5000;
const BURSTS_AFTERWARDS: usize = 200;

/// Far more trials than needed: systems seldom make room in a full socket's buffers.
const TRIALS_MAX: usize = 20;

fn content(number: usize) -> String {
    format!("{number:0>512}")
}

/// The next broadcast of the room; a UserLeft before it is noted in `left`.
fn next_said(member: &mut Peer, left: &mut Option<String>) -> String {
    loop {
        match parse(&member.next_chat()) {
            MessagePayload::MessageBroadcast { content, .. } => return content.to_owned(),
            MessagePayload::UserLeft { username, .. } => *left = Some(username.to_owned()),
            other => panic!("{other:?} where a message was expected"),
        }
    }
}

#[test]
fn a_member_that_never_reads_costs_the_others_nothing() {
    // If the system makes room for the reason after all, the server has nothing left to send, and
    // the trial is repeated.
    let has_tried = (0..TRIALS_MAX).any(|_| closes_a_deaf_member_with_the_reason_unsent());
    assert!(has_tried, "the reason never waited behind a half-sent frame");
}

/// Whether the reason was still unsent when the deaf member reset.
fn closes_a_deaf_member_with_the_reason_unsent() -> bool {
    let mut place = Neighbourhood::with(|config| {
        config.limits.outbox_bytes = 256 << 10;
        config.limits.outbox_hard_bytes = 256 << 10;
        config.limits.close_timeout = Duration::from_secs(3600);
    });
    let server = &place.server;
    let mut deaf = Peer::connect_with_small_buffer(server.address());
    deaf.sign_in("deaf");
    deaf.join(ROOM);
    let mut members: Vec<Peer> =
        (0..4).map(|number| server.member(&format!("member {number}"), ROOM)).collect();
    for (index, member) in members.iter_mut().enumerate() {
        (index + 1..4).for_each(|_| drop(member.next_chat())); // the joins of later members
    }

    place.neighbour.notices_nothing_of(|| {
        let mut left = [const { None }; 4];
        let mut said = 0;
        let mut burst = |members: &mut [Peer], left: &mut [Option<String>; 4]| {
            let numbers = said..said + MESSAGES_PER_BURST;
            members[0].send(
                &numbers
                    .clone()
                    .flat_map(|number| publish(ROOM, &content(number)))
                    .collect::<Vec<u8>>(),
            );
            for (member, left) in members.iter_mut().zip(left) {
                for number in numbers.clone() {
                    assert_eq!(
                        next_said(member, left),
                        content(number),
                        "a message was lost or came twice"
                    );
                }
            }
            said = numbers.end;
        };
        let bursts = (0..BURSTS_MAX).position(|_| {
            burst(&mut members, &mut left);
            left[0].is_some()
        });
        assert!(bursts.is_some(), "the deaf member is never too slow");
        (0..BURSTS_AFTERWARDS).for_each(|_| burst(&mut members, &mut left));
        assert_eq!(left, [const { Some("deaf") }; 4].map(|name| name.map(str::to_owned)));
    });
    place.server.wait_for_closes(CloseReason::SlowConsumer, 1);
    let metrics = place.server.metrics();
    assert_eq!(metrics.errors_sent(ErrorCode::SlowConsumer), 1);
    assert_eq!(
        CloseReason::ALL.iter().map(|&reason| metrics.closes(reason)).sum::<u64>(),
        1,
        "another connection was closed"
    );
    place.neighbour.notices_nothing_of(|| deaf.reset());
    drop(members);
    place.wait_until_quiet();
    metrics.buffer_bytes > 0
}
