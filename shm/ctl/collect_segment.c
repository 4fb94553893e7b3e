/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading a worker's segment, which may be corrupt or change under us: each
 * word is copied once, and every loop has a bound of ours.
 */
#include "shm/ctl/collect_segment.h"

#include "shm/activity.h"
#include "shm/recorder.h"

#include <bsd/stdlib.h>
#include <bsd/string.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Copy the words of all threads that are doing something. */
static void
read_activities(const struct segment *segment, struct collect_worker *worker)
{
	struct collect_activity *activity;
	uint64_t word;
	uint32_t module, step;
	size_t i;

	for (i = 0; i < SEGMENT_ACTIVITIES; i++) {
		word =
		    atomic_load_explicit(&segment->consumer->activities[i].word,
			memory_order_relaxed);
		activity = &worker->activities[worker->activity_count];
		if (!activity_unpack(word, &module, &step, &activity->request))
			continue;
		activity->thread = (uint32_t)i;
		activity->since_ns = atomic_load_explicit(
		    &segment->consumer->activities[i].since_ns,
		    memory_order_relaxed);
		segment_module_name(segment, module, activity->module);
		activity_step_name(
		    step, activity->step, sizeof(activity->step));
		worker->activity_count++;
	}
}

/* A thread that is in a callback for it now? */
static const struct collect_activity *
find_activity(const struct collect_worker *worker, uint64_t request)
{
	size_t i;

	for (i = 0; i < worker->activity_count && request != 0; i++)
		if (worker->activities[i].request == request)
			return (&worker->activities[i]);
	return (NULL);
}

static enum collect_stand
stand_of_operation(uint16_t op)
{
	switch (op) {
	case OPERATION_READ_ENTITY_BODY:
		return (COLLECT_READING_BODY);
	case OPERATION_WRITE_ENTITY_CHUNKS:
	case OPERATION_FLUSH:
		return (COLLECT_SENDING);
	default:
		return (COLLECT_PENDING);
	}
}

/* Who has it, in which step, and since when. */
static void
place_request(const struct segment *segment, const struct slot_sight *sight,
    const struct collect_worker *worker, struct collect_request *request)
{
	const struct collect_activity *activity;

	activity = find_activity(worker, request->request);
	request->since_ns = sight->active_ns;
	if (activity != NULL) {
		request->stand = COLLECT_RUNNING;
		request->since_ns = activity->since_ns;
		(void)strlcpy(
		    request->module, activity->module, sizeof(request->module));
		(void)strlcpy(
		    request->step, activity->step, sizeof(request->step));
	} else if (sight->waits) {
		request->stand = stand_of_operation(sight->op);
		request->since_ns = sight->waiting_ns;
		segment_module_name(segment, sight->module, request->module);
		activity_step_name(
		    sight->step, request->step, sizeof(request->step));
	} else if (sight->state == SLOT_READING) {
		request->stand = COLLECT_READING_HEAD;
	} else if (sight->state == SLOT_SENDING) {
		request->stand = COLLECT_SENDING;
	} else {
		request->stand = COLLECT_BETWEEN;
	}
}

static int
add_request(const struct segment *segment, const struct slot_sight *sight,
    struct collect_worker *worker)
{
	struct collect_request *request, *requests;
	size_t i;

	requests = reallocarray(
	    worker->requests, worker->request_count + 1, sizeof(*requests));
	if (requests == NULL)
		return (-ENOMEM);
	worker->requests = requests;
	request = &requests[worker->request_count++];
	memset(request, 0, sizeof(*request));
	request->worker = worker->info.worker;
	request->request = sight->request.request;
	request->conn = sight->conn;
	request->peer = sight->peer;
	request->started_ns = sight->request.started_ns;
	request->replays = sight->request.replays;
	request->served = sight->served;
	/* Until its head is whole the text is another's. */
	if (request->request != 0)
		(void)strlcpy(
		    request->text, sight->text, sizeof(request->text));
	for (i = 0; request->text[i] != '\0'; i++)
		if (request->text[i] < ' ' || request->text[i] > '~')
			request->text[i] = '?';
	place_request(segment, sight, worker, request);
	return (0);
}

/* Every connection that isn't between two requests, nor ending. */
static int
read_requests(const struct segment *segment, struct collect_worker *worker)
{
	struct slot_sight sight;
	uint32_t i;
	int error;

	for (i = 0; i < segment->geometry.slots; i++) {
		if (!slot_look(&segment->slots[i], i, &sight) ||
		    sight.state == SLOT_IDLE || sight.state >= SLOT_CLOSING)
			continue;
		error = add_request(segment, &sight, worker);
		if (error != 0)
			return (error);
	}
	return (0);
}

static int
read_recorder(const struct segment *segment, struct collect_worker *worker)
{
	worker->entries = calloc(SEGMENT_RECORDER, sizeof(*worker->entries));
	if (worker->entries == NULL)
		return (-ENOMEM);
	worker->entry_count =
	    recorder_read(segment, SEGMENT_RECORDER, worker->entries);
	return (0);
}

int
collect_segment(int fd, unsigned wants, struct collect_worker *worker)
{
	struct segment segment;
	int error;

	if (fd == -1 || segment_map_reader(fd, &segment) != 0)
		return (0);
	error = figures_read(&segment, worker->pool, &worker->figures);
	if (error == 0) {
		read_activities(&segment, worker);
		worker->readable = true;
	}
	if (error == 0 && (wants & COLLECT_REQUESTS) != 0)
		error = read_requests(&segment, worker);
	if (error == 0 && (wants & COLLECT_RECORDER) != 0)
		error = read_recorder(&segment, worker);
	segment_unmap(&segment);
	return (error);
}
