/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parked stacks. Each test brings a script: the loop calls the next turn of
 * it on whatever stack it stands, as the dispatch loop calls the callbacks of
 * completions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fenv.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "worker/stack.h"

enum {
	MANY = 200,
	ROUNDS = 300,
	DEEP = 30,
	DEPTH = STACK_SIZE / 4,
};

/* One test. Nothing of it is kept in frames. */
struct script {
	struct stack_pool *pool;
	void (*turn)(struct script *, unsigned number);
	unsigned turns;
	struct stack *parked[STACK_MAX + 1];
	unsigned parked_count;
	unsigned resumed;
	int result;
	size_t seen;
	uintptr_t deepest[DEEP]; /* of each stack, far below its top */
};

static void
loop(void *argument)
{
	struct script *script = argument;

	for (;;)
		script->turn(script, script->turns++);
}

static void
run(struct script *script, void (*turn)(struct script *, unsigned))
{
	script->turn = turn;
	assert_int_equal(stack_pool_create(loop, script, &script->pool), 0);
	stack_pool_run(script->pool);
	assert_int_equal(stack_parked(script->pool), 0);
	stack_pool_free(script->pool);
}

/* Park the running stack; script->parked[index] is its handle. */
static int
park(struct script *script)
{
	script->parked[script->parked_count++] = stack_current(script->pool);
	return (stack_park(script->pool));
}

/* --- Turns ------------------------------------------------------------- */

static void
park_then_resume(struct script *script, unsigned number)
{
	char frame[1000];
	size_t i;

	if (number == 1) {
		assert_int_equal(stack_parked(script->pool), 1);
		assert_ptr_not_equal(
		    stack_current(script->pool), script->parked[0]);
		stack_resume(script->pool, script->parked[0]);
	}
	assert_int_equal(number, 0);
	for (i = 0; i < sizeof(frame); i++)
		frame[i] = (char)i;
	assert_int_equal(park(script), 0);
	assert_ptr_equal(stack_current(script->pool), script->parked[0]);
	assert_int_equal(stack_parked(script->pool), 0);
	for (i = 0; i < sizeof(frame); i++)
		assert_int_equal(frame[i], (char)i);
	script->resumed++;
	stack_pool_leave(script->pool);
}

static void
park_many(struct script *script, unsigned number)
{
	unsigned is = number, expected = number;

	if (number < MANY) {
		assert_int_equal(park(script), 0);
		assert_int_equal(is, expected);
		assert_ptr_equal(
		    stack_current(script->pool), script->parked[number]);
		script->resumed++;
	} else {
		script->seen = stack_parked(script->pool);
	}
	/* In another order than they were parked in, and none left over. */
	if (script->resumed == MANY)
		stack_pool_leave(script->pool);
	stack_resume(
	    script->pool, script->parked[(script->resumed * 77 + 13) % MANY]);
}

static void
park_inside_parks(struct script *script, unsigned number)
{
	/* A stack that was resumed parks again, deeper. */
	if (number < 3) {
		assert_int_equal(park(script), 0);
		script->resumed++;
		script->parked[number] = stack_current(script->pool);
		assert_int_equal(stack_park(script->pool), 0);
		script->resumed++;
		if (script->resumed == 6)
			stack_pool_leave(script->pool);
		return;
	}
	stack_resume(script->pool, script->parked[(number - 3) % 3]);
}

static void
park_until_exhausted(struct script *script, unsigned number)
{
	(void)number;
	script->result = park(script);
	if (script->result == 0) {
		/* One is free again. */
		script->resumed++;
		script->result = stack_park(script->pool);
		assert_int_equal(script->result, 0);
		return;
	}
	if (script->seen == 0) {
		script->seen = stack_parked(script->pool);
		assert_int_equal(script->result, -EAGAIN);
		assert_int_equal(stack_park(script->pool), -EAGAIN);
		stack_resume(script->pool, script->parked[0]);
	}
	stack_pool_leave(script->pool);
}

static void
park_and_resume_often(struct script *script, unsigned number)
{
	char frame[4096];

	if (number % 2 == 1)
		stack_resume(
		    script->pool, script->parked[script->parked_count - 1]);
	script->parked_count = 0;
	memset(frame, (int)(number & 0x7f), sizeof(frame));
	assert_int_equal(park(script), 0);
	assert_int_equal(frame[number % sizeof(frame)], number & 0x7f);
	if (++script->resumed == ROUNDS)
		stack_pool_leave(script->pool);
}

static void
park_with_rounding(struct script *script, unsigned number)
{
	if (number == 0) {
		assert_int_equal(fegetround(), FE_DOWNWARD);
		assert_int_equal(fesetround(FE_UPWARD), 0);
		assert_int_equal(park(script), 0);
		assert_int_equal(fegetround(), FE_UPWARD);
		stack_pool_leave(script->pool);
	}
	/* As it was in stack_pool_run(), not as that callback left it. */
	assert_int_equal(fegetround(), FE_DOWNWARD);
	assert_int_equal(fesetround(FE_TOWARDZERO), 0);
	stack_resume(script->pool, script->parked[0]);
}

static void
park_with_blocked_signal(struct script *script, unsigned number)
{
	sigset_t set;

	if (number == 0) {
		assert_int_equal(sigemptyset(&set), 0);
		assert_int_equal(sigaddset(&set, SIGUSR1), 0);
		assert_int_equal(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
		assert_int_equal(park(script), 0);
		assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &set), 0);
		assert_int_equal(sigismember(&set, SIGUSR1), 1);
		stack_pool_leave(script->pool);
	}
	assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &set), 0);
	assert_int_equal(sigismember(&set, SIGUSR1), 0);
	stack_resume(script->pool, script->parked[0]);
}

static void
park_and_leave(struct script *script, unsigned number)
{
	if (number < 20)
		(void)park(script);
	script->seen = stack_parked(script->pool);
	stack_pool_leave(script->pool);
}

/* Touch about ${bytes} of stack and say where the lowest of them are. */
__attribute__((noinline)) static void
dig(size_t bytes, uintptr_t *ret_lowest)
{
	volatile char frame[1024];

	frame[0] = 1;
	if (bytes > sizeof(frame))
		dig(bytes - sizeof(frame), ret_lowest);
	else
		*ret_lowest = (uintptr_t)__builtin_frame_address(0);
	frame[sizeof(frame) - 1] = frame[0];
}

static void
dig_deep_then_park(struct script *script, unsigned number)
{
	if (number < DEEP) {
		dig(DEPTH, &script->deepest[number]);
		assert_int_equal(park(script), 0);
		if (++script->resumed == DEEP)
			stack_pool_leave(script->pool);
	}
	stack_resume(script->pool, script->parked[script->resumed]);
}

/* How many of those pages are in memory? */
static size_t
count_deep_pages(const struct script *script)
{
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	unsigned char resident;
	size_t i, count = 0;
	uintptr_t at;

	for (i = 0; i < DEEP; i++) {
		at = script->deepest[i] & ~(page - 1);
		assert_int_equal(mincore((void *)at, 1, &resident), 0);
		count += resident & 1;
	}
	return (count);
}

static void
return_at_once(void *argument)
{
	++*(int *)argument;
}

/* --- Tests ------------------------------------------------------------- */

static void
parks_a_stack_and_resumes_it(void **state)
{
	struct script script = { 0 };

	(void)state;
	run(&script, park_then_resume);
	assert_int_equal(script.resumed, 1);
	assert_int_equal(script.turns, 2);
}

static void
parks_200_at_once_and_resumes_in_any_order(void **state)
{
	struct script script = { 0 };

	(void)state;
	run(&script, park_many);
	assert_int_equal(script.seen, MANY);
	assert_int_equal(script.resumed, MANY);
}

static void
parks_a_stack_again_after_it_was_resumed(void **state)
{
	struct script script = { 0 };

	(void)state;
	run(&script, park_inside_parks);
	assert_int_equal(script.resumed, 6);
}

static void
says_eagain_when_exhausted_and_recovers(void **state)
{
	struct script script = { 0 };

	(void)state;
	run(&script, park_until_exhausted);
	assert_int_equal(script.seen, STACK_MAX - 1);
	assert_int_equal(script.resumed, 1);
}

static void
reuses_stacks_that_were_given_up(void **state)
{
	struct script script = { 0 };

	(void)state;
	run(&script, park_and_resume_often);
	assert_int_equal(script.resumed, ROUNDS);
}

static void
keeps_each_stacks_floating_point_environment(void **state)
{
	struct script script = { 0 };

	(void)state;
	assert_int_equal(fesetround(FE_DOWNWARD), 0);
	run(&script, park_with_rounding);
	assert_int_equal(fegetround(), FE_DOWNWARD);
	assert_int_equal(fesetround(FE_TONEAREST), 0);
}

static void
keeps_each_stacks_signal_mask(void **state)
{
	struct script script = { 0 };
	sigset_t set;

	(void)state;
	run(&script, park_with_blocked_signal);
	assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &set), 0);
	assert_int_equal(sigismember(&set, SIGUSR1), 0);
}

static void
leave_abandons_what_is_parked(void **state)
{
	struct script script = { 0 };

	(void)state;
	run(&script, park_and_leave);
	assert_int_equal(script.seen, 20);
}

static void
runs_again_after_leave(void **state)
{
	struct script script = { .turn = park_and_leave };
	int round;

	(void)state;
	assert_int_equal(stack_pool_create(loop, &script, &script.pool), 0);
	for (round = 0; round < 20; round++) {
		script.turns = 0;
		script.parked_count = 0;
		stack_pool_run(script.pool);
		assert_int_equal(script.seen, 20);
		assert_int_equal(stack_parked(script.pool), 0);
	}
	stack_pool_free(script.pool);
}

static void
gives_back_the_pages_of_all_but_a_few(void **state)
{
	struct script script = { .turn = dig_deep_then_park };

	(void)state;
	assert_int_equal(stack_pool_create(loop, &script, &script.pool), 0);
	stack_pool_run(script.pool);
	assert_int_equal(script.resumed, DEEP);
	assert_in_range(count_deep_pages(&script), 1, 10);
	stack_pool_free(script.pool);
}

static void
leaves_when_the_loop_returns(void **state)
{
	struct stack_pool *pool;
	int turns = 0;

	(void)state;
	assert_int_equal(stack_pool_create(return_at_once, &turns, &pool), 0);
	stack_pool_run(pool);
	stack_pool_run(pool);
	assert_int_equal(turns, 2);
	stack_pool_free(pool);
	stack_pool_free(NULL);
}

static void *
run_on_this_thread(void *argument)
{
	run(argument, park_many);
	return (NULL);
}

static void
works_on_any_thread(void **state)
{
	struct script *script = calloc(1, sizeof(*script));
	pthread_t thread;

	(void)state;
	assert_non_null(script);
	assert_int_equal(
	    pthread_create(&thread, NULL, run_on_this_thread, script), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(script->resumed, MANY);
	free(script);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parks_a_stack_and_resumes_it),
		cmocka_unit_test(parks_200_at_once_and_resumes_in_any_order),
		cmocka_unit_test(parks_a_stack_again_after_it_was_resumed),
		cmocka_unit_test(says_eagain_when_exhausted_and_recovers),
		cmocka_unit_test(reuses_stacks_that_were_given_up),
		cmocka_unit_test(keeps_each_stacks_floating_point_environment),
		cmocka_unit_test(keeps_each_stacks_signal_mask),
		cmocka_unit_test(leave_abandons_what_is_parked),
		cmocka_unit_test(runs_again_after_leave),
		cmocka_unit_test(gives_back_the_pages_of_all_but_a_few),
		cmocka_unit_test(leaves_when_the_loop_returns),
		cmocka_unit_test(works_on_any_thread),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
