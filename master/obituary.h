/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The line about a worker's death: how it ended, and from the wreck's activity
 * word who was running then.
 */
#ifndef MASTER_OBITUARY_H
#define MASTER_OBITUARY_H

#include "master/crash.h"
#include "master/supervise.h"

#include <signal.h>

enum {
	OBITUARY_HOW = 256
};

struct obituary {
	char text[REASON_TEXT]; /* empty when there is nothing to tell */
	bool unexpected;        /* neither asked for by us nor in order */
	bool refused;           /* it said that it can't start: no crash */
};

/*
 * obituary_write(worker, end, cause, ret_obituary):
 * ${end} is what waitid(2) told. The worker's segment is still mapped, and the
 * connections that it left are still its own.
 */
void obituary_write(const struct worker *worker, const siginfo_t *end,
    enum cause cause, struct obituary *ret_obituary);

/*
 * obituary_publish(obituary, crash):
 * Log it: one line, and in the journal one entry with fields.
 */
void obituary_publish(
    const struct obituary *obituary, const struct crash *crash);

/*
 * obituary_tell_end(end, cause, text): "killed by SIGSEGV", and who did it.
 * Of any child.
 */
void obituary_tell_end(
    const siginfo_t *end, enum cause cause, char text[static OBITUARY_HOW]);

#endif
