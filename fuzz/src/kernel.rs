//! Target `kernel`: the byte loops of every level that this processor has, compared with slow ones
//! that share no code with them.

use arbitrary::Unstructured;
use cafewire_kernel::{HEAD_MAX, Head, Kernel as _, Level};

use crate::reference;

/// Parameters of a run, from the fuzzer's bytes:
///
/// | byte | meaning |
/// |---|---|
/// | 0 | offset of the bytes (modulo 64), and the length of a frame's head (modulo 41) |
/// | 1 | where the text starts |
/// | 2, 3 | the lengths of two names |
/// | then | the bytes |
struct Options {
    offset: usize,
    head_len: usize,
    text_start: usize,
    name_lens: [usize; 2],
}

/// On a cache line of its own, so that the offset determines which bytes share a line.
#[repr(align(64))]
struct Aligned([u8; 64 + 4096 + 64]);

pub(crate) fn check(data: &[u8]) -> arbitrary::Result<()> {
    let mut data = Unstructured::new(data);
    let [first, text_start, name, other_name]: [u8; 4] = data.arbitrary()?;
    let options = Options {
        offset: usize::from(first % 64),
        head_len: usize::from(first) % (HEAD_MAX + 1),
        text_start: text_start.into(),
        name_lens: [name.into(), other_name.into()],
    };
    let bytes = data.take_rest();
    let bytes = &bytes[..bytes.len().min(4096)];
    // Bytes that are neither ASCII nor UTF-8, where none should be read.
    let mut aligned = Aligned([0xFF; 64 + 4096 + 64]);
    let place = &mut aligned.0[options.offset..][..bytes.len()];
    place.copy_from_slice(bytes);
    for level in Level::available() {
        sums_and_text_agree(level, place, options.text_start);
        a_frame_is_written(level, place, &options);
    }
    Ok(())
}

fn sums_and_text_agree(level: Level, bytes: &[u8], text_start: usize) {
    let crc = reference::crc32(bytes);
    assert_eq!(level.crc(bytes), crc, "{}: the checksum", level.name());

    let text = bytes.get(text_start..).unwrap_or_default();
    let check = level.check(bytes, text_start);
    assert_eq!(check.crc, crc, "{}: the checksum of a frame", level.name());
    assert_eq!(
        check.ascii.map(str::as_bytes),
        looks_ascii(text).then_some(text),
        "{}: ASCII",
        level.name()
    );

    assert_eq!(level.utf8(bytes), str::from_utf8(bytes), "{}: UTF-8", level.name());
    assert_eq!(level.utf8(text), str::from_utf8(text), "{}: UTF-8 of the text", level.name());
    if let Ok(name) = str::from_utf8(text) {
        let control = level.first_control(name);
        assert_eq!(control, name.find(char::is_control), "{}: controls", level.name());
    }
}

/// The canary leaves out the last bytes, like a loop over words without a tail.
fn looks_ascii(text: &[u8]) -> bool {
    let len = if cfg!(feature = "canary-kernel") { text.len() / 8 * 8 } else { text.len() };
    text[..len].iter().all(|&byte| byte < 0x80)
}

fn a_frame_is_written(level: Level, bytes: &[u8], options: &Options) {
    let [head, name, other_name, text] = {
        let (head, rest) = bytes.split_at(options.head_len.min(bytes.len()));
        let (name, rest) = rest.split_at(options.name_lens[0].min(rest.len()));
        let (other_name, text) = rest.split_at(options.name_lens[1].min(rest.len()));
        [head, name, other_name, text]
    };
    let mut expected = head.to_vec();
    for name in [name, other_name] {
        expected.push(u8::try_from(name.len()).expect("its length was a byte"));
        expected.extend(name);
    }
    expected.extend(text);
    let mut integers = Head::new();
    let (words, rest) = head.as_chunks::<8>();
    for word in words {
        integers = integers.u64(u64::from_be_bytes(*word));
    }
    for byte in rest {
        integers = integers.u8(*byte);
    }

    let mut buffer = vec![0xEE; options.offset + expected.len() + 64];
    let (around, into) = buffer.split_at_mut(options.offset);
    let (into, behind) = into.split_at_mut(expected.len());
    let short_of_one = expected.len() - 1;
    let refused = level.write(&mut into[..short_of_one], integers, &[name, other_name], text);
    assert_eq!(refused, None, "{}: it does not fit", level.name());
    let is_untouched = into.iter().all(|&byte| byte == 0xEE);
    assert!(is_untouched, "{}: written although it does not fit", level.name());
    let crc = level.write(into, integers, &[name, other_name], text);
    let expected_crc = Some(reference::crc32(&expected));
    assert_eq!(crc, expected_crc, "{}: the checksum of the written bytes", level.name());
    assert_eq!(into, expected, "{}: other bytes were written", level.name());
    let is_untouched = around.iter().chain(&*behind).all(|&byte| byte == 0xEE);
    assert!(is_untouched, "{}: written around it", level.name());
}
