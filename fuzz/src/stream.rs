//! Target `stream`: the same bytes, in chunks and through buffers of the fuzzer's choice, compared
//! with one pass over all of them.

use arbitrary::Unstructured;

use crate::checks;
use crate::input::Input;
use crate::line::Listening;
use crate::reference::line::read_line;

/// The input is a [`Listening`], then what target `parse` takes.
pub(crate) fn check(data: &[u8]) -> arbitrary::Result<()> {
    let mut data = Unstructured::new(data);
    let listening = Listening::new(&mut data)?;
    let Some(Input { stream, direction, .. }) = Input::new(data.take_rest()) else { return Ok(()) };
    checks::chunks_change_nothing(&stream, direction, &listening.chunk_sizes_bytes);

    let expected =
        read_line(&stream, listening.frame_size_max(), listening.family, listening.direction);
    let [chunked, whole] = listening.hear(&stream);
    assert_eq!(whole, expected, "in one piece");
    assert_eq!(chunked, expected, "in chunks");
    Ok(())
}
