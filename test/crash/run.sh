#!/bin/sh
# run.sh points|faults [SCENARIO ...] - the crash proof, see docs/crash-proof.md. The last line counts; exit code 0 only
# without a violation, or with every fault caught or explained.
set -eu
cd "$(dirname "$0")/../.."
missing=''
for program in strace openssl; do
    command -v "$program" >/dev/null || missing="$missing $program"
done
if [ -n "$missing" ] && [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    echo "Installing:$missing"
    apt-get update -qq
    # shellcheck disable=SC2086 # a list of words
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
elif [ -n "$missing" ]; then
    echo "run.sh: missing:$missing. As root: apt-get install$missing" >&2
    exit 2
fi
sh setup/prepare.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
verb=$1
shift
node_modules/.bin/esbuild test/crash/main.ts --bundle --platform=node --target=node20 --format=esm \
    --loader:.sh=text --log-level=warning --outfile="$work/crash.mjs" \
    --banner:js='import { createRequire } from "node:module"; const require = createRequire(import.meta.url);'
node "$work/crash.mjs" "$verb" "$PWD" "$@"
