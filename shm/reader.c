/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading the operations of a worker that is dead, or that may be broken.
 * Everything is first copied to private memory, a word at a time; only the
 * copies are looked at.
 */
#include "shm/reader.h"

#include "shm/ring_word.h"

#include <errno.h>
#include <stdlib.h>

enum {
	READ_TRIES = 4, /* a record changes hands in less than one reading */
};

/* The order of reading; the consumer looks at the bitmap before the ring. */
enum place {
	PLACE_DISPATCHING,
	PLACE_BITMAP,
	PLACE_RING, /* and the lane, between its tickets */
	PLACE_UNTOLD,
	PLACE_CLAIMED,
	PLACE_INFLIGHT,
	PLACE_NONE, /* free, or can't be */
};

struct reader_item {
	struct reader_record record;
	enum place place;
	uint64_t major; /* distance from the head, or time */
	uint64_t minor; /* 0: in the ring; from the lane: its order there */
};

/* The words of one reading. */
struct reading {
	const struct segment *segment;
	struct reader *reader;
	uint64_t head;
	uint64_t tail;
	uint64_t mask;
	bool dead;
	bool window; /* head and tail stand still and fit together */
};

static inline uint64_t
load(const _Atomic uint64_t *word)
{
	return (atomic_load_explicit(word, memory_order_acquire));
}

/* A plain member, while its writer may be writing it. */
#define LOAD(member) __atomic_load_n(&(member), __ATOMIC_ACQUIRE)

/* The word at ${at} can't be; ${rule} says why. */
static void
violate(struct reading *reading, const char *rule, uint64_t at)
{
	struct reader *reader = reading->reader;

	if (reader->corrupt++ != 0)
		return;
	reader->violated = rule;
	reader->violated_at = at;
}

/* Of a dead worker it can't be; of a living one it was only just changing. */
static void
misfit(struct reading *reading, const char *rule, uint64_t at)
{
	if (reading->dead)
		violate(reading, rule, at);
}

/*
 * Copy ${from} and return its ctl. The result is there only when it stands
 * still: pairs with the release stores of ctl by whoever owns the record.
 */
static uint64_t
copy_record(
    struct reading *reading, const struct op_record *from, struct completion *c)
{
	uint64_t ctl = load(&from->ctl);
	uint64_t again;
	int tries;

	for (tries = 0; tries < READ_TRIES; tries++, ctl = again) {
		c->conn = LOAD(from->conn);
		c->token = LOAD(from->token);
		c->op = LOAD(from->op);
		c->time_ns = LOAD(from->time_ns);
		c->bytes = LOAD(from->bytes);
		c->status = LOAD(from->status);
		c->completer = LOAD(from->completer);
		c->aux = LOAD(from->aux);
		again = load(&from->ctl);
		if (again == ctl)
			return (ctl);
	}
	*c = (struct completion){ .ref = 0 };
	reading->reader->torn++;
	return (ctl);
}

static enum place
place_of(enum record_state state)
{
	switch (state) {
	case RECORD_INFLIGHT:
		return (PLACE_INFLIGHT);
	case RECORD_CLAIMED:
		return (PLACE_CLAIMED);
	case RECORD_DONE:
		return (PLACE_UNTOLD);
	case RECORD_DISPATCHING:
		return (PLACE_DISPATCHING);
	case RECORD_FREE:
		break;
	}
	return (PLACE_NONE);
}

/* The rule that a record breaks, or NULL. */
static const char *
broken_rule(
    const struct segment *segment, uint64_t ctl, const struct completion *c)
{
	if (record_state(ctl) > RECORD_DISPATCHING)
		return ("a record has a state that there isn't");
	if (record_owner(ctl) >= segment->geometry.producers)
		return ("a record's owner is no producer");
	if (record_generation(ctl) == 0)
		return ("a record has no generation");
	if ((ctl & RECORD_UNUSED) != 0)
		return ("a record's unused bits are set");
	if (record_state(ctl) != RECORD_FREE && c->op >= SEGMENT_OPERATIONS)
		return ("a record's operation is none");
	return (NULL);
}

static void
read_record(struct reading *reading, uint32_t index)
{
	const struct segment *segment = reading->segment;
	struct reader_item *item = &reading->reader->items[index];
	struct completion *c = &item->record.completion;
	const char *rule;
	uint64_t ctl;

	item->place = PLACE_NONE;
	ctl = copy_record(reading, &segment->records[index], c);
	rule = broken_rule(segment, ctl, c);
	if (rule != NULL) {
		violate(reading, rule, index);
		return;
	}
	item->record.state = (enum record_state)record_state(ctl);
	item->record.owner = (uint16_t)record_owner(ctl);
	reading->reader->states[item->record.state]++;
	item->place = place_of(item->record.state);
	if (item->place == PLACE_CLAIMED || item->place == PLACE_INFLIGHT)
		*c = (struct completion){
			.conn = c->conn,
			.token = c->token,
			.op = c->op,
		};
	c->ref = ref_make(record_generation(ctl), index);
	item->major = c->time_ns;
	item->minor = index;
}

/*
 * Something tells of record ${index}. The item, or NULL when that can't be:
 * no such record, not DONE, or told of before (each index at most once).
 */
static struct reader_item *
tell(struct reading *reading, uint64_t index)
{
	struct reader_item *item;

	if (index >= reading->segment->geometry.records) {
		violate(reading, "the ring tells of a record that there isn't",
		    index);
		return (NULL);
	}
	item = &reading->reader->items[index];
	if (item->place != PLACE_UNTOLD) {
		misfit(reading, "a record is told of that isn't done, or twice",
		    index);
		return (NULL);
	}
	item->record.told = true;
	return (item);
}

static void
read_bitmap(struct reading *reading)
{
	const uint32_t words = reading->segment->geometry.records / 64;
	struct reader_item *item;
	uint64_t bits;
	uint32_t i;

	for (i = 0; i < words; i++) {
		bits = load(&reading->segment->producers->bitmap[i]);
		for (; bits != 0; bits &= bits - 1) {
			item = tell(reading,
			    i * UINT64_C(64) + (uint32_t)__builtin_ctzll(bits));
			if (item != NULL)
				item->place = PLACE_BITMAP;
		}
	}
}

/*
 * An entry tells its own ticket: cycle and place. One that is full hasn't been
 * taken, since the consumer turns it into the next cycle's first.
 */
static void
read_entry(struct reading *reading, uint64_t place)
{
	const uint32_t log2 = reading->segment->geometry.entries_log2;
	const uint64_t word = load(&reading->segment->entries[place]);
	const uint64_t index =
	    word >> 1 & ((1U << (ENTRY_CYCLE_SHIFT - 1)) - 1);
	const uint64_t ticket = word >> ENTRY_CYCLE_SHIFT << log2 | place;
	/* Modulo what an entry keeps of a ticket; the head is a whole one. */
	const uint64_t ahead = (ticket - reading->head) &
			       (UINT64_MAX >> (ENTRY_CYCLE_SHIFT - log2));
	struct reader_item *item;

	/* The last one that the consumer passed may be ahead of its head. */
	if (reading->window &&
	    ahead >= ((word & 1) != 0 ? reading->tail - reading->head
				      : reading->mask + 2)) {
		misfit(reading, "a ring entry is of another lap", place);
		return;
	}
	if ((word & 1) == 0) {
		if (index != 0)
			violate(
			    reading, "a free ring entry names a record", place);
		return;
	}
	item = tell(reading, index);
	if (item == NULL)
		return;
	item->place = PLACE_RING;
	item->major = ahead;
	item->minor = UINT64_MAX; /* behind the lane's that have come so far */
}

static void
read_ring(struct reading *reading)
{
	uint64_t place;

	reading->mask =
	    (UINT64_C(1) << reading->segment->geometry.entries_log2) - 1;
	reading->head = load(&reading->segment->consumer->head);
	reading->tail = load(&reading->segment->producers->tail);
	reading->window =
	    reading->dead && reading->tail - reading->head <= reading->mask + 1;
	if (!reading->window)
		misfit(reading,
		    "the ring's tail is a lap or more from its head",
		    reading->tail);
	for (place = 0; place <= reading->mask; place++)
		read_entry(reading, place);
}

/*
 * The item that the lane's entry at ${place} tells of, or NULL. Entries stay
 * when they have been taken; one that still tells of something names a record
 * that is DONE in the same generation.
 */
static struct reader_item *
lane_item(struct reading *reading, uint64_t place)
{
	const ring_ref ref = load(&reading->segment->lane[place].ref);
	struct reader_item *item;

	if (ref_index(ref) >= reading->segment->geometry.records)
		return (NULL);
	item = &reading->reader->items[ref_index(ref)];
	if (item->record.state != RECORD_DONE ||
	    item->record.completion.ref != ref)
		return (NULL);
	return (item);
}

/*
 * The entries that still tell of something are one run, shorter than the lane:
 * where it begins.
 */
static uint64_t
lane_start(struct reading *reading, uint64_t mask)
{
	uint64_t place;

	for (place = 0; place <= mask; place++) {
		if (lane_item(reading, (place - 1) & mask) == NULL &&
		    lane_item(reading, place) != NULL)
			return (place);
	}
	return (0);
}

static void
read_lane(struct reading *reading)
{
	const uint64_t mask =
	    segment_lane_entries(&reading->segment->geometry) - 1;
	const uint64_t start = lane_start(reading, mask);
	struct reader_item *item;
	uint64_t order, place;

	for (order = 0; order <= mask; order++) {
		place = (start + order) & mask;
		if (ref_index(load(&reading->segment->lane[place].ref)) >=
		    reading->segment->geometry.records)
			violate(reading,
			    "the lane tells of a record that there isn't",
			    place);
		item = lane_item(reading, place);
		if (item == NULL ||
		    tell(reading, ref_index(item->record.completion.ref)) ==
			NULL)
			continue;
		item->place = PLACE_RING;
		item->major =
		    load(&reading->segment->lane[place].after) - reading->head;
		if (item->major - 1 > reading->mask)
			item->major = 0; /* so does is_lane_next() */
		item->minor = order;
	}
}

static int
compare_words(uint64_t a, uint64_t b)
{
	return ((a > b) - (a < b));
}

static int
compare_items(const void *a, const void *b)
{
	const struct reader_item *one = a;
	const struct reader_item *other = b;
	int order;

	order = compare_words(one->place, other->place);
	if (order == 0)
		order = compare_words(one->major, other->major);
	if (order == 0)
		order = compare_words(one->minor, other->minor);
	return (order);
}

/* Sort those that aren't free to the front: that's few of them. */
static void
sort_items(struct reader *reader, uint32_t records)
{
	uint32_t i;

	for (i = 0; i < records; i++)
		if (reader->items[i].place != PLACE_NONE)
			reader->items[reader->count++] = reader->items[i];
	qsort(reader->items, reader->count, sizeof(*reader->items),
	    compare_items);
}

int
reader_open(struct reader *reader, const struct segment *segment, bool dead)
{
	const uint32_t records = segment->geometry.records;
	struct reading reading = {
		.segment = segment,
		.reader = reader,
		.dead = dead,
	};
	uint32_t i;

	*reader = (struct reader){ .items = NULL };
	reader->items = calloc(records, sizeof(*reader->items));
	if (reader->items == NULL)
		return (-ENOMEM);
	for (i = 0; i < records; i++)
		read_record(&reading, i);
	read_bitmap(&reading);
	read_ring(&reading);
	read_lane(&reading);
	sort_items(reader, records);
	return (0);
}

bool
reader_next(struct reader *reader, struct reader_record *ret_record)
{
	if (reader->next >= reader->count)
		return (false);
	*ret_record = reader->items[reader->next++].record;
	return (true);
}

void
reader_close(struct reader *reader)
{
	free(reader->items);
	*reader = (struct reader){ .items = NULL };
}
