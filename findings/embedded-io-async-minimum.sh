#!/usr/bin/env bash
# embedded-io-async 0.6 admits versions with which it does not build: each of its own, and one of embedded-io.
#
#   software    embedded-io-async 0.6.0 and 0.6.1, embedded-io 0.6.0 (crates.io)
#   behaviour   0.6.0 opens with `#![feature(...)]`, so that a stable compiler refuses it.
#               0.6.1 is for stable compilers and asks for `embedded-io = "0.6"`, but uses
#               `SliceWriteError`, which embedded-io has from 0.6.1 on.
#   output      0.6.0: error[E0554]; 0.6.1 with embedded-io 0.6.0: error[E0432]; 0.6.1 with embedded-io 0.6.1: builds
#   guess       the least versions that a manifest admits build, so that `version = "0.6"` is enough for a library that tests
#               its own minimum (`cargo update -Z direct-minimal-versions`). Both have to be asked for at 0.6.1.
#
# Makes programs in a folder of its own, which is removed. Needs cargo, stable, and the network. Fails if one of the three ends
# otherwise.

set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
mkdir src
echo '#![no_std]' >src/lib.rs

# ends_with EXPECTED ASYNC_VERSION VERSION: how a build with exactly these versions ends.
ends_with() {
    cat >Cargo.toml <<TOML
[package]
name = "finding"
version = "0.0.0"
edition = "2021"
[dependencies]
embedded-io = "=$3"
embedded-io-async = "=$2"
[workspace]
TOML
    rm -f Cargo.lock
    local output=builds
    if ! cargo check --quiet 2>errors; then
        output=$(grep -om 1 'error\[E[0-9]*\]' errors || cat errors)
    fi
    echo "embedded-io-async $2 with embedded-io $3: $output"
    [[ $output == "$1" ]] || { echo "it has changed" >&2; exit 1; }
}

ends_with 'error[E0554]' 0.6.0 0.6.0
ends_with 'error[E0432]' 0.6.1 0.6.0
ends_with builds 0.6.1 0.6.1
