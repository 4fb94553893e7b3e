/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One entry in the journal for a death. The journal here is a socket of ours.
 */
#include "master/obituary.h"

#include "master/master.h"
#include "shm/activity.h"
#include "shm/base/log.h"
#include "tests/unit/master/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	ENTRY = 4096
};

struct journal {
	char folder[64];
	struct sockaddr_un address;
	int fd;
	char entry[ENTRY + 1];
};

static int
prepare(void **state)
{
	static struct journal journal;

	(void)snprintf(journal.folder, sizeof(journal.folder),
	    "/tmp/bulkhead-obituary-XXXXXX");
	assert_non_null(mkdtemp(journal.folder));
	journal.address.sun_family = AF_UNIX;
	(void)snprintf(journal.address.sun_path,
	    sizeof(journal.address.sun_path), "%s/socket", journal.folder);
	journal.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(journal.fd >= 0);
	assert_int_equal(
	    bind(journal.fd, (const struct sockaddr *)&journal.address,
		sizeof(journal.address)),
	    0);
	log_init("test", 0);
	assert_int_equal(log_open_journal(journal.address.sun_path), 0);
	*state = &journal;
	return (0);
}

static int
clean(void **state)
{
	struct journal *journal = *state;

	log_close_journal();
	(void)close(journal->fd);
	(void)unlink(journal->address.sun_path);
	return (rmdir(journal->folder));
}

/* Publish, and read the one entry there must be. */
static void
publish(struct journal *journal, const struct crash *crash)
{
	const struct obituary obituary = { .text = "worker 2 died",
		.unexpected = true };
	ssize_t got;

	obituary_publish(&obituary, crash);
	got = recv(journal->fd, journal->entry, ENTRY, MSG_DONTWAIT);
	assert_true(got > 0);
	journal->entry[got] = '\0';
	assert_int_equal(recv(journal->fd, &(char){ 0 }, 1, MSG_DONTWAIT), -1);
}

static bool
has(const struct journal *journal, const char *line)
{
	char text[256];

	(void)snprintf(text, sizeof(text), "\n%s\n", line);
	return (strstr(journal->entry, text) != NULL);
}

static void
an_entry_names_the_culprit(void **state)
{
	static const char *const lines[] = {
		"MESSAGE_ID=5c6ff9f5a3f94ee0a0a3e9b7e2d1c84b",
		"PRIORITY=3",
		"CRASH_ID=20260101T000000.000000Z-9",
		"WORKER=2",
		"WORKER_PID=4711",
		"SIGNAL=SIGSEGV",
		"CAUSE=own",
		"MODULE=faulty",
		"MODULE_FILE=/modules/faulty.so",
		"BUILD_ID=0123456789abcdef",
		"NOTIFICATION=begin_request",
		"REQUEST_ID=3-17",
		"METHOD=GET",
		"TARGET=/faulty",
		"CLIENT=127.0.0.1:5",
	};
	struct crash crash = {
		.id = "20260101T000000.000000Z-9",
		.worker = 2,
		.pid = 4711,
		.signal = SIGSEGV,
		.known = true,
		.culprit = { .name = "faulty",
		    .step_name = "begin_request",
		    .request = request_id_make(3, 17) },
		.file = "/modules/faulty.so",
		.build_id = "0123456789abcdef",
		.method = "GET",
		.target = "/faulty",
		.client = "127.0.0.1:5",
	};
	struct journal *journal = *state;

	publish(journal, &crash);
	assert_memory_equal(journal->entry, "MESSAGE=worker 2 died\n", 22);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (!has(journal, lines[i]))
			fail_msg("no %s in %s", lines[i], journal->entry);
	assert_null(strstr(journal->entry, "EXIT_STATUS"));
}

static void
what_is_not_known_is_no_field(void **state)
{
	struct crash crash = {
		.worker = 1, .status = 3, .cause = CAUSE_OUTSIDE
	};
	struct journal *journal = *state;

	publish(journal, &crash);
	assert_true(has(journal, "EXIT_STATUS=3"));
	assert_true(has(journal, "CAUSE=outside"));
	assert_null(strstr(journal->entry, "SIGNAL="));
	assert_null(strstr(journal->entry, "MODULE"));
	assert_null(strstr(journal->entry, "REQUEST_ID"));
	assert_null(strstr(journal->entry, "CLIENT"));
}

static bool
is_news(const struct worker *worker, int code, int status)
{
	const siginfo_t end = { .si_code = code, .si_status = status };
	struct obituary obituary;

	obituary_write(worker, &end, CAUSE_OWN, &obituary);
	assert_int_equal(obituary.unexpected, obituary.text[0] != '\0');
	return (obituary.unexpected);
}

/* It was told to end; who ends it before it has is another matter. */
static void
an_end_in_order_leaves_nothing_and_a_kill_is_ours(void **state)
{
	struct master master = { .phase = MASTER_SERVING };
	struct worker worker = { .master = &master, .number = 1 };
	struct connection connection = { .owner = &worker.owner };

	(void)state;
	connection_owner_init(&worker.owner);
	assert_true(is_news(&worker, CLD_EXITED, 0));
	assert_true(is_news(&worker, CLD_KILLED, SIGKILL));
	for (int i = 0; i < 2; i++) {
		worker.retired = i == 0;
		master.phase = i == 0 ? MASTER_SERVING : MASTER_DRAINING;
		assert_false(is_news(&worker, CLD_EXITED, 0));
		assert_true(is_news(&worker, CLD_EXITED, 1));
		assert_true(is_news(&worker, CLD_KILLED, SIGKILL));
		assert_true(is_news(&worker, CLD_DUMPED, SIGSEGV));
		TAILQ_INSERT_TAIL(&worker.owner.list, &connection, link);
		assert_true(is_news(&worker, CLD_EXITED, 0));
		worker.killed = true;
		assert_false(is_news(&worker, CLD_KILLED, SIGKILL));
		worker.killed = false;
		TAILQ_REMOVE(&worker.owner.list, &connection, link);
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    an_entry_names_the_culprit, prepare, clean),
		cmocka_unit_test_setup_teardown(
		    what_is_not_known_is_no_field, prepare, clean),
		cmocka_unit_test(
		    an_end_in_order_leaves_nothing_and_a_kill_is_ours),
	};

	return (RUN_TESTS(argc, argv, tests));
}
