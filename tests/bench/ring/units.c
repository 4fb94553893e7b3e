/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The units: what the machine itself takes, measured beside all the rest.
 *
 *	U1  a locked add to a word of one's own
 *	U2  a cache line to the other core: half a CAS ping-pong
 *	U3  a locked add to a word that P threads add to
 *	U4  from the write of an eventfd to the thread that slept for it,
 *	    in epoll_wait and edge-triggered, as a dispatch loop sleeps
 *	U5  a descriptor passed over a socket: sendmsg + recvmsg
 */
#include "bench.h"

#include "shm/base/fd.h"

#include <err.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	WAKES_MAX = 256,
	PASSES = 16, /* in the socket at once */
	GAMES = 32,  /* pieces of a measurement, of which some are disturbed */
};

struct words {
	struct bench *bench;
	unsigned count;
	_Alignas(BENCH_HOT) _Atomic uint64_t word;
	_Alignas(BENCH_HOT) _Atomic unsigned ready;
	_Alignas(BENCH_HOT) _Atomic unsigned next_role;
	_Alignas(BENCH_HOT) _Atomic bool go;
};

static void
start(pthread_t *thread, void *(*thread_main)(void *), void *argument)
{
	if (pthread_create(thread, NULL, thread_main, argument) != 0)
		errx(1, "pthread_create");
}

static void
add(struct bench *bench)
{
	_Alignas(BENCH_HOT) _Atomic uint64_t word = 0;
	const unsigned count = bench_count(bench, 4096);
	double adds[GAMES], clocks[GAMES];
	uint64_t began;
	unsigned i, j;

	for (i = 0; i < GAMES; i++) {
		began = bench_ticks();
		for (j = 0; j < count; j++)
			(void)atomic_fetch_add(&word, 1);
		adds[i] = (double)(bench_ticks() - began) * bench->ns_per_tick /
			  count;
		began = bench_ticks();
		for (j = 0; j < count / 8; j++)
			(void)clock_now();
		clocks[i] = (double)(bench_ticks() - began) *
			    bench->ns_per_tick / (count / 8);
	}
	bench_add(
	    bench, SCENARIO_UNITS, "U1 locked add", bench_typical(adds, GAMES));
	bench_add(
	    bench, SCENARIO_UNITS, "clock read", bench_typical(clocks, GAMES));
}

/* The word goes up by one on each side in turn, from ${first} to ${end}. */
static void
play(struct words *words, uint64_t first, uint64_t end)
{
	uint64_t expected, value;
	unsigned spins = 0;

	for (value = first; value < end; value += 2) {
		do {
			expected = value;
			bench_wait(&spins);
		} while (!atomic_compare_exchange_strong(
		    &words->word, &expected, value + 1));
	}
}

static void *
play_main(void *argument)
{
	struct words *words = argument;

	bench_pin(words->bench, 1);
	(void)atomic_fetch_add(&words->ready, 1);
	play(words, 1, words->count);
	return (NULL);
}

static void
ping_pong(struct bench *bench)
{
	const unsigned step = bench_count(bench, 12800) / GAMES;
	struct words words = { .bench = bench, .count = step * GAMES };
	double games[GAMES];
	pthread_t thread;
	uint64_t began;
	unsigned i, spins = 0;

	start(&thread, play_main, &words);
	while (atomic_load(&words.ready) == 0)
		bench_wait(&spins);
	for (i = 0; i < GAMES; i++) {
		began = bench_ticks();
		play(&words, i * step, (i + 1) * step);
		games[i] =
		    (double)(bench_ticks() - began) * bench->ns_per_tick / step;
	}
	(void)pthread_join(thread, NULL);
	bench_add(bench, SCENARIO_UNITS, "U2 line transfer",
	    bench_typical(games, GAMES));
}

static void *
add_main(void *argument)
{
	struct words *words = argument;
	unsigned i, spins = 0;

	bench_pin(words->bench, atomic_fetch_add(&words->next_role, 1));
	(void)atomic_fetch_add(&words->ready, 1);
	while (!atomic_load(&words->go))
		bench_wait(&spins);
	for (i = 0; i < words->count; i++)
		(void)atomic_fetch_add(&words->word, 1);
	return (NULL);
}

static void
contended_add(struct bench *bench, unsigned threads_count, const char *name)
{
	struct words words = { .bench = bench,
		.count = bench_count(bench, 20000) };
	pthread_t threads[BENCH_PRODUCERS_MAX];
	uint64_t began;
	unsigned i, spins = 0;

	for (i = 0; i < threads_count; i++)
		start(&threads[i], add_main, &words);
	while (atomic_load(&words.ready) < threads_count)
		bench_wait(&spins);
	began = bench_ticks();
	atomic_store(&words.go, true);
	for (i = 0; i < threads_count; i++)
		(void)pthread_join(threads[i], NULL);
	bench_add(bench, SCENARIO_UNITS, name,
	    (double)(bench_ticks() - began) * bench->ns_per_tick /
		((double)words.count * threads_count));
	bench->wrong +=
	    atomic_load(&words.word) != (uint64_t)words.count * threads_count;
}

struct wakes {
	struct bench *bench;
	unsigned count;
	int fd;
	_Alignas(BENCH_HOT) _Atomic unsigned asleep;  /* wakes so far + 1 */
	_Alignas(BENCH_HOT) _Atomic uint64_t written; /* ticks */
};

static void *
wake_main(void *argument)
{
	struct wakes *wakes = argument;
	const uint64_t one = 1;
	unsigned i, spins = 0;

	bench_pin(wakes->bench, 1);
	for (i = 0; i < wakes->count; i++) {
		while (atomic_load(&wakes->asleep) != i + 1)
			bench_wait(&spins);
		bench_spin(wakes->bench, 20000);
		atomic_store(&wakes->written, bench_ticks());
		/* It can't fail: the counter is far from full. */
		(void)!write(wakes->fd, &one, sizeof(one));
	}
	return (NULL);
}

static void
wake(struct bench *bench)
{
	struct wakes wakes = { .bench = bench,
		.count = bench_count(bench, 128) };
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	double samples[WAKES_MAX];
	pthread_t thread;
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	unsigned i;

	wakes.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (wakes.fd == -1 || epoll_fd == -1 ||
	    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, wakes.fd, &event) == -1)
		err(1, "eventfd");
	start(&thread, wake_main, &wakes);
	for (i = 0; i < wakes.count; i++) {
		atomic_store(&wakes.asleep, i + 1);
		if (epoll_wait(epoll_fd, &event, 1, 10000) != 1)
			bench->wrong++;
		samples[i] =
		    (double)(bench_ticks() - atomic_load(&wakes.written)) *
		    bench->ns_per_tick;
	}
	(void)pthread_join(thread, NULL);
	bench_add(bench, SCENARIO_UNITS, "U4 eventfd wake",
	    bench_typical(samples, wakes.count));
	fd_close(&wakes.fd);
	fd_close(&epoll_fd);
}

static void
pass(struct bench *bench)
{
	const unsigned count = bench_count(bench, 512);
	int sockets[2], fd, truncated, received[PASSES];
	uint64_t began, spent = 0;
	size_t came;
	unsigned i, j;
	char byte = 0;

	fd = eventfd(0, EFD_CLOEXEC);
	if (fd == -1 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC,
		0, sockets) == -1)
		err(1, "socketpair");
	for (i = 0; i < count / PASSES; i++) {
		began = bench_ticks();
		for (j = 0; j < PASSES; j++)
			if (fd_send(sockets[0], &byte, 1, &fd, 1) != 0)
				errx(1, "can't send a descriptor");
		for (j = 0; j < PASSES; j++)
			if (fd_receive(sockets[1], &byte, 1, &received[j], 1,
				&came, &truncated) != 1 ||
			    came != 1)
				errx(1, "can't receive a descriptor");
		spent += bench_ticks() - began;
		for (j = 0; j < PASSES; j++)
			fd_close(&received[j]);
	}
	bench_add(bench, SCENARIO_UNITS, "U5 descriptor pass",
	    (double)spent * bench->ns_per_tick / count);
	fd_close(&fd);
	fd_close(&sockets[0]);
	fd_close(&sockets[1]);
}

void
units_measure(struct bench *bench)
{
	add(bench);
	ping_pong(bench);
	contended_add(bench, 2, "U3 contended add, 2 threads");
	contended_add(bench, 3, "U3 contended add, 3 threads");
	contended_add(bench, 4, "U3 contended add, 4 threads");
	wake(bench);
	pass(bench);
}
