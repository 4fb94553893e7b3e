/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A queue of work and the threads that take from it. The queue's lock is held
 * for a few instructions, and the dispatch thread takes it only for work that
 * is far dearer.
 */
#include "worker/offload.h"

#include "shm/base/clock.h"
#include "shm/base/log.h"
#include "worker/fatal.h"
#include "worker/worker.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct offload_thread {
	struct offload *offload;
	struct activity *activity;
	pthread_t id;
	bool started; /* to be joined; else its place is free */
	/* The thread's own: what it leaves behind if it is ended. */
	struct ring_producer producer;
	ring_ref ref; /* of the work that it does, or 0 */
	bool idle;
};

struct offload {
	struct ring *ring;
	pthread_mutex_t lock;
	pthread_cond_t work;
	STAILQ_HEAD(, offload_job) queue;
	uint32_t queued;
	uint32_t idle; /* threads that wait for work */
	bool ending;
	uint32_t started;
	uint32_t max;
	struct offload_thread threads[];
};

static int start_thread(struct offload *offload);

/* Under the lock. */
static struct offload_job *
wait_for_work(struct offload_thread *thread)
{
	struct offload *offload = thread->offload;
	struct offload_job *job;

	while (
	    (job = STAILQ_FIRST(&offload->queue)) == NULL && !offload->ending) {
		thread->idle = true;
		offload->idle++;
		(void)pthread_cond_wait(&offload->work, &offload->lock);
		offload->idle--;
		thread->idle = false;
	}
	if (job == NULL)
		return (NULL);
	STAILQ_REMOVE_HEAD(&offload->queue, link);
	offload->queued--;
	return (job);
}

static void
run(struct offload_thread *thread, const struct offload_job *job)
{
	/* Its request may be gone as soon as it is published. */
	const ring_ref ref = job->ref;
	int status;

	thread->ref = ref;
	atomic_store_explicit(
	    &thread->activity->since_ns, clock_now(), memory_order_relaxed);
	(void)activity_set(thread->activity, job->activity);
	status = job->work(job->argument);
	(void)activity_set(thread->activity, 0);
	thread->ref = 0;
	ring_publish(&thread->producer, ref, 0, status, 0);
}

/* The work's module is the one that the activity word names. */
static void
tell_of_exit(uint64_t word)
{
	char name[SEGMENT_MODULE_NAME] = "";
	uint64_t request = 0;
	uint32_t module = 0;

	if (activity_unpack(word, &module, NULL, &request))
		segment_module_name(&worker_self->segment, module, name);
	log_err("module %s ended its offload thread, in work for request "
		"%" PRIu64 "-%" PRIu64
		": the work's status is ECANCELED; return from it instead of "
		"pthread_exit()",
	    name, request >> REQUEST_COUNT_BITS, request & UINT32_MAX);
}

/* Its place is free, and whatever waits has another one to take it. */
static void
give_place(struct offload_thread *thread)
{
	struct offload *offload = thread->offload;
	int error = 0;

	(void)pthread_mutex_lock(&offload->lock);
	if (!offload->ending) {
		(void)pthread_detach(thread->id);
		thread->started = false;
		offload->started--;
		if (offload->queued > offload->idle)
			error = start_thread(offload);
	}
	(void)pthread_mutex_unlock(&offload->lock);
	if (error != 0)
		log_warn("can't start an offload thread: %s; what is queued "
			 "waits for the next",
		    strerror(-error));
}

/*
 * A module's code has ended the thread, by pthread_exit(3) or a cancel. Its
 * operation ends all the same, unless it was published already: then there is
 * no ref, and ring_producer_fini() sees to it if that was in the middle.
 */
static void
thread_ended(void *argument)
{
	struct offload_thread *thread = argument;
	const uint64_t word = activity_set(thread->activity, 0);
	const ring_ref ref = thread->ref;

	if (thread->idle) {
		/* In pthread_cond_wait(3), which has the lock again. */
		thread->idle = false;
		thread->offload->idle--;
		(void)pthread_mutex_unlock(&thread->offload->lock);
	}
	tell_of_exit(word);
	thread->ref = 0;
	if (ref != 0)
		(void)ring_try_publish(
		    &thread->producer, ref, 0, -ECANCELED, 0);
	ring_producer_fini(&thread->producer);
	fatal_thread_end();
	give_place(thread);
}

static void
work_on(struct offload_thread *thread)
{
	struct offload *offload = thread->offload;
	const struct offload_job *job;

	(void)pthread_mutex_lock(&offload->lock);
	while ((job = wait_for_work(thread)) != NULL) {
		(void)pthread_mutex_unlock(&offload->lock);
		run(thread, job);
		(void)pthread_mutex_lock(&offload->lock);
	}
	(void)pthread_mutex_unlock(&offload->lock);
}

static void *
thread_main(void *argument)
{
	struct offload_thread *thread = argument;

	worker_thread_activity = thread->activity;
	fatal_thread_begin();
	ring_producer_init(
	    &thread->producer, thread->offload->ring, PRODUCER_NONE);
	pthread_cleanup_push(thread_ended, thread);
	work_on(thread);
	pthread_cleanup_pop(0);
	ring_producer_fini(&thread->producer);
	fatal_thread_end();
	return (NULL);
}

int
offload_create(struct ring *ring, struct activity *activities, uint32_t threads,
    struct offload **ret_offload)
{
	struct offload *offload;

	offload =
	    calloc(1, sizeof(*offload) + threads * sizeof(offload->threads[0]));
	if (offload == NULL)
		return (-ENOMEM);
	offload->ring = ring;
	offload->max = threads;
	STAILQ_INIT(&offload->queue);
	if (pthread_mutex_init(&offload->lock, NULL) != 0 ||
	    pthread_cond_init(&offload->work, NULL) != 0) {
		free(offload);
		return (-ENOMEM);
	}
	for (uint32_t i = 0; i < threads; i++) {
		offload->threads[i].offload = offload;
		offload->threads[i].activity = &activities[i];
	}
	*ret_offload = offload;
	return (0);
}

/* One more, unless there are enough. Under the lock. */
static int
start_thread(struct offload *offload)
{
	struct offload_thread *thread = offload->threads;
	int error;

	if (offload->started == offload->max)
		return (0);
	while (thread->started)
		thread++;
	error = pthread_create(&thread->id, NULL, thread_main, thread);
	if (error != 0)
		return (-error);
	thread->started = true;
	offload->started++;
	return (0);
}

int
offload_submit(struct offload *offload, struct offload_job *job)
{
	int error = 0;

	(void)pthread_mutex_lock(&offload->lock);
	if (offload->idle <= offload->queued)
		error = start_thread(offload);
	if (error != 0 && offload->started == 0) {
		(void)pthread_mutex_unlock(&offload->lock);
		return (-EAGAIN);
	}
	STAILQ_INSERT_TAIL(&offload->queue, job, link);
	offload->queued++;
	(void)pthread_cond_signal(&offload->work);
	(void)pthread_mutex_unlock(&offload->lock);
	return (0);
}

void
offload_free(struct offload *offload)
{
	bool busy;

	if (offload == NULL)
		return;
	(void)pthread_mutex_lock(&offload->lock);
	busy = offload->queued > 0 || offload->idle < offload->started;
	offload->ending = true;
	(void)pthread_cond_broadcast(&offload->work);
	(void)pthread_mutex_unlock(&offload->lock);
	if (busy && worker_self->give_up_ns != 0) {
		log_warn("work that modules have offloaded is given up");
		_exit(EXIT_FAILURE);
	}
	/* Nobody gives up a place any more. */
	for (uint32_t i = 0; i < offload->max; i++)
		if (offload->threads[i].started)
			(void)pthread_join(offload->threads[i].id, NULL);
	(void)pthread_cond_destroy(&offload->work);
	(void)pthread_mutex_destroy(&offload->lock);
	free(offload);
}
