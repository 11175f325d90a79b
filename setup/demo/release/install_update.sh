#!/bin/bash
# Installs the box configuration daemon of this release. Runs as root in the unpacked package.
# OPQ_BOX_ROOT is the folder that stands for "/" on a scratch box; on a real box it is not set.
set -e
root=${OPQ_BOX_ROOT:-}
target=$root/usr/local/box-config-daemon
units=$root/etc/systemd/system

echo "PROGRESS 10 Stopping the service"
sudo systemctl stop box-config-daemon.service

echo "PROGRESS 30 Replacing the files"
# Its content, not the folder itself: on a real box that is where the script may write, and its parent is not.
mkdir -p "$target" "$units"
find "$target" -mindepth 1 -delete
cp -R box-configuration-daemon/. "$target/"

echo "PROGRESS 70 Installing the unit"
cp box-configuration-daemon/box-config-daemon.service "$units/"
sudo systemctl daemon-reload
sudo systemctl enable box-config-daemon.service

cp VERSION "$target/VERSION"
echo "PROGRESS 100 Done"
echo "box-config-daemon $(cat VERSION) is in place"
