/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One line a message on standard error, led by its syslog priority in angle
 * brackets as sd-daemon(3) describes it, so that a terminal and a log file can
 * be read and a journal that only has the line files it right.
 *
 * Where standard error is the journal's (JOURNAL_STREAM says so), a message
 * goes to the journal as an entry with fields instead: MESSAGE, PRIORITY,
 * SYSLOG_IDENTIFIER, WORKER, and those that the caller gives.
 */
#ifndef SHM_BASE_LOG_H
#define SHM_BASE_LOG_H

#include <stddef.h>
#include <stdint.h>
#include <syslog.h>

/* A field of a journal entry: capitals, digits and '_'. Both by reference. */
struct log_field {
	const char *name;
	const char *value; /* NULL: leave this field out */
};

/*
 * log_init(program, identity):
 * Name this process in each of its lines: "<6>bulkhead-worker 2: ...".
 * ${program} is kept by reference; ${identity} is a small number, or 0 to
 * leave it out. Finds out where messages go. Call before the first thread
 * starts, and again when the identity is known.
 */
void log_init(const char *program, unsigned identity);

/*
 * log_open_journal(path):
 * Send entries to the journal's socket at ${path} from now on. log_init() does
 * that where it is due. Returns 0 or -errno. log_close_journal() goes back to
 * standard error.
 */
int log_open_journal(const char *path);
void log_close_journal(void);

/*
 * log_set_level(level):
 * Drop messages less urgent than ${level} (LOG_ERR ... LOG_DEBUG). The
 * default is LOG_INFO. Any thread, at any time.
 */
void log_set_level(int level);

/*
 * log_msg(priority, format, ...):
 * Write one line in one write(2). Control characters in the text are written
 * as \xNN and a line beyond 2 KiB is cut with "...", so no text from a client
 * or a module can forge a line. Never fails, never blocks on a lock; errno is
 * preserved. A journal that takes nothing holds us up for LOG_PATIENCE_MS
 * once; from then on messages are dropped until it takes one, which is
 * followed by the number of those that were lost. Any thread.
 */
void log_msg(int priority, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * log_fields(priority, fields, count, format, ...):
 * The same, and in the journal the entry has these ${count} fields, their
 * values cleaned like the text. A line on standard error doesn't show them,
 * so what everybody must know belongs in the text too.
 */
void log_fields(int priority, const struct log_field *fields, size_t count,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

/*
 * log_module(priority, module, request, notification, text):
 * A module's message: "<6>bulkhead-worker 2: hello request=3-17: text", with
 * the fields MODULE, REQUEST_ID and NOTIFICATION. ${module} may be NULL (the
 * server itself speaks about a request), and ${notification} too; ${request}
 * is a request id as in shm/activity.h, or 0 for none.
 */
void log_module(int priority, const char *module, uint64_t request,
    const char *notification, const char *text);

enum {
	LOG_FIELDS_MAX = 16, /* in one log_fields(); more are left out */
	LOG_PATIENCE_MS = 10,
};

#define log_err(...)   log_msg(LOG_ERR, __VA_ARGS__)
#define log_warn(...)  log_msg(LOG_WARNING, __VA_ARGS__)
#define log_info(...)  log_msg(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_msg(LOG_DEBUG, __VA_ARGS__)

#endif
