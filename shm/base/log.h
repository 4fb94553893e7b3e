/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One line a message on standard error, led by its syslog priority in angle
 * brackets as sd-daemon(3) describes it, so that the journal files it right
 * and a terminal can still be read.
 */
#ifndef SHM_BASE_LOG_H
#define SHM_BASE_LOG_H

#include <stdint.h>
#include <syslog.h>

/*
 * log_init(program, identity):
 * Name this process in each of its lines: "<6>bulkhead-worker 2: ...".
 * ${program} is kept by reference; ${identity} is a small number, or 0 to
 * leave it out. Call once, before the first thread starts.
 */
void log_init(const char *program, unsigned identity);

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
 * preserved. Any thread.
 */
void log_msg(int priority, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * log_module(priority, module, request, text):
 * The same for a module's message: "<6>bulkhead-worker 2: hello request=3-17:
 * text". ${module} may be NULL (the server itself speaks about a request);
 * ${request} 0 means none. ${request} is a request id as in shm/activity.h.
 */
void log_module(
    int priority, const char *module, uint64_t request, const char *text);

#define log_err(...)   log_msg(LOG_ERR, __VA_ARGS__)
#define log_warn(...)  log_msg(LOG_WARNING, __VA_ARGS__)
#define log_info(...)  log_msg(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_msg(LOG_DEBUG, __VA_ARGS__)

#endif
