#!/bin/sh
# run.sh points|faults [NAME ...] - the crash proof: see docs/crash-proof.md. The last line counts.
set -eu
cd "$(dirname "$0")/../.."
for program in strace openssl; do
    command -v "$program" >/dev/null && continue
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$program" >/dev/null
    else
        echo "run.sh: missing: $program. As root: apt-get install $program" >&2
        exit 2
    fi
done
sh setup/prepare.sh
mkdir -p coverage
verb=$1
shift
node_modules/.bin/esbuild test/crash/main.ts --bundle --platform=node --target=node20 --format=esm --sourcemap=inline \
    --loader:.sh=text --log-level=warning --outfile=coverage/crash.mjs \
    --banner:js='import { createRequire as __cr } from "node:module"; const require = __cr(import.meta.url);'
exec node --enable-source-maps coverage/crash.mjs "$verb" "$PWD" "$@"
