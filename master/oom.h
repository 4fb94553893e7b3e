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
	OOM_LOOK_MS = 1000, /* between looks while nobody dies */
	/*
	 * From the count's growth to the death that it stands for: the kernel
	 * counts, kills, and then frees the victim's memory, before its pidfd
	 * is readable.
	 */
	OOM_DEATH_MS = 3000,
};

struct oom {
	char path[OOM_PATH]; /* the file with the count; empty: none */
	uint64_t seen;       /* the count at the last look */
	uint64_t looked_ns;  /* when that was */
	uint64_t grown_ns;   /* when it had grown */
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
 * oom_look(oom, now_ns):
 * See whether it has grown. At each death, and from a timer: what it counted
 * long ago was another process's end. oom_look_again(oom, now_ns): the same,
 * unless the last look was less than OOM_LOOK_MS ago.
 */
void oom_look(struct oom *oom, uint64_t now_ns);
void oom_look_again(struct oom *oom, uint64_t now_ns);

/*
 * oom_killed(oom, now_ns):
 * Of a worker that SIGKILL has ended: was it for want of memory? By the last
 * look. Each kill that the kernel has counted stands for one death, within
 * OOM_DEATH_MS.
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
