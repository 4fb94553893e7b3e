/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing crash reports. Runs in the master, after the dead worker's
 * connections have been handed on. All text in a report is printable ASCII.
 */
#include "master/crash_file.h"

#include "shm/activity.h"
#include "shm/base/fd.h"
#include "shm/stats.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* jansson refuses a NULL value: `failed` collects these. */
struct builder {
	bool failed;
};

static void
put(struct builder *b, json_t *object, const char *name, json_t *value)
{
	if (json_object_set_new(object, name, value) != 0)
		b->failed = true;
}

static void
put_number(struct builder *b, json_t *object, const char *name, uint64_t number)
{
	put(b, object, name,
	    json_integer((json_int_t)(number & (uint64_t)INT64_MAX)));
}

/* Paths and a worker's own words may hold anything; an empty text is null. */
static void
put_text(struct builder *b, json_t *object, const char *name, const char *text)
{
	char clean[1024];
	size_t i;

	for (i = 0; text[i] != '\0' && i < sizeof(clean) - 1; i++)
		clean[i] = text[i] >= ' ' && text[i] < 0x7f ? text[i] : '?';
	clean[i] = '\0';
	put(b, object, name, i == 0 ? json_null() : json_string(clean));
}

/* A request's id as the logs say it; null for none. */
static void
put_request(struct builder *b, json_t *object, uint64_t request)
{
	char text[48] = "";

	if (request != 0)
		(void)snprintf(text, sizeof(text), "%" PRIu64 "-%" PRIu64,
		    request >> REQUEST_COUNT_BITS, request & UINT32_MAX);
	put_text(b, object, "request", text);
}

static void
put_operation(struct builder *b, json_t *object, uint16_t op)
{
	const char *name = operation_name(op);

	if (name != NULL)
		put_text(b, object, "operation", name);
	else
		put_number(b, object, "operation", op);
}

static void
put_culprit(struct builder *b, json_t *object, const struct culprit *culprit)
{
	put_number(b, object, "thread", culprit->thread);
	put_text(b, object, "module", culprit->name);
	put_text(b, object, "step", culprit->step_name);
	put_request(b, object, culprit->request);
}

static json_t *
build_culprit(struct builder *b, const struct crash *crash)
{
	json_t *o;

	if (!crash->known)
		return (json_null());
	o = json_object();
	put_culprit(b, o, &crash->culprit);
	put_text(b, o, "file", crash->file);
	put_text(b, o, "build_id", crash->build_id);
	put_text(b, o, "method", crash->method);
	put_text(b, o, "target", crash->target);
	put_text(b, o, "client", crash->client);
	put_number(b, o, "callback_ns", crash->callback_ns);
	return (o);
}

static json_t *
build_others(struct builder *b, const struct crash *crash)
{
	json_t *array = json_array(), *o;

	for (size_t i = 0; i < crash->other_count; i++) {
		o = json_object();
		put_culprit(b, o, &crash->others[i]);
		if (json_array_append_new(array, o) != 0)
			b->failed = true;
	}
	return (array);
}

static json_t *
build_fate(struct builder *b, const struct fate_entry *entry)
{
	char client[ADDRESS_TEXT];
	json_t *o = json_object();

	address_format_peer(&entry->peer, client);
	put_number(b, o, "slot", entry->slot);
	put_number(b, o, "generation", entry->generation);
	put_text(b, o, "client", client);
	put_text(b, o, "outcome", fate_name(entry->fate));
	return (o);
}

static json_t *
build_connections(struct builder *b, const struct fates *fates)
{
	json_t *o = json_object(), *list = json_array();
	uint64_t all = 0;

	for (int i = 0; i < FATES; i++) {
		put_number(b, o, fate_name((enum fate)i), fates->counts[i]);
		all += fates->counts[i];
	}
	put_number(b, o, "untouched", fates->untouched);
	put_number(b, o, "waiting", fates->waiting);
	for (size_t i = 0; i < fates->count; i++)
		if (json_array_append_new(
			list, build_fate(b, &fates->entries[i])) != 0)
			b->failed = true;
	put(b, o, "list", list);
	put_number(b, o, "not_listed", all - fates->count);
	return (o);
}

/* Of a result there is one only when it was done. */
static json_t *
build_operation(struct builder *b, const struct outstanding_entry *entry)
{
	const bool done =
	    entry->state == RECORD_DONE || entry->state == RECORD_DISPATCHING;
	char client[ADDRESS_TEXT] = "";
	json_t *o = json_object();

	if (entry->known)
		address_format_peer(&entry->peer, client);
	put_text(b, o, "state", outstanding_state_name(entry->state));
	put_operation(b, o, entry->op);
	put_number(b, o, "slot", entry->slot);
	put_number(b, o, "generation", entry->generation);
	put_text(b, o, "client", client);
	put_request(b, o, entry->request);
	put(b, o, "completer",
	    entry->completer != 0 ? json_integer(entry->completer)
				  : json_null());
	put(b, o, "bytes",
	    done ? json_integer((json_int_t)entry->bytes) : json_null());
	put(b, o, "status", done ? json_integer(entry->status) : json_null());
	return (o);
}

static json_t *
build_operations(struct builder *b, const struct outstanding *outstanding)
{
	json_t *o = json_object(), *list = json_array();
	uint64_t all = 0;

	for (int i = OUTSTANDING_STATES - 1; i > RECORD_FREE; i--) {
		put_number(b, o, outstanding_state_name((enum record_state)i),
		    outstanding->counts[i]);
		all += outstanding->counts[i];
	}
	for (size_t i = 0; i < outstanding->count; i++)
		if (json_array_append_new(list,
			build_operation(b, &outstanding->entries[i])) != 0)
			b->failed = true;
	put(b, o, "list", list);
	put_number(b, o, "not_listed", all - outstanding->count);
	return (o);
}

/* How the segment was found, and what it said of operations. */
static void
put_outstanding(
    struct builder *b, json_t *root, const struct outstanding *outstanding)
{
	static const char *const found[] = {
		[OUTSTANDING_NONE] = "none",
		[OUTSTANDING_UNREAD] = "unread",
		[OUTSTANDING_WHOLE] = "whole",
		[OUTSTANDING_CORRUPT] = "corrupt",
	};
	char rule[128] = "";

	if (outstanding->violated != NULL)
		(void)snprintf(rule, sizeof(rule), "%s: %" PRIu64,
		    outstanding->violated, outstanding->violated_at);
	put_text(b, root, "segment", found[outstanding->segment]);
	put_number(b, root, "violations", outstanding->violations);
	put_text(b, root, "violation", rule);
	put(b, root, "operations", build_operations(b, outstanding));
}

static json_t *
build_entry(struct builder *b, const struct recorder_entry *entry)
{
	json_t *o = json_object();

	put_number(b, o, "time_ns", entry->time_ns);
	put_operation(b, o, entry->op);
	put_number(b, o, "slot", entry->conn & UINT32_MAX);
	put_number(b, o, "generation", entry->conn >> 32);
	put(b, o, "bytes", json_integer((json_int_t)entry->bytes));
	put(b, o, "status", json_integer((json_int_t)entry->status));
	put_number(b, o, "completer", entry->completer);
	return (o);
}

static json_t *
build_recorder(struct builder *b, const struct crash *crash)
{
	json_t *array = json_array();

	for (size_t i = 0; i < crash->entry_count; i++)
		if (json_array_append_new(
			array, build_entry(b, &crash->entries[i])) != 0)
			b->failed = true;
	return (array);
}

static void
put_end(struct builder *b, json_t *root, const struct crash *crash)
{
	const char *name = NULL;
	char text[32];

	if (crash->signal != 0) {
		name = sigabbrev_np(crash->signal);
		(void)snprintf(
		    text, sizeof(text), "SIG%s", name == NULL ? "?" : name);
		put_text(b, root, "signal", text);
		put(b, root, "exit_status", json_null());
	} else {
		put(b, root, "signal", json_null());
		put_number(b, root, "exit_status", (uint64_t)crash->status);
	}
	put_text(b, root, "cause", cause_name(crash->cause));
	put(b, root, "core", json_boolean(crash->core));
	put(b, root, "hung", json_boolean(crash->hung));
	put(b, root, "starting", json_boolean(crash->loading));
	put_text(b, root, "reason", crash->reason);
}

char *
crash_file_format(const struct crash *crash)
{
	struct builder b = { .failed = false };
	json_t *root = json_object();
	char *text = NULL;

	put_text(&b, root, "id", crash->id);
	put_text(&b, root, "time", crash->time);
	put_number(&b, root, "worker", crash->worker);
	put_number(&b, root, "incarnation", crash->incarnation);
	put_number(&b, root, "pid", (uint64_t)crash->pid);
	put_number(&b, root, "uptime_ns", crash->up_ns);
	put_end(&b, root, crash);
	put(&b, root, "culprit", build_culprit(&b, crash));
	put(&b, root, "other_threads", build_others(&b, crash));
	put_outstanding(&b, root, &crash->outstanding);
	put(&b, root, "connections", build_connections(&b, &crash->fates));
	put(&b, root, "recorder", build_recorder(&b, crash));
	if (!b.failed)
		text = json_dumps(root, JSON_INDENT(2));
	json_decref(root);
	return (text);
}

/* The folder and those above it. */
static int
make_folders(const char *path)
{
	char part[PATH_MAX];

	if (strlen(path) >= sizeof(part))
		return (-ENAMETOOLONG);
	for (size_t i = 1;; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdir(part, 0700) != 0 && errno != EEXIST &&
		    path[i] == '\0')
			return (-errno);
		if (path[i] == '\0')
			return (0);
	}
}

static int
is_report(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return (length > 5 && entry->d_name[0] != '.' &&
		strcmp(entry->d_name + length - 5, ".json") == 0);
}

static void
remove_oldest(const char *path, int folder, size_t most)
{
	struct dirent **list;
	int count = scandir(path, &list, is_report, alphasort);

	if (count < 0)
		return; /* next time */
	for (int i = 0; i < count; i++) {
		if ((size_t)(count - i) > most)
			(void)unlinkat(folder, list[i]->d_name, 0);
		free(list[i]);
	}
	free(list);
}

/* Under another name first: a reader sees the whole of it or nothing. */
static int
write_into(int folder, const char *id, const char *text)
{
	static const char temporary[] = ".new";
	size_t left = strlen(text);
	char name[CRASH_ID + 8];
	ssize_t written;
	int fd, error = 0;

	fd = openat(folder, temporary,
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return (-errno);
	while (error == 0 && left > 0) {
		written = write(fd, text, left);
		if (written <= 0) {
			error = written == 0 ? -EIO : -errno;
			break;
		}
		text += written;
		left -= (size_t)written;
	}
	fd_close(&fd);
	(void)snprintf(name, sizeof(name), "%s.json", id);
	if (error == 0 && renameat(folder, temporary, folder, name) != 0)
		error = -errno;
	if (error != 0)
		(void)unlinkat(folder, temporary, 0);
	return (error);
}

int
crash_file_write(const struct crash *crash, const char *folder, size_t most)
{
	char path[PATH_MAX];
	int error, fd;
	char *text;

	if ((size_t)snprintf(path, sizeof(path), "%s/crashes", folder) >=
	    sizeof(path))
		return (-ENAMETOOLONG);
	error = make_folders(path);
	if (error != 0)
		return (error);
	text = crash_file_format(crash);
	if (text == NULL)
		return (-ENOMEM);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		error = -errno;
	} else {
		error = write_into(fd, crash->id, text);
		remove_oldest(path, fd, most);
		fd_close(&fd);
	}
	free(text);
	return (error);
}
