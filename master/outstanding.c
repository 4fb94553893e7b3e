/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Collecting what a dead worker had still to do. Runs in the master. Ids in
 * the wreck are keys of our own table and nothing else.
 */
#include "master/outstanding.h"

#include "shm/activity.h"
#include "shm/reader.h"
#include "shm/slot.h"

#include <string.h>

enum {
	MODULES_BELOW = 16, /* operations of modules: shm/operations.def */
};

const char *
outstanding_state_name(enum record_state state)
{
	switch (state) {
	case RECORD_DISPATCHING:
		return ("dispatching");
	case RECORD_DONE:
		return ("done");
	case RECORD_CLAIMED:
		return ("completing");
	case RECORD_INFLIGHT:
		return ("in_flight");
	case RECORD_FREE:
		break;
	}
	return ("free");
}

/*
 * A module's operation has its request's handle as its token, also when that
 * request is over and its connection in another one.
 */
static uint64_t
find_request(const struct segment *view, const struct completion *completion)
{
	const uint64_t count = request_handle_count(completion->token);

	if (completion->op >= MODULES_BELOW || count == 0 ||
	    count > UINT32_MAX ||
	    request_handle_slot(completion->token) !=
		conn_id_slot(completion->conn))
		return (0);
	return (request_id_make(view->incarnation, (uint32_t)count));
}

static void
fill(const struct segment *view, struct connections *table,
    const struct connection_owner *owner, const struct reader_record *record,
    struct outstanding_entry *ret_entry)
{
	const struct completion *completion = &record->completion;
	const struct connection *connection;

	*ret_entry = (struct outstanding_entry){
		.state = record->state,
		.op = completion->op,
		.completer = record->owner,
		.slot = conn_id_slot(completion->conn),
		.generation = conn_id_generation(completion->conn),
		.request = find_request(view, completion),
		.bytes = completion->bytes,
		.status = completion->status,
	};
	connection = connections_find(
	    table, owner, ret_entry->slot, ret_entry->generation);
	if (connection == NULL)
		return;
	ret_entry->known = true;
	ret_entry->peer = connection->peer;
}

void
outstanding_collect(const struct segment *view, struct connections *table,
    const struct connection_owner *owner, struct outstanding *ret_outstanding)
{
	struct outstanding *out = ret_outstanding;
	struct reader_record record;
	struct reader reader;

	memset(out, 0, sizeof(*out));
	if (view->header == NULL)
		return;
	if (reader_open(&reader, view, true) != 0) {
		out->segment = OUTSTANDING_UNREAD;
		return;
	}
	out->violations = reader.corrupt;
	out->violated = reader.violated;
	out->violated_at = reader.violated_at;
	out->segment =
	    reader.corrupt != 0 ? OUTSTANDING_CORRUPT : OUTSTANDING_WHOLE;
	while (reader_next(&reader, &record))
		if (out->counts[record.state]++ < OUTSTANDING_EACH)
			fill(view, table, owner, &record,
			    &out->entries[out->count++]);
	reader_close(&reader);
}
