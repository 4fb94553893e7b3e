/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The retired block: counters are added up, gauges vanish, and a reader gets
 * all of one moment.
 */
#include "fixture.h"
#include "unit.h"

#include "shm/retired.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	FOLDS = UNIT_SANITIZED ? 300 : 3000
};

static const struct retired_block *
find(const struct retired_copy *copy, const char *pool, const char *module)
{
	uint32_t i;

	for (i = 0; i < copy->count; i++)
		if (strcmp(copy->blocks[i].pool, pool) == 0 &&
		    strcmp(copy->blocks[i].module, module) == 0)
			return (&copy->blocks[i]);
	fail_msg("no block for '%s' of '%s'", module, pool);
	return (NULL);
}

static void
counters_add_up_and_gauges_vanish(void **state)
{
	struct fixture *f = *state;
	_Atomic uint64_t *stats = stats_worker(&f->segment);
	char name[SEGMENT_MODULE_NAME];
	const struct retired_block *block;
	struct retired_copy copy;
	struct retired retired;

	assert_int_equal(0, retired_create(&retired));
	stat_add(&stats[STAT_requests], 7);
	stat_add(&stats[STAT_requests_active], 2);
	histogram_add(
	    stats_worker_histogram(stats, HISTOGRAM_request_time), 1000);
	stat_add(&stats_module(&f->segment, 1)[MODULE_STAT_calls], 5);
	stat_add(&stats_module(&f->segment, 1)[MODULE_STAT_allocated], 100);
	assert_true(retired_fold(&retired, &f->reader, "a"));
	assert_true(retired_fold(&retired, &f->reader, "a"));
	assert_true(retired_fold(&retired, &f->reader, "b"));

	assert_int_equal(0, retired_read(retired.ro, &copy));
	block = find(&copy, "a", "");
	assert_int_equal(14, block->words[STAT_requests]);
	assert_int_equal(0, block->words[STAT_requests_active]);
	assert_int_equal(2000, block->words[STAT_histograms]);
	assert_int_equal(
	    2, block->words[STAT_histograms + 1 + histogram_bucket(1000)]);
	segment_module_name(&f->reader, 1, name);
	assert_int_equal(10, find(&copy, "a", name)->words[MODULE_STAT_calls]);
	assert_int_equal(5, find(&copy, "b", name)->words[MODULE_STAT_calls]);
	/* Its memory went with it. */
	assert_int_equal(
	    100, find(&copy, "b", name)->words[MODULE_STAT_allocated]);
	assert_int_equal(100, find(&copy, "b", name)->words[MODULE_STAT_freed]);
	assert_true(retired_has(&copy, f->reader.incarnation));
	assert_false(retired_has(&copy, f->reader.incarnation + 1));
	assert_false(retired_has(&copy, 0));
	retired_copy_free(&copy);
	retired_close(&retired);
	retired_close(&retired);
}

static void
garbage_is_left_out(void **state)
{
	struct fixture *f = *state;
	struct retired_copy copy;
	struct retired retired;

	assert_int_equal(0, retired_create(&retired));
	stat_set(&stats_worker(&f->segment)[STAT_requests], UINT64_MAX / 3);
	stat_set(&stats_worker(&f->segment)[STAT_turns], 3);
	assert_true(retired_fold(&retired, &f->reader, "a"));
	assert_int_equal(0, retired_read(retired.ro, &copy));
	assert_int_equal(0, find(&copy, "a", "")->words[STAT_requests]);
	assert_int_equal(3, find(&copy, "a", "")->words[STAT_turns]);
	retired_copy_free(&copy);
	retired_close(&retired);
}

static void
the_next_program_goes_on_with_it(void **state)
{
	struct fixture *f = *state;
	struct retired_copy copy;
	struct retired next, retired;

	assert_int_equal(0, retired_create(&retired));
	stat_add(&stats_worker(&f->segment)[STAT_requests], 7);
	assert_true(retired_fold(&retired, &f->reader, "a"));
	assert_int_equal(0, retired_take_over(&next, retired.fd));
	retired_close(&retired);
	assert_true(retired_fold(&next, &f->reader, "a"));
	assert_int_equal(0, retired_read(next.ro, &copy));
	assert_int_equal(14, find(&copy, "a", "")->words[STAT_requests]);
	assert_int_equal(1 + FIXTURE_MODULES, copy.count);
	assert_true(retired_has(&copy, f->reader.incarnation));
	retired_copy_free(&copy);
	retired_close(&next);
}

static bool
is_allocated(int fd)
{
	struct stat status;

	assert_int_equal(0, fstat(fd, &status));
	assert_int_equal(sizeof(struct retired_memory), status.st_size);
	return (status.st_blocks * 512 >= status.st_size);
}

/* A file that is taken for ours, of ${byte}s but for what is checked. */
static int
forge(int byte)
{
	const uint64_t magic = RETIRED_MAGIC;
	const uint32_t words[2] = { WORKER_STATS, MODULE_STATS };
	const size_t size = sizeof(struct retired_memory);
	void *bytes;
	int fd;

	fd = memfd_create("forged", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_not_equal(-1, fd);
	assert_int_equal(0, ftruncate(fd, (off_t)size));
	if (byte != 0) {
		bytes = malloc(size);
		assert_non_null(bytes);
		memset(bytes, byte, size);
		assert_int_equal(size, pwrite(fd, bytes, size, 0));
		free(bytes);
	}
	assert_int_equal(8, pwrite(fd, &magic, 8, 0));
	assert_int_equal(8, pwrite(fd, words, 8, 8));
	assert_int_equal(0, fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
	return (fd);
}

/* A page of it that can't be had later would be a SIGBUS in the master. */
static void
all_of_its_memory_is_there_before_it_is_written(void **state)
{
	struct retired next, retired;
	int fd;

	(void)state;
	assert_int_equal(0, retired_create(&retired));
	assert_true(is_allocated(retired.fd));
	retired_close(&retired);
	fd = forge(0); /* an older program's: mostly a hole */
	assert_false(is_allocated(fd));
	assert_int_equal(0, retired_take_over(&next, fd));
	assert_true(is_allocated(next.fd));
	retired_close(&next);
	(void)close(fd);
}

/* Who has the descriptor, and is of our user, may open it and no more. */
static void
expect_unwritable(const struct retired *retired)
{
	int fd;

	assert_int_equal(EACCES, fixture_map_writable(retired->ro));
	assert_int_equal(EPERM, fixture_map_writable(retired->fd));
	fd = fixture_reopen(retired->ro, O_RDWR);
	assert_int_not_equal(-1, fd);
	assert_int_equal(EPERM, fixture_map_writable(fd));
	assert_int_equal(-1, pwrite(fd, "x", 1, 0));
	assert_int_equal(EPERM, errno);
	assert_int_equal(-1, ftruncate(fd, 0));
	assert_int_equal(EPERM, errno);
	(void)close(fd);
}

static void
a_monitor_of_our_own_user_cannot_write_the_totals(void **state)
{
	struct fixture *f = *state;
	struct retired next, retired;

	assert_int_equal(0, retired_create(&retired));
	expect_unwritable(&retired);
	assert_true(retired_fold(&retired, &f->reader, "a"));
	assert_int_equal(0, retired_take_over(&next, retired.fd));
	expect_unwritable(&next);
	assert_true(retired_fold(&next, &f->reader, "a"));
	retired_close(&retired);
	retired_close(&next);
}

static void
another_user_cannot_open_the_totals_again(void **state)
{
	struct retired retired;
	int status;
	pid_t child;

	(void)state;
	if (geteuid() != 0)
		skip(); /* only root can become somebody else */
	assert_int_equal(0, retired_create(&retired));
	child = fork();
	assert_true(child != -1);
	if (child == 0) {
		if (setgid(65534) == -1 || setuid(65534) == -1)
			_exit(2);
		_exit(fixture_reopen(retired.ro, O_RDWR) != -1 ||
		      fixture_reopen(retired.ro, O_RDONLY) != -1 ||
		      fixture_map_writable(retired.ro) == 0);
	}
	assert_int_equal(child, waitpid(child, &status, 0));
	assert_true(WIFEXITED(status));
	assert_int_equal(0, WEXITSTATUS(status));
	retired_close(&retired);
}

static void
garbage_that_was_taken_over_is_survived(void **state)
{
	struct fixture *f = *state;
	struct retired_copy copy;
	struct retired next;
	int fd = forge(0xff);
	uint32_t i;

	assert_int_equal(-EAGAIN, retired_read(fd, &copy));
	assert_int_equal(0, retired_take_over(&next, fd));
	(void)close(fd);
	assert_int_equal(RETIRED_BLOCKS, next.count);
	assert_false(retired_fold(&next, &f->reader, "a")); /* it is full */
	assert_int_equal(0, retired_read(next.ro, &copy));
	assert_int_equal(RETIRED_BLOCKS, copy.count);
	for (i = 0; i < copy.count; i++) {
		assert_string_equal(
		    "???????????????????????????????", copy.blocks[i].pool);
		assert_string_equal(
		    "???????????????????????????????", copy.blocks[i].module);
	}
	assert_true(retired_has(&copy, f->reader.incarnation));
	retired_copy_free(&copy);
	retired_close(&next);
}

/* As if somebody could write it after all: the master goes by its own count. */
static void
a_count_that_cannot_be_is_not_followed(void **state)
{
	struct fixture *f = *state;
	struct retired_copy copy;
	struct retired retired;

	assert_int_equal(0, retired_create(&retired));
	assert_true(retired_fold(&retired, &f->reader, "a"));
	atomic_store(&retired.memory->count, 0xfffffff0);
	memset(retired.memory->blocks[0].pool, 'x', RETIRED_POOL_NAME);
	memset(retired.memory->blocks[0].module, 'y', SEGMENT_MODULE_NAME);
	assert_true(retired_fold(&retired, &f->reader, "b"));
	assert_int_equal(0, retired_read(retired.ro, &copy));
	assert_int_equal(2 * (1 + FIXTURE_MODULES), copy.count);
	assert_int_equal(RETIRED_POOL_NAME - 1, strlen(copy.blocks[0].pool));
	assert_int_equal(
	    SEGMENT_MODULE_NAME - 1, strlen(copy.blocks[0].module));
	assert_non_null(find(&copy, "b", ""));
	retired_copy_free(&copy);
	retired_close(&retired);
}

static void
other_files_are_refused(void **state)
{
	struct retired_copy copy;
	struct retired retired;
	int fd;

	(void)state;
	fd = memfd_create("other", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_not_equal(-1, fd);
	assert_int_equal(-EPROTO, retired_read(fd, &copy));
	assert_int_equal(0, ftruncate(fd, sizeof(struct retired_memory)));
	assert_int_equal(-EPROTO, retired_read(fd, &copy));
	assert_int_equal(0, fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
	assert_int_equal(-EPROTO, retired_read(fd, &copy));
	assert_int_equal(-EPROTO, retired_take_over(&retired, fd));
	assert_null(retired.memory);
	(void)close(fd);
	/* Without one nothing is folded, and that is no failure. */
	assert_true(retired_fold(&retired, &(struct segment){ 0 }, "a"));
}

static void
a_full_table_says_so(void **state)
{
	struct fixture *f = *state;
	struct retired_copy copy;
	struct retired retired;
	char pool[RETIRED_POOL_NAME];
	bool all = true;
	int i;

	assert_int_equal(0, retired_create(&retired));
	for (i = 0; i < RETIRED_BLOCKS && all; i++) {
		(void)snprintf(pool, sizeof(pool), "pool%d", i);
		all = retired_fold(&retired, &f->reader, pool);
	}
	assert_false(all);
	assert_int_equal(i - 1, RETIRED_BLOCKS / (1 + FIXTURE_MODULES));
	assert_int_equal(0, retired_read(retired.ro, &copy));
	assert_int_equal(RETIRED_BLOCKS, copy.count);
	retired_copy_free(&copy);
	retired_close(&retired);
}

struct folding {
	struct fixture *f;
	struct retired retired;
	_Atomic bool over;
};

static void *
fold_all_the_time(void *argument)
{
	struct folding *folding = argument;
	int i;

	for (i = 0; i < FOLDS; i++)
		(void)retired_fold(&folding->retired, &folding->f->reader, "a");
	atomic_store(&folding->over, true);
	return (NULL);
}

static void
a_reader_gets_all_of_one_moment(void **state)
{
	static struct folding folding;
	struct retired_copy copy;
	pthread_t thread;
	uint64_t last = 0;
	uint32_t i;
	bool over;

	folding.f = *state;
	for (i = 0; i < WORKER_FIGURES; i++)
		stat_set(&stats_worker(&folding.f->segment)[i], 1);
	assert_int_equal(0, retired_create(&folding.retired));
	assert_int_equal(
	    0, pthread_create(&thread, NULL, fold_all_the_time, &folding));
	do {
		over = atomic_load(&folding.over);
		if (retired_read(folding.retired.ro, &copy) != 0)
			continue; /* it wouldn't stand still */
		for (i = 0; copy.count > 0 && i < WORKER_FIGURES; i++)
			if (worker_stat_info[i].kind == STAT_COUNTER)
				assert_int_equal(copy.blocks[0].words[0],
				    copy.blocks[0].words[i]);
		if (copy.count > 0) {
			assert_true(copy.blocks[0].words[0] >= last);
			last = copy.blocks[0].words[0];
		}
		retired_copy_free(&copy);
	} while (!over);
	assert_int_equal(FOLDS, last);
	assert_int_equal(0, pthread_join(thread, NULL));
	retired_close(&folding.retired);
}

#define FIXTURE_TEST(function)           \
	cmocka_unit_test_setup_teardown( \
	    function, fixture_setup, fixture_teardown)

static const struct CMUnitTest tests[] = {
	FIXTURE_TEST(counters_add_up_and_gauges_vanish),
	FIXTURE_TEST(garbage_is_left_out),
	FIXTURE_TEST(the_next_program_goes_on_with_it),
	cmocka_unit_test(all_of_its_memory_is_there_before_it_is_written),
	FIXTURE_TEST(a_monitor_of_our_own_user_cannot_write_the_totals),
	cmocka_unit_test(another_user_cannot_open_the_totals_again),
	FIXTURE_TEST(garbage_that_was_taken_over_is_survived),
	FIXTURE_TEST(a_count_that_cannot_be_is_not_followed),
	cmocka_unit_test(other_files_are_refused),
	FIXTURE_TEST(a_full_table_says_so),
	FIXTURE_TEST(a_reader_gets_all_of_one_moment),
};

UNIT_MAIN(tests)
