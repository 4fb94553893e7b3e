/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The master's event loop. Timers are few (some for each worker), so a sorted
 * list is enough.
 */
#include "master/loop.h"

#include "shm/base/clock.h"
#include "shm/base/fd.h"
#include "shm/base/panic.h"

#include <errno.h>
#include <string.h>

int
loop_init(struct loop *loop)
{
	memset(loop, 0, sizeof(*loop));
	TAILQ_INIT(&loop->timers);
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	return (loop->epoll < 0 ? -errno : 0);
}

void
loop_fini(struct loop *loop)
{
	fd_close(&loop->epoll);
}

int
loop_add(struct loop *loop, struct loop_source *source, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events };

	bh_assert(!source->added);
	event.data.ptr = source;
	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) != 0)
		return (-errno);
	source->fd = fd;
	source->events = events;
	source->added = true;
	return (0);
}

void
loop_change(struct loop *loop, struct loop_source *source, uint32_t events)
{
	struct epoll_event event = { .events = events };
	int result;

	if (!source->added || source->events == events)
		return;
	event.data.ptr = source;
	result = epoll_ctl(loop->epoll, EPOLL_CTL_MOD, source->fd, &event);
	/* Changing a registration allocates nothing: only we can break it. */
	bh_assert(result == 0);
	source->events = events;
}

void
loop_remove(struct loop *loop, struct loop_source *source)
{
	int result;

	if (!source->added)
		return;
	source->added = false;
	result = epoll_ctl(loop->epoll, EPOLL_CTL_DEL, source->fd, NULL);
	bh_assert(result == 0);
	for (int i = loop->next; i < loop->fetched; i++)
		if (loop->events[i].data.ptr == source)
			loop->events[i].data.ptr = NULL;
}

void
loop_timer_set(struct loop *loop, struct loop_timer *timer, uint64_t after_ms)
{
	struct loop_timer *other;

	loop_timer_clear(loop, timer);
	timer->due_ns = clock_now() + after_ms * CLOCK_NS_PER_MS;
	timer->armed = true;
	TAILQ_FOREACH(other, &loop->timers, link)
	{
		if (other->due_ns > timer->due_ns) {
			TAILQ_INSERT_BEFORE(other, timer, link);
			return;
		}
	}
	TAILQ_INSERT_TAIL(&loop->timers, timer, link);
}

void
loop_timer_clear(struct loop *loop, struct loop_timer *timer)
{
	if (!timer->armed)
		return;
	TAILQ_REMOVE(&loop->timers, timer, link);
	timer->armed = false;
}

/* How long epoll may sleep: rounded up, or it would wake too early and spin. */
static int
patience(const struct loop *loop, int most_ms)
{
	const struct loop_timer *first = TAILQ_FIRST(&loop->timers);
	uint64_t now, ms;

	if (first == NULL)
		return (most_ms);
	now = clock_now();
	if (first->due_ns <= now)
		return (0);
	ms = (first->due_ns - now + CLOCK_NS_PER_MS - 1) / CLOCK_NS_PER_MS;
	if (most_ms >= 0 && (uint64_t)most_ms < ms)
		return (most_ms);
	return (ms > 3600 * 1000 ? 3600 * 1000 : (int)ms);
}

static void
serve_sources(struct loop *loop)
{
	struct loop_source *source;
	uint32_t events;

	loop->next = 0;
	while (loop->next < loop->fetched) {
		source = loop->events[loop->next].data.ptr;
		events = loop->events[loop->next].events;
		loop->next++;
		if (source != NULL)
			source->handle(source, events);
	}
	loop->fetched = 0;
}

/* A timer that is armed by a handler waits for the next turn. */
static void
serve_timers(struct loop *loop)
{
	uint64_t now = clock_now();
	struct loop_timer *timer;

	while ((timer = TAILQ_FIRST(&loop->timers)) != NULL &&
	       timer->due_ns <= now) {
		loop_timer_clear(loop, timer);
		timer->handle(timer);
	}
}

int
loop_turn(struct loop *loop, int most_ms)
{
	int count;

	count = epoll_wait(
	    loop->epoll, loop->events, LOOP_EVENTS, patience(loop, most_ms));
	if (count < 0)
		return (errno == EINTR ? 0 : -errno);
	loop->fetched = count;
	serve_sources(loop);
	serve_timers(loop);
	return (0);
}

int
loop_run(struct loop *loop)
{
	int error = 0;

	while (error == 0 && !loop->stopping)
		error = loop_turn(loop, -1);
	return (error);
}

void
loop_stop(struct loop *loop)
{
	loop->stopping = true;
}
