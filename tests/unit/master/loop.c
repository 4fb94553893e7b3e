/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The event loop: sources and timers, removed from within their handlers.
 */
#include "master/loop.h"
#include "tests/unit/master/test.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct probe {
	struct loop *loop;
	struct loop_source source;
	struct loop_timer timer;
	struct probe *victim; /* removed and freed by our handler */
	int fd;
	unsigned seen;
};

static void
discard(struct probe *probe)
{
	loop_remove(probe->loop, &probe->source);
	loop_timer_clear(probe->loop, &probe->timer);
	(void)close(probe->fd);
	free(probe);
}

static void
source_seen(struct loop_source *source, uint32_t events)
{
	struct probe *probe = source->owner;

	(void)events;
	probe->seen++;
	if (probe->victim == probe) {
		discard(probe);
	} else if (probe->victim != NULL) {
		probe->victim->victim = NULL;
		discard(probe->victim);
		probe->victim = NULL;
	}
}

static void
timer_seen(struct loop_timer *timer)
{
	struct probe *probe = timer->owner;

	probe->seen++;
	if (probe->victim == probe)
		loop_timer_set(probe->loop, timer, 0);
}

static struct probe *
make_probe(struct loop *loop)
{
	struct probe *probe = calloc(1, sizeof(*probe));

	assert_non_null(probe);
	probe->loop = loop;
	probe->fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	probe->source.owner = probe;
	probe->source.handle = source_seen;
	probe->timer.owner = probe;
	probe->timer.handle = timer_seen;
	return (probe);
}

static void
serves_what_is_ready_and_no_longer_what_is_removed(void **state)
{
	struct loop loop;
	struct probe *probe;

	(void)state;
	assert_int_equal(loop_init(&loop), 0);
	probe = make_probe(&loop);
	assert_int_equal(loop_turn(&loop, 0), 0);
	assert_int_equal(probe->seen, 0);
	assert_int_equal(
	    loop_add(&loop, &probe->source, probe->fd, EPOLLIN), 0);
	assert_int_equal(loop_turn(&loop, 0), 0);
	assert_int_equal(probe->seen, 1);
	loop_change(&loop, &probe->source, 0);
	assert_int_equal(loop_turn(&loop, 0), 0);
	assert_int_equal(probe->seen, 1);
	loop_remove(&loop, &probe->source);
	loop_remove(&loop, &probe->source);
	discard(probe);
	loop_fini(&loop);
}

/* Whichever comes first in the turn frees the other; asan watches. */
static void
lets_a_handler_free_another_source_of_the_same_turn(void **state)
{
	struct probe *first, *second;
	struct loop loop;

	(void)state;
	assert_int_equal(loop_init(&loop), 0);
	first = make_probe(&loop);
	second = make_probe(&loop);
	first->victim = second;
	second->victim = first;
	assert_int_equal(
	    loop_add(&loop, &first->source, first->fd, EPOLLIN), 0);
	assert_int_equal(
	    loop_add(&loop, &second->source, second->fd, EPOLLIN), 0);
	assert_int_equal(loop_turn(&loop, 0), 0);
	/* The first in the list of ready ones is the first that was added. */
	assert_int_equal(first->seen, 1);
	assert_null(first->victim);
	discard(first);
	loop_fini(&loop);
}

static void
lets_a_handler_free_its_own_source(void **state)
{
	struct probe *probe;
	struct loop loop;

	(void)state;
	assert_int_equal(loop_init(&loop), 0);
	probe = make_probe(&loop);
	probe->victim = probe;
	assert_int_equal(
	    loop_add(&loop, &probe->source, probe->fd, EPOLLIN), 0);
	assert_int_equal(loop_turn(&loop, 0), 0);
	assert_int_equal(loop_turn(&loop, 0), 0);
	loop_fini(&loop);
}

static void
serves_timers_in_their_order(void **state)
{
	struct probe *early, *late;
	struct loop loop;

	(void)state;
	assert_int_equal(loop_init(&loop), 0);
	early = make_probe(&loop);
	late = make_probe(&loop);
	loop_timer_set(&loop, &late->timer, 40);
	loop_timer_set(&loop, &early->timer, 1);
	assert_int_equal(loop_turn(&loop, -1), 0);
	assert_int_equal(early->seen, 1);
	assert_int_equal(late->seen, 0);
	assert_int_equal(loop_turn(&loop, -1), 0);
	assert_int_equal(early->seen, 1);
	assert_int_equal(late->seen, 1);
	discard(early);
	discard(late);
	loop_fini(&loop);
}

static void
can_arm_anew_and_clear_a_timer(void **state)
{
	struct probe *probe;
	struct loop loop;

	(void)state;
	assert_int_equal(loop_init(&loop), 0);
	probe = make_probe(&loop);
	loop_timer_set(&loop, &probe->timer, 0);
	loop_timer_set(&loop, &probe->timer, 60 * 1000);
	assert_int_equal(loop_turn(&loop, 0), 0);
	assert_int_equal(probe->seen, 0);
	loop_timer_clear(&loop, &probe->timer);
	loop_timer_clear(&loop, &probe->timer);
	assert_int_equal(loop_turn(&loop, 0), 0);
	assert_int_equal(probe->seen, 0);
	discard(probe);
	loop_fini(&loop);
}

/* Or a timer of 0 ms that arms itself would keep the sources waiting. */
static void
serves_a_timer_once_a_turn(void **state)
{
	struct probe *probe;
	struct loop loop;

	(void)state;
	assert_int_equal(loop_init(&loop), 0);
	probe = make_probe(&loop);
	probe->victim = probe;
	loop_timer_set(&loop, &probe->timer, 0);
	assert_int_equal(loop_turn(&loop, 0), 0);
	assert_int_equal(probe->seen, 1);
	assert_int_equal(loop_turn(&loop, 0), 0);
	assert_int_equal(probe->seen, 2);
	discard(probe);
	loop_fini(&loop);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    serves_what_is_ready_and_no_longer_what_is_removed),
		cmocka_unit_test(
		    lets_a_handler_free_another_source_of_the_same_turn),
		cmocka_unit_test(lets_a_handler_free_its_own_source),
		cmocka_unit_test(serves_timers_in_their_order),
		cmocka_unit_test(can_arm_anew_and_clear_a_timer),
		cmocka_unit_test(serves_a_timer_once_a_turn),
	};

	return (RUN_TESTS(argc, argv, tests));
}
