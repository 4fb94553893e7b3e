/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages between master and worker (SOCK_SEQPACKET socketpair) and between
 * master and bulkheadctl (SOCK_SEQPACKET at the control path). Every message
 * is a header and `count` fixed-size items, or `size` bytes of text; the
 * receiver checks all of it before use. No message outlives its version:
 * both ends are built from this header.
 *
 *	master                       worker
 *	  BOOT + 3 fds  ------------>
 *	                <------------ MAPPED           segment is mapped
 *	  START         ------------>                  sealed: load the modules
 *	                <------------ READY or FAILED  text says why
 *	  HANDOVER + fds ----------->
 *	                <------------ TAKEN            each slot that arrived
 *	                <------------ REFUSED          each whose fd did not
 *	                <------------ CLOSED           each slot that ended
 *	  RECOVER + fds ------------>                  the same, from a wreck:
 *	                                               its two descriptors first
 *	  QUARANTINE    ------------>                  the modules not to call
 *	  LOG + fd      ------------>                  the access log goes there
 *	  LOG_LEVEL     ------------>                  say no more than that
 *	                                               from now on
 *	  PING          ------------>                  do you wake? by a turn
 *	  RETIRE        ------------>                  release what is idle,
 *	                                               finish and release the
 *	                                               rest, exit 0
 *	                <------------ RELEASED         each slot, with no byte
 *	                                               of it read: the master's
 *	                                               again
 *	  DRAIN         ------------>                  finish, then exit 0
 */
#ifndef SHM_MESSAGE_H
#define SHM_MESSAGE_H

#include "shm/layout.h"

#include <stdbool.h>

#define MESSAGE_MAGIC   UINT32_C(0x4b484c42) /* "BLHK" */
#define MESSAGE_VERSION 1u

enum message_type {
	MESSAGE_BOOT = 1,
	MESSAGE_START,
	MESSAGE_HANDOVER,
	MESSAGE_DRAIN,
	MESSAGE_RECOVER,
	MESSAGE_RETIRE,
	MESSAGE_QUARANTINE,
	MESSAGE_PING,
	MESSAGE_LOG,
	MESSAGE_LOG_LEVEL,
	MESSAGE_MAPPED = 16,
	MESSAGE_READY,
	MESSAGE_FAILED,
	MESSAGE_TAKEN,
	MESSAGE_CLOSED,
	MESSAGE_REFUSED,
	MESSAGE_RELEASED,
	MESSAGE_STATUS = 32,   /* bulkheadctl asks */
	MESSAGE_STATUS_MASTER, /* one: the master's own figures */
	MESSAGE_STATUS_WORKER, /* one a worker, with its segment's ro fd */
	MESSAGE_STATUS_END,
	MESSAGE_STATUS_MODULE, /* one a module, before the end */
	MESSAGE_STATUS_RETIRED, /* before the end: retired.h's file */
	MESSAGE_CRASHES = 40,  /* bulkhead-admin asks */
	MESSAGE_CRASH,         /* one a report with its ro fd, then the end */
	MESSAGE_COMMAND = 48,  /* bulkheadctl wants something done */
	MESSAGE_ANSWER,        /* it was, or why not */
};

enum {
	MESSAGE_CONNECTIONS = 64, /* most in one HANDOVER or RECOVER */
	MESSAGE_WRECK_FDS = 2,    /* before the connections' in RECOVER */
	MESSAGE_SLOTS = 256,      /* most in one of the reports */
	MESSAGE_MAX = 128 * 1024, /* bytes, a BOOT with long settings */
	MESSAGE_POOL_NAME = 32,   /* with its NUL */
	MESSAGE_CRASH_ID = 64,    /* with its NUL */
};

/* A worker's own descriptors, and some for its modules, beside connections. */
enum {
	WORKER_DESCRIPTORS = 64
};

struct message_header {
	uint32_t magic;
	uint16_t version;
	uint16_t type;
	uint32_t count; /* items that follow; 0 for text and plain messages */
	uint32_t size;  /* bytes that follow the header */
};
_Static_assert(sizeof(struct message_header) == 16, "layout");

/* Why a connection changes hands. */
enum handover_why {
	HANDOVER_ACCEPTED = 1,  /* new: no bytes were read from it */
	HANDOVER_RECOVERED = 2, /* its owner died; the wreck knows the rest */
	HANDOVER_MIGRATED = 3,  /* released: idle, but it was used before, so
				   the counts begin at what the kernel says */
};

/*
 * Item of HANDOVER and RECOVER; its descriptor has the same place in the
 * message, in RECOVER behind the wreck's segment and buffers.
 */
struct message_connection {
	uint32_t slot;
	uint32_t generation;
	uint32_t why;     /* enum handover_why */
	uint16_t crashes; /* deaths in a row that its request was in */
	uint16_t named;   /* of these, with the request in the activity word */
	uint64_t accepted_ns;
	struct slot_peer peer;
};
_Static_assert(sizeof(struct message_connection) == 48, "layout");

/* How a connection ended. */
enum close_how {
	CLOSE_ORDERLY = 1,
	CLOSE_RESET,
};

/* What its new owner does with a connection, for the crash report. */
enum taken_how {
	TAKEN_QUIETLY = 0, /* its client notices nothing */
	TAKEN_REPLAYED,    /* its request is begun again */
	TAKEN_REFUSED,     /* its request is answered 502 */
	TAKEN_CLOSED,      /* it was ending: closed in order */
	TAKEN_RESET,       /* its answer was cut off */
	TAKEN_GONE,        /* its client has gone */
	TAKEN_HOWS
};

/* Item of TAKEN, REFUSED, RELEASED and CLOSED. */
struct message_slot {
	uint32_t slot;
	uint32_t generation;
	uint32_t how; /* CLOSED: enum close_how; TAKEN: enum taken_how */
	uint32_t padding;
};
_Static_assert(sizeof(struct message_slot) == 16, "layout");

/*
 * What a pool allows its workers' clients and requests; times in
 * milliseconds, sizes in bytes.
 */
struct message_limits {
	uint64_t idle_ms;      /* between requests */
	uint64_t head_ms;      /* from a request's first byte to its last */
	uint64_t body_ms;      /* without a byte of the body */
	uint64_t send_ms;      /* without a byte being taken */
	uint64_t linger_ms;    /* for the peer's FIN after ours */
	uint64_t pending_ms;   /* for a ticket to be posted */
	uint64_t orphan_ms;    /* for what there is when the master is gone */
	uint64_t body_max;     /* bytes of a request's body: 413 beyond */
	uint64_t buffered_max; /* bytes of a response before it is flushed */
	uint64_t discard_max;  /* unread body bytes worth reading to the end */
	uint64_t offload_threads; /* most that run modules' work at once */
};
_Static_assert(sizeof(struct message_limits) == 88, "layout");

/*
 * What a pool's modules may ask of the kernel; worker/sandbox.h has the rest.
 * Of the limits 0 means: as inherited.
 */
struct message_sandbox {
	uint64_t data_max;    /* RLIMIT_DATA, bytes */
	uint64_t file_max;    /* RLIMIT_FSIZE, bytes */
	uint64_t threads_max; /* RLIMIT_NPROC */
	bool enabled;
	uint8_t padding[7];
};
_Static_assert(sizeof(struct message_sandbox) == 32, "layout");

/*
 * BOOT's text, a list of NUL-terminated strings: the settings
 * sandbox-syscalls, sandbox-read and sandbox-write, each empty when not set;
 * for each module its path, its name, then key=value settings, then an empty
 * string. The modules come in the order of their ids in the segment's header.
 * Then, in the last site_bytes of it, the sites: for each its name; its hosts
 * ("name", "*.name" or "*") and an empty string; its rules and an empty string.
 * A rule is a path (one of them "/"), what is to be done there, as
 * modules=MASK, body-max=BYTES, pending-ns=NS, status=NUMBER and location=URL,
 * and an empty string.
 */
struct message_boot {
	uint32_t worker;
	uint32_t incarnation;
	uint32_t modules;
	int32_t log_level;
	uint32_t strings;     /* bytes of the list that follows */
	uint32_t quarantined; /* a bit a module: don't load it */
	uint32_t sites;
	uint32_t site_bytes;   /* of `strings` */
	uint32_t strict_hosts; /* 1: 421 for hosts of no site */
	uint32_t padding;
	struct message_limits limits;
	struct message_sandbox sandbox;
	char pool[MESSAGE_POOL_NAME];
};

/* Body of QUARANTINE: from now on, all that are in it. */
struct message_quarantine {
	uint32_t modules;       /* a bit a module */
	uint32_t retry_after_s; /* for the 503 of those that need one */
};

/* How the lines of an access log are handed over. */
enum log_kind {
	LOG_KIND_FILE = 1, /* as they are */
	LOG_KIND_JOURNAL,  /* an entry each, in the journal's own protocol */
	LOG_KIND_SYSLOG,   /* a datagram each */
};

enum log_format {
	LOG_FORMAT_COMBINED = 1,
	LOG_FORMAT_JSON,
};

/* Body of LOG; its descriptor comes along. */
struct message_log {
	uint32_t kind;   /* enum log_kind */
	uint32_t format; /* enum log_format */
};

/* Body of STATUS_MASTER. */
struct message_status_master {
	uint64_t pid;
	uint64_t started_ns;
	uint64_t now_ns;
	uint64_t accepted;
	uint64_t connections_open;
	uint64_t connections_max;
	uint64_t handover_queue;  /* accepted, not yet with a worker */
	uint64_t workers_started; /* in all, replacements included */
	uint64_t workers_died;    /* other than by drain */
	uint64_t workers;
	char phase[16];           /* "serving" */
	uint32_t generation; /* that serves; each reload begins one */
	uint32_t pools;
	char version[16];
	char listeners[512]; /* addresses, one a line */
	char state_dir[512]; /* crash reports are in its crashes/; or empty */
};

/* Body of STATUS_WORKER. */
struct message_status_worker {
	uint32_t worker;
	uint32_t incarnation;
	uint64_t pid;
	uint64_t started_ns;
	uint64_t connections; /* by the master's own count */
	uint32_t state;       /* enum worker_state of master/supervise.h */
	uint32_t segment_fd;  /* 1: its read-only descriptor comes along */
	char state_name[16];
	char pool[MESSAGE_POOL_NAME];
	uint32_t generation; /* whose worker it is; older ones finish */
	uint32_t padding;
};

/* Body of STATUS_MODULE. */
struct message_status_module {
	uint32_t module;
	uint32_t quarantined; /* 1: it isn't called */
	uint64_t crashes;     /* of workers, in it, so far */
	uint64_t since_ns;    /* quarantined: since then */
	char name[SEGMENT_MODULE_NAME];
	char pool[MESSAGE_POOL_NAME]; /* ${module} is its number in there */
};

/* Body of CRASH: a report's name, without ".json". */
struct message_crash {
	char id[MESSAGE_CRASH_ID];
};

enum command_what {
	COMMAND_RELEASE = 1, /* a module from quarantine */
	COMMAND_QUARANTINE,  /* a module */
	COMMAND_RECYCLE,     /* a worker, or 0: all */
	COMMAND_RELOAD,      /* answered when it is done */
	COMMAND_REOPEN,      /* the access logs */
	COMMAND_UPGRADE,     /* answered when it is done */
	COMMAND_LOG_LEVEL,   /* of the master and all workers */
	COMMAND_DRAIN,       /* stop, but be not ready for a while before */
};

/* Body of LOG_LEVEL. */
struct message_log_level {
	int32_t level; /* LOG_ERR ... LOG_DEBUG */
	uint32_t padding;
};

/* A number that wasn't given. */
#define COMMAND_AS_CONFIGURED UINT32_MAX

/* Body of COMMAND. */
struct message_command {
	uint32_t what; /* enum command_what */
	uint32_t worker;
	uint32_t number; /* LOG_LEVEL: the level; DRAIN: milliseconds */
	uint32_t padding;
	char module[SEGMENT_MODULE_NAME];
};

/* Body of ANSWER. */
struct message_answer {
	int32_t status; /* 0 or -errno */
	uint32_t padding;
	char text[256];
};

/*
 * message_init(header, type, count, size): fill in a header.
 */
void message_init(struct message_header *header, enum message_type type,
    uint32_t count, uint32_t size);

/*
 * message_check(bytes, size, item_size):
 * Is this ${size}-byte message whole, of our version, and are its count and
 * size consistent with items of ${item_size} bytes (0: count must be 0, any
 * size)? Returns its type, or -EBADMSG.
 */
int message_check(const void *bytes, size_t size, size_t item_size);

#endif
