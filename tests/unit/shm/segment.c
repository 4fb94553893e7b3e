/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Segments: what each party can do to one, and what a reader believes.
 */
#include "fixture.h"
#include "unit.h"

#include "shm/base/fd.h"
#include "shm/stats.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const names[] = { "hello",
	"a_name_of_more_than_31_bytes_is_cut", "x\ny" };

static uint64_t
file_size(int fd)
{
	struct stat status;

	assert_int_equal(0, fstat(fd, &status));
	return ((uint64_t)status.st_size);
}

static void
close_all(struct segment_fds *fds)
{
	fd_close(&fds->rw);
	fd_close(&fds->ro);
	fd_close(&fds->buffers);
}

static void
a_new_segment_is_private_and_allocated_in_full(void **state)
{
	const struct segment_geometry geometry =
	    segment_default_geometry(1000, 3);
	struct segment_fds fds;
	struct stat status;
	const int *fd;

	(void)state;
	assert_int_equal(0, segment_create(&geometry, 1, 1, names, &fds));
	assert_int_equal(0, segment_allocate(&fds));
	for (fd = &fds.rw; fd != NULL;
	     fd = fd == &fds.rw ? &fds.buffers : NULL) {
		assert_int_equal(0, fstat(*fd, &status));
		assert_int_equal(S_IFREG | 0600, status.st_mode);
		assert_true(status.st_blocks * 512 >= status.st_size);
		assert_true(fcntl(*fd, F_GETFD) & FD_CLOEXEC);
	}
	assert_true(fcntl(fds.ro, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(O_RDONLY, fcntl(fds.ro, F_GETFL) & O_ACCMODE);
	assert_int_equal(1024 * 16384, file_size(fds.buffers));
	assert_int_equal(0, file_size(fds.rw) % SEGMENT_PAGE);
	close_all(&fds);
}

static void
memory_that_cannot_be_had_is_told(void **state)
{
	const struct segment_geometry geometry = fixture_geometry();
	struct segment_fds fds, wrong;

	(void)state;
	assert_int_equal(0, segment_create(&geometry, 1, 1, names, &fds));
	wrong = fds;
	wrong.rw = fds.ro; /* can't be allocated by */
	assert_int_equal(-EBADF, segment_allocate(&wrong));
	wrong = fds;
	wrong.buffers = -1;
	assert_int_equal(-EBADF, segment_allocate(&wrong));
	close_all(&fds);
}

/* Who maps it would get SIGBUS from a page that isn't there. */
static void
holes_are_found_when_it_is_sealed(void **state)
{
	const struct segment_geometry geometry = fixture_geometry();
	struct segment_fds fds;
	int i, fd;

	(void)state;
	assert_int_equal(0, segment_create(&geometry, 1, 1, names, &fds));
	assert_int_equal(-ENOSPC, segment_seal(&fds));
	close_all(&fds);
	for (i = 0; i < 2; i++) {
		assert_int_equal(
		    0, segment_create(&geometry, 1, 1, names, &fds));
		assert_int_equal(0, segment_allocate(&fds));
		fd = i == 0 ? fds.rw : fds.buffers;
		assert_int_equal(
		    0, fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			   SEGMENT_PAGE, SEGMENT_PAGE));
		assert_int_equal(-ENOSPC, segment_seal(&fds));
		close_all(&fds);
	}
	assert_int_equal(0, segment_create(&geometry, 1, 1, names, &fds));
	assert_int_equal(0, segment_allocate(&fds));
	assert_int_equal(0, segment_seal(&fds));
	assert_int_equal(-1,
	    fallocate(fds.buffers, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		0, SEGMENT_PAGE));
	close_all(&fds);
}

static void
counts_that_break_the_rules_make_no_segment(void **state)
{
	struct segment_geometry wrong[] = { fixture_geometry(),
		fixture_geometry(), fixture_geometry(), fixture_geometry(),
		fixture_geometry(), fixture_geometry(), fixture_geometry(),
		fixture_geometry() };
	struct segment_fds fds = { -2, -2, -2 };
	size_t i;

	(void)state;
	wrong[0].entries_log2 = 7; /* less than records + 2 * P * batch */
	wrong[1].records = 0;
	wrong[2].records = 130; /* not whole words of the bitmap */
	wrong[3].producers = SEGMENT_PRODUCERS_MAX + 1;
	wrong[4].modules = SEGMENT_MODULES_MAX + 1;
	wrong[5].slots = UINT32_MAX;
	wrong[6].buffer_size = 1000;
	wrong[7].entries_log2 = 200;
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(
		    -EINVAL, segment_create(&wrong[i], 1, 1, names, &fds));
	assert_int_equal(-2, fds.rw);
}

static void
views_show_the_same_memory_in_their_own_ways(void **state)
{
	struct fixture *f = *state;

	assert_true(f->segment.writable);
	assert_false(f->reader.writable);
	assert_null(f->reader.buffers);
	assert_int_equal(7, f->reader.worker);
	assert_int_equal(19, f->reader.incarnation);
	assert_memory_equal(&f->reader.geometry, &f->segment.geometry,
	    sizeof(f->reader.geometry));
	assert_int_equal(WORKER_STATS, f->reader.stats_worker_words);
	atomic_store(&f->segment.consumer->load, 5);
	atomic_store(&f->segment.producers->bitmap[1], 6);
	atomic_store(&f->segment.entries[FIXTURE_ENTRIES - 1], 7);
	f->segment.records[FIXTURE_RECORDS - 1].aux = 8;
	atomic_store(&f->segment.slots[FIXTURE_SLOTS - 1].served, 9);
	f->segment.recorder[SEGMENT_RECORDER - 1].token = 11;
	assert_int_equal(5, atomic_load(&f->reader.consumer->load));
	assert_int_equal(6, atomic_load(&f->reader.producers->bitmap[1]));
	assert_int_equal(
	    7, atomic_load(&f->reader.entries[FIXTURE_ENTRIES - 1]));
	assert_int_equal(8, f->reader.records[FIXTURE_RECORDS - 1].aux);
	assert_int_equal(
	    9, atomic_load(&f->reader.slots[FIXTURE_SLOTS - 1].served));
	assert_int_equal(11, f->reader.recorder[SEGMENT_RECORDER - 1].token);
	/* The first and the last byte of all buffers are there. */
	segment_buffer(&f->segment, 0)[0] = 1;
	segment_buffer(&f->segment, 1)[SEGMENT_PAGE - 1] = 2;
}

static void
the_worker_cannot_write_the_header(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(-1,
	    mprotect(f->segment.base, SEGMENT_PAGE, PROT_READ | PROT_WRITE));
	assert_int_equal(EACCES, errno);
	/* Nor by pointing a writable page of the mapping at it. */
	assert_int_equal(
	    -1, remap_file_pages(f->segment.consumer, SEGMENT_PAGE, 0, 0, 0));
	assert_int_equal(SEGMENT_MAGIC, f->segment.header->magic);
}

static void
a_sealed_segment_can_only_be_written_where_it_is_mapped(void **state)
{
	struct fixture *f = *state;
	int fd;

	assert_int_equal(-1, f->fds.rw); /* seal closes it */
	assert_int_equal(EACCES, fixture_map_writable(f->fds.ro));
	assert_int_equal(EPERM, fixture_map_writable(f->fds.buffers));
	assert_int_equal(-1, ftruncate(f->fds.buffers, SEGMENT_PAGE));
	assert_int_equal(EPERM, errno);
	assert_int_equal(-1, fcntl(f->fds.buffers, F_ADD_SEALS, F_SEAL_WRITE));
	assert_int_equal(EPERM, errno);
	assert_true(fcntl(f->fds.ro, F_GET_SEALS) & F_SEAL_SEAL);
	/* The owner may open it for writing, but it is of no use. */
	fd = fixture_reopen(f->fds.ro, O_RDWR);
	assert_true(fd != -1);
	assert_int_equal(EPERM, fixture_map_writable(fd));
	assert_int_equal(-1, ftruncate(fd, 0));
	assert_int_equal(EPERM, errno);
	assert_int_equal(
	    -1, ftruncate(fd, (off_t)file_size(fd) + SEGMENT_PAGE));
	assert_int_equal(-1, pwrite(fd, "x", 1, 0));
	assert_int_equal(EPERM, errno);
	fd_close(&fd);
	/* What was mapped before goes on. */
	atomic_store(&f->segment.consumer->turn, 1);
	segment_buffer(&f->segment, 1)[7] = 1;
}

static void
another_user_cannot_open_a_segment_again(void **state)
{
	struct fixture *f = *state;
	int status;
	pid_t child;

	if (geteuid() != 0)
		skip(); /* only root can become somebody else */
	child = fork();
	assert_true(child != -1);
	if (child == 0) {
		if (setgid(65534) == -1 || setuid(65534) == -1)
			_exit(2);
		_exit(fixture_reopen(f->fds.ro, O_RDWR) != -1 ||
		      fixture_reopen(f->fds.ro, O_RDONLY) != -1 ||
		      fixture_map_writable(f->fds.ro) == 0);
	}
	assert_int_equal(child, waitpid(child, &status, 0));
	assert_true(WIFEXITED(status));
	assert_int_equal(0, WEXITSTATUS(status));
}

static void
a_child_process_does_not_inherit_the_mapping(void **state)
{
	struct fixture *f = *state;
	unsigned char resident;
	int status;
	pid_t child;

	child = fork();
	assert_true(child != -1);
	if (child == 0)
		_exit(
		    mincore(f->segment.consumer, SEGMENT_PAGE, &resident) !=
			-1 ||
		    mincore(f->segment.base, SEGMENT_PAGE, &resident) != -1 ||
		    mincore(f->segment.buffers, SEGMENT_PAGE, &resident) != -1);
	assert_int_equal(child, waitpid(child, &status, 0));
	assert_true(WIFEXITED(status));
	assert_int_equal(0, WEXITSTATUS(status));
}

static void
a_guard_page_stands_behind_the_segment_and_the_buffers(void **state)
{
	struct fixture *f = *state;
	const uint8_t *end = f->segment.buffers + f->segment.buffers_size;
	int pipes[2];

	assert_int_equal(0, pipe(pipes));
	/* write(2) says EFAULT where a load would be a SIGSEGV. */
	assert_int_equal(1, write(pipes[1], end - 1, 1));
	assert_int_equal(-1, write(pipes[1], end, 1));
	assert_int_equal(EFAULT, errno);
	assert_int_equal(-1, write(pipes[1], f->segment.buffers - 1, 1));
	assert_int_equal(EFAULT, errno);
	(void)close(pipes[0]);
	(void)close(pipes[1]);
}

static void
module_names_are_cut_cleaned_and_bounded(void **state)
{
	struct segment_geometry geometry = fixture_geometry();
	char name[SEGMENT_MODULE_NAME];
	struct segment_fds fds;
	struct segment reader;

	(void)state;
	geometry.modules = 3;
	assert_int_equal(0, segment_create(&geometry, 1, 1, names, &fds));
	assert_int_equal(0, segment_allocate(&fds));
	assert_int_equal(0, segment_seal(&fds));
	assert_int_equal(0, segment_map_reader(fds.ro, &reader));
	segment_module_name(&reader, 0, name);
	assert_string_equal("hello", name);
	segment_module_name(&reader, 1, name);
	assert_string_equal("a_name_of_more_than_31_bytes_is", name);
	segment_module_name(&reader, 2, name);
	assert_string_equal("x?y", name);
	segment_module_name(&reader, 3, name);
	assert_string_equal("-", name);
	segment_module_name(&reader, UINT32_MAX, name);
	assert_string_equal("-", name);
	segment_unmap(&reader);
	assert_null(reader.base);
	segment_unmap(&reader);
	close_all(&fds);
}

static void
a_reader_refuses_a_file_that_could_shrink(void **state)
{
	const struct segment_geometry geometry = fixture_geometry();
	struct segment reader;
	struct segment_fds fds;
	int plain, pipes[2];

	(void)state;
	assert_int_equal(0, segment_create(&geometry, 1, 1, names, &fds));
	assert_int_equal(-EPROTO, segment_map_reader(fds.ro, &reader));
	close_all(&fds);
	plain = memfd_create("plain", MFD_CLOEXEC);
	assert_int_equal(-EPROTO, segment_map_reader(plain, &reader));
	fd_close(&plain);
	assert_int_equal(0, pipe(pipes));
	assert_int_equal(-EPROTO, segment_map_reader(pipes[0], &reader));
	(void)close(pipes[0]);
	(void)close(pipes[1]);
	assert_int_equal(-EBADF, segment_map_reader(-1, &reader));
}

/* A sealed file of ${size} bytes that begins with ${header}. */
static int
forge(const void *header, size_t header_size, uint64_t size)
{
	int fd;

	fd = memfd_create("forged", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_true(fd != -1);
	assert_int_equal(header_size, write(fd, header, header_size));
	assert_int_equal(0, ftruncate(fd, (off_t)size));
	assert_int_equal(
	    0, fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW));
	return (fd);
}

/*
 * What a reader says of a forgery. When it is accepted, every byte that the
 * view spans must be there.
 */
static int
read_forged(const void *header, size_t header_size, uint64_t size)
{
	struct segment reader;
	int error, fd;

	fd = forge(header, header_size, size);
	error = segment_map_reader(fd, &reader);
	if (error == 0) {
		assert_true(reader.size <= size);
		assert_true((uint8_t *)&reader.recorder[SEGMENT_RECORDER] <=
			    (uint8_t *)reader.base + reader.size);
		(void)stats_read(&reader, -1, UINT32_MAX);
		segment_unmap(&reader);
	}
	fd_close(&fd);
	return (error);
}

static void
a_reader_refuses_a_header_with_any_figure_changed(void **state)
{
	struct fixture *f = *state;
	const uint64_t size = file_size(f->fds.ro);
	const size_t checked = offsetof(struct segment_header, modules);
	struct segment_header good, bad;
	size_t i;
	int bit;

	memcpy(&good, f->segment.header, sizeof(good));
	assert_int_equal(0, read_forged(&good, sizeof(good), size));
	for (i = 0; i < checked; i++) {
		/* These say who and when; any value is fine. */
		if (i >= offsetof(struct segment_header, created_ns) &&
		    i < offsetof(struct segment_header, geometry))
			continue;
		for (bit = 0; bit < 8; bit++) {
			bad = good;
			((uint8_t *)&bad)[i] ^= (uint8_t)(1u << bit);
			assert_int_equal(
			    -EPROTO, read_forged(&bad, sizeof(bad), size));
		}
	}
}

static void
a_forged_module_name_stays_within_its_bounds(void **state)
{
	struct fixture *f = *state;
	char name[SEGMENT_MODULE_NAME];
	struct segment_header header;
	struct segment reader;
	int fd;

	memcpy(&header, f->segment.header, sizeof(header));
	memset(header.modules, 0xff, sizeof(header.modules));
	fd = forge(&header, sizeof(header), file_size(f->fds.ro));
	assert_int_equal(0, segment_map_reader(fd, &reader));
	segment_module_name(&reader, 0, name);
	assert_string_equal("???????????????????????????????", name);
	segment_unmap(&reader);
	fd_close(&fd);
}

static void
a_reader_refuses_a_file_of_another_size(void **state)
{
	struct fixture *f = *state;
	const uint64_t size = file_size(f->fds.ro);
	struct segment_header header;

	memcpy(&header, f->segment.header, sizeof(header));
	assert_int_equal(
	    -EPROTO, read_forged(&header, sizeof(header), size - SEGMENT_PAGE));
	assert_int_equal(
	    -EPROTO, read_forged(&header, sizeof(header), size - 1));
	assert_int_equal(
	    -EPROTO, read_forged(&header, sizeof(header), size + 1));
	assert_int_equal(-EPROTO, read_forged(&header, 100, 100));
	assert_int_equal(-EPROTO, read_forged(&header, 0, 0));
	memset(&header, 0, sizeof(header));
	assert_int_equal(-EPROTO, read_forged(&header, sizeof(header), size));
	memset(&header, 0xff, sizeof(header));
	assert_int_equal(-EPROTO, read_forged(&header, sizeof(header), size));
}

static void
a_worker_refuses_what_is_no_segment_and_closes_it(void **state)
{
	struct segment_header header = { .magic = 1 };
	struct segment_fds fds;
	struct segment segment;

	(void)state;
	fds.rw = forge(&header, sizeof(header), 1 << 20);
	fds.ro = forge(&header, sizeof(header), 1 << 20);
	fds.buffers = forge(&header, sizeof(header), 1 << 20);
	assert_int_equal(-EPROTO, segment_map_worker(&fds, &segment));
	assert_int_equal(-1, fds.rw);
	assert_int_equal(-1, fds.ro);
	assert_int_equal(-1, fds.buffers);
}

#define SEGMENT_TEST(function)           \
	cmocka_unit_test_setup_teardown( \
	    function, fixture_setup, fixture_teardown)

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_new_segment_is_private_and_allocated_in_full),
	cmocka_unit_test(memory_that_cannot_be_had_is_told),
	cmocka_unit_test(holes_are_found_when_it_is_sealed),
	cmocka_unit_test(counts_that_break_the_rules_make_no_segment),
	SEGMENT_TEST(views_show_the_same_memory_in_their_own_ways),
	SEGMENT_TEST(the_worker_cannot_write_the_header),
	SEGMENT_TEST(a_sealed_segment_can_only_be_written_where_it_is_mapped),
	SEGMENT_TEST(another_user_cannot_open_a_segment_again),
	SEGMENT_TEST(a_child_process_does_not_inherit_the_mapping),
	SEGMENT_TEST(a_guard_page_stands_behind_the_segment_and_the_buffers),
	cmocka_unit_test(module_names_are_cut_cleaned_and_bounded),
	cmocka_unit_test(a_reader_refuses_a_file_that_could_shrink),
	SEGMENT_TEST(a_reader_refuses_a_header_with_any_figure_changed),
	SEGMENT_TEST(a_forged_module_name_stays_within_its_bounds),
	SEGMENT_TEST(a_reader_refuses_a_file_of_another_size),
	cmocka_unit_test(a_worker_refuses_what_is_no_segment_and_closes_it),
};

UNIT_MAIN(tests)
