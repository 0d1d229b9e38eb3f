#!/usr/bin/env bash
# The core's adapters over the serial ports of HALs, of embedded-io 0.6 and of 0.7, as the compiler for each HAL's chip sees
# them (hals/); and that the table of HALs in core/README.md says what is true of the versions that are built.
#
#   core/firmware/hals.sh
#
# Needs Rust; adds the targets with rustup, or uses Debian's compiler (see toolchain.sh). The network for HALs that are not
# there yet.

set -euo pipefail
cd "$(dirname "$0")"
source ./toolchain.sh

export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
cd hals

# check TARGET HAL…
check() {
    local target=$1 hal
    shift
    for hal in "$@"; do
        cargo_for "$target" check --locked --quiet --features "$hal"
        # Debian's compiler has no clippy for other targets.
        if have_or_add_target "$target"; then
            cargo clippy --target "$target" --locked --quiet --features "$hal" -- -D warnings
        fi
        echo "$target: $hal"
    done
}

python3 table.py
check thumbv7em-none-eabihf stm32f4xx-hal stm32g4xx-hal usbd-serial embassy-nrf
check thumbv6m-none-eabi embassy-rp

# The check can fail: a port of 0.6 without its adapter is none of 0.7.
if error=$(cargo_for thumbv7em-none-eabihf check --locked --features stm32g4xx-hal,canary 2>&1); then
    echo "hals: the canary was compiled: the check proves nothing" >&2
    exit 1
fi
grep -q 'the method `receive` exists for struct `ResyncReader<.*trait bounds were not satisfied' <<<"$error" || {
    echo "$error" >&2
    echo "hals: the canary failed, but not for its port" >&2
    exit 1
}
echo "a port of embedded-io 0.6 without its adapter: refused, as it must be"
