#!/bin/sh
# try.sh - the main job end to end, on this machine, in a folder: builds and signs an update, serves it, and lets a
# scratch box find, verify, install and confirm it, "reboot" included. Does its own set-up. Needs no root.
set -eu

usage() {
    cat <<'EOF'
usage: sh setup/try.sh [--once] [--new-release | --bad-release]

  --once         exit with the outcome (0 = confirmed or up to date) instead of staying up to look at
  --new-release  publish another release first; without it, a second run takes what there is, or finds itself up to date
  --bad-release  publish one whose service fails after the reboot, to see it put back (outcome 6)

OPQ_TRY_DIR    folder to work in; everything stays in it (default: scratch/ in this checkout)
OPQ_TRY_NODE   the Node of the box, where that is another than the publisher's and the server's
EOF
}

once=no release=if-none
for option; do
    case $option in
        --once) once=yes ;;
        --new-release) release=good ;;
        --bad-release) release=bad ;;
        --help) usage; exit 0 ;;
        *) echo "try: unknown option \"$option\"" >&2; usage >&2; exit 2 ;;
    esac
done

repo=$(cd "$(dirname "$0")/.." && pwd)
dir=${OPQ_TRY_DIR:-$repo/scratch}
# A unix socket below it must not be longer than 107 bytes.
if [ "${#dir}" -gt 70 ]; then
    [ -z "${OPQ_TRY_DIR:-}" ] || { echo "try: OPQ_TRY_DIR has more than 70 characters: $dir" >&2; exit 2; }
    dir=${TMPDIR:-/tmp}/opq-try-$(id -u)
fi

say() { printf '\n== %s\n' "$*"; }

# --- set-up -------------------------------------------------------------------
sh "$repo/setup/prepare.sh"

mkdir -p "$dir"
chmod 700 "$dir"
dir=$(cd "$dir" && pwd)
[ -O "$dir" ] || { echo "try: $dir belongs to somebody else" >&2; exit 2; }
box=$dir/box updates=$dir/updates keys=$dir/keys
updater() { "${OPQ_TRY_NODE:-node}" "$repo/dist/opq-updater.js" "$@" --root "$box"; }
publisher() { node "$repo/dist/opq-release.js" "$@"; }

if [ -e "$box/run/opq-updater/control.sock" ] && updater status >/dev/null 2>&1; then
    echo "try: a box is already running in $dir; end that one first (Ctrl-C where it runs)" >&2
    exit 5
fi

pids=''
# shellcheck disable=SC2317 # called by the trap
finish() {
    trap - EXIT INT TERM
    for pid in $pids; do kill "$pid" 2>/dev/null || true; done
    for pid in $pids; do wait "$pid" 2>/dev/null || true; done
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# --- publisher: a key, a package, its signature ---------------------------------
[ -e "$keys/private_key.pem" ] || { say "Publisher: makes a key pair"; publisher keygen "$keys"; }

newest() { find "$1" -name 'opq-box-update-*.tar.bz2' 2>/dev/null | sort | tail -n 1; }
publish_release() { # good|bad
    rm -rf "$dir/content"
    cp -R "$repo/setup/demo/release" "$dir/content"
    [ "$1" = good ] || printf '#!/bin/sh\necho broken >&2\nexit 1\n' >"$dir/content/box-configuration-daemon/box-config-daemon"
    mkdir -p "$updates" "$dir/built"
    publisher build "$dir/content" --out "$dir/built"
    publisher publish "$(newest "$dir/built")" --to "$updates" --key "$keys/private_key.pem"
    rm -rf "$dir/content" "$dir/built"
}
[ "$release" != if-none ] || [ -n "$(newest "$updates")" ] || release=good
if [ "$release" != if-none ]; then
    say "Publisher: builds, signs and publishes an update package"
    publish_release "$release"
fi

# --- the update server ----------------------------------------------------------
say "Update server: serves $updates"
printf '{"host":"127.0.0.1","port":0,"updates_dir":"%s"}\n' "$updates" >"$dir/server.json"
rm -f "$dir/server.log" "$dir/box.log"
node "$repo/dist/opq-update-server.js" --settings "$dir/server.json" >"$dir/server.log" 2>&1 &
pids=$!
wait_for() { # COMMAND...: up to a minute
    tries=0
    until "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ "$tries" -lt 300 ] || return 1
        sleep 0.2
    done
}
wait_for grep -q listening "$dir/server.log" || { cat "$dir/server.log" >&2; exit 1; }
url=$(sed -n 's/.*listening on \(http[^,]*\).*/\1/p' "$dir/server.log" | head -n 1)
echo "$url"

# --- the box ----------------------------------------------------------------------
say "Box: a scratch box in $box"
if [ ! -e "$box/usr/local/box-config-daemon/VERSION" ]; then
    # As it comes from the factory: version 1, its service running, the publisher's key pinned.
    mkdir -p "$box/usr/local/box-config-daemon" "$box/etc/systemd/system/multi-user.target.wants" "$box/etc/opq-updater/keys"
    cp -R "$repo/setup/demo/release/box-configuration-daemon/." "$box/usr/local/box-config-daemon/"
    mv "$box/usr/local/box-config-daemon/box-config-daemon.service" "$box/etc/systemd/system/"
    ln -s ../box-config-daemon.service "$box/etc/systemd/system/multi-user.target.wants/box-config-daemon.service"
    echo 1 >"$box/usr/local/box-config-daemon/VERSION"
    cp "$keys/public_key.pem" "$box/etc/opq-updater/keys/publisher.pem"
fi
mkdir -p "$box/etc/opq"
printf '{\n  "server_url": "%s",\n  "health_stable_s": 3,\n  "reserve_bytes": 1048576\n}\n' "$url" >"$box/etc/opq/updater_config.json"
before=$(cat "$box/usr/local/box-config-daemon/VERSION")
# By itself it asks tomorrow: what happens here happens because somebody asks.
"${OPQ_TRY_NODE:-node}" "$repo/dist/opq-updater.js" scratch-box "$box" --first-check-s 86400 >"$dir/box.log" 2>&1 &
pids="$pids $!"
wait_for updater status || { cat "$dir/box.log" >&2; exit 1; }
echo "runs version $before"

say "Box: asks the server, verifies, installs, reboots, confirms"
began=$(date +%s)
outcome=0
updater check --install --wait || outcome=$?
took=$(($(date +%s) - began))
after=$(cat "$box/usr/local/box-config-daemon/VERSION")

case $outcome in
    0) if [ "$after" = "$before" ]; then result="up to date with version $after"; else result="updated from $before to $after in $took s, confirmed after its reboot"; fi ;;
    6) result="a bad release was put back in $took s: the box runs version $after as before" ;;
    *) result="no update (exit $outcome): the box runs version $after" ;;
esac
say "Outcome: $result"
updater history -n 3
cat <<EOF

The log of the box is $dir/box.log, that of the server $dir/server.log.
EOF
if [ "$once" = no ]; then
    say "Publisher: publishes another one, for the page to install"
    publish_release good
    updater check
    "${OPQ_TRY_NODE:-node}" "$repo/dist/opq-updater-ui.js" --root "$box" --host 127.0.0.1 --port 0 --idle-s 0 \
        >"$dir/page.log" 2>&1 &
    pids="$pids $!"
    wait_for grep -q listening "$dir/page.log" || { cat "$dir/page.log" >&2; exit 1; }
    page=$(sed -n 's/.*listening on \(http.*\)/\1/p' "$dir/page.log" | head -n 1)
    say "Page: $page"
    # Anew at each start: nobody has to remember a password of a demo.
    updater page pin
    cat <<EOF

Box, server and page stay up. The page has a release to install. By command line, in another terminal:

  node dist/opq-updater.js status --root $box
  node dist/opq-updater.js why --root $box
  node dist/opq-updater.js install --wait --root $box
  node dist/opq-updater.js history --root $box
  node dist/opq-updater.js rollback --wait --root $box
  node dist/opq-updater.js page pin --root $box
  curl $url/version.json

Ctrl-C ends them all.
EOF
    wait
fi
exit "$outcome"
