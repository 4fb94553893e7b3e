#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# No file names a place of the machine it was written on: nobody's home, no
# checkout, no scratch folder of a build.

# shellcheck source=tests/lint/files.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/files.bash"

# Brackets keep the patterns from matching this file.
places='/[h]ome/[a-z]|/[r]oot/|/[U]sers/|/[w]ork/|/[t]mp/b-'

while read -r file; do
	while IFS= read -r hit; do
		complain "$file:$hit"
	done < <(grep -nIE "(^|[^[:alnum:]_.})/-])($places)" "$file")
done < <(files '*')
verdict
