#!/bin/sh
# demo.sh FOLDER - the demo twice: a release that is confirmed, and one that is put back. Neither may warn.
set -eu
folder=$1
demo() { # EXPECTED-EXIT OPTION...
    expected=$1 found=0
    shift
    OPQ_TRY_DIR=$folder/try sh "$(dirname "$0")/../../setup/try.sh" --once "$@" >"$folder/demo" 2>&1 || found=$?
    cat "$folder/demo" "$folder/try/box.log" "$folder/try/server.log"
    [ "$found" -eq "$expected" ] || { echo "demo: expected exit code $expected, found $found"; exit 1; }
    if grep -h '^(node:[0-9]*)' "$folder/demo" "$folder/try/box.log" "$folder/try/server.log"; then
        echo "demo: Node warns, see the line above"
        exit 1
    fi
}
demo 0
demo 6 --bad-release
