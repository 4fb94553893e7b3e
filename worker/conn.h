/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A client's connection: its bytes in the segment's buffers, one request
 * after the other, and its two endings.
 *
 *	             bytes              head whole           answer begun
 *	  IDLE -----------> READING ------------> HANDLING ---------> SENDING
 *	   ^ ^                 |  pipelined ^          |                  |
 *	   | '-- bytes ended --'            '----------+------------------'
 *	   '-------------- answer wholly in the kernel ---'
 *	any of them --conn_close--> CLOSING --peer's FIN, or time--> gone
 *	any of them --conn_reset--> gone
 *
 * The states are those of shm/slot.h, kept in the slot by conn_set_state().
 *
 * Life of a request, steps 4 and 11 of 11. Dispatch thread only.
 */
#ifndef WORKER_CONN_H
#define WORKER_CONN_H

#include "shm/message.h"
#include "shm/slot.h"
#include "worker/worker.h"

/* What to do with a connection when it arrives: adopt.h. */
enum adoption {
	ADOPTION_FRESH = 0, /* nothing is known of it: wait for a request */
	ADOPTION_RESUME,    /* go on with the bytes in its buffer */
	ADOPTION_REFUSE,    /* 502: its request must not be begun again */
	ADOPTION_CLOSE,     /* it was ending in order */
	ADOPTION_RESET,     /* its answer was cut off */
	ADOPTION_GONE,      /* its client has reset it */
};

struct conn {
	conn_id id; /* 0: not ours */
	int fd;
	enum slot_state state;
	uint32_t buffer;   /* index + 1; 0: none */
	uint32_t start;    /* of the current request, or of unread bytes */
	uint32_t end;      /* of the bytes received */
	size_t scanned;    /* of the head, for the parser */
	uint64_t received; /* bytes, in all */
	uint64_t sent;
	uint64_t deadline_ns; /* 0: none */
	uint64_t unread;     /* body still to be thrown away, packed; 0: none */
	uint64_t unread_end; /* `received` at which that isn't worth it */
	struct request *request;
	enum adoption adoption;
	uint32_t replays; /* deaths that the next request was in */
	bool fin;         /* the peer's has come */
	bool broken;      /* reset by the peer, or out of time */
	bool due; /* CONN_NEXT found no record: the next sweep does it */
};

/* conns_create(worker): the table. 0 or -ENOMEM. conns_free() undoes it. */
int conns_create(struct worker *worker);
void conns_free(struct worker *worker);

/*
 * conn_arrived(worker, id, fd):
 * CONN_ARRIVED: a connection is ours now; its struct has been prepared when
 * the master's message came. Reports it as taken.
 */
void conn_arrived(struct worker *worker, conn_id id, int fd);

/* The other completions of a connection that is ours. */
void conn_received(
    struct conn *conn, struct worker *worker, int64_t bytes, int status);
void conn_sent(
    struct conn *conn, struct worker *worker, int64_t bytes, int status);
void conn_next(struct conn *conn, struct worker *worker);
void conn_timeout(struct conn *conn, struct worker *worker);
void conn_broken(struct conn *conn);

/* conn_find(worker, id): the connection, or NULL when it is over. */
struct conn *conn_find(struct worker *worker, conn_id id);

/*
 * conn_set_state(conn, worker, state): the only setter of a connection's
 * state, here and in its slot.
 */
void conn_set_state(
    struct conn *conn, struct worker *worker, enum slot_state state);

/*
 * conn_refuse(conn, worker, status):
 * Answer what has come so far with the server's own ${status} and close.
 */
void conn_refuse(struct conn *conn, struct worker *worker, unsigned status);

/*
 * conn_request_over(conn, worker):
 * Its request has gone through the whole pipeline: free it, and go on to the
 * next or to the end.
 */
void conn_request_over(struct conn *conn, struct worker *worker);

/*
 * conn_note_response(conn, worker, total, last):
 * Say in the slot, before the first byte is sent, that an answer of ${total}
 * bytes begins; ${last}: it ends there.
 */
void conn_note_response(
    struct conn *conn, struct worker *worker, uint64_t total, bool last);

/*
 * conn_note_waiting(conn, worker, module, step, op):
 * For monitors: its request is parked until ${op} completes, which this
 * module's step will be told. conn_note_going_on(): it no longer is.
 */
void conn_note_waiting(struct conn *conn, struct worker *worker,
    uint32_t module, uint32_t step, uint16_t op);
void conn_note_going_on(struct conn *conn, struct worker *worker);

/* conn_note_body_outside(conn, worker): body bytes leave the segment. */
void conn_note_body_outside(struct conn *conn, struct worker *worker);

/* conn_note_replayable(conn, worker, replayable): the module's word. */
void conn_note_replayable(
    struct conn *conn, struct worker *worker, bool replayable);

/*
 * conn_body_room(conn, worker, ret_size):
 * Room for body bytes that need unframing, at conn->end; everything before it
 * has been used up but for the head. NULL: no buffer is free.
 */
uint8_t *conn_body_room(
    struct conn *conn, struct worker *worker, size_t *ret_size);

/* conn_set_deadline(conn, worker, ns): time limit from now; 0: none. */
void conn_set_deadline(struct conn *conn, struct worker *worker, uint64_t ns);

/*
 * conns_drain(worker):
 * Close what is idle, or release it when retiring; the rest after its answer.
 * One whose first request hasn't come yet may still have that answered.
 */
void conns_drain(struct worker *worker);

/*
 * conns_sweep(worker):
 * Publish CONN_TIMEOUT for connections past their limits. Returns the
 * milliseconds after which it wants to be called again, or -1.
 */
int conns_sweep(struct worker *worker);

/* conns_close_fds(worker): in a child process that a module has forked. */
void conns_close_fds(struct worker *worker);

/* The engine's needs: see struct engine_config. */
bool conn_take_place(
    void *worker, uint32_t slot, void **ret_place, size_t *ret_size);
void conn_return_place(void *worker, uint32_t slot);

static inline uint32_t
conn_slot_number(const struct conn *conn)
{
	return (conn_id_slot(conn->id));
}

/* conn_bytes(conn, worker): the first byte of its buffer. */
static inline uint8_t *
conn_bytes(const struct conn *conn, const struct worker *worker)
{
	return (segment_buffer(&worker->segment, conn->buffer - 1));
}

#endif
