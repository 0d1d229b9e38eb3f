//! What a capture came to, as the last object of `decode --json`. `cli/SCHEMAS.md` documents the
//! members; they are only ever added.

use serde::Serialize;

use super::passed_over::PassedOverJson;
use crate::decode::report::Tally;

/// The last line of `decode --json` of a capture.
#[derive(Serialize)]
pub(crate) struct SummaryJson {
    kind: &'static str,
    packets: u64,
    conversations: u64,
    frames: u64,
    bad: u64,
    gaps: u64,
    gap_bytes: u64,
    parts: u64,
    /// How many of all these the options `--room` and `--user` held back.
    hidden: u64,
    passed_over: Vec<PassedOverJson>,
    damage: Option<String>,
}

impl SummaryJson {
    pub(crate) const fn of(
        packets: u64,
        conversations: u64,
        tally: Tally,
        hidden: u64,
        passed_over: Vec<PassedOverJson>,
        damage: Option<String>,
    ) -> Self {
        let Tally { frames, bad, gaps, gap_bytes, parts } = tally;
        Self {
            kind: "summary",
            packets,
            conversations,
            frames,
            bad,
            gaps,
            gap_bytes,
            parts,
            hidden,
            passed_over,
            damage,
        }
    }
}
