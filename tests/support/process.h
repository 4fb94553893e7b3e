/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Child processes of a test: run one with its output in a file, wait for it
 * within a time limit, look at it through /proc.
 */
#ifndef TESTS_SUPPORT_PROCESS_H
#define TESTS_SUPPORT_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	PROCESS_ARGUMENTS_MAX = 64
};

/* How a program ended and what it said on stdout and stderr together. */
struct process_result {
	int status; /* as of waitpid(2) */
	char *output;
	size_t output_length;
};

/*
 * process_program(name, ret_path, size):
 * The path of one of our programs ("bulkhead"): <build>/bin/<name>, found
 * from where this test program lies. process_build_path() is the same for
 * any path below the build folder.
 */
void process_program(const char *name, char *ret_path, size_t size);
void process_build_path(const char *relative, char *ret_path, size_t size);

/*
 * process_spawn(argv, output_path):
 * Start argv[0] (a path, or a name to be looked up in PATH) as the leader of
 * a new process group, with stdin from /dev/null and both outputs appended to
 * ${output_path}. It is killed should this test die. Fails the test when that
 * is impossible.
 */
pid_t process_spawn(const char *const *argv, const char *output_path);

/*
 * process_wait(pid, timeout_ms, ret_status):
 * True when it ended within the limit. It is reaped then.
 */
bool process_wait(pid_t pid, int64_t timeout_ms, int *ret_status);

/*
 * process_run(argv, timeout_ms, ret_result):
 * Spawn, wait, read what it wrote. Fails the test when it takes longer; it
 * is killed then. process_result_free() when done.
 */
void process_run(const char *const *argv, int64_t timeout_ms,
    struct process_result *ret_result);
void process_result_free(struct process_result *result);

/* process_have(program): is it in PATH? */
bool process_have(const char *program);

/* process_read_file(path, ret_length): malloc'ed and terminated, or NULL. */
char *process_read_file(const char *path, size_t *ret_length);

/*
 * process_children(parent, name, ret_pids, max):
 * The children of ${parent} that aren't zombies, whose command name begins
 * with ${name}, in ascending order of pid. Returns how many.
 */
size_t process_children(
    pid_t parent, const char *name, pid_t *ret_pids, size_t max);

/* What a process holds. */
struct process_holding {
	size_t descriptors;
	long memory_kib; /* private */
};

/* process_hold(pid, ret_holding): fails the test when it is gone. */
void process_hold(pid_t pid, struct process_holding *ret_holding);

/*
 * process_memory_kib(pid, key): a figure of /proc/PID/status, like "VmRSS" or
 * "VmHWM" (the highest RSS so far); -1 when the process is gone.
 */
long process_memory_kib(pid_t pid, const char *key);

#endif
