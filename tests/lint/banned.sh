#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Calls that house rule 18 bans: unbounded, or unable to report an error.
# libbsd's strlcpy, strlcat and strtonum and snprintf take their places.

# shellcheck source=tests/lint/files.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/files.bash"

calls='strcpy|strcat|stpcpy|sprintf|vsprintf|gets|strtok|atoi|atol|atoll|alloca'

while read -r file; do
	while IFS= read -r hit; do
		complain "$file:$hit"
	done < <(grep -nE "(^|[^[:alnum:]_])($calls)[[:space:]]*\(" "$file")
done < <(files '*.c' '*.h')
verdict
