/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The worker's end of the socket to the master: the boot conversation, then
 * messages that become completions, and reports that go back in batches.
 *
 * Dispatch thread only.
 */
#ifndef WORKER_LINK_H
#define WORKER_LINK_H

#include "shm/message.h"
#include "worker/worker.h"

struct link;

/*
 * link_create(fd, ret_link):
 * Take over the socket. Returns 0 or -ENOMEM.
 */
int link_create(int fd, struct link **ret_link);
void link_free(struct link *link);
int link_fd(const struct link *link);

/*
 * link_boot(link, ret_boot, ret_strings, ret_fds):
 * Wait for BOOT. *${ret_strings} is to be freed. Returns 0, -errno, -EBADMSG,
 * or -EPIPE when the master is gone.
 */
int link_boot(struct link *link, struct message_boot *ret_boot,
    char **ret_strings, struct segment_fds *ret_fds);

/* link_wait_start(link): wait for START. Returns as link_boot(). */
int link_wait_start(struct link *link);

/* link_say(link, type, text): send a plain message, with a text or NULL. */
int link_say(struct link *link, enum message_type type, const char *text);

/*
 * link_readable(worker):
 * Read one message and publish what it says: CONN_ARRIVED for each connection
 * (its slot opened, the descriptor in `aux`), MASTER_MESSAGE for the rest
 * (its type in `conn`, what it says in `aux`).
 * The engine calls it while records are free for a whole message.
 */
void link_readable(struct worker *worker);

/*
 * link_report(link, type, slot, generation, how):
 * Queue a TAKEN, REFUSED, RELEASED or CLOSED for the next link_flush().
 */
void link_report(struct link *link, enum message_type type, uint32_t slot,
    uint32_t generation, uint32_t how);

/*
 * link_flush(link):
 * Send what is queued, without blocking; what the socket doesn't take stays.
 * Returns false when something stayed.
 */
bool link_flush(struct link *link);

#endif
