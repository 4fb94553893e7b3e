#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# manual.sh MADE BULKHEAD BULKHEADCTL
# The manual pages, those in the tree and those made in the folder MADE, have
# no warning of mandoc(1), and name every option of the programs' own help,
# every command, and every figure.

# shellcheck source=tests/lint/files.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/files.bash"

made=$1
master=$2
ctl=$3
pages=(deploy/man/*.[1-8] "$made"/*.[1-8])

command -v mandoc >/dev/null || {
	echo "mandoc isn't installed (package mandoc)"
	exit 1
}
# Pages are checked before all of them are installed.
while read -r line; do
	complain "$line"
done < <(mandoc -T lint -W warning "${pages[@]}" 2>&1)

# names PAGE WORD: does the page have it, as it is typed?
names() {
	mandoc -T ascii "$1" | sed 's,.\x08,,g' | grep -qwF -e "$2"
}

while read -r option; do
	names deploy/man/bulkhead.8 "$option" ||
		complain "deploy/man/bulkhead.8: nothing about $option"
done < <("$master" -h | grep -oE '^ {2,6}(-[a-zA-Z], )?--[a-z-]+' | grep -oE -- '--[a-z-]+')

while read -r command; do
	names deploy/man/bulkheadctl.1 "$command" ||
		complain "deploy/man/bulkheadctl.1: nothing about the command $command"
done < <("$ctl" -h | grep -oE '^  [a-z][a-z-]*')

while read -r figure; do
	names "$made/bulkhead-counters.7" "$figure" ||
		complain "bulkhead-counters(7): nothing about $figure"
done < <(grep -oE '^(WORKER|MODULE)_(STAT|HISTOGRAM)\([a-z0-9_]+' shm/stats.def | cut -d'(' -f2)
verdict
