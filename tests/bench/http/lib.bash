# SPDX-License-Identifier: BSD-2-Clause
#
# What the scripts here share: starting a server on one CPU and its clients
# on another, and counting what it costs. To be sourced with `build`, `rounds`
# and `seconds` set. What is started is ended when the script ends.
# shellcheck shell=bash

work=$(mktemp -d "${TMPDIR:-/tmp}/bench-http-XXXXXX")
chmod 755 "$work" # nginx's worker is another user
started=()

# finish PID...: end these processes of ours, and wait for their end.
finish() {
	local pid
	for pid in "$@"; do
		kill -TERM "$pid" 2>/dev/null || true
	done
	for pid in "$@"; do
		wait "$pid" 2>/dev/null || true
	done
}

leave() {
	finish "${started[@]}"
	rm -rf -- "$work"
}
trap leave EXIT

# The CPU of the servers and that of the clients.
mapfile -t cpus < <(taskset -cp $$ | sed 's/.*: //' | tr , '\n' |
	awk -F- '{ for (i = $1; i <= ($2 == "" ? $1 : $2); i++) print i }')
server_cpu=${cpus[0]}
client_cpu=${cpus[1]-${cpus[0]}}

# await FILE PATTERN: until a line of the file matches, at most 60 s.
await() {
	local tries
	for ((tries = 0; tries < 1200; tries++)); do
		grep -q "$2" "$1" 2>/dev/null && return
		sleep 0.05
	done
	echo "bench: no '$2' in $1:" >&2
	cat "$1" >&2
	exit 1
}

# More options for the next servers.
bulkhead_options=()

# start_bulkhead BIN [NAME]: sets bulkhead_pid, _port and _pids (master and
# children). NAME tells two of them apart.
start_bulkhead() {
	local name=${2-bulkhead}
	local log=$work/$name.log
	rm -f "$log"
	taskset -c "$server_cpu" "$1/bulkhead" -l 127.0.0.1:0 -m hello -w 1 \
	    -o spares=0 -o state-dir="$work/state" -o start-limit=60s \
	    --control "$work/$name.control" "${bulkhead_options[@]}" \
	    >"$log" 2>&1 &
	bulkhead_pid=$!
	started+=("$bulkhead_pid")
	await "$log" '<6>bulkhead: ready'
	bulkhead_port=$(sed -n 's/.*listening on 127.0.0.1:\([0-9]*\).*/\1/p' \
	    "$log")
	bulkhead_pids="$bulkhead_pid $(pgrep -d ' ' -P "$bulkhead_pid")"
}

# cpu_ns PID...: what all their threads have run so far.
cpu_ns() {
	local pid
	for pid in "$@"; do
		cat /proc/"$pid"/task/*/schedstat
	done | awk '{ sum += $1 } END { printf "%.0f\n", sum }'
}

# pss_bytes PID...: their memory, each shared page counted once.
pss_bytes() {
	local pid
	for pid in "$@"; do
		cat /proc/"$pid"/smaps_rollup
	done | awk '/^Pss:/ { sum += $2 } END { printf "%.0f\n", sum * 1024 }'
}

# per_request "PIDS" PORT [WRK-OPTION...]: microseconds of CPU.
per_request() {
	local pids=$1 port=$2 before after count
	shift 2
	before=$(cpu_ns $pids)
	taskset -c "$client_cpu" wrk --timeout 20s -t1 -c32 -d"$seconds" "$@" \
	    "http://127.0.0.1:$port/hello" >"$work/wrk"
	after=$(cpu_ns $pids)
	if grep -q 'Non-2xx\|Socket errors' "$work/wrk"; then
		cat "$work/wrk" >&2
		exit 1
	fi
	count=$(awk '/requests in/ { print $1 }' "$work/wrk")
	awk -v ns=$((after - before)) -v n="$count" \
	    'BEGIN { printf "%.4f\n", ns / n / 1000 }'
}

median() {
	sort -g | awk '{ v[NR] = $1 }
	    END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

# instructions FILE: all that callgrind has counted.
instructions() {
	awk '/^(summary|totals):/ { n = $2 } END { print n }' "$1"
}

# counted PORT COUNT: so many keep-alive requests.
counted() {
	h2load --h1 -t1 -c8 -n"$2" "http://127.0.0.1:$1/hello" >"$work/h2load"
	grep -q "$2 succeeded, 0 failed" "$work/h2load" || {
		cat "$work/h2load" >&2
		exit 1
	}
}

few=1000
many=6000

# A copy of the programs in which the worker runs under callgrind; its
# master can't, since valgrind 3.19 doesn't know pidfd_open.
# wrap_worker BUILD NAME: it is in $work/NAME.
wrap_worker() {
	local wrapped=$work/$2
	mkdir "$wrapped"
	cp -r "$1/bin" "$1/modules" "$wrapped/"
	mv "$wrapped/bin/bulkhead-worker" "$wrapped/bin/real"
	cat >"$wrapped/bin/bulkhead-worker" <<-END
		#!/bin/sh
		exec valgrind -q --tool=callgrind \\
		    --callgrind-out-file=$work/callgrind.$2 \\
		    $wrapped/bin/real "\$@"
	END
	chmod +x "$wrapped/bin/bulkhead-worker"
}

# bulkhead_instructions NAME: what wrap_worker has made; to $work/slope.NAME.
bulkhead_instructions() {
	local count
	for count in $few $many; do
		start_bulkhead "$work/$1/bin" "$1"
		counted "$bulkhead_port" $count
		finish "$bulkhead_pid"
		instructions "$work/callgrind.$1" >>"$work/slope.$1"
	done
}

slope() {
	awk -v n=$((many - few)) '{ v[NR] = $1 } END { print (v[2] - v[1]) / n }' \
	    "$1"
}
