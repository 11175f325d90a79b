#!/bin/sh
# An update is on trial, or the journal has one at any step but "idle". A text inside the journal cannot pass for its
# step: the quotes of a text are escaped there. A journal that cannot be read counts as under way.
under_way() {
    state=${DPKG_ROOT:-}/var/lib/opq-updater
    [ -e "$state/trial" ] || { [ -e "$state/journal.json" ] && ! grep -q '"step": *"idle"' "$state/journal.json"; }
}
