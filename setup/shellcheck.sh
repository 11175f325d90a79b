#!/bin/sh
# Checks every shell program of the project, by name or by its first line.
set -eu
cd "$(dirname "$0")/.."
command -v shellcheck >/dev/null || { echo "shellcheck.sh: shellcheck is not installed" >&2; exit 2; }
git ls-files --cached --others --exclude-standard | while IFS= read -r file; do
    [ -f "$file" ] || continue
    case $(head -n 1 "$file" 2>/dev/null | tr -d '\0') in
        '#!/bin/sh'* | '#!/bin/bash'* | '#!/usr/bin/env bash'*) printf '%s\0' "$file" ;;
    esac
done | xargs -0 shellcheck --external-sources
