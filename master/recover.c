/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Recovery by hand-over: a dead worker's connections are queued for another
 * one, with its wreck. Runs in the master.
 */
#include "master/recover.h"

#include "master/let_go.h"
#include "master/master.h"
#include "master/report.h"
#include "shm/wreck.h"

#include <stdlib.h>

struct death {
	bool module;         /* it died in a module's callback */
	bool choked;         /* and not of it: we aborted it for refusing */
	struct fates *fates; /* of its connections, or NULL */
};

/*
 * Its segment becomes a wreck. NULL when it has none (it died before it was
 * sealed, and so held nothing) or memory is short.
 */
static struct wreck *
make_wreck(struct worker *worker)
{
	struct wreck *wreck;

	if (worker->view.header == NULL ||
	    (wreck = calloc(1, sizeof(*wreck))) == NULL)
		return (NULL);
	wreck->fds = worker->segment_fds;
	wreck->view = worker->view;
	worker->segment_fds = (struct segment_fds){ -1, -1, -1 };
	worker->view = (struct segment){ .header = NULL };
	SLIST_INSERT_HEAD(&worker->master->wrecks, wreck, link);
	return (wreck);
}

/* Nobody can tell more about its connections. */
static void
free_wreck(struct wreck *wreck)
{
	if (wreck->report != NULL)
		report_wreck_gone(wreck->report);
	segment_unmap(&wreck->view);
	let_go(&wreck->fds, NULL);
	free(wreck);
}

/*
 * The request that ${connection} was in has been in one more death. A request
 * that isn't a replay has no past; a replay that hadn't begun keeps its own,
 * else two poison requests that kill in turn would absolve each other for
 * ever.
 */
static void
count_death(struct connection *connection, const struct wreck *wreck,
    const struct death *death)
{
	struct slot_request request;
	enum slot_state state;

	if (!wreck_slot(&wreck->view, connection->slot, connection->generation,
		&state, &request)) {
		connection->crashes = connection->named = 0;
		return;
	}
	if (request.replays == 0)
		connection->crashes = connection->named = 0;
	if (request.request == 0)
		return;
	connection->crashes++;
	if (!death->choked && wreck_names(&wreck->view, request.request))
		connection->named++;
}

/*
 * Queue one connection, with the wreck that knows most of it: this one if its
 * owner had taken it, though perhaps not said so yet; else the one from which
 * it was to be adopted, if that hasn't been tried too often. A successor that
 * a module killed had only not come to it.
 */
static void
requeue(struct connections *table, struct connection *connection,
    struct wreck *wreck, const struct death *death)
{
	if (wreck != NULL &&
	    wreck_had(&wreck->view, connection->slot, connection->generation)) {
		count_death(connection, wreck, death);
		connection->attempts = 0;
		connections_set_wreck(connection, wreck);
	} else if (connection->state == CONNECTION_HELD ||
		   (!death->module &&
		       ++connection->attempts > RECOVER_ATTEMPTS_MAX)) {
		if (death->fates != NULL)
			fate_tell(death->fates, FATE_RESET, connection->slot,
			    connection->generation, &connection->peer);
		connections_reset(table, connection);
		return;
	} else if (death->fates != NULL) {
		death->fates->untouched++;
	}
	connections_requeue(table, connection);
}

void
recover_connections(struct worker *worker, struct report *report)
{
	struct connections *table = &worker->master->connections;
	const struct death death = {
		.module = wreck_in_request(&worker->view),
		.choked = worker->choked,
		.fates = report == NULL ? NULL : &report->crash.fates,
	};
	struct connection *connection;
	struct wreck *wreck = NULL;

	if (!TAILQ_EMPTY(&worker->owner.list))
		wreck = make_wreck(worker);
	if (wreck != NULL && report != NULL)
		report_wreck(report, wreck);
	/* From the end: each goes to the head of the queue, the oldest last. */
	while ((connection = TAILQ_LAST(
		    &worker->owner.list, connection_list)) != NULL)
		requeue(table, connection, wreck, &death);
	recover_clear_wrecks(worker->master);
}

void
recover_clear_wrecks(struct master *master)
{
	struct wreck *wreck, *next, *kept = NULL;

	for (wreck = SLIST_FIRST(&master->wrecks); wreck != NULL;
	     wreck = next) {
		next = SLIST_NEXT(wreck, link);
		if (wreck->connections == 0) {
			free_wreck(wreck);
			continue;
		}
		SLIST_NEXT(wreck, link) = kept;
		kept = wreck;
	}
	SLIST_FIRST(&master->wrecks) = kept;
}

void
recover_fini(struct master *master)
{
	struct wreck *wreck;

	while ((wreck = SLIST_FIRST(&master->wrecks)) != NULL) {
		SLIST_REMOVE_HEAD(&master->wrecks, link);
		free_wreck(wreck);
	}
}
