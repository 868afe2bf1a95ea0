#!/bin/sh
# Writes a grid's configuration into a new directory, for `gridcompat import-grid DIR`.
# Only asks the grid (qconf -s...); changes nothing. Usage: sh dump.sh DIR
set -u
dir=${1:?usage: dump.sh DIR}
mkdir "$dir" || exit 1
cd "$dir" || exit 1

one() { # FILE WORD...: what qconf says, if it says it is so
    file=$1
    shift
    qconf "$@" > "$file" 2> /dev/null || rm -f "$file"
}
each() { # FOLDER LIST SHOW
    mkdir "$1"
    qconf "$2" 2> /dev/null | while read -r name; do
        case $name in */* | '' | *' '* | .*) continue ;; esac
        one "$1/$name" "$3" "$name"
    done
}

one admin_hosts -sh
one submit_hosts -ss
one managers -sm
one operators -so
one centry -sc
one schedconf -ssconf
one sharetree -sstree
each cqueues -sql -sq
each pe -spl -sp
each ckpt -sckptl -sckpt
each calendars -scall -scal
each projects -sprjl -sprj
each usersets -sul -su
each hostgroups -shgrpl -shgrp
each resource_quotas -srqsl -srqs
each execution -sel -se
one execution/global -se global
each configurations -sconfl -sconf
one configurations/global -sconf global
mkdir cell
common=${SGE_ROOT:-/var/lib/gridengine}/${SGE_CELL:-default}/common
for name in act_qmaster bootstrap sge_request settings.sh; do
    if [ -r "$common/$name" ]; then cp "$common/$name" cell/; fi
done
