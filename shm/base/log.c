/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Log messages: put together on the caller's stack, cleaned, written at once.
 * No lock and no heap, so that a thread which dies here hurts nobody. Any
 * process.
 *
 * Entries for the journal are written in its own protocol, which is plain:
 * NAME=value and a newline for each field, one datagram an entry. A cleaned
 * value has no newline, so this form is always enough. sd_journal_sendv(3)
 * would do it as well, but it waits for as long as the journal does, and each
 * worker would load a library with five others behind it for it.
 */
#include "shm/base/log.h"

#include "shm/activity.h"
#include "shm/base/fd.h"

#include <bsd/string.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	/*
	 * The longest line, with its newline. It is below PIPE_BUF, so lines
	 * of several processes on one pipe don't mix.
	 */
	LINE_MAX_BYTES = 2048,
	LINE_END = sizeof("...\n") - 1,
	ENTRY_MAX_BYTES = 4096, /* a message as long as a line, and fields */
	WRITE_TRIES = 8,        /* a signal a try is more than anybody sends */
};

/* Text being put together. Room for LINE_END is always left below room. */
struct line {
	size_t room;
	size_t length;
	bool cut;
	char bytes[ENTRY_MAX_BYTES];
};

/* What is to be told, before it takes a form. */
struct message {
	int priority;
	const char *module;  /* or NULL */
	const char *request; /* or NULL */
	const char *text;
	const struct log_field *fields;
	size_t count;
};

static struct {
	const char *program;
	unsigned identity;
	int journal; /* the socket, or -1 */
	_Atomic int level;
	_Atomic unsigned lost; /* entries that the journal didn't take */
} log_state = {
	.program = "bulkhead",
	.journal = -1,
	.level = LOG_INFO,
};

static void
line_add(struct line *line, const char *bytes, size_t size)
{
	if (line->cut || size > line->room - LINE_END - line->length) {
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
line_end(struct line *line)
{
	if (line->cut) {
		memcpy(line->bytes + line->length, "...", 3);
		line->length += 3;
	}
	line->bytes[line->length++] = '\n';
}

/* "hello request=3-17: text" */
static void
line_add_message(struct line *line, const struct message *message)
{
	if (message->module != NULL)
		line_add_text(line, message->module);
	if (message->module != NULL && message->request != NULL)
		line_add(line, " ", 1);
	if (message->request != NULL) {
		line_add(line, "request=", sizeof("request=") - 1);
		line_add_text(line, message->request);
	}
	if (message->module != NULL || message->request != NULL)
		line_add(line, ": ", 2);
	line_add_text(line, message->text);
}

/* There is nobody to tell if that fails. */
static void
write_line(const struct message *message)
{
	struct line line = { .room = LINE_MAX_BYTES };
	char prefix[64];

	(void)snprintf(
	    prefix, sizeof(prefix), "<%d>", LOG_PRI(message->priority));
	line_add(&line, prefix, strlen(prefix));
	line_add_text(&line, log_state.program);
	if (log_state.identity != 0) {
		(void)snprintf(
		    prefix, sizeof(prefix), " %u", log_state.identity);
		line_add(&line, prefix, strlen(prefix));
	}
	line_add(&line, ": ", 2);
	line_add_message(&line, message);
	line_end(&line);
	for (int tries = 0; tries < WRITE_TRIES; tries++) {
		if (write(STDERR_FILENO, line.bytes, line.length) >= 0 ||
		    errno != EINTR)
			return;
	}
}

/* A field that doesn't fit is left out: half a value would tell a lie. */
static void
entry_add(struct line *entry, const char *name, const char *value)
{
	size_t before = entry->length;

	if (value == NULL)
		return;
	line_add(entry, name, strlen(name));
	line_add(entry, "=", 1);
	line_add_text(entry, value);
	if (entry->cut) {
		entry->length = before;
		entry->cut = false;
		return;
	}
	line_end(entry);
}

static void
entry_make(struct line *entry, const struct message *message)
{
	char number[16];

	/* The text may be cut, as on a line; what comes after it has room. */
	entry->room = LINE_MAX_BYTES;
	entry->length = 0;
	entry->cut = false;
	line_add(entry, "MESSAGE=", sizeof("MESSAGE=") - 1);
	line_add_message(entry, message);
	line_end(entry);
	entry->cut = false;
	entry->room = sizeof(entry->bytes);
	(void)snprintf(
	    number, sizeof(number), "%d", LOG_PRI(message->priority));
	entry_add(entry, "PRIORITY", number);
	entry_add(entry, "SYSLOG_IDENTIFIER", log_state.program);
	if (log_state.identity != 0) {
		(void)snprintf(
		    number, sizeof(number), "%u", log_state.identity);
		entry_add(entry, "WORKER", number);
	}
	for (size_t i = 0; i < message->count && i < LOG_FIELDS_MAX; i++)
		entry_add(
		    entry, message->fields[i].name, message->fields[i].value);
}

/* 0 or -errno; waits a moment for the journal if ${patient}. */
static int
send_entry(const struct line *entry, bool patient)
{
	struct pollfd room = { .fd = log_state.journal, .events = POLLOUT };

	for (int tries = 0; tries < WRITE_TRIES; tries++) {
		if (send(log_state.journal, entry->bytes, entry->length,
			MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
			return (0);
		if (errno == EAGAIN && patient) {
			patient = false;
			(void)poll(&room, 1, LOG_PATIENCE_MS);
		} else if (errno != EINTR) {
			break;
		}
	}
	return (-errno);
}

static void
tell_lost(unsigned lost)
{
	struct line entry;
	char text[64];
	struct message message = { .priority = LOG_WARNING, .text = text };

	(void)snprintf(text, sizeof(text),
	    "%u log messages were lost: the journal was full", lost);
	entry_make(&entry, &message);
	if (send_entry(&entry, false) != 0)
		(void)atomic_fetch_add_explicit(
		    &log_state.lost, lost, memory_order_relaxed);
}

/* False when the journal isn't there, so that standard error is tried. */
static bool
write_entry(const struct message *message)
{
	struct line entry;
	unsigned lost;
	int error;

	entry_make(&entry, message);
	error = send_entry(&entry,
	    atomic_load_explicit(&log_state.lost, memory_order_relaxed) == 0);
	if (error == -EAGAIN) {
		(void)atomic_fetch_add_explicit(
		    &log_state.lost, 1, memory_order_relaxed);
		return (true);
	}
	if (error != 0)
		return (false);
	if (atomic_load_explicit(&log_state.lost, memory_order_relaxed) == 0)
		return (true);
	lost =
	    atomic_exchange_explicit(&log_state.lost, 0, memory_order_relaxed);
	if (lost != 0)
		tell_lost(lost);
	return (true);
}

static void
emit(const struct message *message)
{
	if (log_state.journal == -1 || !write_entry(message))
		write_line(message);
}

static bool
is_wanted(int priority)
{
	return (LOG_PRI(priority) <=
		atomic_load_explicit(&log_state.level, memory_order_relaxed));
}

/* systemd says which stream it gave us; it may have been replaced since. */
static bool
stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char ours[64];
	struct stat status;

	if (stream == NULL || fstat(STDERR_FILENO, &status) != 0)
		return (false);
	(void)snprintf(ours, sizeof(ours), "%ju:%ju", (uintmax_t)status.st_dev,
	    (uintmax_t)status.st_ino);
	return (strcmp(ours, stream) == 0);
}

int
log_open_journal(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int error, fd;

	if (strlcpy(address.sun_path, path, sizeof(address.sun_path)) >=
	    sizeof(address.sun_path))
		return (-ENAMETOOLONG);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return (-errno);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) !=
	    0) {
		error = -errno;
		fd_close(&fd);
		return (error);
	}
	log_close_journal();
	log_state.journal = fd;
	return (0);
}

void
log_close_journal(void)
{
	fd_close(&log_state.journal);
}

void
log_init(const char *program, unsigned identity)
{
	log_state.program = program;
	log_state.identity = identity;
	/* Without it the lines still go to the journal, as plain ones. */
	if (log_state.journal == -1 && stderr_is_journal())
		(void)log_open_journal("/run/systemd/journal/socket");
}

void
log_set_level(int level)
{
	atomic_store_explicit(&log_state.level, level, memory_order_relaxed);
}

static __attribute__((format(printf, 4, 0))) void
emit_format(int priority, const struct log_field *fields, size_t count,
    const char *format, va_list args)
{
	char text[LINE_MAX_BYTES];
	int length;

	length = vsnprintf(text, sizeof(text), format, args);
	emit(&(struct message){
	    .priority = priority,
	    .text = length < 0 ? format : text,
	    .fields = fields,
	    .count = count,
	});
}

void
log_msg(int priority, const char *format, ...)
{
	int saved_errno = errno;
	va_list args;

	if (!is_wanted(priority))
		return;
	va_start(args, format);
	emit_format(priority, NULL, 0, format, args);
	va_end(args);
	errno = saved_errno;
}

void
log_fields(int priority, const struct log_field *fields, size_t count,
    const char *format, ...)
{
	int saved_errno = errno;
	va_list args;

	if (!is_wanted(priority))
		return;
	va_start(args, format);
	emit_format(priority, fields, count, format, args);
	va_end(args);
	errno = saved_errno;
}

void
log_module(int priority, const char *module, uint64_t request,
    const char *notification, const char *text)
{
	int saved_errno = errno;
	char id[48];
	const struct log_field fields[] = {
		{ "MODULE", module },
		{ "REQUEST_ID", request != 0 ? id : NULL },
		{ "NOTIFICATION", notification },
	};

	if (!is_wanted(priority))
		return;
	(void)snprintf(id, sizeof(id), "%u-%u",
	    (unsigned)(request >> REQUEST_COUNT_BITS),
	    (unsigned)(request & UINT32_MAX));
	emit(&(struct message){
	    .priority = priority,
	    .module = module,
	    .request = request != 0 ? id : NULL,
	    .text = text,
	    .fields = fields,
	    .count = sizeof(fields) / sizeof(fields[0]),
	});
	errno = saved_errno;
}
