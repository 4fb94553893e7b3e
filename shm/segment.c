/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making, sealing and mapping a segment. The layout follows from the geometry
 * alone (plan_layout), so whoever maps a segment computes it again from the
 * counts and believes the header only when both agree.
 */
#include "shm/segment.h"

#include "shm/base/clock.h"
#include "shm/base/fd.h"
#include "shm/ring.h"
#include "shm/stats.h"

#include <bsd/string.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Debian 12's C library doesn't know it; kernels have it since 6.3. */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

enum {
	SEALS_SIZE = F_SEAL_SHRINK | F_SEAL_GROW,
	SEALS_ALL = SEALS_SIZE | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL,
};

static uint64_t
page_round(uint64_t size)
{
	return ((size + SEGMENT_PAGE - 1) / SEGMENT_PAGE * SEGMENT_PAGE);
}

/*
 * Are the counts ones that we make? The ring's size is the rule that makes
 * overflow impossible (design R1): all records published at once, a batch of
 * tickets in the hands of each producer, and as many left by its
 * predecessor.
 */
static bool
geometry_is_sound(const struct segment_geometry *g)
{
	uint64_t needed;

	if (g->records < SEGMENT_RECORDS_MIN ||
	    g->records > SEGMENT_RECORDS_MAX || g->records % 64 != 0 ||
	    g->entries_log2 > SEGMENT_ENTRIES_LOG2_MAX ||
	    g->producers <= PRODUCER_DISPATCH ||
	    g->producers > SEGMENT_PRODUCERS_MAX)
		return (false);
	needed = g->records + UINT64_C(2) * g->producers * SEGMENT_BATCH;
	return (UINT64_C(1) << g->entries_log2 >= needed && g->slots > 0 &&
		g->slots <= SEGMENT_SLOTS_MAX && g->buffers > 0 &&
		g->buffers <= SEGMENT_BUFFERS_MAX && g->buffer_size > 0 &&
		g->buffer_size <= SEGMENT_BUFFER_SIZE_MAX &&
		g->buffer_size % SEGMENT_PAGE == 0 &&
		g->modules <= SEGMENT_MODULES_MAX &&
		g->log_size <= SEGMENT_LOG_SIZE_MAX &&
		(g->log_size & (g->log_size - 1)) == 0);
}

/*
 * Fill in regions and sizes from the header's geometry and stats words, all
 * of them checked before.
 */
static void
plan_layout(struct segment_header *header)
{
	const struct segment_geometry *g = &header->geometry;
	const uint64_t sizes[REGION_COUNT] = {
		[REGION_HEADER] = sizeof(struct segment_header),
		[REGION_CONSUMER] =
		    sizeof(struct segment_consumer) +
		    segment_lane_entries(g) * sizeof(struct lane_entry),
		[REGION_PRODUCERS] =
		    offsetof(struct segment_producers, bitmap) +
		    g->records / 64 * sizeof(uint64_t),
		[REGION_ENTRIES] = sizeof(uint64_t) << g->entries_log2,
		[REGION_RECORDS] =
		    (uint64_t)g->records * sizeof(struct op_record),
		[REGION_SLOTS] = (uint64_t)g->slots * sizeof(struct conn_slot),
		[REGION_STATS] =
		    sizeof(uint64_t) *
		    (header->stats_worker_words +
			(uint64_t)g->modules * header->stats_module_words),
		[REGION_RECORDER] =
		    SEGMENT_RECORDER * sizeof(struct recorder_entry),
		[REGION_LOG] =
		    offsetof(struct segment_log, bytes) + g->log_size,
	};
	uint64_t offset = 0;
	size_t i;

	for (i = 0; i < REGION_COUNT; i++) {
		header->regions[i].offset = offset;
		header->regions[i].size = sizes[i];
		offset += page_round(sizes[i]);
	}
	header->segment_size = offset;
	header->buffers_size = (uint64_t)g->buffers * g->buffer_size;
}

struct segment_geometry
segment_default_geometry(uint32_t slots, uint32_t modules)
{
	return ((struct segment_geometry){
	    .records = 4096,
	    .entries_log2 = 13,
	    .producers = 64,
	    .slots = slots,
	    .buffers = 1024,
	    .buffer_size = 16384,
	    .modules = modules,
	});
}

/* Make a memfd of its final size, without its memory. Returns 0 or -errno. */
static int
make_memfd(const char *name, uint64_t size, int *ret_fd)
{
	const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int error, fd;

	fd = memfd_create(name, flags | MFD_NOEXEC_SEAL);
	if (fd == -1 && errno == EINVAL)
		fd = memfd_create(name, flags);
	if (fd == -1)
		return (-errno);
	if (fchmod(fd, 0600) == -1 || ftruncate(fd, (off_t)size) == -1) {
		error = -errno;
		fd_close(&fd);
		return (error);
	}
	*ret_fd = fd;
	return (0);
}

/* Open the memfd ${fd} again, for reading only. Returns 0 or -errno. */
static int
reopen_readonly(int fd, int *ret_fd)
{
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return (-errno);
	*ret_fd = fd;
	return (0);
}

static void
fds_close(struct segment_fds *fds)
{
	fd_close(&fds->rw);
	fd_close(&fds->ro);
	fd_close(&fds->buffers);
}

static int
write_header(int fd, const struct segment_header *header)
{
	ssize_t written;

	written = pwrite(fd, header, sizeof(*header), 0);
	if (written == -1)
		return (-errno);
	return (written == (ssize_t)sizeof(*header) ? 0 : -EIO);
}

int
segment_create(const struct segment_geometry *geometry, uint32_t worker,
    uint32_t incarnation, const char *const *module_names,
    struct segment_fds *ret_fds)
{
	struct segment_fds fds = { .rw = -1, .ro = -1, .buffers = -1 };
	struct segment_header header = {
		.magic = SEGMENT_MAGIC,
		.version = SEGMENT_VERSION,
		.header_size = sizeof(header),
		.created_ns = clock_now(),
		.worker = worker,
		.incarnation = incarnation,
		.geometry = *geometry,
		.stats_worker_words = WORKER_STATS,
		.stats_module_words = MODULE_STATS,
	};
	uint32_t i;
	int error;

	if (!geometry_is_sound(geometry))
		return (-EINVAL);
	for (i = 0; i < geometry->modules; i++)
		(void)strlcpy(header.modules[i], module_names[i],
		    sizeof(header.modules[i])); /* cut as promised */
	plan_layout(&header);
	error = make_memfd("bulkhead-segment", header.segment_size, &fds.rw);
	if (error == 0)
		error = make_memfd(
		    "bulkhead-buffers", header.buffers_size, &fds.buffers);
	if (error == 0)
		error = write_header(fds.rw, &header);
	if (error == 0)
		error = reopen_readonly(fds.rw, &fds.ro);
	if (error != 0) {
		fds_close(&fds);
		return (error);
	}
	*ret_fds = fds;
	return (0);
}

/* Without its memory a full tmpfs is a SIGBUS at the first touch. */
static int
allocate(int fd)
{
	struct stat status;

	if (fstat(fd, &status) == -1)
		return (-errno);
	return (fd_allocate(fd, (size_t)status.st_size));
}

int
segment_allocate(const struct segment_fds *fds)
{
	int error;

	error = allocate(fds->rw);
	if (error == 0)
		error = allocate(fds->buffers);
	return (error);
}

/*
 * Is all of its memory there? Asked when it is sealed: holes can't be made
 * any more. What is swapped out counts.
 */
static int
check_allocated(int fd)
{
	struct stat status;

	if (fstat(fd, &status) == -1)
		return (-errno);
	return (status.st_blocks >= status.st_size / 512 ? 0 : -ENOSPC);
}

int
segment_seal(struct segment_fds *fds)
{
	int error;

	if (fcntl(fds->rw, F_ADD_SEALS, SEALS_ALL) == -1 ||
	    fcntl(fds->buffers, F_ADD_SEALS, SEALS_ALL) == -1)
		return (-errno);
	error = check_allocated(fds->rw);
	if (error == 0)
		error = check_allocated(fds->buffers);
	if (error == 0)
		fd_close(&fds->rw);
	return (error);
}

/*
 * Copy the header and check every figure in it; from then on only the copy is
 * used. Returns 0, -errno or -EPROTO.
 */
static int
read_header(int fd, struct segment_header *ret_header)
{
	struct segment_header header, plan;
	struct stat status;
	ssize_t length;

	if (fstat(fd, &status) == -1)
		return (-errno);
	length = pread(fd, &header, sizeof(header), 0);
	if (length == -1)
		return (-errno);
	if (length != (ssize_t)sizeof(header) ||
	    header.magic != SEGMENT_MAGIC ||
	    header.version != SEGMENT_VERSION ||
	    header.header_size != sizeof(header) ||
	    !geometry_is_sound(&header.geometry))
		return (-EPROTO);
	plan = header;
	plan_layout(&plan);
	if (memcmp(plan.regions, header.regions, sizeof(plan.regions)) != 0 ||
	    plan.segment_size != header.segment_size ||
	    plan.buffers_size != header.buffers_size || status.st_size < 0 ||
	    (uint64_t)status.st_size != plan.segment_size)
		return (-EPROTO);
	*ret_header = plan;
	return (0);
}

/* Point the view's members into the mapping at ${base}. */
static void
fill_view(const struct segment_header *header, void *base, size_t size,
    struct segment *ret_segment)
{
	const struct segment_region *regions = header->regions;
	uint8_t *bytes = base;

	*ret_segment = (struct segment){
		.geometry = header->geometry,
		.worker = header->worker,
		.incarnation = header->incarnation,
		.header = base,
		.consumer = (void *)(bytes + regions[REGION_CONSUMER].offset),
		.lane = (void *)(bytes + regions[REGION_CONSUMER].offset +
				 sizeof(struct segment_consumer)),
		.producers = (void *)(bytes + regions[REGION_PRODUCERS].offset),
		.entries = (void *)(bytes + regions[REGION_ENTRIES].offset),
		.records = (void *)(bytes + regions[REGION_RECORDS].offset),
		.slots = (void *)(bytes + regions[REGION_SLOTS].offset),
		.stats = (void *)(bytes + regions[REGION_STATS].offset),
		.stats_worker_words = header->stats_worker_words,
		.stats_module_words = header->stats_module_words,
		.recorder = (void *)(bytes + regions[REGION_RECORDER].offset),
		.log = (void *)(bytes + regions[REGION_LOG].offset),
		.base = base,
		.size = size,
	};
}

/* Map a part of a file over the reservation at ${at}. */
static int
map_over(void *at, uint64_t size, int protection, int fd, uint64_t offset)
{
	if (mmap(at, (size_t)size, protection, MAP_SHARED | MAP_FIXED, fd,
		(off_t)offset) == MAP_FAILED)
		return (-errno);
	return (0);
}

/*
 * Lay the worker's view out in one reservation, with a guard page behind the
 * segment and one behind the buffers: header | the rest | guard | buffers |
 * guard.
 */
static int
map_worker(const struct segment_fds *fds, const struct segment_header *header,
    struct segment *ret_segment)
{
	const uint64_t rest = header->regions[REGION_CONSUMER].offset;
	const uint64_t buffers = header->segment_size + SEGMENT_PAGE;
	const size_t size =
	    (size_t)(buffers + header->buffers_size + SEGMENT_PAGE);
	uint8_t *base;
	int error;

	base = mmap(NULL, size, PROT_NONE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		return (-errno);
	error = map_over(base, rest, PROT_READ, fds->ro, 0);
	if (error == 0)
		error = map_over(base + rest, header->segment_size - rest,
		    PROT_READ | PROT_WRITE, fds->rw, rest);
	if (error == 0)
		error = map_over(base + buffers, header->buffers_size,
		    PROT_READ | PROT_WRITE, fds->buffers, 0);
	if (error == 0 && madvise(base, size, MADV_DONTFORK) == -1)
		error = -errno;
	if (error != 0) {
		(void)munmap(base, size);
		return (error);
	}
	fill_view(header, base, size, ret_segment);
	ret_segment->buffers = base + buffers;
	ret_segment->buffers_size = (size_t)header->buffers_size;
	ret_segment->writable = true;
	return (0);
}

int
segment_map_worker(struct segment_fds *fds, struct segment *ret_segment)
{
	struct segment_header header;
	struct stat status;
	int error;

	error = read_header(fds->ro, &header);
	if (error == 0 && fstat(fds->buffers, &status) == -1)
		error = -errno;
	if (error == 0 && (status.st_size < 0 ||
			      (uint64_t)status.st_size != header.buffers_size))
		error = -EPROTO;
	/* A master of another version, with no room for all our figures. */
	if (error == 0 && (header.stats_worker_words < WORKER_STATS ||
			      header.stats_module_words < MODULE_STATS))
		error = -EPROTO;
	if (error == 0)
		error = map_worker(fds, &header, ret_segment);
	fds_close(fds);
	return (error);
}

int
segment_map_reader(int ro, struct segment *ret_segment)
{
	struct segment_header header;
	size_t size;
	void *base;
	int error, seals;

	/*
	 * The size must be fixed before it is measured: whoever could shrink
	 * the file later could send us SIGBUS.
	 */
	seals = fcntl(ro, F_GET_SEALS);
	if (seals == -1)
		return (errno == EINVAL ? -EPROTO : -errno);
	if ((seals & SEALS_SIZE) != SEALS_SIZE)
		return (-EPROTO);
	error = read_header(ro, &header);
	if (error != 0)
		return (error);
	size = (size_t)header.segment_size;
	base = mmap(NULL, size, PROT_READ, MAP_SHARED, ro, 0);
	if (base == MAP_FAILED)
		return (-errno);
	if (madvise(base, size, MADV_DONTFORK) == -1) {
		error = -errno;
		(void)munmap(base, size);
		return (error);
	}
	fill_view(&header, base, size, ret_segment);
	return (0);
}

void
segment_unmap(struct segment *segment)
{
	if (segment->base != NULL)
		(void)munmap(segment->base, segment->size);
	*segment = (struct segment){ .base = NULL };
}

void
segment_module_name(const struct segment *segment, uint32_t id, char *ret_name)
{
	size_t i;

	if (id >= segment->geometry.modules) {
		(void)strlcpy(ret_name, "-", SEGMENT_MODULE_NAME);
		return;
	}
	memcpy(ret_name, segment->header->modules[id], SEGMENT_MODULE_NAME);
	ret_name[SEGMENT_MODULE_NAME - 1] = '\0';
	for (i = 0; ret_name[i] != '\0'; i++) {
		if (!isprint((unsigned char)ret_name[i]))
			ret_name[i] = '?';
	}
}
