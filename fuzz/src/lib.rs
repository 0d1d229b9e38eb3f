//! What the fuzz targets share. [`check`] is the whole of target `parse`; it panics when cafewire-core and the
//! reference parser disagree, or when a promise of the core's documentation does not hold.

pub mod input;
pub mod reference;

mod checks;
mod translate;

use input::Input;

/// Runs every check on one input.
///
/// # Panics
/// When a check fails. That is the finding.
pub fn check(data: &[u8]) {
    let Some(input) = Input::new(data) else { return };
    checks::frames_agree(&input.stream);
    checks::connections_agree(&input.stream, input.direction);
    checks::chunks_change_nothing(&input.stream, input.direction, input.chunk_size_bytes);
}
