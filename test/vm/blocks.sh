#!/bin/sh
# blocks.sh - records each write of a box's disk during two updates, rebuilds the disk as of many moments of them, and
# follows the box on it until it rests. See README.md beside it. The last line is "N disks, N booted, N lost"; exit
# code 0 only when none was lost.
set -eu

usage() {
    cat <<'END'
usage: sh test/vm/blocks.sh [--disks N] [--boots N] [--seed WORD] [--again] [--table FILE]

  --disks N     so many moments (default: 100)
  --boots N     so many of the riskiest are booted in QEMU as well (default: 5)
  --seed WORD   which moments, and what of the unflushed is lost (default: one)
  --again       takes the recording that an earlier run made of the same package
  --table FILE  writes the table of results there (default: blocks/table.md in the cache)

OPQ_VM_CACHE    folder for images, recording and results (default: .vm in this checkout)
END
}

for option; do
    case $option in
        --help | -h) usage; exit 0 ;;
    esac
done

here=$(cd "$(dirname "$0")" && pwd)
mounted=${OPQ_VM_CACHE:-$here/../../.vm}/blocks/mounted
# However it ends, nothing stays mounted.
unmount() { while mountpoint --quiet "$mounted" && umount --lazy "$mounted"; do :; done; }
trap unmount EXIT
trap 'exit 130' INT TERM
unmount
OPQ_VM_MAIN=test/vm/blocks/main.ts sh "$here/run.sh" "$@"
