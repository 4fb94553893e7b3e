/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The place where crash recovery will be: a successor will adopt what a dead
 * worker held (DESIGN section 5). Until then what it held is reset, so that no
 * client takes a truncated answer for a whole one. Runs in the master.
 */
#include "master/recover.h"

#include "master/master.h"

void
recover_connections(struct worker *worker)
{
	struct connections *table = &worker->master->connections;
	struct connection *connection;

	/* From the end: each goes to the head of the queue, the oldest last. */
	while ((connection = TAILQ_LAST(
		    &worker->owner.list, connection_list)) != NULL) {
		if (connection->state == CONNECTION_OFFERED)
			connections_requeue(table, connection);
		else
			connections_reset(table, connection);
	}
}
