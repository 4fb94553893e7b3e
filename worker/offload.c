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
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

struct offload_thread {
	struct offload *offload;
	struct activity *activity;
	pthread_t id;
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

static void
run(struct offload_thread *thread, struct ring_producer *producer,
    const struct offload_job *job)
{
	/* Its request may be gone as soon as it is published. */
	const ring_ref ref = job->ref;
	int status;

	atomic_store_explicit(
	    &thread->activity->since_ns, clock_now(), memory_order_relaxed);
	(void)activity_set(thread->activity, job->activity);
	status = job->work(job->argument);
	(void)activity_set(thread->activity, 0);
	ring_publish(producer, ref, 0, status, 0);
}

static void *
thread_main(void *argument)
{
	struct offload_thread *thread = argument;
	struct offload *offload = thread->offload;
	struct ring_producer producer;
	struct offload_job *job;

	worker_thread_activity = thread->activity;
	fatal_thread_begin();
	ring_producer_init(&producer, offload->ring, PRODUCER_NONE);
	(void)pthread_mutex_lock(&offload->lock);
	for (;;) {
		while ((job = STAILQ_FIRST(&offload->queue)) == NULL &&
		       !offload->ending) {
			offload->idle++;
			(void)pthread_cond_wait(&offload->work, &offload->lock);
			offload->idle--;
		}
		if (job == NULL)
			break;
		STAILQ_REMOVE_HEAD(&offload->queue, link);
		offload->queued--;
		(void)pthread_mutex_unlock(&offload->lock);
		run(thread, &producer, job);
		(void)pthread_mutex_lock(&offload->lock);
	}
	(void)pthread_mutex_unlock(&offload->lock);
	ring_producer_fini(&producer);
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

/* One more, unless there are enough. */
static int
start_thread(struct offload *offload)
{
	struct offload_thread *thread = &offload->threads[offload->started];
	int error;

	if (offload->started == offload->max)
		return (0);
	error = pthread_create(&thread->id, NULL, thread_main, thread);
	if (error != 0)
		return (-error);
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
	for (uint32_t i = 0; i < offload->started; i++)
		(void)pthread_join(offload->threads[i].id, NULL);
	(void)pthread_cond_destroy(&offload->work);
	(void)pthread_mutex_destroy(&offload->lock);
	free(offload);
}
