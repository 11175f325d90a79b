#!/bin/sh
# prepare.sh - what the demo and the tests share: the right Node, the npm packages, the bundles in dist/.
# Does nothing that has been done; names what is missing and exits 2 when it cannot help itself.
set -eu
cd "$(dirname "$0")/.."

missing=
for program in node npm bash tar bzip2; do
    command -v "$program" >/dev/null || missing="$missing $program"
done
if [ -n "$missing" ]; then
    echo "prepare: missing:$missing. On Debian: apt-get install bash tar bzip2 nodejs npm (Node 20.19 or newer)" >&2
    exit 2
fi
node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' || {
    echo "prepare: expected Node 20.19 or newer, found $(node --version)" >&2
    exit 2
}

# npm writes this file at the end of every install.
installed=node_modules/.package-lock.json
if [ ! -e "$installed" ] || [ -n "$(find package-lock.json -newer "$installed")" ]; then
    echo "Installing the npm packages ..."
    npm ci --loglevel=error
    touch "$installed"
fi

sources='protocol daemon ui server systemd setup/build.mjs package-lock.json'
# shellcheck disable=SC2086 # a list of words
if [ ! -e dist/opq-update-server.js ] || [ -n "$(find $sources -newer dist/opq-update-server.js -type f | head -n 1)" ]; then
    echo "Building the bundles ..."
    npm run --silent build
fi
