/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flight recorder. Each entry is a small seqlock: its sequence is 0 while
 * it is being written and its own position + 1 when it is whole, so a reader
 * needs neither the writer's help nor its life. The worker writes, anyone
 * reads.
 */
#include "shm/recorder.h"

#ifdef BULKHEAD_BARE /* here they are, unused */
#undef recorder_write
#endif

/*
 * Store one member. Release keeps it behind the sequence's 0; pairs with the
 * acquire loads in read_entry(). A plain move on x86.
 */
#define MEMBER_SET(member, value) \
	__atomic_store_n(&(member), (value), __ATOMIC_RELEASE)

void
recorder_write(
    const struct segment *segment, const struct completion *completion)
{
	_Atomic uint64_t *next = &segment->consumer->recorder_next;
	struct recorder_entry *entry;
	uint64_t position;

	position = atomic_load_explicit(next, memory_order_relaxed);
	entry = &segment->recorder[position % SEGMENT_RECORDER];
	atomic_store_explicit(&entry->sequence, 0, memory_order_relaxed);
	MEMBER_SET(entry->time_ns, completion->time_ns);
	MEMBER_SET(entry->conn, completion->conn);
	MEMBER_SET(entry->token, completion->token);
	MEMBER_SET(entry->bytes, completion->bytes);
	MEMBER_SET(entry->status, completion->status);
	MEMBER_SET(entry->op, completion->op);
	MEMBER_SET(entry->completer, completion->completer);
	/* Whole; pairs with the acquire load in read_entry(). */
	atomic_store_explicit(
	    &entry->sequence, position + 1, memory_order_release);
	/* Pairs with the acquire load in recorder_read(). */
	atomic_store_explicit(next, position + 1, memory_order_release);
}

/* Copy the entry at ${position} if it is there and whole. */
static bool
read_entry(const struct recorder_entry *entry, uint64_t position,
    struct recorder_entry *ret_entry)
{
	struct recorder_entry copy = { .sequence = position + 1 };

	/* Pairs with recorder_write()'s release store of the sequence. */
	if (atomic_load_explicit(&entry->sequence, memory_order_acquire) !=
	    position + 1)
		return (false);
	copy.time_ns = __atomic_load_n(&entry->time_ns, __ATOMIC_ACQUIRE);
	copy.conn = __atomic_load_n(&entry->conn, __ATOMIC_ACQUIRE);
	copy.token = __atomic_load_n(&entry->token, __ATOMIC_ACQUIRE);
	copy.bytes = __atomic_load_n(&entry->bytes, __ATOMIC_ACQUIRE);
	copy.status = __atomic_load_n(&entry->status, __ATOMIC_ACQUIRE);
	copy.op = __atomic_load_n(&entry->op, __ATOMIC_ACQUIRE);
	copy.completer = __atomic_load_n(&entry->completer, __ATOMIC_ACQUIRE);
	/* Behind the loads above, which are acquire for its sake. */
	if (atomic_load_explicit(&entry->sequence, memory_order_relaxed) !=
	    position + 1)
		return (false);
	*ret_entry = copy;
	return (true);
}

size_t
recorder_read(const struct segment *segment, size_t max,
    struct recorder_entry *ret_entries)
{
	uint64_t next, position;
	size_t count = 0;

	next = atomic_load_explicit(
	    &segment->consumer->recorder_next, memory_order_acquire);
	if (max > SEGMENT_RECORDER)
		max = SEGMENT_RECORDER;
	position = next > max ? next - max : 0;
	for (; position != next; position++) {
		if (read_entry(&segment->recorder[position % SEGMENT_RECORDER],
			position, &ret_entries[count]))
			count++;
	}
	return (count);
}
