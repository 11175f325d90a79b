#!/bin/sh
# test.sh - sets up what the tests need, then runs the checks and the tests. The last line counts the tests.
set -eu
cd "$(dirname "$0")/.."

. setup/debian-packages.sh
# The tests act as old clients with the real tools, and as technicians with a real browser.
need test bash:bash tar:tar bzip2:bzip2 lbzip2:lbzip2 openssl:openssl wget:wget shellcheck:shellcheck \
    script:bsdutils setpriv:util-linux python3:python3 git:git busybox:busybox-static setfattr:attr \
    redis-server:redis-server rsync:rsync "chromium:chromium fonts-dejavu-core"

sh setup/prepare.sh
npm run --silent check
mkdir -p coverage
status=0
npx vitest run --reporter=default --reporter=json --outputFile.json=coverage/tests.json || status=$?
node setup/count-tests.mjs coverage/tests.json
exit "$status"
