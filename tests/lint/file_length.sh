#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# A file has one concern and can be read in one sitting: 100 to 500 lines are
# the aim, more than 700 fail.

# shellcheck source=tests/lint/files.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/files.bash"

while read -r file; do
	lines=$(wc -l <"$file")
	[ "$lines" -le 700 ] || complain "$file: $lines lines, 700 at most"
done < <(files '*.c' '*.h' '*.def' '*.sh' '*.bash' '*.cmake' '*.txt' run quickstart)
verdict
