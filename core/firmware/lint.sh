#!/usr/bin/env bash
# The programs for microcontrollers, as clippy sees them: each for the targets that it is built for, and with the features
# that it is measured with. A warning fails.
#
#   core/firmware/lint.sh
#
# Needs Rust with clippy; adds the targets with rustup. Debian's compiler, which stands in where rustup cannot, has no clippy
# for them: then what could not be looked at is said, and that is no failure.

set -euo pipefail
cd "$(dirname "$0")"
source ./toolchain.sh

host=$(rustc -vV | sed -n 's/^host: //p')

# lint TARGET ARGUMENT…
lint() {
    local target=$1
    shift
    if ! have_or_add_target "$target"; then
        echo "$target: not looked at, for rustup does not have it here: $*"
        return
    fi
    cargo clippy --locked --quiet --target "$target" "$@" -- -D warnings
    echo "$target: nothing to mend: $*"
}

for target in thumbv7m-none-eabi thumbv6m-none-eabi; do
    lint "$target" --package cafewire-firmware --bins
done
lint riscv32imc-unknown-none-elf --package cafewire-firmware --bin self-test

for target in "$host" thumbv7m-none-eabi; do
    lint "$target" --package no-panic
    lint "$target" --package no-panic --features canary
done

# As cost.py has them: each family, both, and both with a feature more.
for features in echo chat echo,chat echo,chat,{stream,alloc,embedded-io,embedded-io-async,serde}; do
    lint thumbv7m-none-eabi --package cost --bin flash --features "$features,crc-small"
done
lint thumbv7m-none-eabi --package cost --bin cortex-m --features crc-small
lint thumbv7m-none-eabi --package cost --bin cortex-m --features crc-small,alloc,embedded-io,embedded-io-async,serde
lint "$host" --package cost --bin host --features std
