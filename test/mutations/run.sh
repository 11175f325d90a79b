#!/bin/sh
# run.sh [AREA ...] - makes one thing after the other wrong in a copy of this checkout: each has to fail a test. Areas:
# machine, trust, undo, archive, gates. The last line is "N mutations, N caught, N survived"; exit code 0 only without
# any that survived.
set -eu
cd "$(dirname "$0")/../.."
sh setup/prepare.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
node_modules/.bin/esbuild test/mutations/main.ts --bundle --platform=node --target=node20 --format=esm \
    --log-level=warning --outfile="$work/mutations.mjs"
node "$work/mutations.mjs" "$PWD" "$@"
