/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A contest: ways to bring a completion from producers to one consumer, all
 * under the same harness. The harness is inline and a contestant's operations
 * are constants to it, so each contestant gets loops of its own, without an
 * indirect call: that would cost as much as what is measured.
 *
 * What is carried is `struct completion`: 56 bytes, which is with a control
 * word the 64 bytes of a record. In it, `status` is the producer's number,
 * `bytes` counts its completions, and `aux` is when it was pushed, in ticks.
 */
#ifndef BENCH_RING_CONTEST_H
#define BENCH_RING_CONTEST_H

#include "bench.h"

#include "shm/ring.h"

/* So many may be in flight in each contestant, as far as the kernel lets. */
enum {
	CONTEST_CAPACITY = 4096,
	CONTEST_BATCH = 16
};

struct contestant {
	const char *name;
	/* NULL: not possible here, errno says why. */
	void *(*create)(unsigned producers);
	void (*destroy)(void *queue);
	/* False: no room. */
	bool (*push)(
	    void *queue, unsigned producer, const struct completion *item);
	/* How many of them went in; NULL: it has no such thing. */
	unsigned (*push_many)(void *queue, unsigned producer,
	    const struct completion *items, unsigned count);
	bool (*pop)(void *queue, struct completion *ret_item);
	/* The handler is through with it; may be NULL. */
	void (*done)(void *queue, const struct completion *item);
	/* Before and after the consumer's sleep; may be NULL. */
	bool (*may_sleep)(void *queue);
	void (*awake)(void *queue);
	/* The descriptor that ends the sleep: its events for epoll. */
	int (*wake_fd)(void *queue);
	uint32_t wake_events;
	/* Takes a system call each time, so fewer of them are measured. */
	bool slow;
};

/* How producers go on. */
enum pace {
	PACE_STREAM,  /* as fast as they can */
	PACE_HANDLED, /* a batch when the last was handled: consumer polls */
	PACE_ASLEEP,  /* a batch when the consumer sleeps */
};

struct plan {
	enum pace pace;
	unsigned producers;
	unsigned batch;
	unsigned count;   /* of each producer, a multiple of 64 */
	bool sleeps;      /* does the consumer, when it finds nothing? */
	unsigned work_ns; /* in its handler */
};

struct outcome {
	double ns;    /* per completion; with a pace, the latency */
	double wakes; /* eventfd writes per completion, where that is how */
};

/* What each side spends when they take turns, in ns per completion. */
struct sides {
	double push;
	double pop;
};

/* A contestant with its loops. False: it isn't possible here. */
struct entrant {
	const struct contestant *contestant;
	bool (*same_thread)(
	    struct bench *bench, unsigned count, double *ret_ns);
	bool (*publish)(struct bench *bench, unsigned count, double *ret_ns);
	bool (*turns)(
	    struct bench *bench, unsigned turns, struct sides *ret_sides);
	bool (*cross)(struct bench *bench, const struct plan *plan,
	    struct outcome *ret_outcome);
};

extern const struct entrant entrant_lane;
extern const struct entrant entrant_lane_group;
extern const struct entrant entrant_lane_recording;
extern const struct entrant entrant_lane_reserving;
extern const struct entrant entrant_ours;
extern const struct entrant entrant_ours_batch;
extern const struct entrant entrant_ours_claim;
extern const struct entrant entrant_lanes;
extern const struct entrant entrant_vyukov;
extern const struct entrant entrant_vyukov_clock;
extern const struct entrant entrant_vyukov_small;
extern const struct entrant entrant_vyukov_eventfd;
extern const struct entrant entrant_ck;
extern const struct entrant entrant_ck_eventfd;
extern const struct entrant entrant_pipe;
extern const struct entrant entrant_mutex;
extern const struct entrant entrant_mq;

#endif
