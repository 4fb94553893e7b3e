# SPDX-License-Identifier: BSD-2-Clause
#
# bash completion of bulkheadctl: commands and their options from its own help,
# so that it is never behind; module and report names from the server.
# shellcheck shell=bash

_bulkheadctl_help() {
	bulkheadctl -h 2>/dev/null | grep -E '^  [a-z]'
}

_bulkheadctl() {
	local cur=$2 prev=$3 command='' i word

	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		case $word in
		--control) i=$((i + 1)) ;;
		-*) ;;
		*)
			command=$word
			break
			;;
		esac
	done
	case $prev in
	--control | --state-dir)
		COMPREPLY=($(compgen -f -- "$cur"))
		return
		;;
	esac
	if [ -z "$command" ]; then
		COMPREPLY=($(compgen -W "--control $(_bulkheadctl_help | awk '{ print $1 }')" -- "$cur"))
		return
	fi
	case $command:$cur in
	*:-*)
		COMPREPLY=($(compgen -W "$(_bulkheadctl_help |
		    awk -v command="$command" '$1 == command' |
		    grep -oE -- '--[a-z-]+')" -- "$cur"))
		;;
	quarantine:* | release:*)
		COMPREPLY=($(compgen -W "$(bulkheadctl modules 2>/dev/null |
		    awk 'NR > 1 { print $1 }')" -- "$cur"))
		;;
	esac
}

complete -F _bulkheadctl bulkheadctl
