/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stats: every figure has its own word and its own name.
 */
#include "fixture.h"
#include "unit.h"

#include "shm/base/fd.h"
#include "shm/retired.h"
#include "shm/stats.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void
each_figure_is_described(void **state)
{
	size_t i, j;

	(void)state;
	for (i = 0; i < WORKER_FIGURES; i++) {
		assert_non_null(worker_stat_info[i].name);
		assert_true(strlen(worker_stat_info[i].help) > 0);
		for (j = 0; j < i; j++)
			assert_string_not_equal(
			    worker_stat_info[i].name, worker_stat_info[j].name);
	}
	for (i = 0; i < MODULE_FIGURES; i++) {
		assert_non_null(module_stat_info[i].name);
		assert_true(strlen(module_stat_info[i].help) > 0);
	}
	assert_string_equal("requests", worker_stat_info[STAT_requests].name);
	assert_int_equal(STAT_COUNTER, worker_stat_info[STAT_requests].kind);
	assert_int_equal(
	    STAT_GAUGE, worker_stat_info[STAT_requests_active].kind);
	assert_string_equal("bytes", worker_stat_info[STAT_bytes_sent].unit);
	assert_string_equal(
	    "pending", module_stat_info[MODULE_STAT_pending].name);
}

static void
operations_have_names(void **state)
{
	(void)state;
	assert_string_equal(
	    "read_entity_body", operation_name(OPERATION_READ_ENTITY_BODY));
	assert_string_equal(
	    "master_message", operation_name(OPERATION_MASTER_MESSAGE));
	assert_null(operation_name(0));
	assert_null(operation_name(SEGMENT_OPERATIONS - 1));
	assert_null(operation_name(SEGMENT_OPERATIONS));
	assert_null(operation_name(UINT16_MAX));
}

static void
no_two_figures_share_a_word(void **state)
{
	struct fixture *f = *state;
	uint32_t i;
	int m;

	for (i = 0; i < WORKER_STATS; i++)
		stat_add(&stats_worker(&f->segment)[i], 1000 + i);
	for (m = 0; m < FIXTURE_MODULES; m++)
		for (i = 0; i < MODULE_STATS; i++)
			stat_set(&stats_module(&f->segment, (uint32_t)m)[i],
			    (uint64_t)m * 10000 + i + 1);
	for (i = 0; i < WORKER_STATS; i++)
		assert_int_equal(1000 + i, stats_read(&f->reader, -1, i));
	for (m = 0; m < FIXTURE_MODULES; m++)
		for (i = 0; i < MODULE_STATS; i++)
			assert_int_equal((uint64_t)m * 10000 + i + 1,
			    stats_read(&f->reader, m, i));
}

static void
a_figure_that_the_segment_does_not_have_reads_as_zero(void **state)
{
	struct fixture *f = *state;

	stat_set(&stats_worker(&f->segment)[WORKER_STATS - 1], 7);
	stat_set(&stats_module(&f->segment, 0)[0], 8);
	assert_int_equal(0, stats_read(&f->reader, -1, WORKER_STATS));
	assert_int_equal(0, stats_read(&f->reader, -1, UINT32_MAX));
	assert_int_equal(0, stats_read(&f->reader, 0, MODULE_STATS));
	assert_int_equal(0, stats_read(&f->reader, FIXTURE_MODULES, 0));
	assert_int_equal(0, stats_read(&f->reader, INT32_MAX, 0));
}

/*
 * A segment of another version of the program, with ${more} histograms at the
 * end of each block (fewer: below 0), made from the fixture's header.
 */
static int
make_other(const struct fixture *f, int more, struct segment_header *ret_header)
{
	struct segment_header header;
	uint64_t shift;
	int fd;

	memcpy(&header, f->segment.header, sizeof(header));
	header.stats_worker_words += (uint32_t)(more * HISTOGRAM_WORDS);
	header.stats_module_words += (uint32_t)(more * HISTOGRAM_WORDS);
	header.regions[REGION_STATS].size =
	    8 * (header.stats_worker_words +
		    (uint64_t)FIXTURE_MODULES * header.stats_module_words);
	shift = (header.regions[REGION_STATS].offset +
		    header.regions[REGION_STATS].size + SEGMENT_PAGE - 1) /
		    SEGMENT_PAGE * SEGMENT_PAGE -
		header.regions[REGION_RECORDER].offset;
	header.regions[REGION_RECORDER].offset += shift;
	header.regions[REGION_LOG].offset += shift;
	header.segment_size += shift;
	fd = memfd_create("other", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_not_equal(-1, fd);
	assert_int_equal(0, ftruncate(fd, (off_t)header.segment_size));
	assert_int_equal(
	    sizeof(header), pwrite(fd, &header, sizeof(header), 0));
	assert_int_equal(
	    0, fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW));
	*ret_header = header;
	return (fd);
}

/* Word ${index} of that worker's block, or of its last module's. */
static void
put(int fd, const struct segment_header *header, bool module, uint32_t index,
    uint64_t value)
{
	uint64_t word = index;

	if (module)
		word += header->stats_worker_words +
			(uint64_t)(FIXTURE_MODULES - 1) *
			    header->stats_module_words;
	assert_int_equal(
	    8, pwrite(fd, &value, 8,
		   (off_t)(header->regions[REGION_STATS].offset + 8 * word)));
}

/* What both versions know is read as it is; the rest is nothing. */
static void
expect_other_version_is_read(const struct fixture *f, int more)
{
	const int last = FIXTURE_MODULES - 1;
	struct segment_header header;
	struct histogram histogram;
	struct segment other;
	int fd = make_other(f, more, &header);

	put(fd, &header, false, STAT_requests, 1);
	put(fd, &header, false, WORKER_FIGURES, 1000); /* its newest figure */
	put(fd, &header, false, STAT_completions + OPERATION_FLUSH, 2);
	put(fd, &header, true, MODULE_STAT_calls, 3);
	put(fd, &header, true, MODULE_FIGURES, 1000);
	put(fd, &header, true, MODULE_STAT_histograms, 4);
	if (more >= 0)
		put(fd, &header, false, STAT_histograms + 1, 5);
	assert_int_equal(0, segment_map_reader(fd, &other));
	assert_int_equal(1, stats_read(&other, -1, STAT_requests));
	assert_int_equal(
	    2, stats_read(&other, -1, STAT_completions + OPERATION_FLUSH));
	assert_int_equal(3, stats_read(&other, last, MODULE_STAT_calls));
	stats_read_histogram(&other, last, 0, &histogram);
	assert_int_equal(4, histogram.sum);
	stats_read_histogram(&other, -1, 0, &histogram);
	assert_int_equal(more >= 0 ? 5 : 0, histogram.buckets[0]);
	stats_read_histogram(&other, -1, WORKER_HISTOGRAMS, &histogram);
	assert_int_equal(0, histogram.sum);
	segment_unmap(&other);
	fd_close(&fd);
}

static void
figures_of_another_version_are_not_read_one_word_off(void **state)
{
	struct fixture *f = *state;

	expect_other_version_is_read(f, 0);
	expect_other_version_is_read(f, 1);
	expect_other_version_is_read(f, -1);
	/* Fixed for as long as the segment's version is. */
	assert_int_equal(64, STAT_completions);
	assert_int_equal(96, STAT_histograms);
	assert_int_equal(32, MODULE_STAT_histograms);
	assert_int_equal(242, HISTOGRAM_WORDS);
	assert_int_equal(2, STAT_requests);
	assert_int_equal(29, STAT_log_lost);
	assert_int_equal(5, MODULE_STAT_freed);
}

static void
totals_count_what_another_version_counted(void **state)
{
	struct fixture *f = *state;
	struct segment_header header;
	struct retired_copy copy;
	struct retired retired;
	struct segment other;
	int fd = make_other(f, 1, &header);

	put(fd, &header, false, STAT_completions + OPERATION_FLUSH, 2);
	put(fd, &header, false, WORKER_FIGURES, 1000); /* perhaps a gauge */
	put(fd, &header, false, STAT_histograms + HISTOGRAM_WORDS, 1000);
	put(fd, &header, true, MODULE_STAT_calls, 3);
	assert_int_equal(0, segment_map_reader(fd, &other));
	assert_int_equal(0, retired_create(&retired));
	assert_true(retired_fold(&retired, &other, "a"));
	assert_int_equal(0, retired_read(retired.ro, &copy));
	assert_int_equal(
	    2, copy.blocks[0].words[STAT_completions + OPERATION_FLUSH]);
	assert_int_equal(
	    3, copy.blocks[FIXTURE_MODULES].words[MODULE_STAT_calls]);
	assert_int_equal(0, copy.blocks[0].words[WORKER_FIGURES]);
	for (uint32_t i = 0; i < MODULE_STATS; i++)
		assert_int_equal(0, copy.blocks[1].words[i]);
	retired_copy_free(&copy);
	retired_close(&retired);
	segment_unmap(&other);
	fd_close(&fd);
}

static void
a_worker_refuses_a_segment_without_room_for_its_figures(void **state)
{
	struct fixture *f = *state;
	struct segment_header header;
	struct segment_fds fds;
	struct segment segment;
	int more;

	for (more = -1; more <= 1; more++) {
		fds.ro = make_other(f, more, &header);
		fds.rw = fcntl(fds.ro, F_DUPFD_CLOEXEC, 0);
		fds.buffers = fcntl(f->fds.buffers, F_DUPFD_CLOEXEC, 0);
		/* This one's buffers are sealed: it goes on to map them. */
		assert_int_equal(more < 0 ? -EPROTO : -EPERM,
		    segment_map_worker(&fds, &segment));
	}
}

static void
a_gauge_goes_down_too(void **state)
{
	struct fixture *f = *state;
	_Atomic uint64_t *gauge =
	    &stats_worker(&f->segment)[STAT_requests_active];

	stat_add(gauge, 3);
	stat_add(gauge, -2);
	assert_int_equal(1, stats_read(&f->reader, -1, STAT_requests_active));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(each_figure_is_described),
	cmocka_unit_test(operations_have_names),
	cmocka_unit_test_setup_teardown(
	    no_two_figures_share_a_word, fixture_setup, fixture_teardown),
	cmocka_unit_test_setup_teardown(
	    a_figure_that_the_segment_does_not_have_reads_as_zero,
	    fixture_setup, fixture_teardown),
	cmocka_unit_test_setup_teardown(
	    figures_of_another_version_are_not_read_one_word_off, fixture_setup,
	    fixture_teardown),
	cmocka_unit_test_setup_teardown(
	    totals_count_what_another_version_counted, fixture_setup,
	    fixture_teardown),
	cmocka_unit_test_setup_teardown(
	    a_worker_refuses_a_segment_without_room_for_its_figures,
	    fixture_setup, fixture_teardown),
	cmocka_unit_test_setup_teardown(
	    a_gauge_goes_down_too, fixture_setup, fixture_teardown),
};

UNIT_MAIN(tests)
