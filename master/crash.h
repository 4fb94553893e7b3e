/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A crash report: what the master can tell of a death, from the kernel's word,
 * its own tables and the wreck. The dying process has no part in it.
 */
#ifndef MASTER_CRASH_H
#define MASTER_CRASH_H

#include "master/address.h"
#include "master/build_id.h"
#include "master/cause.h"
#include "master/culprit.h"
#include "master/fate.h"
#include "master/outstanding.h"
#include "shm/recorder.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

enum {
	CRASH_TIME = 40,
	CRASH_ID = 48,
	CRASH_LINE = 256,   /* of a request's first line */
	CRASH_OTHERS = 8,   /* threads besides the one that is named */
	CRASH_ENTRIES = 32, /* of the flight recorder */
};

struct crash {
	char id[CRASH_ID];     /* "20261120T171121.123456Z-7": sorts by time */
	char time[CRASH_TIME]; /* RFC 3339 */
	uint32_t worker;
	uint32_t incarnation;
	pid_t pid;
	int signal; /* 0: it exited with ${status} */
	int status;
	enum cause cause;
	bool core;
	bool hung;               /* we aborted it */
	bool loading;            /* it was not ready yet */
	uint64_t up_ns;          /* since its start */
	char reason[CRASH_LINE]; /* what it or we said of it, or empty */

	bool known; /* there is a culprit */
	struct culprit culprit;
	uint64_t callback_ns; /* how long its callback had run; 0: unknown */
	char file[1024];      /* of the module, or empty */
	char build_id[BUILD_ID_TEXT];
	char method[CRASH_LINE], target[CRASH_LINE]; /* or empty */
	char client[ADDRESS_TEXT];
	size_t other_count;
	struct culprit others[CRASH_OTHERS];

	struct outstanding outstanding; /* its operations */
	struct fates fates;             /* what became of its connections */
	size_t entry_count;
	struct recorder_entry entries[CRASH_ENTRIES]; /* oldest first */
};

struct worker;

/*
 * crash_collect(worker, end, cause, ret_crash):
 * ${end} is what waitid(2) told. The segment is still mapped and the
 * connections are still the worker's. Everything but `fates`. Logs when the
 * segment holds what can't be.
 */
void crash_collect(const struct worker *worker, const siginfo_t *end,
    enum cause cause, struct crash *ret_crash);

#endif
