#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The arrows between the folders, which are the boundaries between the
# processes:
#
#	include/         sees libc
#	shm/             sees shm/, never master/, worker/ or the module API
#	shm/ctl/         likewise
#	shm/admin/       likewise
#	master/          sees master/ and shm/
#	worker/          sees worker/, shm/ and the module API
#	worker/modules/  sees the module API, libc and its own folder
#	tests/modules/   likewise
#	tests/           sees anything

# shellcheck source=tests/lint/files.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/files.bash"

# What counts as libc for those that may see nothing else: C11, POSIX and
# Linux, as installed by libc6-dev.
libc='assert|ctype|dirent|dlfcn|endian|errno|fcntl|float|inttypes|limits|locale'
libc+='|malloc|math|netdb|poll|pthread|pwd|sched|semaphore|setjmp|signal'
libc+='|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|stdnoreturn|string'
libc+='|strings|syslog|termios|threads|time|unistd|wchar'
libc="($libc|(sys|arpa|netinet|net)/[a-z_]+)\.h"

# allowed FILE INCLUDE: may it? INCLUDE is "x" or <x> as written.
allowed() {
	local file=$1 include=$2 own
	own=${file%/*}
	case $file in
	include/*)
		[[ $include =~ ^\<(bulkhead/[a-z_]+\.h|$libc)\>$ ]]
		;;
	worker/modules/* | tests/modules/*)
		[[ $include =~ ^\<(bulkhead/[a-z_]+\.h|$libc)\>$ ]] ||
			[[ $include =~ ^\"($own/)?[a-z_]+\.(h|def)\"$ ]]
		;;
	shm/*)
		[[ $include != \<bulkhead/* ]] &&
			[[ $include =~ ^(\<.*\>|\"shm/.*\")$ ]]
		;;
	master/*)
		[[ $include != \<bulkhead/* ]] &&
			[[ $include =~ ^(\<.*\>|\"(master|shm)/.*\")$ ]]
		;;
	worker/*)
		[[ $include =~ ^(\<.*\>|\"(worker|shm)/.*\")$ ]]
		;;
	*)
		true
		;;
	esac
}

while read -r file; do
	while read -r include; do
		allowed "$file" "$include" ||
			complain "$file: may not include $include"
	done < <(sed -nE \
	    's/^[[:space:]]*#[[:space:]]*include[[:space:]]*(["<][^">]*[">]).*/\1/p' \
	    "$file")
done < <(files '*.c' '*.h')
verdict
