/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A whole worker inside a test program: real segment, ring, engine, link,
 * connections, stacks and dispatch loop; its modules are functions of the
 * test, its master and its clients are the test.
 *
 * The worker has a thread of its own, but the two take turns: harness_run()
 * lets it run until it would sleep, and meanwhile the test stands still. So a
 * test is a sequence of steps, may look at everything of the worker between
 * them, and needs no lock. Time is the test's too: harness_advance().
 *
 * Callbacks run on the worker's thread and must not use cmocka's assertions:
 * they note() what they see, and the test looks at harness_notes().
 */
#ifndef TESTS_UNIT_WORKER_HARNESS_H
#define TESTS_UNIT_WORKER_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "shm/message.h"
#include "shm/slot.h"
#include "worker/conn.h"
#include "worker/worker.h"

#include <bulkhead/async.h>
#include <bulkhead/http.h>
#include <bulkhead/module.h>

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define HARNESS_SANITIZED 1
#else
#define HARNESS_SANITIZED 0
#endif

/* A test whose worker, if it has started one, is drained and looked over. */
#define HARNESS_TEST(function) \
	cmocka_unit_test_teardown(function, harness_teardown)

/* HARNESS_MAIN(tests): main(), with a name pattern as its argument. */
#define HARNESS_MAIN(tests)                              \
	int main(int argc, char **argv)                  \
	{                                                \
		if (argc > 1)                            \
			cmocka_set_test_filter(argv[1]); \
		return (cmocka_run_group_tests_name(     \
		    __FILE__, (tests), NULL, NULL));     \
	}

/* The heads of functions with parameters that most of them don't need. */
#define HARNESS_UNUSED __attribute__((unused))
#define TEST(name)     static void name(void **state HARNESS_UNUSED)
#define CALLBACK(name)                                                     \
	static enum bh_notification_status name(void *self HARNESS_UNUSED, \
	    struct bh_context *context HARNESS_UNUSED,                     \
	    struct bh_event_provider *provider HARNESS_UNUSED)
#define COMPLETION(name)                                                   \
	static enum bh_notification_status name(void *self HARNESS_UNUSED, \
	    struct bh_context *context HARNESS_UNUSED,                     \
	    uint32_t notification HARNESS_UNUSED,                          \
	    bool post_notification HARNESS_UNUSED,                         \
	    struct bh_event_provider *provider HARNESS_UNUSED,             \
	    const struct bh_completion_info *info HARNESS_UNUSED)

/* OPS(.on_begin_request = f, ...): an argument of harness_add(), copied. */
#define OPS(...)                        \
	(&(const struct bh_module_ops){ \
	    .size = sizeof(struct bh_module_ops), __VA_ARGS__ })

#define SECOND_MS INT64_C(1000)

/* A request without a body. */
#define GET_FROM(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define GET            GET_FROM("/")
/* The head of one with a body. */
#define POST(length) \
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " #length "\r\n\r\n"
#define POST_CHUNKED \
	"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
/* An answer, as client_text() shows it: without Server and Date. */
#define OK(length, body) \
	"HTTP/1.1 200 OK\r\nContent-Length: " #length "\r\n\r\n" body
#define OK_CLOSE(length, body)                        \
	"HTTP/1.1 200 OK\r\nContent-Length: " #length \
	"\r\nConnection: close\r\n\r\n" body
#define NOT_FOUND                                                \
	"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\n" \
	"Content-Length: 14\r\n\r\n404 Not Found\n"
#define SERVER_ERROR                                             \
	"HTTP/1.1 500 Internal Server Error\r\n"                 \
	"Content-Type: text/plain\r\nContent-Length: 26\r\n\r\n" \
	"500 Internal Server Error\n"

/*
 * harness_add(name, ops, priority, post_priority):
 * One more module, before harness_start(). It takes part in every
 * notification that it has a callback for.
 */
void harness_add(const char *name, const struct bh_module_ops *ops,
    enum bh_priority priority, enum bh_priority post_priority);

/* harness_geometry(): of the next harness_start(), to be changed before it. */
struct segment_geometry *harness_geometry(void);

/* harness_start(): the worker is up and waits for its master's word. */
void harness_start(void);

/* harness_serve(ops): one module, called "module", and start. */
void harness_serve(const struct bh_module_ops *ops);

/* harness_worker(): all of it, while it stands still. */
struct worker *harness_worker(void);

/* harness_stat(stat), harness_module_stat(module, stat): figures. */
uint64_t harness_stat(uint32_t stat);
uint64_t harness_module_stat(uint32_t module, uint32_t stat);

/*
 * harness_run(): let the worker run until it would sleep; take its reports.
 * harness_settles(turns): the same with a bound; false when it never would.
 */
void harness_run(void);
bool harness_settles(unsigned turns);

/*
 * harness_advance(ms): let the clock go on by so much, then by somewhat more
 * than a second in which every connection's time limit is looked at.
 * harness_tick(ms): the clock only; nothing runs.
 */
void harness_advance(int64_t ms);
void harness_tick(int64_t ms);

/* harness_message(bytes, size, fds, count): the master says something. */
void harness_message(
    const void *bytes, size_t size, const int *fds, size_t count);

/* harness_drain(): the master says DRAIN. harness_finished(): it has ended. */
void harness_drain(void);
bool harness_finished(void);

/* harness_master_ends(): the master's socket is closed. */
void harness_master_ends(void);

/*
 * harness_teardown(state): drain, and see that nothing is left: connections,
 * requests, buffers, records, stacks.
 */
int harness_teardown(void **state);

/*
 * note(format, ...): a word of a callback, words are joined by one blank.
 * harness_notes(): what was noted since the last call of it.
 */
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *harness_notes(void);

/*
 * harness_logged(text): how many lines of the log had that text, "module:
 * text" or "worker: text", since the last harness_log_clear().
 */
unsigned harness_logged(const char *text);
void harness_log_clear(void);

/* harness_reports(): the reports since the last call: "taken 0.1 ...". */
const char *harness_reports(void);

/*
 * harness_post(ticket, bytes, status): bh_ticket_post() from a thread of its
 * own, which ends.
 */
int harness_post(const struct bh_ticket *ticket, uint32_t bytes, int status);

/* harness_in_thread(function, argument): run it elsewhere, to its end. */
void harness_in_thread(void (*function)(void *), void *argument);

/* What callbacks do most: set the body to a text; write more of it. */
void answer(struct bh_context *context, const char *text);
int write_text(struct bh_context *context, const char *text, bool more);

/* A client. Its connection's other end is the worker's. */
struct client {
	int fd;
	int kept; /* the master's copy of the worker's end */
	uint32_t slot, generation;
	char *bytes; /* received */
	size_t length, capacity;
	char *text; /* the same as text, see client_text() */
	bool tcp;
	bool eof;   /* the end has come */
	bool reset; /* or this */
	bool refused;
	enum close_how closed; /* as the worker has reported, or 0 */
	struct client *next;
};

enum client_kind {
	CLIENT_UNIX,
	CLIENT_TCP,
};

/*
 * client_open(kind): connected, handed over, and taken by the worker.
 * client_new(kind): only connected; client_hand_over(client) does the rest
 * but for running the worker. They live until the teardown.
 */
struct client *client_open(enum client_kind kind);
struct client *client_new(enum client_kind kind);
void client_hand_over(struct client *client);

/* client_send(client, text), client_send_bytes(...): all of it, or fail. */
void client_send(struct client *client, const char *text);
void client_send_bytes(struct client *client, const void *bytes, size_t length);

/* client_shut(client): its FIN. client_abort(client): its RST. */
void client_shut(struct client *client);
void client_abort(struct client *client);

/* client_drop(client): close its end, whatever that means. */
void client_drop(struct client *client);

/*
 * client_read(client): run the worker and take what has come, until nothing
 * comes any more.
 */
void client_read(struct client *client);

/* client_take(client, length): wait for so many bytes in all, or the end. */
void client_take(struct client *client, size_t length);

/* client_wait_end(client): until its connection's end has come. */
void client_wait_end(struct client *client);

/* client_wait_closed(client): until the worker has reported it closed. */
void client_wait_closed(struct client *client);

/*
 * client_expect(client, text): wait for the answers, and nothing else, and
 * forget them. Server and Date, which the server adds, are left out, as they
 * are in client_text().
 */
#define client_expect(client, expected)                             \
	do {                                                        \
		client_wait_text((client), strlen(expected));       \
		assert_string_equal(client_text(client), expected); \
		client_forget(client);                              \
	} while (0)
const char *client_text(struct client *client);
void client_wait_text(struct client *client, size_t length);
void client_forget(struct client *client);

/* client_slot_state(client), client_place(client): its slot's. */
enum slot_state client_slot_state(const struct client *client);
struct slot_request client_place(const struct client *client);

/* client_conn(client): the worker's connection, or NULL. */
struct conn *client_conn(const struct client *client);

/* For harness.c: a word for harness_reports(). */
void harness_report(const char *word);

/* For harness.c: find one by its name; close all ends; forget all. */
struct client *clients_find(uint32_t slot, uint32_t generation);
void clients_drop(void);
void clients_free(void);

#endif
