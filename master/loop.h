/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The master's event loop: epoll for descriptors, a sorted list for timers.
 * One thread. A handler may add, change or remove any source or timer, its
 * own included, and free what holds it at once: the loop forgets a removed
 * source's events that it has fetched already, and touches neither source nor
 * timer after their handler.
 */
#ifndef MASTER_LOOP_H
#define MASTER_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/queue.h>

enum {
	LOOP_EVENTS = 64
}; /* sources served in one turn */

struct loop_source {
	void *owner;
	void (*handle)(struct loop_source *source, uint32_t events);
	int fd;          /* not owned */
	uint32_t events; /* EPOLLIN ...; level-triggered */
	bool added;
};

struct loop_timer {
	void *owner;
	void (*handle)(struct loop_timer *timer);
	TAILQ_ENTRY(loop_timer) link;
	uint64_t due_ns;
	bool armed;
};

struct loop {
	int epoll;
	bool stopping;
	int fetched; /* in events[] */
	int next;    /* of them to be served */
	struct epoll_event events[LOOP_EVENTS];
	TAILQ_HEAD(, loop_timer) timers; /* soonest first */
};

/* loop_init(loop): 0 or -errno. loop_fini(loop) closes what it opened. */
int loop_init(struct loop *loop);
void loop_fini(struct loop *loop);

/*
 * loop_add(loop, source, fd, events):
 * Watch ${fd}. ${source}->owner and handle are set by the caller. Returns 0 or
 * -errno.
 */
int loop_add(
    struct loop *loop, struct loop_source *source, int fd, uint32_t events);

/* loop_change(loop, source, events): watch for these instead. */
void loop_change(
    struct loop *loop, struct loop_source *source, uint32_t events);

/*
 * loop_remove(loop, source):
 * Before its descriptor is closed. A source that isn't added is fine.
 */
void loop_remove(struct loop *loop, struct loop_source *source);

/* loop_timer_set(loop, timer, after_ms): arm it, or arm it anew. */
void loop_timer_set(
    struct loop *loop, struct loop_timer *timer, uint64_t after_ms);

/* loop_timer_clear(loop, timer): one that isn't armed is fine. */
void loop_timer_clear(struct loop *loop, struct loop_timer *timer);

/*
 * loop_turn(loop, most_ms):
 * Wait at most ${most_ms} (-1: as long as it takes), then serve what is ready
 * and the timers that were due. Returns 0 or -errno.
 */
int loop_turn(struct loop *loop, int most_ms);

/* loop_run(loop): turns until loop_stop(). Returns 0 or -errno. */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

#endif
