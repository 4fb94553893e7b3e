#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# completion.sh BULKHEADCTL
# bash completes bulkheadctl's commands and options.

# shellcheck source=tests/lint/files.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/files.bash"

PATH=$(dirname -- "$1"):$PATH
# shellcheck source=deploy/completion/bulkheadctl.bash
. deploy/completion/bulkheadctl.bash

# offers WANTED WORD...: is WANTED among the completions of the last word?
offers() {
	local wanted=$1

	shift
	COMP_WORDS=(bulkheadctl "$@")
	COMP_CWORD=$#
	COMPREPLY=()
	_bulkheadctl bulkheadctl "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
	case " ${COMPREPLY[*]} " in
	*" $wanted "*) ;;
	*) complain "'bulkheadctl $*' isn't completed to $wanted: ${COMPREPLY[*]}" ;;
	esac
}

offers status st
offers reload --control /x rel
offers --json status --
offers --prometheus stats --p
offers --control --
offers deploy/README.md --control deploy/READ
[ "$(complete -p bulkheadctl)" = "complete -F _bulkheadctl bulkheadctl" ] ||
	complain "bash doesn't know of it"
verdict
