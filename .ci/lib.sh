# Sourced by the scripts beside it: the repository's root as the folder, a scratch directory that goes in the end, and an end
# at the first failure, which is told.

set -eEuo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scratch=$(mktemp -d)
# What a script ends with, besides removing its scratch directory.
clean_up() { :; }
trap 'clean_up; rm -rf "$scratch"' EXIT

fail() {
    trap - ERR
    echo "${0##*/}: FAILED: $*" >&2
    exit 1
}

trap 'fail "line $LINENO: $BASH_COMMAND"' ERR

# Runs a command with long output, and shows the output only on failure.
quietly() {
    if ! "$@" >"$scratch/output" 2>&1; then
        tail -n 60 "$scratch/output" >&2
        fail "$*"
    fi
}

target_directory() {
    cargo metadata --format-version 1 --no-deps --locked |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])'
}
