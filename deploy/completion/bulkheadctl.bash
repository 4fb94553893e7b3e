# SPDX-License-Identifier: BSD-2-Clause
#
# The commands and their options come from its own help, so that this is never
# behind; names of modules and numbers of workers from the server.
# shellcheck shell=bash

_bulkheadctl_names() {
	# _bulkheadctl_names COMMAND KEY: that member of each object.
	bulkheadctl "${control[@]}" "$1" --json 2>/dev/null |
		sed -n "s/^    \"$2\": \"\\{0,1\\}\\([^\",]*\\)\"\\{0,1\\},\\{0,1\\}\$/\\1/p"
}

_bulkheadctl() {
	local current=${COMP_WORDS[COMP_CWORD]}
	local previous=${COMP_WORDS[COMP_CWORD - 1]}
	local command='' words='' i
	local -a control=()

	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-c | --control)
			control=(--control "${COMP_WORDS[i + 1]}")
			((i++))
			;;
		-*) ;;
		*)
			command=${COMP_WORDS[i]}
			break
			;;
		esac
	done
	case $previous in
	-c | --control)
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		return
		;;
	-s | --state-dir)
		mapfile -t COMPREPLY < <(compgen -d -- "$current")
		return
		;;
	--module | quarantine | release)
		words=$(_bulkheadctl_names modules name)
		;;
	--worker | recycle | completions)
		words=$(_bulkheadctl_names workers worker)
		;;
	log-level)
		words='error warning notice info debug configured'
		;;
	*)
		case $command in
		'')
			words=$(bulkheadctl --help |
				sed -n 's/^  \([a-z][a-z-]*\).*/\1/p')
			words+=' --control --help --version'
			;;
		*)
			words=$(bulkheadctl --help |
				sed -n "s/^  $command \\(.*\\)/\\1/p" |
				grep -oE -- '--[a-z-]+')
			;;
		esac
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _bulkheadctl bulkheadctl
