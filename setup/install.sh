#!/bin/sh
# install.sh - puts the updater on a real box: package, watchdog, panic settings, server, key, schedule. Safe to run
# twice: what was not asked for again stays as it is.
set -eu

usage() {
    cat <<'TEXT'
usage: sudo sh setup/install.sh [OPTIONS]
       sudo sh setup/install.sh --migrate [OPTIONS] | --migrate-back
       sudo sh setup/install.sh --uninstall [--purge]

  --deb FILE             the package (default: the one in dist/, which is built if it is not there)
  --server-url URL       the update server
  --key FILE|URL         the publisher's public key, to be pinned on this box
  --fingerprint HEX      whole fingerprint of that key, where nobody can be asked
  --schedule daemon|cron who asks for updates: the updater itself (default) or cron
  --migrate              take over from the old updater, which cron calls: its server, its version, its schedule
  --migrate-back         remove the updater, and have the old one go on as it was
  --uninstall            remove the updater; configuration, keys and history stay
  --purge                with --uninstall: those too

On a terminal it asks for the server and the key if none is set.
Exit: 0 done; 1 something failed, or the box is not ready for updates yet; 2 wrong use, or not a box for it.
TEXT
}

here=$(cd "$(dirname "$0")" && pwd)
# Tests install into a folder.
root=${OPQ_ROOT:-}
config=$root/etc/opq/updater_config.json
cron=$root/etc/cron.d/opq-updater
watchdog=$root/etc/systemd/system.conf.d/opq-updater-watchdog.conf
# A line of cron that runs the updater of old boxes, by its places and by the mark that its set-up left.
old_line='/usr/local/bin/updater[.]py|box_updater[.]py|box-config-daemon/updater/updater[.](py|sh)|# run_updater$'
sysctl=$root/etc/sysctl.d/60-opq-updater.conf
share=$root/usr/share/opq-box-updater
kept=$root/var/backups/opq-updater-migration

say() { printf '== %s\n' "$*"; }
fail() { printf 'install: %s\n' "$*" >&2; exit 1; }
refuse() { printf 'install: %s\n' "$*" >&2; exit 2; }

main() {
    deb='' server_url='' key='' fingerprint='' schedule='' uninstall='' purge='' migrate=''
    read_options "$@"
    [ "$(id -u)" -eq 0 ] || refuse "expected root, found $(id -un): run it with sudo"
    if [ -n "$uninstall" ]; then uninstall; exit 0; fi
    load_migration
    if [ "$migrate" = back ]; then give_back; exit 0; fi
    check_options
    if [ -n "$migrate" ]; then check_old; else check_alone; fi
    check_system
    find_deb
    [ -z "$migrate" ] || take_over
    install_deb
    set_watchdog
    if [ -n "$migrate" ]; then
        # The old updater goes on until ours has what it needs; its configuration is ours from the switch on.
        pin_key
        finish_take_over
        set_server
    else
        set_server
        pin_key
    fi
    set_schedule
    run_doctor
}

read_options() {
    while [ $# -gt 0 ]; do
        case $1 in
            --uninstall) uninstall=yes ;;
            --purge) purge=yes ;;
            --migrate) migrate=over ;;
            --migrate-back) migrate=back ;;
            --help | -h) usage; exit 0 ;;
            --deb | --server-url | --key | --fingerprint | --schedule)
                [ $# -ge 2 ] || refuse "$1 needs a value; see --help"
                case $1 in
                    --deb) deb=$2 ;;
                    --server-url) server_url=$2 ;;
                    --key) key=$2 ;;
                    --fingerprint) fingerprint=$2 ;;
                    --schedule) schedule=$2 ;;
                esac
                shift
                ;;
            *) refuse "unknown option \"$1\"; see --help" ;;
        esac
        shift
    done
}

# Everything that can be known to be wrong is said before anything is changed.
check_options() {
    [ -z "$purge" ] || refuse "--purge goes with --uninstall"
    case $server_url in
        '' | http://?* | https://?*) ;;
        *) refuse "--server-url: expected a URL that begins with http:// or https://, found \"$server_url\"" ;;
    esac
    case $schedule in
        '' | daemon | cron) ;;
        *) refuse "--schedule: expected daemon or cron, found \"$schedule\"" ;;
    esac
    case $key in
        '') [ -z "$fingerprint" ] || refuse "--fingerprint goes with --key" ;;
        http://?* | https://?*) ;;
        *) [ -f "$key" ] || refuse "--key: there is no file \"$key\"" ;;
    esac
    if [ -n "$key" ] && [ -z "$fingerprint" ] && ! on_terminal; then
        refuse "--key needs --fingerprint where nobody can be asked; the publisher tells it, \"opq-release fingerprint\" shows it"
    fi
    [ -z "$deb" ] || [ -f "$deb" ] || refuse "--deb: there is no file \"$deb\""
}

load_migration() {
    [ -n "$migrate" ] || return 0
    [ -r "$here/migrate.sh" ] || refuse "--migrate needs $here/migrate.sh, which lies beside install.sh in a checkout"
    # shellcheck source=setup/migrate.sh
    . "$here/migrate.sh"
}

# Two that ask would install over each other.
check_alone() {
    for file in "$root"/var/spool/cron/crontabs/* "$root/etc/crontab" "$root"/etc/cron.d/*; do
        if [ -f "$file" ] && has_old_line "$file"; then
            refuse "the old updater is called by $file: take the box over with --migrate, or remove that line"
        fi
    done
}

has_old_line() { grep -v '^[[:space:]]*#' "$1" | grep -Eq "$old_line"; }

check_system() {
    needed='needed: Debian 13 or Raspberry Pi OS 13 (Node 20.19, systemd 257) or newer'
    release=$root/etc/os-release
    [ -r "$release" ] || refuse "$release cannot be read; $needed"
    id=$(told ID)
    name=$(told PRETTY_NAME)
    # Testing and unstable have no number.
    number=$(told VERSION_ID)
    case $id in
        debian | raspbian) ;;
        *) refuse "this is $name; $needed" ;;
    esac
    [ "${number:-99}" -ge 13 ] || refuse "this is $name; $needed. Write a new system to the SD card"
    # Debian's is new enough, but one in /usr/local would be found first.
    if command -v node >/dev/null && ! new_enough "$(node --version)"; then
        refuse "$(command -v node) is Node $(node --version); the updater needs 20.19 or newer: remove or replace it"
    fi
}

told() { sed -n "s/^$1=//p" "$release" | tr -d "\"'"; }

new_enough() { # v20.19.2
    major=${1#v} minor=${1#v*.}
    major=${major%%.*} minor=${minor%%.*}
    [ "$major" -gt 20 ] || { [ "$major" -eq 20 ] && [ "$minor" -ge 19 ]; }
}

find_deb() {
    if [ -n "$deb" ]; then
        deb=$(cd "$(dirname "$deb")" && pwd)/$(basename "$deb")
        return
    fi
    version=$(sed -n 's/^ *"version": *"\([^"]*\)".*/\1/p' "$here/../package.json" 2>/dev/null | head -n 1 | tr - '~')
    [ -n "$version" ] || refuse "there is no checkout around $here to build the package from; give --deb FILE"
    deb=$(cd "$here/.." && pwd)/dist/opq-box-updater_${version}_all.deb
    [ ! -e "$deb" ] || return 0
    say "Building $(basename "$deb")"
    command -v npm >/dev/null ||
        refuse "building the package needs npm: apt-get install npm, or build it elsewhere (npm run deb) and give --deb FILE"
    # Not as root where there is somebody else: the build runs programs of other people.
    as=''
    if [ -n "${SUDO_USER:-}" ] && [ "$SUDO_USER" != root ]; then as="runuser -u $SUDO_USER --"; fi
    # shellcheck disable=SC2086,SC2016 # words; for the inner shell
    $as sh -c 'cd "$1" && sh setup/prepare.sh && npm run --silent deb' sh "$here/.." || fail "the package could not be built"
}

install_deb() {
    say "Installing $(basename "$deb")"
    apt_get install --reinstall "$deb" || {
        # A power cut may have left dpkg in the middle; a box fresh from its image has no lists of packages, or old ones.
        DEBIAN_FRONTEND=noninteractive dpkg --configure --pending --force-confdef --force-confold || true
        apt-get update && apt_get install --reinstall "$deb"
    } || fail "apt-get could not install $deb"
    systemctl enable --quiet opq-updater.service || fail "opq-updater.service cannot be enabled"
    systemctl start opq-updater.service || fail "the updater does not start; see: journalctl -u opq-updater.service"
}

apt_get() {
    DEBIAN_FRONTEND=noninteractive apt-get -y -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@"
}

set_watchdog() {
    say "Hardware watchdog and panic settings"
    if put "$share/watchdog.conf" "$watchdog"; then systemctl daemon-reload || fail "systemd did not take $watchdog"; fi
    if put "$share/sysctl.conf" "$sysctl"; then systemctl restart systemd-sysctl.service || fail "$sysctl was not taken"; fi
}

put() { # FROM TO - 1 when it is there already
    ! cmp -s "$1" "$2" || return 1
    { mkdir -p "$(dirname "$2")" && cp "$1" "$2.new" && chmod 0644 "$2.new" && mv "$2.new" "$2"; } ||
        fail "$2 cannot be written"
}

set_server() {
    if [ -z "$server_url" ] && on_terminal && ! grep -q '"server_url": *"' "$config"; then
        server_url=$(ask 'Address of the update server (http://... or https://..., nothing = later): ')
    fi
    [ -n "$server_url" ] || return 0
    opq-updater config set server_url "$server_url" || fail "the address of the server was not taken"
}

pin_key() {
    if [ -z "$key" ] && on_terminal && [ "$(opq-updater keys list --json)" = '[]' ]; then
        key=$(ask "The publisher's public key, a file or URL (nothing = later): ")
    fi
    [ -n "$key" ] || return 0
    opq-updater keys add "$key" ${fingerprint:+--fingerprint "$fingerprint"} || fail "the key was not pinned"
}

# Exactly one asks: the daemon has no schedule while cron has one.
set_schedule() {
    if [ -z "$schedule" ]; then if [ -e "$cron" ]; then schedule=cron; else schedule=daemon; fi; fi
    if [ "$schedule" = cron ]; then
        command -v cron >/dev/null || apt_get install cron || fail "cron could not be installed"
        [ -e "$cron" ] || write_cron
        daemon_is_off || opq-updater config set schedule null || true
        daemon_is_off || { rm -f "$cron"; fail "the updater's own schedule could not be switched off, so cron was not set up"; }
    else
        if daemon_is_off; then
            opq-updater config set schedule '0 0 * * *' || fail "the updater's own schedule could not be switched on"
        fi
        rm -f "$cron"
    fi
    say "Updates are asked for by $schedule"
}

# What the page has set, null too, lies over the configuration; "config set" takes it away.
daemon_is_off() {
    set_by_page=$root/var/lib/opq-updater/settings.json
    ! grep -q '"schedule": *"' "$set_by_page" 2>/dev/null || return 1
    grep -q '"schedule": *null' "$set_by_page" "$config" 2>/dev/null
}

# Within an hour, at a minute that is this box's own: a fleet must not ask at once.
write_cron() {
    minute=$(($(cksum <"$root/etc/machine-id" | cut -d ' ' -f 1) % 60))
    mkdir -p "$(dirname "$cron")" "$root/var/log/opq"
    # Removing the package leaves this file; cron passes over a name with a dot.
    cat >"$cron.new" <<TEXT
# Made by setup/install.sh of the OPQ Box Updater; "schedule" in updater_config.json is null while this is here.
$minute 0 * * * root test ! -x /usr/bin/opq-updater || opq-updater check --install >>/var/log/opq/box_updater.log 2>&1
TEXT
    chmod 0644 "$cron.new"
    mv "$cron.new" "$cron"
}

run_doctor() {
    opq-updater help doctor >/dev/null 2>&1 || { say "Installed"; return 0; }
    say "Is this box ready for updates?"
    opq-updater doctor || fail "installed, but not ready for updates yet: see above. Then: opq-updater doctor"
}

uninstall() {
    if [ -n "$purge" ]; then verb=purge; else verb=remove; fi
    case $(dpkg-query --show --showformat='${db:Status-Status}' opq-box-updater 2>/dev/null || true):$verb in
        '':* | not-installed:* | config-files:remove) say "The updater is not installed" ;;
        *) apt_get "$verb" opq-box-updater || fail "apt-get could not $verb opq-box-updater" ;;
    esac
    rm -f "$cron" "$watchdog" "$sysctl"
    systemctl daemon-reload || fail "systemd did not take back $watchdog"
    say "Removed; panic settings end with the next boot"
    if [ -z "$migrate" ] && [ -d "$kept" ]; then say "The old updater stays switched off; to have it back: --migrate-back"; fi
}

on_terminal() { [ -t 0 ] && [ -t 1 ]; }

ask() { # QUESTION
    printf '%s' "$1" >&2
    IFS= read -r answer || answer=''
    echo "$answer"
}

main "$@"
