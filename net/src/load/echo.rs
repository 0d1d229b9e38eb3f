//! The echo test: the messages of a connection come back to it, in order.

use cafewire_core::{Frame, FrameDecoder, Message};

use super::checker::{SequenceChecker, Verdict};
use super::payload::{Stamp, Template};
use super::schedule::Senders;
use super::workload::{Consumed, Handshake, Stats, Workload, each_frame};

#[derive(Debug)]
pub(super) struct Echo {
    template: Template,
    /// The number of each connection as a sender, once sending has begun.
    senders: Vec<Option<usize>>,
    checkers: Vec<SequenceChecker>,
}

impl Echo {
    pub(super) fn new(connections: usize, size_bytes: usize) -> Self {
        let checkers = std::iter::repeat_with(SequenceChecker::default).take(connections).collect();
        Self { template: Template::new(size_bytes), senders: vec![None; connections], checkers }
    }
}

impl Workload for Echo {
    fn connections(&self) -> usize {
        self.senders.len()
    }

    /// Sends a Ping: the system connects sockets that the server has not accepted yet, and only an
    /// answer shows that the server has.
    fn open(&mut self, _connection: usize, out: &mut Vec<u8>) {
        append(&Message::ping(), out);
    }

    fn answer(&mut self, _connection: usize, frame: &Frame<'_>, _out: &mut Vec<u8>) -> Handshake {
        match frame {
            Frame::Echo(view) => match view.message() {
                Message::Pong(_) => Handshake::Ready,
                Message::Error(text) => {
                    Handshake::Refused(String::from_utf8_lossy(text).into_owned())
                }
                _ => {
                    Handshake::Refused("the server answered a ping with something else".to_owned())
                }
            },
            Frame::Chat(_) => {
                Handshake::Refused("the server answered a ping in the chat family".to_owned())
            }
        }
    }

    fn begin(&mut self, ready: &[bool]) -> Vec<usize> {
        let connections: Vec<usize> =
            (0..ready.len()).filter(|&connection| ready[connection]).collect();
        for (sender, &connection) in connections.iter().enumerate() {
            self.senders[connection] = Some(sender);
        }
        connections
    }

    #[inline]
    fn write(&mut self, stamp: Stamp, out: &mut Vec<u8>) {
        append(&Message::Echo(self.template.stamped(stamp)), out);
    }

    fn receive(
        &mut self,
        connection: usize,
        bytes: &[u8],
        input: &mut FrameDecoder,
        stats: &mut Stats<'_>,
    ) -> Consumed {
        let (template, checker) = (&self.template, &mut self.checkers[connection]);
        let sender = self.senders[connection];
        let sent = sender.map_or(0, |sender| stats.senders.sent(sender));
        let mut came_back = 0;
        let consumed = each_frame(bytes, input, |frame, _| {
            let message = match frame {
                Frame::Echo(view) => view.message(),
                Frame::Chat(_) => {
                    return Err("the server spoke the chat family on an echo connection".to_owned());
                }
            };
            match message {
                Message::Echo(payload) => {
                    let stamp =
                        template.read(payload).filter(|stamp| Some(stamp.key.sender()) == sender);
                    let verdict = stamp.map_or(Verdict::Unexpected, |stamp| {
                        checker.receive(stamp.key.sequence(), sent)
                    });
                    let at_ns = stamp.map_or(0, |stamp| stamp.at_ns);
                    came_back += u64::from(stats.tally.deliver(verdict, at_ns, stats.now_ns));
                }
                Message::Error(text) => {
                    stats.tally.server_errors.add(&String::from_utf8_lossy(text));
                }
                _ => stats.tally.unexpected += 1,
            }
            Ok(())
        });
        if let Some(sender) = sender
            && came_back > 0
        {
            stats.senders.came_back(sender, came_back);
            stats.came_back = Some(sender);
        }
        consumed
    }

    fn leave(&mut self, _connection: usize) {}

    fn expected(&self, senders: &Senders) -> u64 {
        senders.sent_in_all()
    }
}

#[inline]
fn append(message: &Message<'_>, out: &mut Vec<u8>) {
    let before = out.len();
    out.resize(before + message.encoded_len(), 0);
    // Encoding cannot fail: sizes were checked before the test began.
    let written = message.encode_into(&mut out[before..]);
    debug_assert!(written.is_ok());
}
