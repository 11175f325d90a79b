#!/bin/sh
# debian-packages.sh - to be sourced: sees that programs are there. With apt and as root it installs what is missing.

# Names the missing ones, with what to do, and exits 2 when they cannot be had.
need() { # WHO PROGRAM:DEBIAN-PACKAGE...
    who=$1 programs='' packages=''
    shift
    for pair; do
        command -v "${pair%%:*}" >/dev/null && continue
        programs="$programs ${pair%%:*}"
        packages="$packages ${pair##*:}"
    done
    if [ -z "$packages" ]; then
        return
    elif [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
        echo "Installing:$packages"
        apt-get update -qq
        # shellcheck disable=SC2086 # a list of words
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
    else
        echo "$who: missing:$programs. As root: apt-get install$packages" >&2
        exit 2
    fi
}
