#!/bin/sh
# guard.sh boot|watch|shutdown - brings the box back when a release on trial took the updater with it.
#
# Needs a POSIX shell, GNU tar and coreutils, neither Node nor anything of the release. It never decides that a
# release is good: it only puts the earlier one back, when
#   boot      too many boots on trial began without the updater ever reporting (it counts them), or
#   watch     the updater's heartbeat stays away, or the trial outlasts its end, though the box stays up.
# Each of the two is enough. What it did it leaves in trial/guard, for the updater to finish and to tell.
#
# trial/about     key=value lines from the updater: trial_boots, trial_deadline_s, heartbeat_s, script_timeout_s
# trial/guard-begun  reason=REASON, from before the guard touches anything until the updater has told of it: where
#                 trial/guard is not there too, it was cut off in the middle, and goes on before anything else may judge
# trial/guard-full-N  a try on a disk without room for these marks, an empty file each
# trial/boots     boots on trial since the updater last reported; the updater sets it to 0
# trial/spare     room on a full disk: removed when one of these cannot be written
# run/heartbeat   uptime in whole seconds when the updater was last alive
# run/stuck       the updater could not finish an undo, and has said so to people
# run/trial       uptime in whole seconds when the trial began in this boot; missing = it began in an earlier one
set -u
LC_ALL=C
export LC_ALL

root=${OPQ_ROOT:-}
state=$root/var/lib/opq-updater
run=$root/run/opq-updater
trial=$state/trial
restore=${OPQ_RESTORE:-$(dirname "$0")/restore.sh}
systemctl=${OPQ_SYSTEMCTL:-systemctl}

say() { printf 'opq-updater-guard: %s\n' "$*" >&2; }

# A whole number from a file or from the key of a key=value file; the default for anything else.
number() { # FILE DEFAULT [KEY]
    found=$(if [ $# -eq 3 ]; then sed -n "s/^$3=//p" "$1"; else cat "$1"; fi 2>/dev/null | head -n 1)
    case $found in
        '' | *[!0-9]* | ??????????*) echo "$2" ;;
        *) echo "$found" ;;
    esac
}

uptime_s() {
    read -r up _ <"${OPQ_UPTIME:-/proc/uptime}"
    echo "${up%%.*}"
}

# On the disk when it returns, whole or not at all.
put() { # FILE TEXT
    written "$@" && return
    # A release that has filled the disk: the updater took some room for this moment.
    rm -f "$1.new" "$trial/spare"
    written "$@"
}

written() { # FILE TEXT
    printf '%s\n' "$2" >"$1.new" && sync "$1.new" && mv "$1.new" "$1" && sync "$(dirname "$1")"
}

# The same two marks where the disk is full to the last block: empty files find room, three of them count the tries.
marked_empty() {
    for n in 1 2 3; do
        [ ! -e "$trial/guard-full-$n" ] || continue
        touch "$trial/guard-full-$n" "$trial/guard-begun" && sync "$trial"
        return
    done
    return 1
}

on_trial() { [ -d "$trial" ] && [ ! -e "$trial/guard" ]; }

put_back() { # REASON SENTENCE
    tries=$(number "$trial/guard-tries" 0)
    if [ "$tries" -ge 3 ]; then
        say "$2: but the earlier release could not be put back in three tries; the updater has to"
        return 1
    fi
    tries=$((tries + 1))
    if put "$trial/guard-tries" "$tries"; then
        put "$trial/guard-begun" "reason=$1" || return 1
    elif ! marked_empty; then
        say "$2: but the disk takes no writes, so nothing can be put back"
        return 1
    fi
    say "$2: the earlier release is put back"
    # What is left of the updater or of a script must not write meanwhile, nor be started again.
    "$systemctl" kill --kill-whom=all --signal=KILL opq-updater.service opq-updater-script.service 2>/dev/null
    timeout 60 "$systemctl" stop opq-updater-control.socket opq-updater-page.socket opq-updater.service \
        opq-updater-script.service 2>/dev/null
    sh "$restore" "$trial" "${root:-/}"
    ended=$?
    # The snapshot is damaged: nothing was touched.
    [ "$ended" -ne 3 ] || rm -f "$trial/guard-begun"
    if [ "$ended" -eq 0 ]; then
        put "$trial/guard" "reason=$1"
    else
        say "the earlier release could not be put back (try $tries)"
        # This boot has just begun: another one would find the same.
        [ "$1" != boots ] || { give_back; return 1; }
    fi
    # What the release has left in memory goes too; units that came back are read.
    "$systemctl" --no-block --check-inhibitors=no reboot || "$systemctl" --force reboot || { give_back; return 1; }
}

# The updater has more ways than the guard, and is the only one that can tell: it is never left stopped.
give_back() {
    "$systemctl" daemon-reload
    "$systemctl" --no-block start opq-updater-control.socket opq-updater-page.socket opq-updater.service
}

boot() {
    mkdir -p "$run"
    if [ -e "$state/orderly-shutdown" ]; then echo orderly; else echo cut; fi >"$run/last-shutdown"
    if [ -e "$state/orderly-shutdown" ]; then
        rm -f "$state/orderly-shutdown"
        sync "$state"
    fi
    on_trial || return 0
    if [ -e "$trial/guard-begun" ]; then
        put_back "$(sed -n 's/^reason=//p' "$trial/guard-begun" | head -n 1)" "the undo was cut off"
        return
    fi
    boots=$(($(number "$trial/boots" 0) + 1))
    limit=$(number "$trial/about" 3 trial_boots)
    put "$trial/boots" "$boots"
    [ "$boots" -le "$limit" ] || put_back boots "$limit boots on trial, and the updater reported in none"
}

watch() {
    on_trial || return 0
    # It has said so, and says no more: once a minute would wear the card out.
    [ "$(number "$trial/guard-tries" 0)" -lt 3 ] || return 0
    now=$(uptime_s)
    silent=$((now - $(number "$run/heartbeat" 0)))
    limit=$(number "$trial/about" 600 heartbeat_s)
    if [ "$silent" -gt "$limit" ]; then
        put_back heartbeat "no sign of the updater for $silent s"
        return
    fi
    # Alive, and waiting for a person or the next boot.
    [ ! -e "$run/stuck" ] || return 0
    # The updater ends a script and a trial by itself; this is for one that is alive and does not.
    limit=$(($(number "$trial/about" 600 script_timeout_s) + $(number "$trial/about" 1800 trial_deadline_s) * 2 + 600))
    lasted=$((now - $(number "$run/trial" 0)))
    [ "$lasted" -le "$limit" ] || put_back deadline "on trial for $lasted s in this boot"
}

# Called when its unit stops: only a machine that goes down stops it, or a person, who leaves no mark.
shutdown() {
    # Not "is-system-running": a box that goes down while it is still coming up is "starting" to its end.
    "$systemctl" show --property=Job,ActiveState shutdown.target 2>/dev/null | grep -Eq '^(Job=[1-9]|ActiveState=active)' || return 0
    # The mark says that all was written, so it is.
    sync
    put "$state/orderly-shutdown" "$(date +%s)"
}

case ${1:-} in
    boot | watch | shutdown) "$1" ;;
    *)
        say "usage: guard.sh boot|watch|shutdown"
        exit 2
        ;;
esac
