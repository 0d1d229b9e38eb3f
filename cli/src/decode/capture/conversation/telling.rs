//! What is told of a connection: each thing with its place and its packet.

use std::mem;

use super::super::piece::{Piece, PieceContent};
use super::{Conversation, Shared, Verdict};
use crate::decode::report::{Content, Item, Lacks, Moment, Place, Side};
use crate::decode::stream_decoder::{StreamDecoder, Tell};
use crate::failure::Failure;

impl Conversation {
    pub(super) fn explain(
        &mut self,
        sender: usize,
        piece: &Piece,
        shared: &mut Shared<'_>,
    ) -> Result<(), Failure> {
        let moment = piece.moment;
        let before = mem::replace(&mut self.streams[sender].told, moment);
        match &piece.content {
            PieceContent::Bytes(bytes) => {
                self.streams[sender].carried.push(bytes.len() as u64, moment);
                let (line, bytes) = self.without_proxy(sender, bytes);
                self.tell(sender, moment, shared, |decoder, tell| {
                    if let Some(line) = line {
                        decoder.proxy(&line, tell)?;
                    }
                    decoder.push(bytes, tell)
                })
            }
            &PieceContent::Gap(size_bytes) => {
                self.tell(sender, before, shared, |decoder, tell| {
                    decoder.break_off(Lacks::Gap, tell)
                })?;
                self.streams[sender].carried.push(size_bytes, moment);
                self.tell(sender, moment, shared, |decoder, tell| decoder.gap(size_bytes, tell))
            }
        }
    }

    /// The bytes behind what a proxy put in front, and that once it is whole.
    fn without_proxy<'b>(&mut self, sender: usize, bytes: &'b [u8]) -> (Option<Vec<u8>>, &'b [u8]) {
        let stream = &mut self.streams[sender];
        let (line, rest) = bytes.split_at(stream.proxy_rest.min(bytes.len()));
        stream.proxy.extend_from_slice(line);
        stream.proxy_rest -= line.len();
        let is_whole = !line.is_empty() && stream.proxy_rest == 0;
        (is_whole.then(|| mem::take(&mut stream.proxy)), rest)
    }

    /// Has one end's decoder do something because of a packet, and passes on what it tells, with
    /// the place where that is. What is told is of that packet, or of a later one that carried some
    /// of its bytes.
    pub(super) fn tell(
        &mut self,
        sender: usize,
        moment: Moment,
        shared: &mut Shared<'_>,
        act: impl FnOnce(&mut StreamDecoder, &mut Tell<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let client = *self.client.get_or_insert(sender);
        let from = if sender == client { Side::Client } else { Side::Server };
        let stream = &mut self.streams[sender];
        let began_before = stream.reassembly.began_before();
        let stream_decoder = stream
            .stream_decoder
            .get_or_insert_with(|| StreamDecoder::captured(from.direction(), began_before));
        let carried = &stream.carried;
        let (verdict, ends, found) = (&mut self.verdict, self.ends, &mut self.found);
        act(stream_decoder, &mut |offset, content| {
            // A number is given to what is told of.
            let conversation = match *verdict {
                Verdict::Ours(Some(number)) => number,
                _ => {
                    *shared.numbered += 1;
                    *verdict = Verdict::Ours(Some(*shared.numbered));
                    *shared.numbered
                }
            };
            let (client, server) = (ends[client], ends[1 - client]);
            let carrier = carried.latest(offset, content.size());
            let moment = match content {
                Content::Gap { .. } => moment,
                _ => carrier.map_or(moment, |carrier| carrier.max(moment)),
            };
            let place = Place { conversation, client, server, moment };
            found.count(&content);
            shared.report.item(&Item { place: Some(&place), from: Some(from), offset, content })
        })?;
        let untold = stream_decoder.offset();
        self.streams[sender].carried.forget(untold);
        Ok(())
    }

    /// Nothing more follows in a stream: because the ends are done with it, or because the capture
    /// is.
    pub(super) fn finish_stream(
        &mut self,
        sender: usize,
        moment: Moment,
        is_closed: bool,
        shared: &mut Shared<'_>,
    ) -> Result<(), Failure> {
        if self.verdict == Verdict::Undecided {
            self.streams[sender].ended.get_or_insert(moment);
            let is_last = self.streams.iter().all(|stream| stream.ended.is_some());
            let is_cut = self.is_cut_frame(sender, shared);
            let is_decided = is_cut || (is_last && !self.is_parked(shared));
            return if is_decided { self.decide_at_the_end(shared) } else { Ok(()) };
        }
        let stream = &mut self.streams[sender];
        if mem::replace(&mut stream.is_finished, true) || stream.stream_decoder.is_none() {
            return Ok(());
        }
        self.tell(sender, moment, shared, |decoder, tell| {
            if is_closed { decoder.finish(tell) } else { decoder.break_off(Lacks::End, tell) }
        })
    }
}
