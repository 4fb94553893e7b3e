/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Log lines: put together on the caller's stack, cleaned, written at once.
 * No lock and no heap, so that a thread which dies here hurts nobody. Any
 * process.
 */
#include "shm/base/log.h"

#include "shm/activity.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	/*
	 * The longest line, with its newline. It is below PIPE_BUF, so lines
	 * of several processes on one pipe don't mix.
	 */
	LINE_MAX_BYTES = 2048,
	LINE_END = sizeof("...\n") - 1,
	WRITE_TRIES = 8, /* a signal a try is more than anybody sends */
};

/* One line being put together. Room for LINE_END is always left. */
struct line {
	size_t length;
	bool cut;
	char bytes[LINE_MAX_BYTES];
};

static struct {
	const char *program;
	unsigned identity;
	_Atomic int level;
} log_state = { .program = "bulkhead", .level = LOG_INFO };

static void
line_add(struct line *line, const char *bytes, size_t size)
{
	if (line->cut || size > sizeof(line->bytes) - LINE_END - line->length) {
		line->cut = true;
		return;
	}
	memcpy(line->bytes + line->length, bytes, size);
	line->length += size;
}

/*
 * Is the byte at ${text} a control character of ASCII, or does it begin one
 * of Unicode's second set (C2 80 to C2 9F), which terminals obey too?
 */
static bool
is_control(const unsigned char *text)
{
	if (*text < 0x20 || *text == 0x7f)
		return (true);
	return (*text == 0xc2 && text[1] >= 0x80 && text[1] < 0xa0);
}

/* Add text of unknown origin: nothing in it can end the line. */
static void
line_add_text(struct line *line, const char *text)
{
	const unsigned char *byte = (const unsigned char *)text;
	char escaped[sizeof("\\xNN")];

	for (; *byte != '\0' && !line->cut; byte++) {
		if (!is_control(byte)) {
			line_add(line, (const char *)byte, 1);
			continue;
		}
		(void)snprintf(escaped, sizeof(escaped), "\\x%02x", *byte);
		line_add(line, escaped, sizeof(escaped) - 1);
	}
}

static void
line_begin(struct line *line, int priority)
{
	char prefix[64];

	line->length = 0;
	line->cut = false;
	(void)snprintf(prefix, sizeof(prefix), "<%d>", LOG_PRI(priority));
	line_add(line, prefix, strlen(prefix));
	line_add_text(line, log_state.program);
	if (log_state.identity != 0) {
		(void)snprintf(
		    prefix, sizeof(prefix), " %u", log_state.identity);
		line_add(line, prefix, strlen(prefix));
	}
	line_add(line, ": ", 2);
}

/* Write the line. There is nobody to tell if that fails. */
static void
line_end(struct line *line)
{
	int tries;

	if (line->cut) {
		memcpy(line->bytes + line->length, "...", 3);
		line->length += 3;
	}
	line->bytes[line->length++] = '\n';
	for (tries = 0; tries < WRITE_TRIES; tries++) {
		if (write(STDERR_FILENO, line->bytes, line->length) >= 0 ||
		    errno != EINTR)
			return;
	}
}

static bool
is_wanted(int priority)
{
	return (LOG_PRI(priority) <=
		atomic_load_explicit(&log_state.level, memory_order_relaxed));
}

void
log_init(const char *program, unsigned identity)
{
	log_state.program = program;
	log_state.identity = identity;
}

void
log_set_level(int level)
{
	atomic_store_explicit(&log_state.level, level, memory_order_relaxed);
}

void
log_msg(int priority, const char *format, ...)
{
	int saved_errno = errno;
	char text[LINE_MAX_BYTES];
	struct line line;
	va_list args;
	int length;

	if (!is_wanted(priority))
		return;
	va_start(args, format);
	length = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	line_begin(&line, priority);
	line_add_text(&line, length < 0 ? format : text);
	line_end(&line);
	errno = saved_errno;
}

void
log_module(int priority, const char *module, uint64_t request, const char *text)
{
	int saved_errno = errno;
	struct line line;
	char id[48];

	if (!is_wanted(priority))
		return;
	line_begin(&line, priority);
	if (module != NULL) {
		line_add_text(&line, module);
		line_add(
		    &line, request != 0 ? " " : ": ", request != 0 ? 1 : 2);
	}
	if (request != 0) {
		(void)snprintf(id, sizeof(id), "request=%u-%u: ",
		    (unsigned)(request >> REQUEST_COUNT_BITS),
		    (unsigned)(request & UINT32_MAX));
		line_add(&line, id, strlen(id));
	}
	line_add_text(&line, text);
	line_end(&line);
	errno = saved_errno;
}
