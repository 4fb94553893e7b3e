/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signals, as events of the loop.
 */
#ifndef MASTER_SIGNALS_H
#define MASTER_SIGNALS_H

#include "master/loop.h"

struct master;

struct signals {
	struct loop_source source;
	int fd;
};

/*
 * signals_open(signals, master):
 * From now on SIGTERM and SIGINT stop the server, the second of them at once;
 * SIGHUP reloads and SIGPIPE is ignored. Returns 0 or -errno.
 */
int signals_open(struct signals *signals, struct master *master);

/* signals_close(signals, loop): closed is fine. The mask stays. */
void signals_close(struct signals *signals, struct loop *loop);

#endif
