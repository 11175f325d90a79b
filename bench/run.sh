#!/bin/sh
# run.sh - times the updater and its server against what others use. See README.md beside it.
# The last line is "N met, N short, N not run"; exit code 0 when everything could be run, 1 otherwise.
set -eu

usage() {
    cat <<'END'
usage: sh bench/run.sh [full | quick | NAME ...] [--rounds N] [--table FILE]

  full          every benchmark, 7 rounds each (as with no name)
  quick         in about two minutes: fewer rounds, no peer that takes long
  --rounds N    so many paired rounds
  --table FILE  writes the figures there as Markdown

OPQ_BENCH_CACHE  folder for packages and results (default: .bench in this checkout)
END
}
for option; do
    case $option in
        --help | -h) usage; exit 0 ;;
    esac
done

from=$PWD
repo=$(cd "$(dirname "$0")/.." && pwd)
cd "$repo"
PATH=$PATH:/usr/sbin:/sbin
export PATH

. setup/debian-packages.sh
need run.sh bash:bash bzip2:bzip2 lbzip2:lbzip2 tar:tar openssl:openssl wget:wget wrk:wrk strace:strace
# One that is not to be had is told of, and what needs it is "not run".
for pair in swupdate:swupdate rauc:rauc mksquashfs:squashfs-tools nginx:nginx-light cpio:cpio mender:mender-client \
    mender-artifact:mender-artifact; do
    command -v "${pair%%:*}" >/dev/null || [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null || {
        echo "Installing: ${pair##*:}"
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${pair##*:}" >/dev/null 2>&1 ||
            echo "run.sh: ${pair##*:} cannot be installed" >&2
    }
done

cache=${OPQ_BENCH_CACHE:-$repo/.bench}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
sh setup/prepare.sh
for program in main pipeline; do
    node_modules/.bin/esbuild "bench/$program.ts" --bundle --platform=node --target=node20 --format=esm \
        --log-level=warning --loader:.sh=text --outfile="$cache/$program.mjs" \
        --banner:js="import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);"
done
cd "$from"
# The first has Node read a file of certificates at each start, for longer than all the rest takes; no box has it.
unset NODE_EXTRA_CA_CERTS NODE_OPTIONS
exec node "$cache/main.mjs" "$repo" "$cache" "$@"
