# SPDX-License-Identifier: BSD-2-Clause
#
# What the lint scripts share: the root, the list of our files, and complaints.
# shellcheck shell=bash

set -eu
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."

# files NAME-PATTERN... : our files of these names. Without git, so that the
# scripts work on an unpacked tarball too; build/ is never ours.
files() {
	local first=1 pattern
	local match=()
	for pattern in "$@"; do
		[ "$first" = 1 ] || match+=(-o)
		match+=(-name "$pattern")
		first=0
	done
	find . \( -path ./.git -o -path ./build \) -prune -o \
	    -type f \( "${match[@]}" \) -print | sed 's,^\./,,' | sort
}

wrong=0
complain() {
	echo "$*"
	wrong=1
}

# The last command of a script: its status.
verdict() {
	[ "$wrong" = 0 ]
}
