#!/bin/sh
# restore.sh SNAPSHOT ROOT - puts the folders of a snapshot back as they were.
#
# The one restore program: the daemon, the guard and "opq-updater rollback --offline" all call it. It needs a POSIX
# shell, GNU tar and coreutils, neither Node nor anything of the release that it undoes. It may be cut off at any
# point and called again: every run begins with the proof that the snapshot is whole and ends with the same folders.
#
# SNAPSHOT holds   tree.tar    the folders, as paths relative to ROOT
#                  folders     one such path a line
#                  absent      paths that did not exist, one a line: removed again
#                  updater     version of the updater that was in use, empty for the factory copy; not in older ones
#                  SHA256SUMS  of these and of "about"
# Exit: 0 done; 2 usage; 3 the snapshot is damaged, nothing was touched; 4 could not be restored in full.
set -u
LC_ALL=C
export LC_ALL

say() { printf 'restore: %s\n' "$*" >&2; }

# By path: some shells bring a tar of their own, which knows neither attributes nor comparison.
installed() { if [ -x "/usr/bin/$1" ]; then echo "/usr/bin/$1"; else echo "/bin/$1"; fi; }
tar=$(installed tar)
sha256sum=$(installed sha256sum)
rm=$(installed rm)
mv=$(installed mv)

# Never into what is mounted below: it is not in the snapshot.
remove() { "$rm" -rf --one-file-system "$@"; }

if [ $# -ne 2 ] || [ ! -d "$1" ] || [ ! -d "$2" ]; then
    say "usage: restore.sh SNAPSHOT ROOT"
    exit 2
fi
snapshot=$(cd "$1" && pwd) || exit 2
root=$(cd "$2" && pwd) || exit 2
root=${root%/}

unpack() { # FOLDER INTO
    "$tar" --extract --file="$snapshot/tree.tar" --directory="$2" --preserve-permissions --numeric-owner \
        --xattrs --xattrs-include='*' --acls --no-selinux -- "$1"
}

# Beside the folder, so that a rename is enough: it is never half there.
aside() { # PATH -> the same path with a mark on its last part
    printf '%s/.opq-restore-%s\n' "$(dirname "$1")" "$(basename "$1")"
}

# Unpacked beside and proven before the old folder goes; where space is too short for both, in its place.
put_back() { # FOLDER
    target=$root/$1
    new=$(aside "$target").new
    old=$(aside "$target").old
    mkdir -p "$(dirname "$target")" && remove "$new" || return 1
    if mkdir "$new" && unpack "$1" "$new" &&
        "$tar" --compare --file="$snapshot/tree.tar" --directory="$new" -- "$1" >/dev/null && sync; then
        remove "$old" || return 1
        if [ -e "$target" ] || [ -L "$target" ]; then mv "$target" "$old" || return 1; fi
        mv "$new/$1" "$target" || return 1
        remove "$new" "$old"
    else
        say "no room beside $target, it is unpacked in its place"
        remove "$new" "$target" "$old" || return 1
        unpack "$1" "$root/"
    fi
}

# By one rename, after the version that was on trial got its mark: from then on it is never started, cut off or not.
put_updater_back() {
    [ -f "$snapshot/updater" ] || return 0
    versions=$root/opt/opq-updater
    before=$(cat "$snapshot/updater")
    now=$(readlink "$versions/current")
    [ "$now" != "$before" ] || return 0
    case $now in
        '' | */* | .*) ;;
        *) [ ! -d "$versions/$now" ] || touch "$versions/$now/bad" || say "$versions/$now could not be marked bad" ;;
    esac
    if [ -z "$before" ]; then
        "$rm" -f "$versions/current"
    else
        "$rm" -f "$versions/current.new" && ln -s "$before" "$versions/current.new" &&
            "$mv" -T "$versions/current.new" "$versions/current"
    fi
}

(cd "$snapshot" && "$sha256sum" --check --status SHA256SUMS) || { say "the snapshot is damaged, nothing was touched"; exit 3; }

failed=0
while IFS= read -r folder; do
    put_back "$folder" || { say "$root/$folder could not be put back"; failed=1; }
done <"$snapshot/folders"
while IFS= read -r folder; do
    remove "$root/${folder:?}" || { say "$root/$folder could not be removed"; failed=1; }
done <"$snapshot/absent"
put_updater_back || { say "the earlier version of the updater could not be put back"; failed=1; }
sync
[ "$failed" -eq 0 ] || exit 4
