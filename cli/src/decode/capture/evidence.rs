//! What a capture proves of bytes that it does not hold: acknowledgements, cut packets, the FIN.
//! Pure. Places are those of `reassembly`.

use std::collections::{BTreeMap, VecDeque};

use super::piece::Part;
use crate::decode::report::Moment;

/// Acknowledgements of what was not captured that are remembered for when they came.
pub(super) const MAX_UNSEEN: usize = 64;

/// Acknowledgements of what is not told yet that are remembered. Without those beyond, what waits
/// stands with the packet that carried it.
const MAX_ACKNOWLEDGEMENTS: usize = 64;

/// Cut packets of which what was cut is still to be told.
pub(super) const MAX_CUTS: usize = 4096;

#[derive(Debug)]
pub(crate) struct Evidence {
    fin: Option<(i64, Moment)>,
    /// What the first acknowledgement said.
    first_acknowledged: Option<i64>,
    /// Everything before this place arrived at the other end.
    acknowledged: Option<i64>,
    /// Places further than anything that was captured when they were acknowledged, in order: with
    /// each it was proven that the capture lacks something.
    unseen: VecDeque<(i64, Moment)>,
    /// Those of what is not told yet, in order.
    acknowledgements: VecDeque<(i64, Moment)>,
    /// Where what was captured ends, or was cut.
    captured_end: Option<i64>,
    /// Where the sender itself said that it is, in a packet without data.
    sent: Option<(i64, Moment)>,
    /// What was on the wire, in packets that the capture cut: from where, to where.
    cuts: BTreeMap<i64, (i64, Moment)>,
    /// Neither end closed the connection, as far as was captured.
    is_open: bool,
}

impl Evidence {
    pub(crate) const fn new() -> Self {
        Self {
            fin: None,
            first_acknowledged: None,
            acknowledged: None,
            unseen: VecDeque::new(),
            acknowledgements: VecDeque::new(),
            captured_end: None,
            sent: None,
            cuts: BTreeMap::new(),
            is_open: false,
        }
    }

    /// The connection was not closed: no acknowledgement is of a FIN that the capture lacks.
    pub(crate) const fn stays_open(&mut self) {
        self.is_open = true;
    }

    /// A packet whose data ended at this place on the wire.
    pub(crate) fn packet(&mut self, end: i64, part: &Part<'_>, moment: Moment) {
        if part.wire_size > 0 || part.is_syn || part.is_fin {
            self.captured_end = self.captured_end.max(Some(end));
        } else {
            self.sent_up_to(end, moment);
        }
        if part.is_fin {
            self.fin.get_or_insert((end, moment));
        }
        let cut = part.wire_size.saturating_sub(part.payload.len());
        if cut > 0 && self.cuts.len() < MAX_CUTS {
            let start = end.saturating_sub(i64::try_from(cut).unwrap_or(i64::MAX));
            let known = self.cuts.entry(start).or_insert((end, moment));
            if end > known.0 {
                *known = (end, moment);
            }
        }
    }

    /// The sender counts on from this place, whether or not what stands before it was captured.
    pub(crate) fn sent_up_to(&mut self, place: i64, moment: Moment) {
        if self.sent.is_none_or(|(known, _)| place > known) {
            self.sent = Some((place, moment));
        }
    }

    /// The other end has everything before this place. Whether that is news.
    pub(crate) fn acknowledge(&mut self, place: i64, moment: Moment) -> bool {
        self.first_acknowledged.get_or_insert(place);
        if self.acknowledged.is_some_and(|known| place <= known) {
            return false;
        }
        self.acknowledged = Some(place);
        if self.acknowledgements.len() < MAX_ACKNOWLEDGEMENTS {
            self.acknowledgements.push_back((place, moment));
        }
        if self.captured_end.is_none_or(|end| place > end) && self.unseen.len() < MAX_UNSEEN {
            self.unseen.push_back((place, moment));
        }
        true
    }

    pub(crate) const fn fin(&self) -> Option<(i64, Moment)> {
        self.fin
    }

    /// Up to where what stands at this place was cut off a packet, and which.
    pub(crate) fn cut_at(&self, next: i64) -> Option<(i64, Moment)> {
        let starts_before = self.cuts.range(..=next).map(|(_, &cut)| cut);
        starts_before.filter(|(end, _)| *end > next).max_by_key(|(end, _)| *end)
    }

    /// Where the first cut behind this place begins.
    pub(crate) fn first_cut_behind(&self, next: i64) -> Option<(i64, Moment)> {
        self.cuts.range(next + 1..).next().map(|(&start, &(_, moment))| (start, moment))
    }

    /// Whether no more cuts can be remembered.
    pub(crate) fn is_full(&self) -> bool {
        self.cuts.len() >= MAX_CUTS
    }

    /// Whether nothing was acknowledged: the other direction was not captured, as far as is known.
    pub(crate) const fn is_one_way(&self) -> bool {
        self.acknowledged.is_none()
    }

    pub(crate) const fn first_acknowledged(&self) -> Option<i64> {
        self.first_acknowledged
    }

    pub(crate) fn has_acknowledged(&self, place: i64) -> bool {
        self.acknowledged.is_some_and(|end| end >= place)
    }

    /// The packet by which everything before this place was acknowledged first.
    pub(crate) fn acknowledged_in(&self, place: i64) -> Option<Moment> {
        self.acknowledgements.iter().find(|(end, _)| *end >= place).map(|(_, moment)| *moment)
    }

    /// How far the stream goes for sure, if that is further than this place. One number more may
    /// be that of a FIN which the capture lacks. `is_over`: data that the FIN speaks of, or that
    /// the sender counted, will not come late.
    pub(crate) fn proven_end(
        &self,
        next: i64,
        is_over: bool,
        now: Moment,
    ) -> Option<(i64, Moment)> {
        let sent = self.sent.filter(|(place, _)| is_over && Some(*place) > self.acknowledged);
        let known = self.acknowledged.max(sent.map(|(place, _)| place));
        let acknowledged = match (self.fin, known) {
            (Some((fin, _)), Some(end)) => end.min(fin),
            (None, Some(end)) if end > next + 1 || self.is_open => end,
            _ => next,
        };
        let (fin, fin_moment) = self.fin.filter(|_| is_over).unwrap_or((next, now));
        let now = sent.map_or(now, |(_, moment)| moment);
        let moment = if acknowledged >= fin { now } else { fin_moment };
        let end = acknowledged.max(fin);
        (end > next).then(|| (end, self.proof(next, moment)))
    }

    /// The packet by which it was proven that what stands at this place lacks: this one, unless an
    /// acknowledgement came before.
    pub(crate) fn proof(&self, next: i64, otherwise: Moment) -> Moment {
        let unseen = self.unseen.iter().find(|(place, _)| *place > next);
        unseen.map_or(otherwise, |(_, moment)| otherwise.min(*moment))
    }

    /// Everything before this place was told of.
    pub(crate) fn forget(&mut self, end: i64) {
        self.unseen.retain(|(place, _)| *place > end);
        self.acknowledgements.retain(|(place, _)| *place > end);
        self.cuts.retain(|_, (cut_end, _)| *cut_end > end);
    }

    #[cfg(test)]
    pub(super) fn unseen_count(&self) -> usize {
        self.unseen.len()
    }
}
