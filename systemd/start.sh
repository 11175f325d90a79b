#!/bin/sh
# start.sh ARGUMENTS... - starts the updater: the version that an update brought, else the one from the .deb. With `ui`
# first, the server of its page.
#
# /opt/opq-updater/current is a link to the folder beside it of the version in use. The factory copy below /usr/lib,
# which never changes, starts when that link leads anywhere else, when the folder has no program or is marked by a
# file "bad", and for the rest of a boot in which the daemon of that version was started five times and never reported.
set -u

root=${OPQ_ROOT:-}
factory=${OPQ_FACTORY:-$root/usr/lib/opq-box-updater}
program=$factory/opq-updater.js
versions=$root/opt/opq-updater
run=$root/run/opq-updater

say() { printf 'opq-updater-start: %s\n' "$*" >&2; }

usable() { [ -f "$1/opq-updater.js" ] && [ ! -L "$1" ] && [ ! -e "$1/bad" ] && [ ! -L "$1/bad" ]; }

# How often the daemon was started since it last reported, which removes the file: one digit, 0 for anything else.
started() {
    { read -r count <"$1"; } 2>/dev/null
    case ${count:-} in
        [0-9]) echo "$count" ;;
        *) echo 0 ;;
    esac
}

# Where nothing can be written nothing is counted, and it starts all the same.
count() { { mkdir -p "$run" && echo "$2" >"$1"; } 2>/dev/null; }

chosen=$(readlink "$versions/current" 2>/dev/null)
case $chosen in
    */* | [!0-9]*) chosen= ;;
esac
if [ -n "$chosen" ] && usable "$versions/$chosen"; then
    starts=$(started "$run/starts-$chosen")
    if [ "$starts" -lt 5 ]; then
        program=$versions/$chosen/opq-updater.js
        [ "${1:-}" != daemon ] || count "$run/starts-$chosen" $((starts + 1))
    elif [ "${1:-}" = daemon ]; then
        say "version $chosen was started $starts times in this boot and never got ready: the factory copy is started"
    fi
elif [ "${1:-}" = daemon ] && [ -n "$chosen" ]; then
    say "version $chosen is not there or marked bad: the factory copy is started"
fi
if [ "${1:-}" = ui ]; then
    shift
    page=${program%/*}/opq-updater-ui.js
    # A release may bring an updater without one.
    [ -f "$page" ] || page=$factory/opq-updater-ui.js
    exec node "$page" "$@"
fi
# What comes and goes in the daemon, which is there for months, gives its memory back. Flags of V8 it sets by itself.
if [ "${1:-}" = daemon ]; then
    export MALLOC_ARENA_MAX=1 MALLOC_TRIM_THRESHOLD_=65536 MALLOC_MMAP_THRESHOLD_=65536
fi
exec node "$program" "$@"
