//! How much one connection may send per second: a token bucket for frames and one for bytes, each a
//! second deep. Counts in thousandths, so that a millisecond's share is a whole number. Knows no
//! clock.

use crate::config::Limits;

/// Refusals in a row, without the buckets having been full in between, after which a peer is taken
/// to be persistent.
const REFUSALS_MAX: u32 = 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::broker) enum Verdict {
    Allowed,
    Refused,
    /// Refused, once too often.
    Persistent,
}

#[derive(Debug)]
pub(in crate::broker) struct TokenBucket {
    frames: Bucket,
    bytes: Bucket,
    refreshed_ms: u64,
    refusals: u32,
}

impl TokenBucket {
    /// `None` if the limits leave the rate open.
    pub(in crate::broker) fn new(limits: &Limits, now_ms: u64) -> Option<Self> {
        (limits.frames_per_second > 0 || limits.bytes_per_second > 0).then(|| Self {
            frames: Bucket::full(limits.frames_per_second),
            bytes: Bucket::full(limits.bytes_per_second),
            refreshed_ms: now_ms,
            refusals: 0,
        })
    }

    /// That of a connection which had `before` when other limits came: a rate that is another
    /// starts with a full bucket, one that stays goes on with what is left.
    pub(in crate::broker) fn at_reload(
        before: Option<Self>,
        limits: &Limits,
        now_ms: u64,
    ) -> Option<Self> {
        let full = Self::new(limits, now_ms)?;
        let Some(mut bucket) = before else { return Some(full) };
        let elapsed_ms = now_ms.saturating_sub(bucket.refreshed_ms);
        bucket.refreshed_ms = now_ms;
        for (kept, full) in [(&mut bucket.frames, full.frames), (&mut bucket.bytes, full.bytes)] {
            if kept.per_second == full.per_second {
                kept.refill(elapsed_ms);
            } else {
                *kept = full;
            }
        }
        Some(bucket)
    }

    /// Whether a frame of this size may be done now. If so it is paid for.
    pub(in crate::broker) fn take(&mut self, size_bytes: usize, now_ms: u64) -> Verdict {
        let elapsed_ms = now_ms.saturating_sub(self.refreshed_ms);
        self.refreshed_ms = now_ms;
        self.frames.refill(elapsed_ms);
        self.bytes.refill(elapsed_ms);
        if self.frames.is_full() && self.bytes.is_full() {
            self.refusals = 0;
        }
        if self.frames.has(1) && self.bytes.has(size_bytes as u64) {
            self.frames.pay(1);
            self.bytes.pay(size_bytes as u64);
            return Verdict::Allowed;
        }
        self.refusals += 1;
        if self.refusals > REFUSALS_MAX { Verdict::Persistent } else { Verdict::Refused }
    }

    /// The frame that was paid for last was not done, and will come again.
    pub(in crate::broker) fn give_back(&mut self, size_bytes: usize) {
        self.frames.give_back(1);
        self.bytes.give_back(size_bytes as u64);
    }
}

/// Thousandths of frames, of bytes, of connects.
#[derive(Debug)]
pub(in crate::broker) struct Bucket {
    per_second: u64,
    thousandths: u64,
}

impl Bucket {
    pub(in crate::broker) const fn full(per_second: u64) -> Self {
        Self { per_second, thousandths: per_second.saturating_mul(1000) }
    }

    const fn is_off(&self) -> bool {
        self.per_second == 0
    }

    const fn capacity(&self) -> u64 {
        self.per_second.saturating_mul(1000)
    }

    pub(in crate::broker) const fn is_full(&self) -> bool {
        self.thousandths >= self.capacity()
    }

    pub(in crate::broker) fn refill(&mut self, elapsed_ms: u64) {
        let more = self.per_second.saturating_mul(elapsed_ms);
        self.thousandths = self.thousandths.saturating_add(more).min(self.capacity());
    }

    /// A frame that is larger than a second's worth passes when the bucket is full: otherwise it
    /// never would.
    pub(in crate::broker) fn has(&self, count: u64) -> bool {
        self.is_off() || self.thousandths >= count.saturating_mul(1000).min(self.capacity())
    }

    pub(in crate::broker) const fn pay(&mut self, count: u64) {
        self.thousandths = self.thousandths.saturating_sub(count.saturating_mul(1000));
    }

    fn give_back(&mut self, count: u64) {
        let thousandths = self.thousandths.saturating_add(count.saturating_mul(1000));
        self.thousandths = thousandths.min(self.capacity());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token_bucket(frames_per_second: u64, bytes_per_second: u64) -> TokenBucket {
        let limits = Limits { frames_per_second, bytes_per_second, ..Limits::default() };
        TokenBucket::new(&limits, 0).unwrap()
    }

    #[test]
    fn off_by_default() {
        assert!(TokenBucket::new(&Limits::default(), 0).is_none());
    }

    #[test]
    fn a_second_of_burst_and_then_the_rate() {
        let mut token_bucket = token_bucket(10, 0);
        let allowed = |token_bucket: &mut TokenBucket, now_ms| {
            token_bucket.take(1 << 20, now_ms) == Verdict::Allowed
        };
        assert_eq!((0..11).filter(|_| allowed(&mut token_bucket, 5)).count(), 10);
        assert!(!allowed(&mut token_bucket, 104), "99 ms are not a tenth of a second");
        assert!(allowed(&mut token_bucket, 105));
        assert!(!allowed(&mut token_bucket, 105));
        assert_eq!(
            (0..100).filter(|_| allowed(&mut token_bucket, 90_000)).count(),
            10,
            "no more than a second is saved"
        );
    }

    #[test]
    fn a_reload_fills_only_the_bucket_of_a_rate_that_is_another() {
        let limits = |frames_per_second, bytes_per_second| Limits {
            frames_per_second,
            bytes_per_second,
            ..Limits::default()
        };
        let used_up = || {
            let mut bucket = token_bucket(2, 100);
            assert_eq!(bucket.take(60, 0), Verdict::Allowed);
            assert_eq!(bucket.take(40, 0), Verdict::Allowed);
            Some(bucket)
        };
        for (frames, bytes, size, verdict) in [
            (2, 100, 1, Verdict::Refused),
            (3, 100, 1, Verdict::Refused), // no bytes are left
            (2, 101, 1, Verdict::Refused), // no frames are left
            (3, 101, 101, Verdict::Allowed),
            (3, 0, 1000, Verdict::Allowed),
        ] {
            let bucket = TokenBucket::at_reload(used_up(), &limits(frames, bytes), 0);
            assert_eq!(bucket.unwrap().take(size, 0), verdict, "{frames} {bytes}");
        }
        let mut later = TokenBucket::at_reload(used_up(), &limits(2, 100), 500).unwrap();
        assert_eq!([later.take(50, 500), later.take(1, 500)], [Verdict::Allowed, Verdict::Refused]);
        assert!(TokenBucket::at_reload(used_up(), &limits(0, 0), 0).is_none());
        assert!(TokenBucket::at_reload(None, &limits(1, 0), 0).is_some());
    }

    #[test]
    fn bytes_count_too_and_a_giant_passes_when_the_bucket_is_full() {
        let mut token_bucket = token_bucket(0, 100);
        assert_eq!(token_bucket.take(60, 0), Verdict::Allowed);
        assert_eq!(token_bucket.take(41, 0), Verdict::Refused);
        assert_eq!(token_bucket.take(40, 0), Verdict::Allowed);
        assert_eq!(token_bucket.take(5000, 999), Verdict::Refused);
        assert_eq!(token_bucket.take(5000, 1000), Verdict::Allowed);
        assert_eq!(token_bucket.take(1, 1000), Verdict::Refused);
    }

    #[test]
    fn who_never_pauses_is_persistent_and_who_does_is_forgiven() {
        let mut token_bucket = token_bucket(1, 0);
        assert_eq!(token_bucket.take(1, 0), Verdict::Allowed);
        for _ in 0..REFUSALS_MAX {
            assert_eq!(token_bucket.take(1, 0), Verdict::Refused);
        }
        assert_eq!(token_bucket.take(1, 999), Verdict::Persistent);
        assert_eq!(token_bucket.take(1, 1999), Verdict::Allowed);
        assert_eq!(token_bucket.take(1, 1999), Verdict::Refused);
    }

    #[test]
    fn a_clock_that_stands_or_leaps_does_no_harm() {
        let mut token_bucket = token_bucket(u64::MAX, u64::MAX);
        for now_ms in [0, 5, 5, u64::MAX, 0, u64::MAX] {
            assert_eq!(token_bucket.take(1000, now_ms), Verdict::Allowed);
        }
    }
}
