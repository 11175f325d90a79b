#!/bin/sh
# test.sh - sets up what the tests need, then runs the checks and the tests. The last line counts the tests.
set -eu
cd "$(dirname "$0")/.."

# program:Debian package. The tests act as old clients with the real tools.
needed='bash:bash tar:tar bzip2:bzip2 lbzip2:lbzip2 openssl:openssl wget:wget shellcheck:shellcheck script:bsdutils setpriv:util-linux python3:python3 git:git busybox:busybox-static setfattr:attr'
programs=''
packages=''
for pair in $needed; do
    command -v "${pair%%:*}" >/dev/null && continue
    programs="$programs ${pair%%:*}"
    packages="$packages ${pair##*:}"
done
if [ -n "$packages" ] && [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    echo "Installing:$packages"
    apt-get update -qq
    # shellcheck disable=SC2086 # a list of words
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
elif [ -n "$packages" ]; then
    echo "test: missing:$programs. As root: apt-get install$packages" >&2
    exit 2
fi

sh setup/prepare.sh
npm run --silent check
mkdir -p coverage
status=0
npx vitest run --reporter=default --reporter=json --outputFile.json=coverage/tests.json || status=$?
node setup/count-tests.mjs coverage/tests.json
exit "$status"
