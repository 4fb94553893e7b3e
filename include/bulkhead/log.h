/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A module's words for the operator [ReportEvent].
 */
#ifndef BULKHEAD_LOG_H
#define BULKHEAD_LOG_H

#include <bulkhead/module.h>

#ifdef __cplusplus
extern "C" {
#endif

/* syslog's levels. */
enum bh_log_level {
	BH_LOG_ERROR = 3,
	BH_LOG_WARNING = 4,
	BH_LOG_NOTICE = 5,
	BH_LOG_INFO = 6,
	BH_LOG_DEBUG = 7,
};

/*
 * bh_log(context, level, format, ...):
 * One line in the server's log, with the worker, the calling module and, when
 * ${context} isn't NULL, the request's id. In the journal these are the fields
 * WORKER, MODULE and REQUEST_ID, and NOTIFICATION says in which callback it was
 * (journalctl MODULE=hello). Control characters are escaped; a long line is
 * cut. Any thread; from a thread other than the dispatch thread
 * with ${context} NULL.
 */
void bh_log(struct bh_context *context, enum bh_log_level level,
    const char *format, ...) BH_PRINTF(3, 4);

#ifdef __cplusplus
}
#endif

#endif
