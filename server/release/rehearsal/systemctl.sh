#!/bin/sh
# systemctl of a rehearsal, where no systemd runs: notes the call, makes and removes the links that it would.
printf '%s\0' "systemctl $*" >>/dev/opq-release/calls
folder=/etc/systemd/system
verb='' units=''
for word; do
    case $word in
        -*) ;;
        *) if [ -z "$verb" ]; then verb=$word; else units="$units $word"; fi ;;
    esac
done
for unit in $units; do
    case $unit in *.*) ;; *) unit=$unit.service ;; esac
    file=$folder/$unit
    [ -e "$file" ] || file=/usr/lib/systemd/system/$unit
    case $verb in
        enable | reenable)
            [ -e "$file" ] || { echo "Unit $unit does not exist." >&2; exit 1; }
            sed -n 's/^WantedBy=//p' "$file" | tr ' ' '\n' | while read -r target; do
                mkdir -p "$folder/$target.wants" && ln -sfn "$file" "$folder/$target.wants/$unit" || exit 1
            done || exit 1
            ;;
        disable) rm -f "$folder"/*.wants/"$unit" || exit 1 ;;
        mask) ln -sfn /dev/null "$folder/$unit" || exit 1 ;;
        unmask) [ "$(readlink "$folder/$unit")" != /dev/null ] || rm -f "$folder/$unit" || exit 1 ;;
        is-enabled) ls "$folder"/*.wants/"$unit" >/dev/null 2>&1 || { echo disabled; exit 1; } ;;
    esac
done
# The services of the box are stopped when its script runs.
case $verb in is-active) echo inactive; exit 3 ;; esac
exit 0
