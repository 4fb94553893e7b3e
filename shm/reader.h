/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What became of every operation of a worker, read from its segment: for the
 * master's crash report. Whoever else reads a segment goes by slots, activity
 * words, figures and the recorder; README.md, "Reading it", has the list, and
 * where each of them keeps the rules. The segment may hold anything. The rules
 * are those of reference/shared-memory-rings.md, section 2.7: the
 * counts come from the view's private copy (V1), each word is loaded once and
 * checked before it is used (V2, V3), every loop is bounded by a count of the
 * view (V4), ids are handed on as keys only (V5), nothing is locked (V6), what
 * can't be is counted and not followed (V8), and retries end (V10). V7 and V9,
 * who is who and how often to look, are the caller's.
 */
#ifndef SHM_READER_H
#define SHM_READER_H

#include "shm/ring.h"

/*
 * One record that isn't free.
 *
 *	DISPATCHING  its handler had begun: report it, never run it again
 *	DONE         a true result that no handler has seen
 *	CLAIMED      someone was writing the result: there is none
 *	INFLIGHT     not completed
 */
struct reader_record {
	enum record_state state;
	uint16_t owner; /* who completed it, or INFLIGHT: who is to; 0: any */
	bool told;      /* DONE: the consumer would have found it */
	/*
	 * When CLAIMED or INFLIGHT only ref, conn, token and op; the others
	 * are 0. bytes and status are the completer's word, unchecked.
	 */
	struct completion completion;
};

/* One reading: private memory. */
struct reader {
	struct reader_item *items; /* records that aren't free, in order */
	uint32_t count;
	uint32_t next;
	uint32_t states[RECORD_DISPATCHING + 1]; /* how many records of each */
	uint32_t corrupt;                        /* words that can't be */
	const char *violated; /* the rule that the first of these broke */
	uint64_t violated_at; /* its place: a record, an entry */
	uint32_t torn; /* living only: records that wouldn't stand still */
};

/*
 * reader_open(reader, segment, dead):
 * Read the records, and the ring, lane and bitmap that tell of them. ${dead}:
 * the kernel has said that the worker is dead, so all must fit together; of a
 * living one only what can't be at any time is counted as corrupt. `violated`
 * is a text of ours ("a record's owner is no producer") or NULL. Returns 0 or
 * -ENOMEM. Any process, either view. Bounded by the geometry.
 */
int reader_open(
    struct reader *reader, const struct segment *segment, bool dead);

/*
 * reader_next(reader, ret_record):
 * The next record that isn't free, each once: first DISPATCHING, then DONE in
 * the order in which the consumer would have taken them, then CLAIMED, then
 * INFLIGHT. False when there is none left.
 */
bool reader_next(struct reader *reader, struct reader_record *ret_record);

/* reader_close(reader): a closed or cleared one is fine. */
void reader_close(struct reader *reader);

#endif
