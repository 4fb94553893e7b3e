/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How connections end. The master holds a copy of every descriptor, so
 * close(2) here ends nothing by itself, and there are exactly two endings:
 *
 *   orderly	shutdown(SHUT_WR), read and discard to the peer's FIN within a
 *		bound, EPOLL_CTL_DEL, close, report
 *   reset	connect(AF_UNSPEC), which sends RST at once whoever holds a
 *		copy; never after a shutdown()
 *
 * SHUT_RDWR would turn a whole answer into a truncated one when input is
 * unread or late; SO_LINGER 0 with a held copy would end a truncated one with
 * a FIN, as if it were whole.
 */
#ifndef WORKER_CLOSE_H
#define WORKER_CLOSE_H

#include "worker/conn.h"

/* conn_close(conn, worker): the orderly ending. ${conn} may be over after. */
void conn_close(struct conn *conn, struct worker *worker);

/* conn_reset(conn, worker): the other one. ${conn} is over after. */
void conn_reset(struct conn *conn, struct worker *worker);

/*
 * conn_release(conn, worker):
 * No ending at all: an idle connection, with no byte of it read, goes back to
 * the master, who gives it to another worker. ${conn} is over after.
 */
void conn_release(struct conn *conn, struct worker *worker);

/* conn_lingered(conn, worker, bytes, status): CONN_RECEIVED while CLOSING. */
void conn_lingered(
    struct conn *conn, struct worker *worker, int64_t bytes, int status);

/*
 * conn_receive_nowhere(conn, worker, most):
 * Receive up to ${most} bytes that nobody wants. CONN_RECEIVED tells of them.
 */
void conn_receive_nowhere(
    struct conn *conn, struct worker *worker, uint64_t most);

/*
 * conn_publish(conn, worker, op):
 * Post an event of our own about a connection. Without a free record it comes
 * late, with the next sweep.
 */
void conn_publish(struct conn *conn, struct worker *worker, enum operation op);

#endif
