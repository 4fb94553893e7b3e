#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The shell scripts parse, and are executable where they are commands.

# shellcheck source=tests/lint/files.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/files.bash"

while read -r file; do
	case $(head -n 1 -- "$file") in
	'#!/bin/bash'*)
		bash -n "$file" || complain "$file: doesn't parse"
		[ -x "$file" ] || complain "$file: not executable"
		;;
	esac
done < <(find deploy tests .ci -type f ! -name '*.c' ! -name '*.h' | sort)
verdict
