#!/usr/bin/env bash
# The core on a microcontroller: builds the images, runs the test vectors on an emulated Cortex-M3, Cortex-M0 and RISC-V,
# and has the Cortex-M3 chat over its serial line, through a cafewire server, with a host. Ends with 0 if all of it went
# well.
#
#   core/firmware/run.sh
#
# Needs Rust. Adds the targets with rustup, or uses Debian's compiler (see toolchain.sh), and installs QEMU if it may.
# CAFEWIRE is the path of a cafewire program that is built already. Uses loopback and a free port only; leaves nothing
# running.

set -euo pipefail
cd "$(dirname "$0")"
source ./toolchain.sh

scratch=$(mktemp -d)
processes=()

clean_up() {
    local pid
    for pid in "${processes[@]}"; do
        kill -TERM "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$scratch"
}
trap clean_up EXIT

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# wait_for SECONDS PATTERN FILE: until a line of the file matches.
wait_for() {
    local deadline=$((SECONDS + $1))
    until grep -qs -- "$2" "$3"; do
        if ((SECONDS >= deadline)); then
            tail -n 20 "$scratch"/*.txt >&2
            fail "no '$2' in $(basename "$3") after $1 s"
        fi
        sleep 0.05
    done
}

# boot TARGET IMAGE ARGUMENT…: becomes QEMU with the image, so call it in a subshell. Its status is the image's; 124 if it
# takes more than five minutes.
boot() {
    local target=$1 image=$2 machine
    case $target in
        thumbv7m-*) machine=(qemu-system-arm -machine lm3s6965evb -cpu cortex-m3) ;;
        thumbv6m-*) machine=(qemu-system-arm -machine microbit -cpu cortex-m0) ;;
        riscv32*) machine=(qemu-system-riscv32 -machine virt -cpu rv32 -bios none) ;;
    esac
    exec timeout --kill-after 5 300 "${machine[@]}" -kernel "$(target_directory_for "$target")/$target/release/$image" \
        -display none -monitor none -semihosting-config enable=on,target=native "${@:3}" \
        </dev/null 2>"$scratch/qemu.txt"
}

build() {
    echo "== Building"
    install qemu-system-arm qemu-system-arm
    install qemu-system-riscv32 qemu-system-misc
    local target
    for target in thumbv7m-none-eabi thumbv6m-none-eabi; do
        cargo_for "$target" build --release --quiet --package cafewire-firmware --bins
        echo "$target: images built"
    done
    target=riscv32imc-unknown-none-elf
    cargo_for "$target" build --release --quiet --package cafewire-firmware --bin self-test
    echo "$target: image built"

    cafewire=${CAFEWIRE:-}
    if [[ -z $cafewire ]]; then
        cargo build --quiet --manifest-path ../../Cargo.toml --package cafewire-cli --message-format json \
            >"$scratch/cargo.json"
        cafewire=$(sed -n 's/.*"executable":"\([^"]*\/cafewire\)".*/\1/p' "$scratch/cargo.json" | tail -n 1)
    fi
    [[ -x $cafewire ]] || fail "no program cafewire at '$cafewire'"
}

# self_test NAME TARGET
self_test() {
    echo
    echo "== Self-test on $1"
    (boot "$2" self-test -serial none) || fail "the self-test, status $?"
}

# The host is in front of `cafewire chat`: a person would type what goes into the pipe here.
chat() {
    echo
    echo "== Chat over the serial line"
    "$cafewire" serve --listen tcp://127.0.0.1:0 >"$scratch/server.txt" 2>&1 &
    processes+=($!)
    wait_for 120 '^listening on tcp://127\.0\.0\.1:[0-9]' "$scratch/server.txt"
    local port
    port=$(sed -n 's/^listening on tcp:\/\/127\.0\.0\.1:\([0-9]*\).*/\1/p' "$scratch/server.txt" | head -n 1)
    echo "cafewire serve: port $port; the device's UART is plugged straight into it"

    boot thumbv7m-none-eabi chat -serial "tcp:127.0.0.1:$port" >"$scratch/device.txt" &
    local device=$!
    processes+=("$device")
    wait_for 120 '^said in room lab' "$scratch/device.txt"

    mkfifo "$scratch/keyboard"
    "$cafewire" chat "127.0.0.1:$port" --user host --room lab <"$scratch/keyboard" >"$scratch/host.txt" 2>&1 &
    local host=$!
    processes+=("$host")
    exec {keyboard}>"$scratch/keyboard"
    wait_for 120 '<device> .*open the window' "$scratch/host.txt"
    echo 'yes, please' >&"$keyboard"
    wait_for 120 '<device> understood' "$scratch/host.txt"
    wait_for 120 '<device> left' "$scratch/host.txt"
    echo '/quit' >&"$keyboard"
    exec {keyboard}>&-

    local status=0
    wait "$host" || fail "the host's chat, status $?"
    wait "$device" || status=$?
    sed 's/^/device │ /' "$scratch/device.txt"
    sed 's/^/host   │ /' "$scratch/host.txt"
    ((status == 0)) || fail "the device's chat, status $status"
    grep -q '^host: yes, please' "$scratch/device.txt" || fail "the device did not hear the host"
}

build
self_test "a Cortex-M3 (LM3S6965)" thumbv7m-none-eabi
self_test "a Cortex-M0 (micro:bit), without compare-and-swap" thumbv6m-none-eabi
self_test "a 32-bit RISC-V with compressed instructions" riscv32imc-unknown-none-elf
chat
echo
echo "All good."
