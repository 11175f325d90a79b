#!/bin/sh
# generator.sh NORMAL EARLY LATE - keeps our units in force and enabled while a release is on trial; see systemd.generator(7).
#
# A script that masks, overrides or disables them is found before the reboot and put back. But where the power goes, or the
# script reboots the box, before anybody looked, the next boot would have neither updater nor guard, for good. systemd
# calls this before it reads any unit; what it links into EARLY wins over /etc/systemd/system. What lay there when the
# snapshot was made is the operator's, and holds. Needs /var on the root file system, as nothing else is mounted yet.
set -u
LC_ALL=C
export LC_ALL
root=${OPQ_ROOT:-}
early=$2
trial=$root/var/lib/opq-updater/trial
over=etc/systemd/system
ours=/usr/lib/systemd/system
[ -d "$trial" ] || exit 0

# "before" holds a record for each path of the snapshot, ended by NUL; the path is its last word.
before() { tr '\0' '\n' <"$trial/before" 2>/dev/null | sed -n "s,^.* \($over/.*opq-updater.*\)\$,\1,p"; }
operators() { before | grep -qxF "$1"; }

for path in "$root/$over"/opq-updater*; do
    name=${path##*/}
    case $name in
        *.d)
            for drop_in in "$path"/*.conf; do
                file=$name/${drop_in##*/}
                [ -e "$drop_in" ] || [ -L "$drop_in" ] || continue
                operators "$over/$file" && continue
                mkdir -p "$early/$name" && ln -s /dev/null "$early/$file"
            done
            ;;
        *)
            { [ -e "$root$ours/$name" ] && ! operators "$over/$name"; } || continue
            cp "$root$ours/$name" "$early/$name" # a link to the file of the same name does not count
            ;;
    esac
done

# The links that enabled them, and are gone.
before | grep "^$over/[^/]*\.wants/[^/]*\$" | while read -r link; do
    { [ ! -L "$root/$link" ] && [ -e "$root$ours/${link##*/}" ]; } || continue
    want=${link#"$over"/}
    mkdir -p "$early/${want%/*}" && ln -s "$ours/${want##*/}" "$early/$want"
done
exit 0
