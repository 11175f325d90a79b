#!/bin/sh
# run.sh - wrong input, as much as asked for, into everything that reads what others write. See docs/fuzzing.md.
set -eu
cd "$(dirname "$0")/../.."
sh setup/prepare.sh
mkdir -p coverage
node_modules/.bin/esbuild test/fuzz/main.ts --bundle --platform=node --target=node20 --format=esm --packages=external \
    --loader:.sh=text --sourcemap=inline --log-level=warning --outfile=coverage/fuzz.mjs
exec node --enable-source-maps coverage/fuzz.mjs "$@"
