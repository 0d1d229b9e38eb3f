# Programs on terminals without a user: each in a window of a tmux server of its own, typed to and read by a script. To be
# sourced by bash; needs tmux. The sourcing script calls close_screens at the end, in a trap.
#
#   open_screen NAME COLUMNSxROWS COMMAND…   start a command on a terminal of that size
#   screen NAME                              what it shows, as text
#   press NAME KEY…                          keys as tmux names them (Enter, C-r, M-1, PPage)
#   type_in NAME TEXT                        a text, as it is
#   enter NAME TEXT                          the same, and Enter
#   wait_for_screen NAME PATTERN [SECONDS]   until a row matches (grep's basic patterns), or fail with what is shown
#   wait_for_end NAME STATUS [SECONDS]       until the command has ended with that status
#   resize_screen NAME COLUMNSxROWS
#   close_screens                            end everything, leave nothing

# The socket lies in a folder of ours: no other tmux is touched, and none is left behind.
screens_folder=$(mktemp -d)

# A client's locale and terminal are not ours to rely on.
screens_tmux() {
    env -u TMUX TMUX_TMPDIR="$screens_folder" LC_ALL=C.UTF-8 tmux -u -L screens -f "$screens_folder/tmux.conf" "$@"
}

cat >"$screens_folder/tmux.conf" <<'CONFIG'
set -g default-terminal tmux-256color
set -g remain-on-exit on
set -g escape-time 0
set -g history-limit 0
set -g status off
CONFIG

open_screen() {
    local name=$1 size=$2
    shift 2
    # Arguments, not a line for a shell: the process in the window is the command itself.
    screens_tmux new-session -d -s "$name" -x "${size%x*}" -y "${size#*x}" -- env COLORTERM=truecolor "$@"
}

screen() {
    screens_tmux capture-pane -p -t "$1"
}

press() {
    local name=$1
    shift
    screens_tmux send-keys -t "$name" -- "$@"
}

type_in() {
    screens_tmux send-keys -t "$1" -l -- "$2"
}

enter() {
    type_in "$1" "$2"
    press "$1" Enter
}

screens_fail() {
    local name
    echo "$*" >&2
    for name in $(screens_tmux list-sessions -F '#{session_name}'); do
        echo "---- screen of $name:" >&2
        screen "$name" >&2
    done
    exit 1
}

wait_for_screen() {
    local deadline=$((SECONDS + ${3:-60}))
    until screen "$1" | grep -q -- "$2"; do
        ((SECONDS < deadline)) || screens_fail "no '$2' on the screen of $1 after ${3:-60} s"
        sleep 0.05
    done
}

wait_for_end() {
    local deadline=$((SECONDS + ${3:-60})) ended tmux_server
    tmux_server=$(screens_tmux display-message -p '#{pid}')
    # The status comes a moment after the end. tmux can miss it for good: it calls libutempter as soon as the terminal is
    # closed, which takes no SIGCHLD while it waits for a helper of its own. So tmux is told once more.
    until ended=$(screens_tmux display-message -p -t "$1" '#{pane_dead} #{pane_dead_status}'); [[ $ended == 1\ [0-9]* ]]; do
        ((SECONDS < deadline)) || screens_fail "$1 does not end"
        kill -CHLD "$tmux_server"
        sleep 0.05
    done
    [[ $ended == "1 $2" ]] || screens_fail "$1 ended with status ${ended#1 }, expected $2"
}

resize_screen() {
    screens_tmux resize-window -t "$1" -x "${2%x*}" -y "${2#*x}"
}

# screen_process NAME: the number of the process on it.
screen_process() {
    screens_tmux display-message -p -t "$1" '#{pane_pid}'
}

# picture_of NAME FILE.svg TITLE: what the screen shows now, with its colours.
picture_of() {
    local cursor
    cursor=$(screens_tmux display-message -p -t "$1" '#{?cursor_flag,#{cursor_x} #{cursor_y},}')
    screens_tmux capture-pane -e -p -N -t "$1" |
        python3 "$(dirname "${BASH_SOURCE[0]}")/svg.py" --title "$3" --cursor "$cursor" \
            --columns "$(screens_tmux display-message -p -t "$1" '#{pane_width}')" >"$2"
}

close_screens() {
    screens_tmux kill-server 2>/dev/null || true
    rm -rf "$screens_folder"
}
