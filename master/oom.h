/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Has the kernel killed a process of ours because memory was short? A SIGKILL
 * doesn't say who sent it, but the kernel counts its own.
 */
#ifndef MASTER_OOM_H
#define MASTER_OOM_H

#include <stdbool.h>
#include <stdint.h>

enum {
	OOM_PATH = 512,
	OOM_TOGETHER_MS = 1000, /* deaths by one shortage */
};

struct oom {
	char path[OOM_PATH]; /* the file with the count; empty: none */
	uint64_t seen;       /* the count at the last look */
	uint64_t seen_ns;    /* when it had grown */
	uint64_t untold;     /* kills that no death has been told for */
};

/*
 * oom_init(oom): find the count of our control group (memory.events, or
 * memory.oom_control of a version 1 hierarchy), else the machine's.
 */
void oom_init(struct oom *oom);

/*
 * oom_watch(oom, path): use this file. False when it has no such count.
 */
bool oom_watch(struct oom *oom, const char *path);

/*
 * oom_killed(oom, now_ns):
 * Of a worker that SIGKILL has ended: was it for want of memory? Each kill
 * that the kernel has counted stands for one death.
 */
bool oom_killed(struct oom *oom, uint64_t now_ns);

/*
 * oom_path(groups, ret_path): from the text of /proc/self/cgroup the file to
 * look at first; ${ret_path} has OOM_PATH bytes. oom_parse(text, ret_count):
 * the count in such a file. False: there is none. Pure.
 */
bool oom_path(const char *groups, char *ret_path);
bool oom_parse(const char *text, uint64_t *ret_count);

#endif
