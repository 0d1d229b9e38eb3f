//! Nothing is touched beyond a slice: here the pages before and behind it can be neither read nor
//! written, so that a byte too much ends the test with a signal.

#![cfg(all(unix, not(miri)))]

use core::{ptr, slice};

use cafewire_kernel::{Head, Kernel as _, Level};
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

const PAGE_LEN: usize = 4096;

/// A page between two that are not there.
struct Guarded {
    /// Of three pages.
    start: *mut u8,
}

impl Guarded {
    fn new() -> Self {
        // SAFETY: a new mapping, at a place of the system's choice, takes no memory from any other.
        let start = unsafe {
            let access = ProtFlags::READ | ProtFlags::WRITE;
            mmap_anonymous(ptr::null_mut(), 3 * PAGE_LEN, access, MapFlags::PRIVATE)
                .expect("three pages")
        };
        for page in [0, 2] {
            // SAFETY: the page is one of the three of this mapping, to which there is no reference
            // yet.
            unsafe { mprotect(start.byte_add(page * PAGE_LEN), PAGE_LEN, MprotectFlags::empty()) }
                .expect("a page of this mapping");
        }
        Self { start: start.cast() }
    }

    fn page(&mut self) -> &mut [u8] {
        // SAFETY: the middle page is mapped to be read and written, filled with zeros by the
        // system, and only reached by this method, whose result borrows the mapping.
        unsafe { slice::from_raw_parts_mut(self.start.add(PAGE_LEN), PAGE_LEN) }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own, and no reference to it outlives the value.
        unsafe { munmap(self.start.cast(), 3 * PAGE_LEN) }.expect("this mapping");
    }
}

#[test]
fn reads_end_with_the_page() {
    let mut guarded = Guarded::new();
    let page = guarded.page();
    for (index, byte) in page.iter_mut().enumerate() {
        *byte = b' ' + (index % 95).to_le_bytes()[0];
    }
    for level in Level::available() {
        for len in (0..=700).chain([1000, 4000, PAGE_LEN]) {
            for bytes in [&page[..len], &page[PAGE_LEN - len..]] {
                let text = core::str::from_utf8(bytes).unwrap();
                let check = level.check(bytes, len.min(16));
                assert_eq!(check.crc, crc32fast::hash(bytes), "{}, {len}", level.name());
                assert_eq!(check.ascii, Some(&text[len.min(16)..]), "{}, {len}", level.name());
                assert_eq!(level.crc(bytes), check.crc);
                assert_eq!(level.utf8(bytes), Ok(text), "{}, {len}", level.name());
                assert_eq!(level.first_control(text), None, "{}, {len}", level.name());
            }
        }
    }
}

#[test]
fn bad_text_at_either_end_of_the_page() {
    let mut guarded = Guarded::new();
    for len in 4..200 {
        for start in [0, PAGE_LEN - len] {
            let bytes = &mut guarded.page()[start..start + len];
            bytes.fill(b'x');
            bytes[len - 3..].copy_from_slice("\u{85}x".as_bytes());
            let text = core::str::from_utf8(bytes).unwrap();
            for level in Level::available() {
                assert_eq!(level.first_control(text), Some(len - 3), "{}, {len}", level.name());
            }
            bytes[len - 1] = 0xE2;
            for level in Level::available() {
                let error = level.utf8(bytes).unwrap_err();
                assert_eq!(error.valid_up_to(), len - 1, "{}, {len}", level.name());
            }
        }
    }
}

#[test]
fn writes_end_with_the_page() {
    let (mut target, mut source) = (Guarded::new(), Guarded::new());
    source.page().fill(b'y');
    let source = source.page();
    for level in Level::available() {
        for name in [0, 1, 20, 64, 255] {
            for text in (0..=200).chain([448, 512, 600, 700]) {
                let len = 4 + 1 + name + text;
                for start in [0, PAGE_LEN - len] {
                    for (name, text) in [
                        (&source[..name], &source[PAGE_LEN - text..]),
                        (&source[PAGE_LEN - name..], &source[..text]),
                    ] {
                        let into = &mut target.page()[start..start + len];
                        let crc = level.write(into, Head::new().u32(7), &[name], text);
                        assert_eq!(crc, Some(crc32fast::hash(into)), "{}, {len}", level.name());
                    }
                }
            }
        }
    }
}
