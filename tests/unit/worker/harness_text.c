/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the harness's worker says, kept for the test: notes of callbacks, the
 * log (log_msg() and log_module() are replaced when the program is linked),
 * and reports to the master.
 */
#include "harness.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum {
	TAKEN_MAX = 65536,
	LOG_MAX = 262144,
};

void __wrap_log_msg(int priority, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void __wrap_log_module(int priority, const char *module, uint64_t request,
    const char *notification, const char *text);

/* Text that grows, of any thread. */
struct text {
	pthread_mutex_t lock;
	size_t length;
	char bytes[LOG_MAX];
};

static struct text notes = { .lock = PTHREAD_MUTEX_INITIALIZER };
static struct text log_text = { .lock = PTHREAD_MUTEX_INITIALIZER };
static struct text reports = { .lock = PTHREAD_MUTEX_INITIALIZER };
static char taken_notes[TAKEN_MAX];
static char taken_reports[TAKEN_MAX];

static void
text_add(struct text *text, const char *bytes, const char *end)
{
	size_t length = strlen(bytes), end_length = strlen(end);

	(void)pthread_mutex_lock(&text->lock);
	if (length + end_length < sizeof(text->bytes) - text->length) {
		memcpy(text->bytes + text->length, bytes, length);
		text->length += length;
		memcpy(text->bytes + text->length, end, end_length + 1);
		text->length += end_length;
	}
	(void)pthread_mutex_unlock(&text->lock);
}

/* Move it to ${ret_taken}, without the last separator. */
static const char *
text_take(struct text *text, char *ret_taken, size_t size)
{
	size_t length;

	(void)pthread_mutex_lock(&text->lock);
	length = text->length > 0 ? text->length - 1 : 0;
	if (length >= size)
		length = size - 1;
	memcpy(ret_taken, text->bytes, length);
	ret_taken[length] = '\0';
	text->length = 0;
	text->bytes[0] = '\0';
	(void)pthread_mutex_unlock(&text->lock);
	return (ret_taken);
}

void
note(const char *format, ...)
{
	char word[1024];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(word, sizeof(word), format, arguments);
	va_end(arguments);
	text_add(&notes, word, " ");
}

const char *
harness_notes(void)
{
	return (text_take(&notes, taken_notes, sizeof(taken_notes)));
}

const char *
harness_reports(void)
{
	return (text_take(&reports, taken_reports, sizeof(taken_reports)));
}

unsigned
harness_logged(const char *text)
{
	const char *at;
	unsigned count = 0;

	(void)pthread_mutex_lock(&log_text.lock);
	for (at = log_text.bytes; (at = strstr(at, text)) != NULL; at++)
		count++;
	(void)pthread_mutex_unlock(&log_text.lock);
	return (count);
}

void
harness_log_clear(void)
{
	(void)pthread_mutex_lock(&log_text.lock);
	log_text.length = 0;
	log_text.bytes[0] = '\0';
	(void)pthread_mutex_unlock(&log_text.lock);
}

void
harness_report(const char *word)
{
	text_add(&reports, word, " ");
}

void
__wrap_log_msg(int priority, const char *format, ...)
{
	char text[1024], line[1200];
	va_list arguments;

	(void)priority;
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	(void)snprintf(line, sizeof(line), "worker: %s", text);
	text_add(&log_text, line, "\n");
}

void
__wrap_log_module(int priority, const char *module, uint64_t request,
    const char *notification, const char *text)
{
	char line[1200];

	(void)priority;
	(void)request;
	(void)notification;
	(void)snprintf(line, sizeof(line), "%s: %s",
	    module == NULL ? "nobody" : module, text);
	text_add(&log_text, line, "\n");
}
