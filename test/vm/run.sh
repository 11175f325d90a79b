#!/bin/sh
# run.sh - boots real boxes in QEMU, updates them, cuts their power, and looks what is left. See README.md beside it.
# The last line is "N scenarios, N cuts, N lost"; exit code 0 only when none was lost.
set -eu

usage() {
    cat <<'END'
usage: sh test/vm/run.sh [all | quick | NAME ...] [--jobs N] [--resume] [--table FILE]

  all           every scenario (as with no name)
  quick         the few that run on every change
  --jobs N      so many machines side by side (default: one for each processor)
  --resume      goes on with a run that was broken off: skips what passed with the same package
  --table FILE  writes the table of results there (default: table.md in the cache)

OPQ_VM_CACHE    folder for images, results and what failed scenarios leave (default: .vm in this checkout)
END
}

for option; do
    case $option in
        --help | -h) usage; exit 0 ;;
    esac
done

# The table is the caller's, wherever the rest happens.
from=$PWD
repo=$(cd "$(dirname "$0")/../.." && pwd)
cd "$repo"
# Tools of file systems, also for one who has logged in as a common user.
PATH=$PATH:/usr/sbin:/sbin
export PATH

. setup/debian-packages.sh
need run.sh mmdebstrap:mmdebstrap qemu-system-x86_64:qemu-system-x86 qemu-img:qemu-utils mke2fs:e2fsprogs \
    busybox:busybox-static cpio:cpio modprobe:kmod nc:netcat-openbsd setpriv:util-linux xz:xz-utils flock:util-linux
if [ "$(id -u)" -ne 0 ]; then
    echo "run.sh: has to be root, as the image holds files of every owner" >&2
    exit 2
fi

cache=${OPQ_VM_CACHE:-$repo/.vm}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
# Two runs in one cache would take each other's disks away.
exec 9>"$cache/lock"
flock --nonblock 9 || { echo "run.sh: another run is under way in $cache" >&2; exit 2; }

sh setup/prepare.sh
# Of one date, whatever the commit: a run can be gone on with as long as nothing in the package changes.
SOURCE_DATE_EPOCH=1577836800 npm run --silent --if-present deb
node_modules/.bin/esbuild "${OPQ_VM_MAIN:-test/vm/main.ts}" --bundle --platform=node --target=node20 --format=esm \
    --sourcemap=inline --log-level=warning --loader:.sh=text --outfile="$cache/harness.mjs" \
    --banner:js='import { createRequire } from "node:module"; const require = createRequire(import.meta.url);'
cd "$from"
exec node --enable-source-maps "$cache/harness.mjs" "$repo" "$cache" "$@"
