#!/bin/sh
# migrate.sh - part of install.sh: takes over a box that the old updater keeps up to date, and gives it back. The old
# updater is a cron job that calls a script; it reads the same updater_config.json.
#
# Exactly one of the two asks for updates, wherever the power goes: from the second step on one line of one file decides,
# "schedule" in updater_config.json, which changes by a rename. While it is null our daemon asks for nothing, and only
# then the guarded line of the old cron job does what it did:
#
#   step                                     old cron line  "schedule"  who asks
#   keep copies                              as it was      none        the old one; ours is not installed
#   hold ours                                as it was      null        the old one
#   guard the old line                       guarded        null        the old one
#   install the package                      guarded        null        the old one
#   switch: one rename                       guarded        0 0 * * *   ours
#   switch the old line off for good         commented out  0 0 * * *   ours
#
# Back is the same upwards. Each step finds out by itself whether it was done: what was cut off is run again.
# shellcheck disable=SC2034,SC2154 # variables of install.sh

version_file=$root/usr/local/box-config-daemon/VERSION
off_mark='#opq-updater# '
guard="grep -qs '\"schedule\": *null' /etc/opq/updater_config.json || exit 0; "

check_old() {
    [ -d "$kept" ] || [ -n "$(old_cron_files)" ] ||
        refuse "--migrate: no line in /var/spool/cron/crontabs, /etc/crontab or /etc/cron.d calls the old updater; install without --migrate"
}

take_over() {
    [ -d "$kept" ] || keep_copies
    say "Taking over from the old updater; what was there is kept in $kept"
    put_page_settings_aside
    hold_ours
    edit_cron guarded
}

finish_take_over() {
    switch_to_ours
    edit_cron off
    tell_version
    say "The old updater is switched off; back: sudo sh setup/install.sh --migrate-back"
}

give_back() {
    [ -d "$kept" ] || refuse "--migrate-back: there is no $kept: this box was not taken over, or was given back already"
    refuse_under_way
    say "Giving the box back to the old updater"
    # Where cron asks for ours, "schedule" is null, too.
    if [ -e "$cron" ]; then schedule=daemon && set_schedule; fi
    # Until now an update may have begun; from here on none does. A connection would start the service again.
    units='opq-updater-control.socket opq-updater-page.socket opq-updater.service'
    # shellcheck disable=SC2086 # a list of units
    systemctl stop $units || true
    # shellcheck disable=SC2086
    (refuse_under_way) || { systemctl start $units; exit 2; }
    put_page_settings_aside
    edit_cron guarded-again
    ours=$kept/new_updater_config.json
    if [ -e "$config" ] && [ ! -e "$ours" ]; then put_copy "$config" "$ours"; fi
    switch_to_old
    uninstall
    edit_cron as-it-was
    restore_files
    rm -rf "$kept.returned"
    mv "$kept" "$kept.returned"
    say "The old updater asks again; our configuration is kept in $kept.returned"
}

# --- what there is

# As the package's prerm does, which would leave the box half given back.
refuse_under_way() {
    state=$root/var/lib/opq-updater
    [ -z "${OPQ_UPDATER_FORCE:-}" ] || return 0
    [ ! -e "$state/trial" ] || refuse "--migrate-back: an update is on trial; wait for its verdict (opq-updater status) and run this again"
    [ ! -e "$state/journal.json" ] || grep -q '"step": *"idle"' "$state/journal.json" ||
        refuse "--migrate-back: an update is under way; wait for its end (opq-updater status) and run this again"
}

# Files with a line that runs the old updater, guarded and switched off ones too.
old_cron_files() {
    for file in "$root"/var/spool/cron/crontabs/* "$root/etc/crontab" "$root"/etc/cron.d/*; do
        if [ -f "$file" ] && { has_old_line "$file" || grep -qF "$guard" "$file"; }; then printf '%s\n' "$file"; fi
    done
}

# --- copies: whole or not there

keep_copies() {
    rm -rf "$kept.new"
    mkdir -p "$kept.new/files"
    chmod 0700 "$kept.new"
    local_version=$(download_dir)/local_version.json
    {
        old_cron_files
        for file in "$config" "$root/etc/opq/opqbox_config.json" "$root$local_version" "$version_file"; do
            printf '%s\n' "$file"
        done
    } >"$kept.new/list"
    while IFS= read -r file; do
        [ -e "$file" ] || continue
        mkdir -p "$kept.new/files$(dirname "${file#"$root"}")"
        cp -a "$file" "$kept.new/files${file#"$root"}" || fail "$file cannot be copied to $kept.new"
    done <"$kept.new/list"
    sync
    mv "$kept.new" "$kept"
    sync
}

# --- the one line that decides

# What somebody set on the page lies over the configuration: of an earlier installation, or of the one that goes.
put_page_settings_aside() {
    settings=$root/var/lib/opq-updater/settings.json
    grep -qs '"schedule"' "$settings" || return 0
    mv "$settings" "$kept/settings.json"
    say "What was set on the page (schedule, window) is put aside: $kept/settings.json"
}

hold_ours() {
    if [ -e "$config" ]; then
        ! grep -q '"schedule"' "$config" || return 0
        with_null "$config" | replace "$config"
    else
        mkdir -p "$(dirname "$config")"
        printf '{\n  "schedule": null\n}\n' >"$config.new"
        sync "$config.new"
        mv "$config.new" "$config"
    fi
    grep -q '"schedule": *null' "$config" || fail "$config should be a JSON object: mend it, or move it away, and run this again"
}

# The first brace opens the object; the old updater passes over a key that it does not know.
with_null() { sed '0,/{/s//{ "schedule": null, /' "$1" | sed 's/{ "schedule": null, *}/{ "schedule": null }/'; }

# Keys that only the old updater knows go with the same rename: it needs them as long as it runs.
switch_to_ours() {
    # With a cron job of our own the switch was long ago.
    if ! daemon_is_off || [ -e "$cron" ]; then return 0; fi
    endpoint=$(sed -n 's/.*"updates_ep" *: *"\(https\{0,1\}:[^"]*\)".*/\1/p' "$root/etc/opq/opqbox_config.json" 2>/dev/null | head -n 1)
    node -e '
        const config = JSON.parse(require("node:fs").readFileSync(process.argv[1], "utf8"));
        for (const key of ["public_key", "update_package", "signature"]) delete config[key];
        if (!config.server_url && process.argv[2]) config.server_url = process.argv[2];
        config.schedule = "0 0 * * *";
        console.log(JSON.stringify(config, null, 2));
    ' "$config" "$endpoint" >"$kept/switched.json" || fail "$config is not JSON, so the old updater goes on: mend it, and run this again"
    replace "$config" <"$kept/switched.json"
    systemctl restart opq-updater.service || fail "the updater does not start; see: journalctl -u opq-updater.service"
}

switch_to_old() {
    old=$kept/files${config#"$root"}
    if [ -e "$old" ]; then with_null "$old" >"$kept/held.json"; else printf '{ "schedule": null }\n' >"$kept/held.json"; fi
    if [ -e "$config" ]; then replace "$config" <"$kept/held.json"; else cp "$kept/held.json" "$config"; fi
}

# --- the old cron job

# guarded: does what it did while "schedule" is null; off: a comment; guarded-again: no comment any more; as-it-was: the
# very line.
edit_cron() { # STATE
    old_cron_files | while IFS= read -r file; do
        case $1 in
            guarded) guard_lines "$file" ;;
            guarded-again) sed "s|^$off_mark||" "$file" ;;
            off) awk -v guard="$guard" -v mark="$off_mark" 'index($0, guard) && !/^#/ { $0 = mark $0 } { print }' "$file" ;;
            as-it-was) awk -v guard="$guard" -v mark="$off_mark" '
                at = index($0, guard) {
                    if (index($0, mark) == 1) { $0 = substr($0, length(mark) + 1); at -= length(mark) }
                    $0 = substr($0, 1, at - 1) substr($0, at + length(guard))
                } { print }' "$file" ;;
        esac >"$kept/cron"
        # With its time, too, when nobody else changed it.
        before=$kept/files${file#"$root"}
        if [ "$1" = as-it-was ] && same_lines "$kept/cron" "$before"; then
            put_copy "$before" "$file"
        elif ! same_lines "$kept/cron" "$file"; then
            replace "$file" <"$kept/cron"
        fi
    done
}

# After the times, and in files of the system after the user.
guard_lines() { # FILE
    case $1 in "$root/etc/"*) fields=6 ;; *) fields=5 ;; esac
    awk -v guard="$guard" -v fields="$fields" -v old="$old_line" '
        $0 ~ old && !/^[ \t]*#/ && !index($0, guard) {
            n = fields; if ($1 ~ /^@/) n -= 4
            rest = $0; head = ""
            while (n-- > 0) { match(rest, /^[ \t]*[^ \t]+[ \t]+/); head = head substr(rest, 1, RLENGTH); rest = substr(rest, RLENGTH + 1) }
            $0 = head guard rest
        } { print }' "$1"
}

# awk ends the last line, whether it was ended or not.
same_lines() { [ -e "$2" ] && awk 1 "$2" | cmp -s - "$1"; }

# --- files

# Mode and owner stay; cron passes over names with a dot in front, and sees a rename.
replace() { # FILE, its new content from stdin
    new=$(dirname "$1")/.$(basename "$1").opq-new
    { cp -p "$1" "$new" && cat >"$new" && sync "$new" && mv "$new" "$1"; } || fail "$1 cannot be written"
}

put_copy() { # FROM TO
    new=$(dirname "$2")/.$(basename "$2").opq-new
    { cp -a "$1" "$new" && sync "$new" && mv "$new" "$2"; } || fail "$2 cannot be written"
}

restore_files() {
    old=$kept/files${config#"$root"}
    if [ -e "$old" ]; then put_copy "$old" "$config"; else rm -f "$config"; fi
    if [ -e "$kept/made_version" ] && cmp -s "$kept/made_version" "$version_file"; then rm -f "$version_file"; fi
}

# --- the version

download_dir() {
    dir=$(sed -n 's/.*"download_dir_path" *: *"\([^"]*\)".*/\1/p' "$config" 2>/dev/null | head -n 1)
    printf '%s' "${dir:-/var/opq/updater/}" | sed 's|/*$||'
}

# VERSION stays as it is. Where there is none, the old updater's own note may know the release.
tell_version() {
    if [ -s "$version_file" ]; then
        found=$(tr -d ' \r\n' <"$version_file")
        case $found in
            *[!0-9]*) say "VERSION is \"$found\", no number: the box counts as never updated and takes the next signed release" ;;
            ?????????*) say "VERSION is $found: only newer releases are taken" ;;
            *) say "VERSION is $found, older than every release: the next signed release is taken" ;;
        esac
        return 0
    fi
    note=$root$(download_dir)/local_version.json
    release=$(sed -n 's/.*"\(release\|version\)" *: *\([1-9][0-9]\{8,11\}\)\([^0-9].*\)\{0,1\}$/\2/p' "$note" 2>/dev/null | head -n 1)
    if [ -n "$release" ] && [ -d "$(dirname "$version_file")" ]; then
        printf '%s\n' "$release" >"$kept/made_version"
        cp "$kept/made_version" "$version_file.new"
        sync "$version_file.new"
        mv "$version_file.new" "$version_file"
        say "VERSION is made from local_version.json: $release; only newer releases are taken"
    else
        say "No release is known that runs here: the box counts as never updated and takes the next signed release"
    fi
}
