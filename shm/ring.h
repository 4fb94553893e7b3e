/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The completion ring: any thread of a worker publishes, its dispatch loop
 * consumes. Design R1: the record is the credit and the truth, the ring
 * entry is only a notification of it.
 *
 *          ring_reserve         ring_publish*, ring_try_publish, ring_sweep
 *   FREE ----------------> INFLIGHT -------------> CLAIMED --------> DONE
 *    ^  ^                   |     ^                                   |
 *    |  |   ring_cancel     |     | ring_rearm           ring_consume |
 *    |  '-------------------'     |                                   v
 *    '--------------------------- '-------------------------- DISPATCHING
 *                            ring_release
 *
 * The dispatch thread's own ring_publish() goes to DONE at once: nobody lives
 * on to sweep it. A reference names a record and its generation, so one that
 * has come too late is seen and refused.
 */
#ifndef SHM_RING_H
#define SHM_RING_H

#include "shm/segment.h"

#include <stdbool.h>

/*
 * Record states, in the low bits of its ctl word:
 *
 *	generation : 40 | owner : 12 | unused : 8 | state : 4
 *
 * The owner is the producer that completed it; before that, the one that is
 * to (ring_assign()), or 0.
 */
enum record_state {
	RECORD_FREE = 0,
	RECORD_INFLIGHT,    /* submitted; who may publish it holds its ref */
	RECORD_CLAIMED,     /* someone is writing the result */
	RECORD_DONE,        /* result written: can't be lost from here on */
	RECORD_DISPATCHING, /* its handler is running */
};

static inline uint64_t
record_ctl(uint64_t generation, uint32_t owner, enum record_state state)
{
	return (generation << 24 | (uint64_t)owner << 12 | (uint64_t)state);
}
static inline uint64_t
record_generation(uint64_t ctl)
{
	return (ctl >> 24);
}
static inline uint32_t
record_owner(uint64_t ctl)
{
	return ((uint32_t)(ctl >> 12) & 0xfff);
}
static inline uint32_t
record_state(uint64_t ctl)
{
	return ((uint32_t)ctl & 0xf);
}

/*
 * generation:40 | index:24; 0 is no reference. Generations count from 1 and
 * skip 0 when they wrap.
 */
typedef uint64_t ring_ref;

/*
 * Ring entries: cycle:44 | index:19 | full:1. The cycle is the ticket's lap;
 * at 100 million tickets a second it wraps after decades.
 */
enum {
	ENTRY_CYCLE_SHIFT = 20
};

static inline uint64_t
entry_free(uint64_t ticket, uint32_t entries_log2)
{
	return (ticket >> entries_log2 << ENTRY_CYCLE_SHIFT);
}
static inline uint64_t
entry_full(uint64_t ticket, uint32_t entries_log2, uint32_t index)
{
	return (entry_free(ticket, entries_log2) | (uint64_t)index << 1 | 1);
}

/* Producer ids. Threads get the ids from PRODUCER_THREADS on. */
enum {
	PRODUCER_NONE = 0,
	PRODUCER_DISPATCH = 1, /* the dispatch loop's own thread: its engine */
	PRODUCER_THREADS = 2,
};

/* Operations by class: control keeps a reserve of credits to itself. */
enum ring_credit {
	CREDIT_NORMAL,
	CREDIT_CONTROL,
};
enum {
	RING_CONTROL_RESERVE = 64
};

/*
 * What the dispatch thread publishes to itself: a queue of its own, without a
 * locked instruction. An entry's `after` keeps the one order of events: the
 * tail of the ring at the time, so every ticket taken before comes first. The
 * entries are in the segment, for whoever reads it; head and tail are not, so
 * that nothing can write over them.
 */
struct ring_lane {
	uint64_t mask; /* segment_lane_entries() - 1 */
	uint64_t head;
	uint64_t tail;
};

/* What every producer of one worker shares: private memory of the process. */
struct ring {
	struct segment segment; /* view, geometry included */
	uint64_t mask;
	struct ring_lane lane; /* PRODUCER_DISPATCH and the consumer only */
	int wake_fd; /* eventfd, edge-triggered in the engine, never read */
	_Atomic uint64_t thread_ids; /* bit set: producer id in use */
	_Atomic uint64_t abandoned;  /* of these: ended while publishing */
};

/* One producer. Private to its thread. */
struct ring_producer {
	struct ring *ring;
	uint16_t id;             /* 0: no id free; see ring_producer_init() */
	_Atomic bool publishing; /* in the middle of it */
	uint32_t sequence;
};

/* The consumer. Private to the dispatch loop. */
struct ring_consumer {
	struct ring *ring;
	uint64_t head;
	uint32_t *free_records; /* a stack */
	uint32_t free_count;
	uint64_t *generations; /* of each record: private truth */
	uint64_t *told; /* a bit for each record; notes of ring_sweep() */
	/* For the worker's stats; the dispatch loop copies them out. */
	uint64_t poisoned;
	uint64_t fallbacks;
	uint64_t corrupt;
};

/* How an operation has ended. */
struct ring_result {
	ring_ref ref;
	int64_t bytes;
	uint64_t aux;
	int32_t status;
};

/* A completion, copied out of its record. */
struct completion {
	ring_ref ref;
	uint64_t conn;
	uint64_t token;
	uint64_t time_ns; /* of the loop's turn; see ring_publish() */
	uint64_t aux;
	int64_t bytes;
	int32_t status;
	uint16_t op;
	uint16_t completer;
};

/*
 * ring_init(ring, segment, wake_fd):
 * Take the worker's view of its own segment (copied) and the eventfd that
 * wakes its engine (not owned). Before any thread starts.
 */
void ring_init(struct ring *ring, const struct segment *segment, int wake_fd);

/*
 * ring_consumer_init(consumer, ring):
 * Make every record FREE and the ring empty. Returns 0 or -ENOMEM. Once a
 * segment, by the dispatch thread, before any producer starts.
 * ring_consumer_free() gives its private memory back, not the segment's.
 */
int ring_consumer_init(struct ring_consumer *consumer, struct ring *ring);
void ring_consumer_free(struct ring_consumer *consumer);

/*
 * ring_producer_init(producer, ring, id):
 * ${id} is PRODUCER_DISPATCH, or PRODUCER_NONE to be given a thread's id.
 * Never fails: with no id left the producer publishes through the bitmap, and
 * with signals and cancels held off, since nobody could sweep what it left in
 * the middle. ring_producer_fini() gives the id back, from the producer's own
 * thread: of one that ends in the middle of a publication, however, only when
 * the consumer has ended that too. A producer in another process is made and
 * ended on its behalf by the dispatch thread: its id is set aside by
 * ring_producer_init() (one that got none must not be given operations, for
 * SIGKILL can't be held off), and given back after its death and ring_sweep(),
 * once the consumer's head has passed the tail as it was at that sweep: until
 * then the dead one's tickets are in the ring, and its successor may take as
 * many. The ring's length counts on no more than two batches for an id: entries
 * >= records + 2 * producers * SEGMENT_BATCH. So who starts and kills producers
 * faster than completions are taken would have a ring that overflows.
 */
void ring_producer_init(
    struct ring_producer *producer, struct ring *ring, uint16_t id);
void ring_producer_fini(struct ring_producer *producer);

/*
 * ring_reserve(consumer, credit, op, conn, token, ret_ref):
 * Take a record for an operation that is about to start. Returns 0, or
 * -EAGAIN when no credit is left: that is the back-pressure. Dispatch thread.
 */
int ring_reserve(struct ring_consumer *consumer, enum ring_credit credit,
    uint16_t op, uint64_t conn, uint64_t token, ring_ref *ret_ref);

/*
 * ring_assign(consumer, ref, id):
 * Producer ${id} is to complete the operation: should it die, ring_sweep()
 * ends the operation. Between ring_reserve() or ring_rearm() and handing the
 * reference out. A cancel, or any other holder of the reference, may still be
 * faster. Not needed for an operation that only this process works on.
 * Dispatch thread.
 */
void ring_assign(struct ring_consumer *consumer, ring_ref ref, uint16_t id);

/*
 * ring_publish(producer, ref, bytes, status, aux):
 * Complete an operation that nobody else can complete or cancel: the caller
 * is the only holder of ${ref}. Bounded: at most three tickets, then the
 * bitmap; for PRODUCER_DISPATCH a plain store. Wakes the consumer if it
 * sleeps. Any thread, its own producer. A thread that is ended inside it has
 * published, or is swept (from its first store on, ring_assign() or not), or
 * has done nothing. A completion's time is that at which the loop's turn began:
 * the one that published it for PRODUCER_DISPATCH, the one that takes it for
 * threads, whose records say 0 until then.
 */
void ring_publish(struct ring_producer *producer, ring_ref ref, int64_t bytes,
    int32_t status, uint64_t aux);

/*
 * ring_publish_batch(producer, results, count):
 * The same for ${count} operations, which come in this order: one step of the
 * tail for each SEGMENT_BATCH of them, and then one look whether the consumer
 * sleeps. Of a producer that dies inside it each operation is as above.
 */
void ring_publish_batch(struct ring_producer *producer,
    const struct ring_result *results, size_t count);

/*
 * ring_try_publish(producer, ref, bytes, status, aux):
 * The same where a cancel or another completer may race: the first wins.
 * Returns 0, or -ESTALE with nothing done when ${ref} was completed,
 * cancelled or is of an earlier generation. Any value of ${ref} is safe.
 */
int ring_try_publish(struct ring_producer *producer, ring_ref ref,
    int64_t bytes, int32_t status, uint64_t aux);

/*
 * ring_consume(consumer, ret_completion):
 * Take the next completion, in the order of publication but for fallbacks.
 * The record is DISPATCHING until ring_release() or ring_rearm(). Returns
 * false when there is none. Words that can't be right are counted as corrupt
 * and not followed; the worker should then end soon. Dispatch thread; may be
 * called from whichever stack the loop runs on.
 */
bool ring_consume(
    struct ring_consumer *consumer, struct completion *ret_completion);

/* ring_release(consumer, ref): the handler is done; the credit is back. */
void ring_release(struct ring_consumer *consumer, ring_ref ref);

/*
 * ring_rearm(consumer, ref):
 * The operation goes on: keep the credit, as a new generation. Returns the
 * new reference.
 */
ring_ref ring_rearm(struct ring_consumer *consumer, ring_ref ref);

/*
 * ring_cancel(consumer, ref):
 * Take back a record that is INFLIGHT: true, and it is FREE. False when it
 * was completed first (its completion comes) or isn't current. Dispatch
 * thread.
 */
bool ring_cancel(struct ring_consumer *consumer, ring_ref ref);

/*
 * ring_sweep(consumer, id):
 * The kernel has said that producer ${id} is dead: end all that it has left.
 * What it had made DONE is delivered with its true result; what it had claimed
 * or was to complete ends with -EOWNERDEAD, the completer still ${id}. Both
 * come from ring_consume(), behind everything published before. Returns how
 * many it added; sweeping again adds nothing. One pass over entries and
 * records. Dispatch thread. Then ring_producer_fini() may give the id back.
 */
uint32_t ring_sweep(struct ring_consumer *consumer, uint16_t id);

/*
 * ring_depth(consumer):
 * About how many completions wait to be consumed; those in the bitmap not
 * counted. The consumer's thread.
 */
static inline uint64_t
ring_depth(const struct ring_consumer *consumer)
{
	const struct ring_lane *lane = &consumer->ring->lane;

	return (lane->tail - lane->head +
		(atomic_load_explicit(&consumer->ring->segment.producers->tail,
		     memory_order_relaxed) -
		    consumer->head));
}

/*
 * ring_may_sleep(consumer):
 * Say SLEEPING and look once more. True: the loop may block in its engine,
 * and every publication from now on writes the eventfd. False: something is
 * there, and the flag is down again. ring_awake() takes the flag down after
 * the block.
 */
bool ring_may_sleep(struct ring_consumer *consumer);
void ring_awake(struct ring_consumer *consumer);

#endif
