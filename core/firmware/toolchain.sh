# Sourced by the scripts that build for microcontrollers: a compiler for the target, and QEMU.
#
# Rust's target is used if rustup has it or can add it. Where it cannot, Debian's own compiler builds `core` and `alloc`
# from source, as root installs it (rustc-web, rust-web-src, cargo-web, lld). FIRMWARE_COMPILER=debian takes that way
# at once.

# The core's own minimum (rust-version in Cargo.toml), which Debian's compiler has to reach too.
oldest_compiler=1.89

# Whole, since the scripts that source this go elsewhere.
ci=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../../.ci")

has_target() {
    [[ -d $(rustc --print sysroot 2>/dev/null)/lib/rustlib/$1/lib ]]
}

# Rust's target, if there is any way to it.
have_or_add_target() {
    [[ ${FIRMWARE_COMPILER:-} != debian ]] || return 1
    has_target "$1" && return
    command -v rustup >/dev/null && timeout 300 rustup --quiet target add "$1" >/dev/null 2>&1 && has_target "$1"
}

# install COMMAND PACKAGE…: the Debian packages, if the command is missing.
install() {
    "$ci/install" "$@" >&2
}

# Whether Debian's compiler can stand in; says why not.
have_debian_compiler() {
    if [[ ! -d /usr/lib/rustlib/src/rust/library || ! -x /usr/bin/rustc || ! -x /usr/bin/cargo ]]; then
        install /usr/lib/rustlib/src/rust/library rustc-web rust-web-src cargo-web lld || return 1
    fi
    install ld.lld lld || return 1
    local version
    version=$(/usr/bin/rustc --version | cut -d ' ' -f 2)
    local older
    older=$(printf '%s\n' "$oldest_compiler" "$version" | sort --version-sort | head -n 1)
    if [[ $older != "$oldest_compiler" ]]; then
        echo "Debian's compiler is Rust $version, and the core needs $oldest_compiler" >&2
        return 1
    fi
}

# cargo_for TARGET COMMAND ARGUMENT…: `cargo COMMAND --target TARGET ARGUMENT…` with whichever compiler there is. A
# compiler of its own gets a target directory of its own.
cargo_for() {
    local target=$1 command=$2
    shift 2
    if have_or_add_target "$target"; then
        cargo "$command" --target "$target" "$@"
    elif have_debian_compiler; then
        local linker
        linker=CARGO_TARGET_$(tr 'a-z-' 'A-Z_' <<<"$target")_LINKER
        env "PATH=/usr/bin:$PATH" RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 "$linker=ld.lld" \
            "CARGO_TARGET_DIR=$(target_directory_for "$target")" \
            /usr/bin/cargo "$command" -Zbuild-std=core,alloc --target "$target" "$@"
    else
        echo "no compiler for $target: rustup target add $target" >&2
        return 1
    fi
}

# Where cargo_for TARGET leaves what it builds.
target_directory_for() {
    local directory=${CARGO_TARGET_DIR:-$PWD/target}
    if have_or_add_target "$1"; then
        echo "$directory"
    else
        echo "$directory/debian"
    fi
}
