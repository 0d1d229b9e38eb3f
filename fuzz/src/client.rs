//! Target `client`: the client's session, with a server that says anything, compared with a list of
//! all that was sent.

mod ledger;

use arbitrary::Unstructured;
use cafewire_core::client::{Answer, Due, End, Event, Session, Slot};
use cafewire_core::{Decoded, Direction, ErrorCode, FrameDecoder, MessagePayload};

use self::ledger::{Ledger, Verdict};
use crate::input;

const ME: u32 = 7;
const ROOMS: [&str; 2] = ["den", "naïve"];
const TEXTS: [&str; 2] = ["hi", "olá"];
const STEPS_MAX: usize = 300;

/// The input is a byte, of which bits 0 to 2 are the number of slots and bit 3 is whether the
/// client is signed in already, and then steps. A step is `what << 4 | kind`; bit 0 of `what` is a
/// room, bit 1 a text, bits 2 and 3 say which of four.
///
/// | kind | bytes | what happens |
/// |---|---|---|
/// | 0 | | the client asks: Connect, JoinRoom, LeaveRoom or SendMessage |
/// | 1 | | the server says that another user signed in, joined, left or spoke |
/// | 2 | | the same of this user |
/// | 3 | code | an Error; 0xFF is a code that has no name |
/// | 4 | count, then so many | the server sends these bytes, checksums put right |
/// | 5 | time | so much time passes, and what is due is done |
/// | 6 | | a probe |
/// | 7 | | other slots: `what` of them |
/// | 8 | | the client disconnects |
/// | 9.. | | the server answers what is due, as asked |
pub(crate) fn check(data: &[u8]) -> arbitrary::Result<()> {
    let mut data = Unstructured::new(data);
    let options: u8 = data.arbitrary()?;
    let slots = usize::from(options & 7);
    let mut run = Run {
        session: Session::with_probes(vec![Slot::EMPTY; slots], Some(25)),
        ledger: Ledger::new(slots),
        decoder: FrameDecoder::new(Direction::ToClient),
        now: 0,
    };
    if options & 8 != 0 {
        run.ask(&MessagePayload::Connect { username: "ada" });
        run.hear(&MessagePayload::ConnectAck { user_id: ME, server_info: "" });
    }
    for _ in 0..STEPS_MAX {
        if data.is_empty() {
            break;
        }
        run.step(&mut data)?;
        run.check();
    }
    Ok(())
}

struct Run {
    session: Session<Vec<Slot>>,
    ledger: Ledger,
    decoder: FrameDecoder,
    now: u64,
}

impl Run {
    fn step(&mut self, data: &mut Unstructured<'_>) -> arbitrary::Result<()> {
        let head: u8 = data.arbitrary()?;
        let (kind, what) = (head & 0x0F, usize::from(head >> 4));
        let (room, content, which) = (ROOMS[what & 1], TEXTS[what >> 1 & 1], what >> 2);
        match kind {
            0 => self.ask(&match which {
                0 => MessagePayload::Connect { username: "ada" },
                1 => MessagePayload::JoinRoom { room },
                2 => MessagePayload::LeaveRoom { room },
                _ => MessagePayload::SendMessage { room, content },
            }),
            1 | 2 => {
                let (user_id, username) = if kind == 1 { (8, "bob") } else { (ME, "ada") };
                self.hear(&match which {
                    0 => MessagePayload::ConnectAck { user_id, server_info: content },
                    1 => MessagePayload::UserJoined { user_id, username, room },
                    2 => MessagePayload::UserLeft { user_id, username, room },
                    _ => MessagePayload::MessageBroadcast {
                        user_id,
                        timestamp: 1,
                        username,
                        room,
                        content,
                    },
                });
            }
            3 => {
                let code = ErrorCode::from_wire(data.arbitrary::<u8>()?.into());
                self.hear(&MessagePayload::Error { code, message: content });
            }
            4 => {
                let count = usize::from(data.arbitrary::<u8>()?).min(data.len());
                let mut bytes = data.bytes(count)?.to_vec();
                input::fix_checksums(&mut bytes);
                self.hear_bytes(&bytes);
            }
            5 => self.wait(data.arbitrary::<u8>()?.into()),
            6 => self.probe(),
            7 => self.resize(what),
            8 => self.ask(&MessagePayload::Disconnect),
            _ => self.ledger.due_answer(ME).iter().for_each(|message| self.hear(message)),
        }
        Ok(())
    }

    fn ask(&mut self, request: &MessagePayload<'_>) {
        let mut buffer = [0xA5; 64];
        let asked = self.session.request(request, &mut buffer).map(|encoded| encoded.id.get());
        let expected = self.ledger.ask(request);
        assert_eq!(asked.ok(), expected, "{request:?}");
        let is_written = buffer != [0xA5; 64];
        assert_eq!(is_written, expected.is_some(), "what is refused is not written");
    }

    fn hear(&mut self, message: &MessagePayload<'_>) {
        let verdict = verdict_of(&self.session.receive(message, self.now));
        assert_eq!(verdict, self.ledger.hear(message), "{message:?} is not what was asked for");
    }

    fn hear_bytes(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        loop {
            match self.decoder.next_message(rest) {
                Decoded::Chat { message, consumed } => {
                    self.hear(&message);
                    rest = &rest[consumed..];
                }
                Decoded::Refused { .. } | Decoded::Corrupt { .. } => {
                    self.session.end(End::Violation);
                    self.ledger.end();
                    return;
                }
                _ => return,
            }
        }
    }

    fn wait(&mut self, time: u64) {
        self.now += time;
        let is_over = self.session.ended().is_some();
        match self.session.due(self.now) {
            Due::Probe => self.probe(),
            Due::GiveUp => self.ledger.end(),
            Due::Nothing => {}
        }
        let is_late = self.session.next_deadline().is_some_and(|deadline| deadline <= self.now);
        assert!(
            !is_late || is_over || self.session.ended() == Some(End::Silence),
            "nothing is late"
        );
    }

    fn probe(&mut self) {
        let is_sent = self.session.probe(&mut [0; 64], self.now).is_ok();
        assert_eq!(is_sent, self.ledger.probe(), "a probe is sent by a client that is signed in");
    }

    fn resize(&mut self, slots: usize) {
        let resized = self.session.with_slots(vec![Slot::EMPTY; slots]);
        assert_eq!(resized.is_some(), self.ledger.resize(slots));
        if let Some(session) = resized {
            self.session = session;
        }
    }

    fn check(&self) {
        self.session.invariants();
        assert_eq!(self.session.pending(), self.ledger.pending());
        assert_eq!(self.session.user_id(), self.ledger.user_id());
    }
}

fn verdict_of(event: &Event<'_>) -> Verdict {
    let answered =
        |answer: &Answer| Verdict::Answer { id: answer.id.get(), skipped: answer.skipped };
    match event {
        Event::SignedIn { .. } => Verdict::SignedIn,
        Event::Said { answers, .. }
        | Event::Joined { answers, .. }
        | Event::Left { answers, .. } => answers.as_ref().map_or(Verdict::OfOthers, answered),
        Event::Refused { answers, .. } => answered(answers),
        Event::Ended { .. } => Verdict::End,
        Event::ProbeAnswered => Verdict::Probe,
        Event::Unexpected { .. } => Verdict::Unexpected,
        other => panic!("{other:?} is new"),
    }
}
