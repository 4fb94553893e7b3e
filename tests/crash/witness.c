/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Workers are killed at random instants under traffic of every kind, and the
 * kernel's counts tell their successors what was read and written: no answer
 * is lost, doubled, wrong, or cut off in a way that looks whole.
 *
 * BULKHEAD_WITNESS_SECONDS makes it longer; a worker isn't killed in its
 * first second, because the master rests after such deaths.
 */
#include "tests/crash/witness.h"

#include "tests/crash/conformance.h"
#include "tests/support/process.h"

#include <bsd/stdlib.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	CLIENTS = 20,
	IDLE = 40,
	WORKERS = 12,
	SECONDS = 8,
	KILL_MS = 40, /* between kills, on average */
	YOUTH_MS = 1100,
	KNOWN_MAX = 64
};

/* When each worker was first seen. */
struct known {
	pid_t pid[KNOWN_MAX];
	int64_t since[KNOWN_MAX];
	size_t count;
};

static int64_t
seconds(void)
{
	const char *text = getenv("BULKHEAD_WITNESS_SECONDS"), *error = NULL;
	long long value;

	if (text == NULL)
		return (SECONDS);
	value = strtonum(text, 1, 1000000, &error);
	if (error != NULL)
		fail_msg("BULKHEAD_WITNESS_SECONDS=%s is %s", text, error);
	return (value);
}

/* Learn who is there now, forgetting who isn't any more. */
static void
meet(struct known *known, struct server *server)
{
	pid_t now[SERVER_WORKERS_MAX];
	struct known next = { .count = server_workers(server, now) };
	size_t i, j;

	for (i = 0; i < next.count; i++) {
		next.pid[i] = now[i];
		next.since[i] = test_now_ms();
		for (j = 0; j < known->count; j++)
			if (known->pid[j] == now[i])
				next.since[i] = known->since[j];
	}
	*known = next;
}

/* One that is old enough, by chance. */
static unsigned
kill_somebody(struct known *known, unsigned chance)
{
	int64_t now = test_now_ms();
	size_t i, at;

	for (i = 0; i < known->count; i++) {
		at = (chance + i) % known->count;
		if (now - known->since[at] < YOUTH_MS)
			continue;
		return (kill(known->pid[at], SIGKILL) == 0);
	}
	return (0);
}

static unsigned
kill_for_long(struct server *server)
{
	struct known known = { .count = 0 };
	unsigned chance, kills = 0;
	int64_t end;

	end = test_now_ms() + seconds() * 1000;
	while (test_now_ms() < end) {
		chance = (unsigned)arc4random();
		meet(&known, server);
		kills += kill_somebody(&known, chance);
		test_sleep_ms(chance / KNOWN_MAX % (2 * KILL_MS));
	}
	return (kills);
}

/* Each POST's line is there once if it was answered, and never twice. */
static void
check_effects(const struct witness *witness)
{
	char *seen = calloc(witness->request + (size_t)1, 1), line[96];
	char prefix[32];
	FILE *file = fopen(stage_state(), "re");
	const char *rest;
	unsigned i, number;
	size_t length;

	assert_true(seen != NULL && file != NULL);
	length =
	    (size_t)snprintf(prefix, sizeof(prefix), "%u-", witness->number);
	while (fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, prefix, length) != 0)
			continue;
		rest = line + length;
		number = (unsigned)strtoul(rest, NULL, 10);
		assert_in_range(number, 0, witness->request - 1);
		if (seen[number]++ > 0)
			fail_msg("POST %u-%u took effect twice",
			    witness->number, number);
	}
	for (i = 0; i < witness->request; i++)
		if (witness->got[i] == POSTED && seen[i] == 0)
			fail_msg("POST %u-%u was answered without effect",
			    witness->number, i);
	(void)fclose(file);
	free(seen);
}

static void
check(const struct witness *witnesses, unsigned kills)
{
	static const char *const parts[WITNESS_PARTS] = { "pipelined", "post",
		"out", "in", "trickled" };
	unsigned answered, refused, cut, part, i;
	const char *complaint = NULL;

	for (part = 0; part < WITNESS_PARTS; part++) {
		answered = refused = cut = 0;
		for (i = part; i < CLIENTS; i += WITNESS_PARTS) {
			answered += witnesses[i].answered;
			refused += witnesses[i].refused;
			cut += witnesses[i].cut;
			if (witnesses[i].wrong > 0 && complaint == NULL)
				complaint = witnesses[i].complaint;
		}
		print_message("%s: %u answered, %u refused, %u cut\n",
		    parts[part], answered, refused, cut);
		assert_in_range(answered, 1, UINT32_MAX);
	}
	print_message("%u kills\n", kills);
	if (complaint != NULL)
		fail_msg("%s", complaint);
	for (i = WITNESS_POST; i < CLIENTS; i += WITNESS_PARTS)
		check_effects(&witnesses[i]);
}

static void
nothing_is_lost_or_doubled_at_any_instant(void **state)
{
	static struct witness witnesses[CLIENTS];
	char workers[8];
	struct client idle[IDLE];
	struct server *server;
	atomic_bool over = false;
	unsigned i, kills;

	(void)state;
	(void)snprintf(workers, sizeof(workers), "%d", WORKERS);
	server = stage_server(workers, NULL);
	for (i = 0; i < IDLE; i++) {
		client_open(&idle[i], server);
		expect_hello(&idle[i]);
	}
	for (i = 0; i < CLIENTS; i++) {
		witnesses[i] = (struct witness){ .number = i,
			.part = i % WITNESS_PARTS,
			.port = server->port,
			.over = &over };
		assert_int_equal(pthread_create(&witnesses[i].thread, NULL,
				     witness_run, &witnesses[i]),
		    0);
	}
	kills = kill_for_long(server);
	atomic_store(&over, true);
	for (i = 0; i < CLIENTS; i++)
		(void)pthread_join(witnesses[i].thread, NULL);
	check(witnesses, kills);
	for (i = 0; i < IDLE; i++) {
		expect_hello(&idle[i]);
		client_close(&idle[i]);
	}
	for (i = 0; i < CLIENTS; i++)
		free(witnesses[i].got);
	server_stop(server);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROCESS_TEST(nothing_is_lost_or_doubled_at_any_instant),
	};

	return (RUN_TESTS(argc, argv, tests));
}
