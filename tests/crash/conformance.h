/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of DESIGN section 5, played: a way of dying, a place to die at,
 * and the state of the connection whose request it is, with bystanders in
 * other states around it. Each play has a server of its own, so that no
 * policy about frequent deaths meddles.
 */
#ifndef TESTS_CRASH_CONFORMANCE_H
#define TESTS_CRASH_CONFORMANCE_H

#include "tests/support/client.h"
#include "tests/support/server.h"

/* What the client of the dying request has done, and got so far. */
enum scene {
	SCENE_GET,             /* whole, nothing sent */
	SCENE_HEAD,            /* its answer has no body */
	SCENE_POST,            /* whole, nothing sent, not to be repeated */
	SCENE_PUT,             /* its body is in the segment */
	SCENE_PUT_LARGE,       /* its body isn't, once a module reads it */
	SCENE_BUFFERED,        /* an answer is there, but not sent */
	SCENE_PIPELINED,       /* others behind it */
	SCENE_POST_PIPELINED,  /* the same, not to be repeated */
	SCENE_LENGTH,          /* partly sent, with Content-Length */
	SCENE_CHUNKED,         /* partly sent, chunked */
	SCENE_WHOLE,           /* wholly sent */
	SCENE_WHOLE_PIPELINED, /* the same, others behind it */
	SCENE_WHOLE_CLOSE,     /* the same, and the connection ends */
	SCENE_POISON,          /* dies every time */
	SCENE_COUNT
};

/* Where the death happens: 24 steps, then completions of operations. */
enum {
	PLACE_EXECUTE = 14, /* the module reads the body there */
	PLACE_LOG = 20,     /* from here on the answer is out */
	PLACE_READ = 24,
	PLACE_WRITE,
	PLACE_FLUSH,
	PLACE_POST,
	PLACE_COUNT,
	WAY_COUNT = 9, /* that end the process */
	WAY_STOP = 9,  /* these don't: the master does, at hang-limit */
	WAY_LOOP,
};

struct play {
	enum scene scene;
	unsigned place;
	unsigned way;
	unsigned thread; /* faulty's: 0 the callback, 1 a thread it waits for,
			    2 one that it doesn't wait for */
	bool finish;     /* the client has ended its direction: shutdown(2) */
};

/*
 * play_place(place), play_way(way): their names, as faulty knows them;
 * play_end(way): "SIGSEGV" or "status 3", as the kernel does.
 */
const char *play_place(unsigned place);
const char *play_way(unsigned way);
const char *play_end(unsigned way);

/* play(what): play it. Fails the test when anyone sees what they shouldn't. */
void play(const struct play *what);

/*
 * play_scene(scene, stride):
 * Play a scene at all places by all ways if BULKHEAD_EXHAUSTIVE is set, else
 * one of each ${stride} of these, or two under a sanitizer.
 */
void play_scene(enum scene scene, unsigned stride);

/*
 * play_hangs(scene, stride): the same by WAY_STOP and WAY_LOOP.
 */
void play_hangs(enum scene scene, unsigned stride);

/*
 * stage_server(workers, listen): a server with faulty and hello, listening on
 * ${listen} too unless that is NULL; every other one has a spare, and none a
 * quarantine. Its state file, of that path, is emptied.
 * stage_lines(prefix): how many of the file's lines begin so;
 * stage_request(prefix, index, ret_request, size): what follows in one.
 */
struct server *stage_server(const char *workers, const char *listen);

/* stage_server_impatient(workers): the same, and it aborts what hangs. */
struct server *stage_server_impatient(const char *workers);
const char *stage_state(void);
size_t stage_lines(const char *prefix);
void stage_request(
    const char *prefix, size_t index, char *ret_request, size_t size);

/*
 * stage_expect_log(server, way, place, prefix, index): the log's next line
 * about a death names way, module, place and the request noted by faulty.
 */
void stage_expect_log(struct server *server, unsigned way, unsigned place,
    const char *prefix, size_t index);

/*
 * stage_expect_report(server, expected):
 * The crash report of that number, from 0, of all that the server has
 * written says so.
 */
struct report {
	size_t index;
	unsigned way, place, thread;
	const char *method, *target;
	uint16_t port;       /* of the client */
	const char *request; /* as the log names it */
	const char *outcomes[2]; /* its connection's: one of these */
};
void stage_expect_report(
    const struct server *server, const struct report *expected);

/* A connection that takes no part but is there: every state of them. */
struct bystanders {
	struct client idle, half, fresh, lingering;
};
void bystanders_arrive(struct bystanders *all, const struct server *server);
void bystanders_check(struct bystanders *all); /* and leave */

/* expect(client, status, body): the next answer; body NULL for any. */
void expect(struct client *client, int status, const char *body);
void expect_hello(struct client *client);   /* asks, too */
void expect_refusal(struct client *client); /* 502, then FIN; closes */
void expect_fin(struct client *client);     /* nothing but; closes */

#endif
