//! cafewire on the command line.
fn main() {}
