//! An allocator that knows how many bytes of it the process holds, all threads together. Separate
//! from [`allocations`](crate::allocations), because this costs every allocation an atomic
//! addition, which a bench of code that allocates would measure.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

static IN_USE_BYTES: AtomicUsize = AtomicUsize::new(0);
static IN_USE_BLOCKS: AtomicUsize = AtomicUsize::new(0);

/// For `#[global_allocator]` in a program.
#[derive(Debug)]
pub struct WeighingAllocator;

/// Memory that a process holds on its heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heap {
    /// Bytes as requested: the allocator's own bookkeeping and rounding come on top.
    pub bytes: usize,
    /// Number of blocks.
    pub blocks: usize,
}

/// Memory that this process holds now. Needs [`WeighingAllocator`] as the global allocator, else
/// all is 0.
#[must_use]
pub fn in_use() -> Heap {
    Heap {
        bytes: IN_USE_BYTES.load(Ordering::Relaxed),
        blocks: IN_USE_BLOCKS.load(Ordering::Relaxed),
    }
}

// SAFETY: every method passes its arguments to the same method of `System` and returns what that
// returns, so the caller's promises are System's and System's are the caller's. Weighing adds to
// two integers and neither allocates nor unwinds. `alloc_zeroed` is passed on as well, so that
// untouched pages stay untouched.
unsafe impl GlobalAlloc for WeighingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise about `layout`, passed on.
        let block = unsafe { System.alloc(layout) };
        weigh_new(block, layout);
        block
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise about `layout`, passed on.
        let block = unsafe { System.alloc_zeroed(layout) };
        weigh_new(block, layout);
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        IN_USE_BYTES.fetch_sub(layout.size(), Ordering::Relaxed);
        IN_USE_BLOCKS.fetch_sub(1, Ordering::Relaxed);
        // SAFETY: every block of this allocator came from `System` with the same layout.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: every block of this allocator came from `System` with the same layout; `new_size`
        // is the caller's promise, passed on.
        let grown = unsafe { System.realloc(block, layout, new_size) };
        if !grown.is_null() {
            IN_USE_BYTES.fetch_add(new_size, Ordering::Relaxed);
            IN_USE_BYTES.fetch_sub(layout.size(), Ordering::Relaxed);
        }
        grown
    }
}

fn weigh_new(block: *mut u8, layout: Layout) {
    if !block.is_null() {
        IN_USE_BYTES.fetch_add(layout.size(), Ordering::Relaxed);
        IN_USE_BLOCKS.fetch_add(1, Ordering::Relaxed);
    }
}
