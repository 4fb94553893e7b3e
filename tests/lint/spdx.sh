#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Every source begins with its licence: first line, or second after "#!".

# shellcheck source=tests/lint/files.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/files.bash"

while read -r file; do
	head -n 2 -- "$file" | grep -v '^#!' | head -n 1 |
	    grep -q 'SPDX-License-Identifier: BSD-2-Clause' ||
		complain "$file: no SPDX line at its top"
done < <(
	files '*.c' '*.h' '*.def' '*.sh' '*.bash' '*.cmake' CMakeLists.txt
	# Scripts without a suffix.
	find deploy tests .ci -type f -perm -u+x ! -name '*.sh' | sort
)
verdict
