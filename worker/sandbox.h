/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a worker gives up before it loads a module: privileges, files, system
 * calls. From then on neither the worker nor anything that its modules start
 * can have them back.
 */
#ifndef WORKER_SANDBOX_H
#define WORKER_SANDBOX_H

#include "shm/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Behind the arguments of a kill(2) that sandbox_trap() has told of: the kernel
 * takes no notice of it, but the filter does.
 */
#define SANDBOX_KILL_TOLD UINT32_C(0x746f6c64)

/*
 * The pool's settings. The strings are words with spaces between them.
 */
struct sandbox_policy {
	struct message_sandbox told;
	const char *syscalls; /* beyond the usual: calls, and @groups */
	const char *read;     /* paths, with what is below them; "": all */
	const char *write;    /* the same; "": none */
	char *strings;        /* those three, one behind the other */
};

/*
 * sandbox_parse(policy, told, strings, size, ret_taken):
 * Take the three strings at the front of the boot message's list (copied);
 * *${ret_taken} is their size. Returns 0, -EBADMSG or -ENOMEM.
 * sandbox_free(policy): what it owns.
 */
int sandbox_parse(struct sandbox_policy *policy,
    const struct message_sandbox *told, const char *strings, size_t size,
    size_t *ret_taken);
void sandbox_free(struct sandbox_policy *policy);

/*
 * sandbox_enter(policy, ret_error, error_size):
 * Limits and privileges always; Landlock and the system call filter when
 * enabled. A kernel without Landlock is told once and lived with, one without
 * seccomp isn't. Returns 0, or -1 with a line for the operator. Before the
 * first module is loaded and the first thread starts.
 */
int sandbox_enter(
    const struct sandbox_policy *policy, char *ret_error, size_t error_size);

/*
 * The layers, in the order in which they are put on. Each returns 0 or
 * -errno; a line for the operator is in ${ret_error} where it has one.
 */

/*
 * sandbox_files(read, write, ret_abi, ret_error, error_size):
 * Landlock: from now on only these. *${ret_abi} is its version in this kernel,
 * 0 if there is none.
 */
int sandbox_files(const char *read, const char *write, int *ret_abi,
    char *ret_error, size_t error_size);

/*
 * sandbox_syscalls(policy, any_signal, ret_error, error_size):
 * seccomp: from now on only the calls of sandbox_syscalls.def that are allowed
 * by default or by the policy. With ${any_signal} somebody else sees to it
 * that kill(2) hits no stranger.
 */
int sandbox_syscalls(const struct sandbox_policy *policy, bool any_signal,
    char *ret_error, size_t error_size);

/*
 * sandbox_trap(): a refused call fails with EPERM (ENOSYS when nobody
 * knows it) and is told, with the module's name; SIGSYS is ours for that. One
 * that sends this process SIGKILL isn't refused: see fatal_kill().
 */
int sandbox_trap(void);

/*
 * sandbox_word(list, ret_word, size):
 * Cut the next word off *${list}. False at its end, and for a word that
 * doesn't fit, which then stays at its front.
 */
bool sandbox_word(const char **list, char *ret_word, size_t size);

/* sandbox_refusals(): system calls refused so far. Any thread. */
uint64_t sandbox_refusals(void);

#endif
