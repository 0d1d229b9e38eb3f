#!/usr/bin/env bash
# In roff's control lines an empty argument vanishes, and those behind it move up: in a manual page of clap_mangen without a date
# the program's version stands where the date belongs.
#
#   software    roff 1.1.1, clap_mangen 0.3.3 with clap 4.6 (crates.io)
#   behaviour   `Roff::control` quotes an argument that has spaces in it, and writes an empty one as it is, which is nothing.
#               clap_mangen's date is empty unless it is set.
#   output      .TH five 1  "five 1.0" manual, of which man(7) reads: date "five 1.0", source "manual"
#   guess       an argument that is given has its place in the line, so that a page without a date has its source in the
#               footer's middle or wherever else the formatter puts it. It has it in the date's place.
#
# Makes a program in a folder of its own, which is removed. Needs cargo and the network. Fails if the line is another one.

set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "finding"
version = "0.0.0"
edition = "2021"
[dependencies]
clap = { version = "~4.6", default-features = false, features = ["std"] }
clap_mangen = "=0.3.3"
roff = "=1.1.1"
[workspace]
TOML
cat >src/main.rs <<'RUST'
fn main() {
    let page = clap_mangen::Man::new(clap::Command::new("five")).source("five 1.0").manual("manual");
    page.render_title(&mut std::io::stdout()).expect("standard output");
}
RUST
output=$(cargo run --quiet | grep '^\.TH')
echo "clap_mangen 0.3.3: $output"
[[ $output == '.TH five 1  "five 1.0" manual' ]] || { echo "it has changed" >&2; exit 1; }
