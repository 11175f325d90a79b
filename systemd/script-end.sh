#!/bin/sh
# script-end.sh FILE - writes down how install_update.sh ended; ExecStopPost= of its unit, see systemd.exec(5).
#
# systemd calls it whatever became of the updater, also while the box goes down: what the next boot finds here is the
# only word of a script that rebooted the box by itself. Whole or not there: FILE is on the disk when this ends.
# FILE.room was laid beside it before the script began, which may have filled the disk: there is room for this.
set -u
rm -f "$1.room"
printf 'result=%s\ncode=%s\nstatus=%s\n' "${SERVICE_RESULT:-}" "${EXIT_CODE:-}" "${EXIT_STATUS:-}" >"$1.new" &&
    sync "$1.new" && mv "$1.new" "$1" && sync "$(dirname "$1")"
