#!/bin/sh
# run.sh [--stories N] [--seed N] - random events on a whole updater whose box is played. The last line is
# "N stories, N dead ends"; exit code 0 only without any.
set -eu
cd "$(dirname "$0")/../.."
sh setup/prepare.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp systemd/guard.sh test/model/restore-played.sh "$work"
node_modules/.bin/esbuild test/model/main.ts --bundle --platform=node --target=node20 --format=esm --sourcemap=inline \
    --loader:.sh=text --log-level=warning --outfile="$work/model.mjs" \
    --banner:js='import { createRequire } from "node:module"; const require = createRequire(import.meta.url);'
node --enable-source-maps "$work/model.mjs" --guard "$work" "$@"
