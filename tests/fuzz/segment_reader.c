/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a segment, before everything that reads one without trusting
 * it: mapping, figures and folding them, flight recorder, slots, activities,
 * wreck, records, lines of the log, and what bulkheadctl makes of all that.
 * The input writes over a segment in the middle of its work: the first byte
 * chooses which, and whether its file is as it should be; then each step is
 *
 *	log:3 what:2 region:3, place:16 (words from the region's start), value
 *
 * so that a few bytes reach any word with any value, or with one that looks
 * right. ${log} of 7 is the ninth region, whatever ${region} says.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shm/activity.h"
#include "shm/ctl/collect_segment.h"
#include "shm/line_log.h"
#include "shm/reader.h"
#include "shm/recorder.h"
#include "shm/retired.h"
#include "shm/stats.h"
#include "shm/wreck.h"
#include "tests/fuzz/fuzz.h"

enum {
	SHAPES = 3,
	STEPS_MAX = 512,
	SLOTS = 8,
	GENERATION = 3, /* of slots in use */
	LOG_SIZE = 1024,
};

/* That of all slots. */
static const uint64_t request_id = 0x100000001;

/* A file that isn't as it should be, or is. */
enum file {
	FILE_RIGHT,
	FILE_UNSEALED,
	FILE_SHORT,
	FILE_LONG,
	FILES,
};

/* A segment to write over, and what was in it before. */
struct shape {
	struct segment view; /* writable */
	struct segment_region regions[REGION_COUNT];
	uint8_t *image;
	int files[FILES]; /* FILE_RIGHT is that of the view, read-only */
	int buffers;
};

static struct shape shapes[SHAPES];
static struct retired retired;

/* The rest of the input. */
struct input {
	const uint8_t *data;
	size_t size;
};

static uint64_t
take(struct input *input, size_t bytes)
{
	uint64_t value = 0;

	for (; bytes > 0 && input->size > 0; bytes--, input->size--)
		value = value << 8 | *input->data++;
	return (value);
}

/* Work that is half done, in every state that a record can have. */
static void
work(struct segment *segment)
{
	struct ring_consumer consumer;
	struct ring_producer dispatch, thread;
	struct ring ring;
	struct completion c;
	ring_ref refs[48];
	int fd, i;

	fd = eventfd(0, EFD_NONBLOCK);
	ring_init(&ring, segment, fd);
	MUST(ring_consumer_init(&consumer, &ring) == 0);
	ring_producer_init(&dispatch, &ring, PRODUCER_DISPATCH);
	ring_producer_init(&thread, &ring, PRODUCER_NONE);
	for (i = 0; i < 48; i++)
		MUST(ring_reserve(&consumer, CREDIT_NORMAL, OPERATION_FLUSH,
			 (uint64_t)i, 7, &refs[i]) == 0);
	for (i = 0; i < 40; i++) {
		ring_publish(
		    i % 3 == 0 ? &thread : &dispatch, refs[i], i, 0, 0);
		if (i % 4 != 0)
			continue;
		MUST(ring_consume(&consumer, &c));
		recorder_write(segment, &c);
		if (i % 8 == 0)
			ring_release(&consumer, c.ref);
	}
	ring_producer_fini(&thread);
	ring_consumer_free(&consumer);
	(void)close(fd);
}

/* A log that has been around once: some written, some being written. */
static void
write_log(const struct segment *segment)
{
	static const char line[] = "2001:db8::1 GET /caf\xc3\xa9 200 17\n";
	int i;

	if (segment->geometry.log_size == 0)
		return;
	for (i = 0; i < 60; i++) {
		MUST(line_log_append(
		    segment, line, sizeof(line) - 1, request_id));
		if (i < 40)
			line_log_written(segment, sizeof(line) - 1);
	}
	line_log_writing(segment, 10 * sizeof(line));
}

static void
run_callbacks(struct segment *segment)
{
	(void)activity_set(
	    &segment->consumer->activities[0], activity_pack(0, 3, request_id));
	(void)activity_set(
	    &segment->consumer->activities[5], activity_pack(1, 0x21, 7));
	activity_set_fatal(segment->consumer, 5);
}

static void
open_slots(struct segment *segment)
{
	const struct slot_peer peer = { .family = 2 };
	const struct slot_request request = {
		.request = request_id,
		.buffer = 1,
		.offset = 16,
	};
	uint32_t i;

	for (i = 0; i < segment->geometry.slots; i++) {
		slot_open(&segment->slots[i], GENERATION, &peer, 1);
		slot_set_text(&segment->slots[i], "GET / HTTP/1.1\r\n\r\n", 5);
		slot_wait(&segment->slots[i],
		    slot_waiting_pack(i % 3, i, OPERATION_FLUSH), 2);
		slot_set_request(&segment->slots[i], &request);
		slot_set_state(
		    &segment->slots[i], (enum slot_state)(i % SLOT_STATES), 2);
	}
}

/* A copy of the segment in a file that is ${size} long. */
static int
make_file(const struct shape *shape, size_t size, bool sealed)
{
	size_t bytes = size;
	int fd;

	if (bytes > shape->view.size)
		bytes = shape->view.size;
	fd = memfd_create("other", MFD_ALLOW_SEALING);
	MUST(fd != -1 && ftruncate(fd, (off_t)size) == 0 &&
	     pwrite(fd, shape->image, bytes, 0) == (ssize_t)bytes);
	if (sealed)
		MUST(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0);
	return (fd);
}

static void
make_shape(struct shape *shape, const struct segment_geometry *geometry)
{
	static const char *const names[] = { "first", "second", "third" };
	struct segment_fds fds;
	struct segment reader;
	size_t size;
	void *base;

	MUST(segment_create(geometry, 1, 2, names, &fds) == 0);
	MUST(fcntl(fds.rw, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0);
	MUST(fcntl(fds.buffers, F_ADD_SEALS, F_SEAL_SHRINK) == 0);
	MUST(segment_map_reader(fds.ro, &reader) == 0);
	size = reader.size;
	/* The header too is ours to write over. */
	base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fds.rw, 0);
	MUST(base != MAP_FAILED &&
	     mremap(base, size, size, MREMAP_MAYMOVE | MREMAP_FIXED,
		 reader.base) == reader.base);
	shape->view = reader;
	memcpy(shape->regions, reader.header->regions, sizeof(shape->regions));
	work(&shape->view);
	open_slots(&shape->view);
	run_callbacks(&shape->view);
	write_log(&shape->view);
	shape->image = malloc(size);
	MUST(shape->image != NULL);
	memcpy(shape->image, reader.base, size);
	shape->files[FILE_RIGHT] = fds.ro;
	shape->files[FILE_UNSEALED] = make_file(shape, size, false);
	shape->files[FILE_SHORT] = make_file(shape, size - SEGMENT_PAGE, true);
	shape->files[FILE_LONG] = make_file(shape, size + SEGMENT_PAGE, true);
	shape->buffers = fds.buffers;
	(void)close(fds.rw);
}

static void
make_shapes(void)
{
	struct segment_geometry geometry = {
		.records = 128,
		.entries_log2 = 8,
		.producers = 4,
		.slots = SLOTS,
		.buffers = 2,
		.buffer_size = SEGMENT_PAGE,
		.modules = 2,
		.log_size = LOG_SIZE,
	};

	make_shape(&shapes[0], &geometry);
	geometry.records = 192; /* its lane is longer than that */
	geometry.entries_log2 = 9;
	geometry.modules = 0;
	geometry.log_size = 0;
	make_shape(&shapes[1], &geometry);
	geometry.producers = 3;
	geometry.slots = 1;
	geometry.modules = 3;
	geometry.log_size = SEGMENT_PAGE;
	make_shape(&shapes[2], &geometry);
	MUST(retired_create(&retired) == 0);
}

/* A value that could stand in that region. */
static uint64_t
likely(uint64_t region, uint64_t small)
{
	const uint32_t low = (uint32_t)small & 0xff;
	const uint32_t high = (uint32_t)small >> 8;

	switch (region) {
	case REGION_ENTRIES:
		return (entry_full(high, 8, low));
	case REGION_RECORDS:
		return (record_ctl(high >> 3, low >> 4, high & 7));
	case REGION_CONSUMER:
		return ((uint64_t)high << 24 | low);
	case REGION_LOG: /* counts may be about to wrap */
		return ((uint64_t)(int16_t)small);
	default:
		return (small);
	}
}

/* Apply one step of the input; where it wrote. */
static size_t
step(struct shape *shape, struct input *input, size_t *ret_length)
{
	const uint64_t what = take(input, 1);
	const uint64_t id = what >> 5 == 7 ? REGION_LOG : what & 7;
	const struct segment_region *region = &shape->regions[id];
	const uint64_t words = region->size / sizeof(uint64_t);
	const uint64_t at = region->offset + take(input, 2) % words * 8;
	uint8_t *to = (uint8_t *)shape->view.base + at;
	uint64_t value;

	*ret_length = sizeof(value);
	switch (what >> 3 & 3) {
	case 0:
		value = take(input, sizeof(value));
		break;
	case 1:
		memcpy(&value, to, sizeof(value));
		value ^= UINT64_C(1) << take(input, 1) % 64;
		break;
	case 2:
		value = likely(id, take(input, 2));
		break;
	default:
		value = take(input, 1);
		*ret_length = 1 + take(input, 1) * 8;
		if (*ret_length > region->offset + region->size - at)
			*ret_length =
			    (size_t)(region->offset + region->size - at);
		memset(to, (int)value, *ret_length);
		return ((size_t)at);
	}
	memcpy(to, &value, sizeof(value));
	return ((size_t)at);
}

static void
read_figures(const struct segment *segment)
{
	struct recorder_entry entries[SEGMENT_RECORDER];
	struct histogram histogram;
	char name[SEGMENT_MODULE_NAME];
	size_t count, i;
	uint32_t index;
	int module;

	for (module = -1; module <= SEGMENT_MODULES_MAX; module++) {
		for (index = 0; index < STAT_histograms; index++)
			(void)stats_read(segment, module, index);
		(void)stats_read(segment, module, WORKER_STATS + MODULE_STATS);
		for (index = 0; index <= WORKER_HISTOGRAMS; index++) {
			stats_read_histogram(
			    segment, module, index, &histogram);
			(void)histogram_quantile(&histogram, 999);
		}
		segment_module_name(segment, (uint32_t)module, name);
		MUST(memchr(name, '\0', sizeof(name)) != NULL);
	}
	count = recorder_read(segment, SEGMENT_RECORDER, entries);
	MUST(count <= SEGMENT_RECORDER);
	for (i = 1; i < count; i++)
		MUST(entries[i].sequence > entries[i - 1].sequence);
	MUST(recorder_read(segment, 3, entries) <= 3);
}

/* What the master does with a wreck's figures. */
static void
fold_figures(const struct segment *segment)
{
	struct retired_memory *memory = retired.memory;
	uint32_t count, i;

	(void)retired_fold(&retired, segment, "pool");
	count = atomic_load(&memory->count);
	MUST(count == retired.count && count >= 1 &&
	     count <= 1 + segment->geometry.modules);
	MUST(atomic_load(&memory->sequence) % 2 == 0);
	for (i = 0; i < count; i++)
		MUST(memchr(memory->blocks[i].module, '\0',
			 sizeof(memory->blocks[i].module)) != NULL);
	/* For the next input. */
	memset(memory->blocks, 0, count * sizeof(memory->blocks[0]));
	atomic_store(&memory->count, 0);
	retired.count = 0;
}

/* What it does with lines that aren't written. */
static void
read_log(const struct segment *segment)
{
	const uint32_t size = segment->geometry.log_size;
	size_t at, count, doubtful, length;
	char *lines;
	int error;

	MUST(size > 0 || !line_log_tells_of(segment, request_id));
	(void)line_log_tells_of(segment, request_id);
	error = line_log_rescue(segment, &lines, &length, &doubtful);
	MUST(error == 0 || error == -EPROTO);
	if (error != 0 || lines == NULL) {
		MUST(length == 0 && doubtful == 0);
		return;
	}
	MUST(length > 0 && length <= size + 1 && doubtful <= length &&
	     lines[length - 1] == '\n');
	for (at = 0; at < length; at += count) {
		count = line_log_character(
		    (const uint8_t *)lines + at, length - at);
		MUST(count > 0 || lines[at] == '\n');
		count += count == 0;
	}
	free(lines);
}

/* bulkheadctl's requests; all that it prints ends somewhere. */
static void
check_requests(const struct collect_worker *worker)
{
	const struct collect_request *request;
	size_t i, k;

	for (i = 0; i < worker->request_count; i++) {
		request = &worker->requests[i];
		MUST(request->stand < COLLECT_STANDS);
		MUST(
		    memchr(request->module, '\0', sizeof(request->module)) !=
			NULL &&
		    memchr(request->step, '\0', sizeof(request->step)) !=
			NULL &&
		    memchr(request->text, '\0', sizeof(request->text)) != NULL);
		for (k = 0; request->text[k] != '\0'; k++)
			MUST(
			    request->text[k] >= ' ' && request->text[k] <= '~');
	}
}

static void
collect(int fd, bool readable, uint32_t slots)
{
	static struct collect_worker worker;
	size_t i;

	memset(&worker, 0, sizeof(worker));
	MUST(collect_segment(
		 fd, COLLECT_REQUESTS | COLLECT_RECORDER, &worker) == 0);
	MUST(worker.readable == readable);
	MUST(worker.activity_count <= SEGMENT_ACTIVITIES &&
	     worker.request_count <= slots &&
	     worker.entry_count <= SEGMENT_RECORDER &&
	     worker.figures.module_count <= SEGMENT_MODULES_MAX);
	for (i = 0; i < worker.activity_count; i++)
		MUST(memchr(worker.activities[i].module, '\0',
			 SEGMENT_MODULE_NAME) != NULL &&
		     memchr(worker.activities[i].step, '\0',
			 COLLECT_STEP_NAME) != NULL);
	check_requests(&worker);
	figures_free(&worker.figures);
	free(worker.requests);
	free(worker.entries);
}

static void
read_slots(const struct shape *shape, const struct segment *segment)
{
	struct slot_request request;
	struct slot_sight sight;
	enum slot_state state;
	const uint8_t *bytes;
	uint32_t i;
	size_t size;

	MUST(wreck_map_buffers(
		 shape->buffers, &segment->geometry, &bytes, &size) == 0);
	(void)wreck_in_request(segment);
	(void)activity_was_sent(segment->consumer);
	MUST(activity_fatal(segment->consumer) >= -1 &&
	     activity_fatal(segment->consumer) < SEGMENT_ACTIVITIES);
	for (i = 0; i < segment->geometry.slots; i++)
		if (slot_look(&segment->slots[i], i, &sight))
			MUST(sight.state < SLOT_STATES &&
			     memchr(sight.text, '\0', sizeof(sight.text)) !=
				 NULL);
	/* One more than there are. */
	for (i = 0; i <= segment->geometry.slots; i++) {
		if (!wreck_slot(segment, i, GENERATION, &state, &request))
			continue;
		MUST(i < segment->geometry.slots && state < SLOT_STATES);
		MUST(wreck_had(segment, i, GENERATION));
		(void)wreck_names(segment, request.request);
		/* What a successor does with it. */
		if (request.buffer > 0 &&
		    request.offset < segment->geometry.buffer_size)
			MUST(bytes[(size_t)(request.buffer - 1) *
				       segment->geometry.buffer_size +
				   request.offset] == 0);
	}
	(void)munmap((void *)(uintptr_t)bytes, size);
}

static void
read_records(const struct segment *segment, bool dead)
{
	const uint32_t records = segment->geometry.records;
	uint32_t count = 0, i, known = 0;
	struct reader_record record;
	enum record_state before = RECORD_DISPATCHING;
	struct reader reader;
	bool seen[192] = { false };

	MUST(reader_open(&reader, segment, dead) == 0);
	for (; reader_next(&reader, &record); count++) {
		const ring_ref ref = record.completion.ref;

		i = (uint32_t)(ref & 0xffffff);
		MUST(i < records && ref >> 24 != 0 && !seen[i]);
		seen[i] = true;
		MUST(record.state != RECORD_FREE && record.state <= before);
		before = record.state;
		MUST(record.owner < segment->geometry.producers);
		MUST(record.completion.op < SEGMENT_OPERATIONS);
		MUST(!record.told || record.state == RECORD_DONE);
	}
	for (i = 0; i <= RECORD_DISPATCHING; i++)
		known += reader.states[i];
	MUST(known <= records && count == known - reader.states[RECORD_FREE]);
	MUST(known == records || reader.corrupt >= records - known);
	MUST(reader.torn == 0);
	reader_close(&reader);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static size_t at[STEPS_MAX], length[STEPS_MAX];
	struct input input = { .data = data, .size = size };
	struct segment segment;
	struct shape *shape;
	uint64_t how;
	int count, error;

	if (shapes[0].image == NULL)
		make_shapes();
	how = take(&input, 1);
	shape = &shapes[how % SHAPES];
	for (count = 0; count < STEPS_MAX && input.size > 0; count++)
		at[count] = step(shape, &input, &length[count]);
	/* Three in four look at the right file. */
	if (how >> 6 == 0 && (how >> 4 & 3) != FILE_RIGHT) {
		MUST(segment_map_reader(shape->files[how >> 4 & 3], &segment) ==
		     -EPROTO);
		collect(shape->files[how >> 4 & 3], false, 0);
	} else {
		error = segment_map_reader(shape->files[FILE_RIGHT], &segment);
		MUST(error == 0 || error == -EPROTO);
		if (error == 0) {
			MUST(segment.size == shape->view.size);
			read_figures(&segment);
			read_slots(shape, &segment);
			read_records(&segment, (how >> 3 & 1) != 0);
			read_log(&segment);
			fold_figures(&segment);
			segment_unmap(&segment);
		}
		collect(shape->files[FILE_RIGHT], error == 0, SLOTS);
	}
	while (count-- > 0)
		memcpy((uint8_t *)shape->view.base + at[count],
		    shape->image + at[count], length[count]);
	return (0);
}
