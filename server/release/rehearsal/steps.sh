#!/bin/bash
# Read by the bash that runs install_update.sh before it begins (BASH_ENV): tells of each command before it runs it, and
# waits for a word. Without a "g" everything is killed that moment, as by a power cut.
unset BASH_ENV
# Out of the way of a script that opens files of its own.
exec 197<&3 3<&-
set -o functrace
trap 'printf "%s\t%s\t%s\0" "$LINENO" "${BASH_SOURCE[0]}" "${BASH_COMMAND:0:300}" >&197; IFS= read -r -N 1 -u 197 OPQ_WORD || OPQ_WORD=; [ "$OPQ_WORD" = g ] || { kill -KILL -1; kill -KILL "$BASHPID"; }' DEBUG
