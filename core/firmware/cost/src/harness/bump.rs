//! The simplest heap: a pointer that moves up, and back to the start once no allocation is live.
//! For one core and no interrupts. Records the highest position of the pointer. The one file that
//! manages memory by hand.

#![allow(unsafe_code)]

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// More than a message of the longest sample and its frame.
const HEAP_BYTES: usize = 1024;

#[global_allocator]
static BUMP: Bump = Bump {
    heap: UnsafeCell::new([0; HEAP_BYTES]),
    used: AtomicUsize::new(0),
    most_used: AtomicUsize::new(0),
    live: AtomicUsize::new(0),
};

/// Bytes of the heap that were ever taken at once.
#[must_use]
pub fn most_used() -> usize {
    BUMP.most_used.load(Relaxed)
}

struct Bump {
    heap: UnsafeCell<[u8; HEAP_BYTES]>,
    /// Bytes from the start of the heap to the first free one.
    used: AtomicUsize,
    most_used: AtomicUsize,
    /// Allocations that were not given back.
    live: AtomicUsize,
}

// SAFETY: only code to which `alloc` gave a part of the heap touches that part. The counters are
// not kept consistent between threads; the programs have one and enable no interrupts.
unsafe impl Sync for Bump {}

// SAFETY: `alloc` hands out parts of the heap that are aligned, large enough, and overlap none that
// is live: `used` only grows while anything is live.
unsafe impl GlobalAlloc for Bump {
    #[inline(never)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let heap = self.heap.get().cast::<u8>();
        let used = self.used.load(Relaxed);
        let start = used + heap.wrapping_add(used).align_offset(layout.align());
        let Some(end) = start.checked_add(layout.size()).filter(|&end| end <= HEAP_BYTES) else {
            return ptr::null_mut();
        };
        self.used.store(end, Relaxed);
        self.most_used.store(self.most_used.load(Relaxed).max(end), Relaxed);
        self.live.store(self.live.load(Relaxed) + 1, Relaxed);
        heap.wrapping_add(start)
    }

    #[inline(never)]
    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {
        let live = self.live.load(Relaxed) - 1;
        self.live.store(live, Relaxed);
        if live == 0 {
            self.used.store(0, Relaxed);
        }
    }
}
