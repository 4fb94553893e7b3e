/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The segment: types and constants only. Everything that two processes read
 * lies here, with its size and offsets asserted. No pointers; ids, offsets
 * and generations only. shm/README.md draws the whole.
 *
 * One segment is one sealed memfd and belongs to one worker incarnation: a
 * new worker gets a new segment, so nothing in it is ever reused across a
 * death.
 */
#ifndef SHM_LAYOUT_H
#define SHM_LAYOUT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define SEGMENT_MAGIC   UINT64_C(0x313044484b4c5542) /* "BULKHD01" */
#define SEGMENT_VERSION 3u

enum {
	SEGMENT_PAGE = 4096,
	/*
	 * Hot words stand 128 bytes apart: the adjacent-line prefetcher pairs
	 * 64-byte lines.
	 */
	SEGMENT_HOT = 128,
	SEGMENT_MODULES_MAX = 32,
	SEGMENT_MODULE_NAME = 32, /* with its NUL */
	SEGMENT_ACTIVITIES = 64,
	/* Of a dying thread that has no activity word of its own. */
	SEGMENT_STRANGER = SEGMENT_ACTIVITIES - 1,
	SEGMENT_RECORDER = 1024,
	SEGMENT_OPERATIONS = 32, /* numbers in operations.def stay below */
	SLOT_TEXT_WORDS = 6, /* 48 bytes of a request's first line */
	SEGMENT_BATCH = 16, /* K: tickets that one producer may hold at once */
};

/*
 * The most that a geometry may ask for. Their largest products stay far below
 * 2^63, so sizes computed from a checked geometry can't overflow.
 */
enum {
	SEGMENT_RECORDS_MIN = 128, /* the control reserve and as many */
	SEGMENT_RECORDS_MAX = 1 << 18,
	SEGMENT_ENTRIES_LOG2_MAX = 19,
	SEGMENT_PRODUCERS_MAX = 64, /* bits of ring.thread_ids */
	SEGMENT_SLOTS_MAX = 1 << 20,
	SEGMENT_BUFFERS_MAX = 1 << 20,
	SEGMENT_BUFFER_SIZE_MAX = 1 << 24,
	SEGMENT_LOG_SIZE_MAX = 1 << 24,
};

/* What a completion can tell of. */
enum operation {
#define OPERATION(name, number, text) OPERATION_##name = (number),
#include "shm/operations.def"
#undef OPERATION
};

/* What a segment is made for. All counts are fixed for its life. */
struct segment_geometry {
	uint32_t records;      /* op records: outstanding operations at once */
	uint32_t entries_log2; /* ring entries >= records + 2 * P * batch */
	uint32_t producers;    /* P: threads that may publish through the ring */
	uint32_t slots;        /* connections; the same in all segments */
	uint32_t buffers;      /* request buffers, in their own memfd */
	uint32_t buffer_size;  /* bytes each, a multiple of SEGMENT_PAGE */
	uint32_t modules;      /* in use, <= SEGMENT_MODULES_MAX */
	uint32_t log_size; /* bytes of the access log's, a power of two; or 0 */
};

/* Regions of the segment in their order; each begins on a page. */
enum segment_region_id {
	REGION_HEADER,    /* master writes, before the worker starts */
	REGION_CONSUMER,  /* the dispatch loop's words */
	REGION_PRODUCERS, /* tail, bitmap: read-modify-written by producers */
	REGION_ENTRIES,   /* the ring: 8 bytes an entry */
	REGION_RECORDS,   /* the completions: 64 bytes each */
	REGION_SLOTS,     /* connections: 256 bytes each */
	REGION_STATS,     /* counters, gauges, histograms */
	REGION_RECORDER,  /* the last dispatched completions */
	REGION_LOG,       /* lines of the access log, not written yet */
	REGION_COUNT
};

struct segment_region {
	uint64_t offset;
	uint64_t size;
};

/*
 * Written by the master before the worker starts and never again: the worker
 * maps these pages through a read-only descriptor, so that it can't write
 * them nor mprotect(2) them writable.
 */
struct segment_header {
	uint64_t magic;
	uint32_t version;
	uint32_t header_size;
	uint64_t segment_size;
	uint64_t buffers_size; /* of the second memfd */
	uint64_t created_ns;
	uint32_t worker;      /* the worker's number, from 1 */
	uint32_t incarnation; /* unique in this master's life, from 1 */
	struct segment_geometry geometry;
	struct segment_region regions[REGION_COUNT];
	/*
	 * What REGION_STATS holds, so that an old tool can read a new server:
	 * each block's figures, completions and histograms begin where stats.h
	 * says, whatever the version, and only histograms may follow.
	 */
	uint32_t stats_worker_words; /* 8-byte words in the worker's block */
	uint32_t stats_module_words; /* in each module's block that follows */
	char modules[SEGMENT_MODULES_MAX][SEGMENT_MODULE_NAME];
};

_Static_assert(sizeof(struct segment_geometry) == 32, "layout");
_Static_assert(sizeof(struct segment_region) == 16, "layout");
_Static_assert(offsetof(struct segment_header, geometry) == 48, "layout");
_Static_assert(offsetof(struct segment_header, regions) == 80, "layout");
_Static_assert(sizeof(struct segment_header) <= SEGMENT_PAGE, "layout");

/*
 * What one dispatch or offload thread is doing: shm/activity.h packs the
 * word. Each on a line of its own.
 */
struct activity {
	_Atomic uint64_t word;
	_Atomic uint64_t since_ns; /* when the callback began */
	uint64_t padding[6];
};
_Static_assert(sizeof(struct activity) == 64, "layout");

/* The dispatch loop's words; others only read them, but for `wake`. */
struct segment_consumer {
	_Alignas(SEGMENT_HOT) _Atomic uint64_t head; /* for monitors */
	_Alignas(SEGMENT_HOT) _Atomic uint32_t wake; /* bit 0: SLEEPING */
	_Alignas(SEGMENT_HOT) _Atomic uint64_t turn; /* loop turns so far */
	_Atomic uint64_t turn_ns; /* when the current turn began */
	_Atomic uint32_t state;   /* enum segment_state */
	_Atomic uint32_t load;    /* requests being handled, for the balance */
	_Atomic uint32_t fatal;   /* activity_set_fatal(), activity_set_sent() */
	_Alignas(SEGMENT_HOT) _Atomic uint64_t recorder_next; /* entries so far */
	_Alignas(SEGMENT_HOT) struct activity activities[SEGMENT_ACTIVITIES];
};
_Static_assert(sizeof(struct segment_consumer) == 4608, "layout");
_Static_assert(offsetof(struct segment_consumer, wake) == 128, "layout");
_Static_assert(offsetof(struct segment_consumer, turn) == 256, "layout");
_Static_assert(offsetof(struct segment_consumer, fatal) == 280, "layout");
_Static_assert(
    offsetof(struct segment_consumer, recorder_next) == 384, "layout");
_Static_assert(offsetof(struct segment_consumer, activities) == 512, "layout");

enum segment_state {
	SEGMENT_CREATED = 0,
	SEGMENT_LOADING,  /* mapped and sealed; modules are being loaded */
	SEGMENT_SERVING,
	SEGMENT_DRAINING,
	SEGMENT_FINISHED, /* the worker ended by itself */
};

/* Words that all producers read-modify-write, and the fallback bitmap. */
struct segment_producers {
	_Alignas(SEGMENT_HOT) _Atomic uint64_t tail;
	_Alignas(SEGMENT_HOT) _Atomic uint64_t summary; /* a bit a bitmap word */
	_Alignas(SEGMENT_HOT) _Atomic uint64_t bitmap[]; /* a bit a record */
};
_Static_assert(sizeof(struct segment_producers) == 256, "layout");
_Static_assert(offsetof(struct segment_producers, summary) == 128, "layout");
_Static_assert(offsetof(struct segment_producers, bitmap) == 256, "layout");

/*
 * One entry of the dispatch thread's lane, behind struct segment_consumer in
 * its region: what the thread publishes to itself. shm/ring.h tells its rules.
 */
struct lane_entry {
	_Atomic uint64_t after; /* the ring's tail when it was published */
	_Atomic uint64_t ref;   /* generation:40 index:24 of the record */
};
_Static_assert(sizeof(struct lane_entry) == 16, "layout");

/*
 * One op record: the completion, and the credit for it. shm/ring.h draws its
 * states.
 */
struct op_record {
	_Alignas(64) _Atomic uint64_t ctl; /* generation:40 owner:12 state:4 ... */
	uint64_t conn;    /* slot and generation of the connection, or 0 */
	uint64_t token;   /* the submitter's own, returned untouched */
	uint64_t time_ns; /* of completion; 0: from a thread, not taken yet */
	int64_t bytes;
	int32_t status;   /* 0 or -errno */
	uint16_t op;      /* operations.def */
	uint16_t completer;
	uint32_t sequence; /* of this completer */
	uint32_t padding;
	uint64_t aux;
};
_Static_assert(sizeof(struct op_record) == 64, "layout");
_Static_assert(offsetof(struct op_record, bytes) == 32, "layout");
_Static_assert(offsetof(struct op_record, aux) == 56, "layout");

/* One dispatched completion, as the flight recorder keeps it. */
struct recorder_entry {
	_Atomic uint64_t sequence; /* 1 + its position; 0 while being written */
	uint64_t time_ns;
	uint64_t conn;
	uint64_t token;
	int64_t bytes;
	int32_t status;
	uint16_t op;
	uint16_t completer;
	uint64_t padding[2];
};
_Static_assert(sizeof(struct recorder_entry) == 64, "layout");

/*
 * Lines on their way to the access log: counts of bytes ever, and the ring
 * that holds those between `written` and `head`. shm/line_log.h draws it.
 */
struct segment_log {
	_Alignas(SEGMENT_HOT) _Atomic uint64_t head; /* the dispatch thread's */
	_Atomic uint64_t last_request; /* whose line is the last one */
	_Atomic uint64_t last_end;     /* `head` with that line */
	_Alignas(SEGMENT_HOT) _Atomic uint64_t written; /* the log's thread's */
	_Atomic uint64_t writing; /* `written` once its write(2) is back */
	_Alignas(SEGMENT_HOT) uint8_t bytes[];
};
_Static_assert(offsetof(struct segment_log, bytes) == 256, "layout");

/* Where the current request's bytes are and what the kernel must confirm. */
struct slot_request {
	uint64_t request;    /* its id; 0: none */
	uint64_t consumed;   /* bytes read from the connection before `offset` */
	uint64_t written;    /* bytes written before the final response */
	uint64_t response_end; /* count at which the response ends; 0: unknown */
	uint32_t buffer;     /* buffer index + 1; 0: none */
	uint32_t offset;     /* of the request's first byte in the buffer */
	uint32_t flags;      /* enum slot_request_flags */
	uint32_t replays;    /* this request was begun so often before */
	uint64_t started_ns;
	/*
	 * The request is over and its answer in the kernel, but from `offset`
	 * on there is body left: http_body_pack(). 0: none.
	 */
	uint64_t unread;
};
_Static_assert(sizeof(struct slot_request) == 64, "layout");

enum slot_request_flags {
	SLOT_REPLAYABLE = 1u << 0,   /* idempotent, or the module said so */
	SLOT_BODY_OUTSIDE = 1u << 1, /* body bytes have left the segment */
	SLOT_RESPONDING = 1u << 2,   /* a response byte may have been sent */
	SLOT_LAST = 1u << 3,         /* the connection ends after the response */
	/* What a successor has decided, until it has come to do it. */
	SLOT_REFUSED = 1u << 4, /* a 502 is due: not to be begun again */
	SLOT_CUT = 1u << 5,     /* a reset is due: its answer was cut off */
	/* With SLOT_RESPONDING, for the access log; shm/slot.h. */
	SLOT_STATUS_AT = 16, /* 10 bits */
	SLOT_MODULE_AT = 26, /* 6 bits: who answered */
};

/* A client's address: family AF_INET, AF_INET6 or AF_UNIX. */
struct slot_peer {
	uint16_t family;
	uint16_t port; /* host order */
	uint32_t scope;
	uint8_t address[16];
};
_Static_assert(sizeof(struct slot_peer) == 24, "layout");

/*
 * One connection. ctl is the truth about who it is; `requests[current & 1]`
 * is the current request's place, changed by one store of `current`.
 */
struct conn_slot {
	_Alignas(SEGMENT_HOT) _Atomic uint64_t ctl; /* generation:32 state:8 */
	_Atomic uint32_t current;
	uint32_t padding;
	struct slot_peer peer;
	uint64_t accepted_ns;
	_Atomic uint64_t active_ns; /* last change of state */
	_Atomic uint64_t served;    /* requests answered on it */
	/*
	 * For monitors, who don't see buffers: what a parked request waits
	 * for (shm/slot.h), since when, and how its first line begins: method
	 * and target, ended by a 0 if shorter.
	 */
	_Atomic uint64_t waiting;
	_Atomic uint64_t waiting_ns;
	_Atomic uint64_t text[SLOT_TEXT_WORDS];
	struct slot_request requests[2];
};
_Static_assert(sizeof(struct conn_slot) == 256, "layout");
_Static_assert(offsetof(struct conn_slot, requests) == 128, "layout");

#endif
