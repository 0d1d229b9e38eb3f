# Sourced by .ci/run, .ci/core and .ci/full: steps with a heading and a time, which stop at the first failure; a scratch
# directory; and the tools that more than one of them needs.

source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Everything is built once: what the compiler keeps for building it again only takes time.
export CARGO_INCREMENTAL=0

step_name=
step_started=$SECONDS
steps_passed=0

end_step() {
    if [[ -n $step_name ]]; then
        echo "==== $step_name: ok, $((SECONDS - step_started)) s"
        steps_passed=$((steps_passed + 1))
    fi
    step_name=
}

step() {
    end_step
    step_name=$1
    step_started=$SECONDS
    echo
    echo "==== $step_name"
}

fail() {
    trap - ERR
    echo "==== $step_name: FAILED: $*" >&2
    exit 1
}

install_tools() {
    local packages=()
    command -v cc >/dev/null || packages+=(gcc libc6-dev)
    command -v c++ >/dev/null || packages+=(g++)
    command -v python3 >/dev/null || packages+=(python3)
    command -v setsid >/dev/null || packages+=(util-linux)
    if ((${#packages[@]})); then
        [[ $(id -u) == 0 ]] || fail "missing: ${packages[*]}. Install them, or run as root once"
        quietly apt-get update
        DEBIAN_FRONTEND=noninteractive quietly apt-get install --yes --no-install-recommends "${packages[@]}"
    fi
    cargo clippy --version >/dev/null 2>&1 || quietly rustup component add clippy
    cargo fmt --version >/dev/null 2>&1 || quietly rustup component add rustfmt
    cargo --version
}

# install_cargo_tool fuzz|mutants
install_cargo_tool() {
    cargo "$1" --version >/dev/null 2>&1 || cargo install "cargo-$1" --locked --quiet
    cargo "$1" --version
}
