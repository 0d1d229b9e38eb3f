//! An allocator that counts its calls. The one place in the workspace with `unsafe` code, which the
//! trait demands; it passes every request on to the system's allocator unchanged.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    // Const and without a destructor, so that reading it never allocates.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// For `#[global_allocator]` in a bench.
#[derive(Debug)]
pub struct CountingAllocator;

/// The result of `work`, and the number of allocations and reallocations of this thread meanwhile.
/// Needs [`CountingAllocator`] as the global allocator, else it counts nothing.
pub fn count_allocations<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let before = ALLOCATIONS.get();
    let result = work();
    (result, ALLOCATIONS.get() - before)
}

fn count() {
    ALLOCATIONS.set(ALLOCATIONS.get() + 1);
}

// SAFETY: every method passes its arguments to the same method of `System` and returns what that
// returns, so the caller's promises are System's and System's are the caller's. Counting touches
// one thread-local integer and neither allocates nor unwinds.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise about `layout`, passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise about `layout`, passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: every block of this allocator came from `System` with the same layout.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count();
        // SAFETY: every block of this allocator came from `System` with the same layout; `new_size`
        // is the caller's promise, passed on.
        unsafe { System.realloc(block, layout, new_size) }
    }
}
