#!/bin/sh
# run.sh - the programs on every Node that may be under them, and on the processors of a Raspberry Pi.
# One line a runtime; the last line is "N runtimes, N failed". Exit code 0 only when none failed.
set -eu

usage() {
    cat <<'EOF'
usage: sh test/matrix/run.sh [--allow-missing] [RUNTIME ...]

  RUNTIME          node-20, node-22, node-24: the demo and all tests on that Node, on this processor
                   arm64, armhf: the demo with an emulated box, on the Node of Debian 13
                   (default: all of them)
  --allow-missing  a runtime that cannot be had does not count as failed

OPQ_MATRIX_CACHE   folder for the runtimes and what failed ones leave (default: below /var/tmp), which every user
                   may enter: some tests run the programs as somebody else
EOF
}

# Runtime, where it comes from, version. The oldest is the one of Debian 13.
runtimes='
node-20 npm 20.19.2
node-22 npm 22.23.3
node-24 npm 24.21.0
arm64 debian trixie
armhf debian trixie
'

allow_missing=no chosen=''
for option; do
    case $option in
        --allow-missing) allow_missing=yes ;;
        --help | -h) usage; exit 0 ;;
        *)
            if ! printf '%s' "$runtimes" | grep -q "^$option "; then
                usage >&2
                exit 2
            fi
            chosen="$chosen $option"
            ;;
    esac
done

cd "$(dirname "$0")/../.."
repo=$PWD
cache=${OPQ_MATRIX_CACHE:-/var/tmp/opq-matrix-$(id -u)}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)

main() {
    sh setup/prepare.sh
    count=0 failed=0
    for name in ${chosen:-$(printf '%s' "$runtimes" | cut -d ' ' -f 1)}; do
        # shellcheck disable=SC2046 # the words of one row
        set -- $(printf '%s' "$runtimes" | grep "^$name ")
        count=$((count + 1))
        rm -rf "${cache:?}/$1.log" "${cache:?}/$1.work"
        mkdir "$cache/$1.work"
        began=$(date +%s)
        if ! "get_from_$2" "$1" "$3" >"$cache/$1.log" 2>&1; then
            result="missing, see $cache/$1.log"
            [ "$allow_missing" = yes ] || failed=$((failed + 1))
        elif "try_from_$2" "$1" >"$cache/$1.log" 2>&1; then
            result="passed in $(($(date +%s) - began)) s"
            rm -rf "${cache:?}/$1.work"
        else
            result="failed, see $cache/$1.log"
            failed=$((failed + 1))
        fi
        echo "$1 ($3): $result"
    done
    echo "$count runtimes, $failed failed"
    [ "$failed" -eq 0 ]
}

get_from_npm() { # RUNTIME VERSION -> $cache/RUNTIME-VERSION/package/bin/node
    processor=$(node -p process.arch)
    # Where it is: with the version, and whole, as it is renamed last.
    node_dir=$cache/$1-$2
    [ ! -e "$node_dir" ] || return 0
    rm -rf "$node_dir.new"
    mkdir "$node_dir.new" &&
        (cd "$node_dir.new" && npm pack --silent "node-linux-$processor@$2" && tar -xzf ./*.tgz && rm ./*.tgz) &&
        mv "$node_dir.new" "$node_dir"
}

get_from_debian() { # ARCH SUITE -> $cache/ARCH-SUITE, Node and its libraries
    node_dir=$cache/$1-$2
    for program in mmdebstrap unshare qemu-aarch64-static qemu-arm-static; do
        command -v "$program" || { echo "$program is missing: apt-get install mmdebstrap util-linux qemu-user-static"; return 1; }
    done
    [ ! -e "$node_dir" ] || return 0
    rm -rf "$node_dir.new"
    # From where this machine has its own packages: not the one of the security updates, which is not whole.
    # shellcheck disable=SC2016 # apt fills these in
    mirror=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' | sed -n 's/^[a-z]* //p' | head -n 1)
    [ -n "$mirror" ] || { echo "apt has no source of Debian's packages: see /etc/apt/sources.list"; return 1; }
    # Unpacked only: no program of that processor runs meanwhile. One source: mirrors are often not complete for it.
    echo "deb $mirror $2 main" |
        mmdebstrap --quiet --variant=extract --arch="$1" --include=nodejs \
            --aptopt='APT::Install-Recommends "false"' "$2" "$node_dir.new" - &&
        ln -s usr/lib "$node_dir.new/lib" && mv "$node_dir.new" "$node_dir"
}

# Warnings of Node go into a file of their own: nothing deprecated may be among them.
try_from_npm() { # RUNTIME
    PATH=$node_dir/package/bin:$PATH NODE_OPTIONS=--redirect-warnings=$cache/$1.work/warnings sh -ec '
        node --version
        sh "$1/test/matrix/demo.sh" "$2"
        node node_modules/vitest/vitest.mjs run
    ' sh "$repo" "$cache/$1.work" && nothing_deprecated "$cache/$1.work/warnings"
}

try_from_debian() { # ARCH
    cat >"$cache/$1.work/node" <<EOF
#!/bin/sh
exec sh "$repo/test/matrix/other-processor.sh" $1 "$node_dir" "\$@"
EOF
    chmod +x "$cache/$1.work/node"
    "$cache/$1.work/node" --print 'process.arch + " " + process.version' &&
        OPQ_TRY_NODE=$cache/$1.work/node sh test/matrix/demo.sh "$cache/$1.work"
}

nothing_deprecated() { # FILE
    ! grep -s DeprecationWarning "$1"
}

main
