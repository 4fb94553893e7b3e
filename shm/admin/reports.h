/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The crash reports, as the master wrote them. Each is read once and kept
 * while its file is there and the same: the master writes one anew when it
 * learns what became of the dead worker's connections.
 */
#ifndef SHM_ADMIN_REPORTS_H
#define SHM_ADMIN_REPORTS_H

#include "shm/message.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

enum {
	REPORTS_MOST = 100,
	REPORTS_SIZE = 1024 * 1024, /* of one file; ours have some KiB */
};

struct report {
	char id[MESSAGE_CRASH_ID];
	json_t *content;
	/* A report that is written anew is another file. */
	ino_t inode;
	struct timespec written;
	bool seen; /* since reports_begin() */
};

struct reports {
	size_t count;
	struct report entries[REPORTS_MOST]; /* the oldest first */
};

/*
 * reports_begin(reports), reports_add(reports, id, fd) for each that is there,
 * the oldest first, reports_end(reports): what wasn't there any more is gone.
 * ${fd} stays the caller's; what it holds is checked. Returns 0 or -errno, and
 * this one is left out.
 */
void reports_begin(struct reports *reports);
int reports_add(struct reports *reports, const char *id, int fd);
void reports_end(struct reports *reports);

/*
 * reports_list(reports): a new array, the newest first, each without its
 * flight recorder. reports_find(reports, id): all of one (borrowed), or NULL.
 */
json_t *reports_list(const struct reports *reports);
json_t *reports_find(const struct reports *reports, const char *id);

#endif
