#!/bin/sh
# start.sh ARGUMENTS... - starts the updater: the version that an update brought, else the one from the .deb.
#
# /opt/opq-updater/current is a link to the folder of the version in use. A folder that holds a file "bad" is passed
# over, and so is a link that leads nowhere: the factory copy below /usr/lib never changes and always starts.
set -u

root=${OPQ_ROOT:-}
factory=$root/usr/lib/opq-box-updater
current=$root/opt/opq-updater/current

program=$factory/opq-updater.js
if [ -f "$current/opq-updater.js" ] && [ ! -e "$current/bad" ]; then
    program=$current/opq-updater.js
fi
exec node "$program" "$@"
