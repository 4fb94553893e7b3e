/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entries with fields, as the journal's socket gets them. The journal here is
 * a socket of ours.
 */
#include "unit.h"

#include "shm/activity.h"
#include "shm/base/clock.h"
#include "shm/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	ENTRY = 4096,
	FLOOD = 20000
};

struct journal {
	char folder[64];
	struct sockaddr_un address;
	int fd;
};

static int
prepare(void **state)
{
	static struct journal journal;

	memset(&journal, 0, sizeof(journal));
	(void)snprintf(
	    journal.folder, sizeof(journal.folder), "/tmp/bulkhead-log-XXXXXX");
	assert_non_null(mkdtemp(journal.folder));
	journal.address.sun_family = AF_UNIX;
	(void)snprintf(journal.address.sun_path,
	    sizeof(journal.address.sun_path), "%s/socket", journal.folder);
	journal.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(journal.fd >= 0);
	assert_int_equal(
	    0, bind(journal.fd, (const struct sockaddr *)&journal.address,
		   sizeof(journal.address)));
	log_init("test", 3);
	log_set_level(LOG_INFO);
	assert_int_equal(0, log_open_journal(journal.address.sun_path));
	*state = &journal;
	return (0);
}

static int
clean(void **state)
{
	struct journal *journal = *state;

	log_close_journal();
	if (journal->fd != -1)
		(void)close(journal->fd);
	(void)unlink(journal->address.sun_path);
	assert_int_equal(0, rmdir(journal->folder));
	return (0);
}

/* The next entry, or "" when there is none. */
static const char *
take(const struct journal *journal)
{
	static char entry[ENTRY + 1];
	ssize_t got;

	got = recv(journal->fd, entry, ENTRY, MSG_DONTWAIT);
	entry[got > 0 ? got : 0] = '\0';
	return (entry);
}

static void
an_entry_has_fields(void **state)
{
	const struct log_field fields[] = {
		{ "MODULE", "faulty" },
		{ "ABSENT", NULL },
		{ "SIGNAL", "SIGSEGV" },
	};

	log_fields(LOG_ERR, fields, 3, "worker %d died", 2);
	assert_string_equal("MESSAGE=worker 2 died\nPRIORITY=3\n"
			    "SYSLOG_IDENTIFIER=test\nWORKER=3\n"
			    "MODULE=faulty\nSIGNAL=SIGSEGV\n",
	    take(*state));
	log_init("alone", 0);
	log_info("i");
	assert_string_equal(
	    "MESSAGE=i\nPRIORITY=6\nSYSLOG_IDENTIFIER=alone\n", take(*state));
	log_debug("hidden");
	log_fields(LOG_DEBUG, fields, 3, "hidden");
	assert_string_equal("", take(*state));
}

static void
a_modules_entry_names_module_request_and_step(void **state)
{
	log_module(LOG_NOTICE, "hello", request_id_make(3, 17), "begin_request",
	    "text %s");
	assert_string_equal("MESSAGE=hello request=3-17: text %s\nPRIORITY=5\n"
			    "SYSLOG_IDENTIFIER=test\nWORKER=3\nMODULE=hello\n"
			    "REQUEST_ID=3-17\nNOTIFICATION=begin_request\n",
	    take(*state));
	log_module(LOG_NOTICE, NULL, 0, NULL, "text");
	assert_string_equal("MESSAGE=text\nPRIORITY=5\n"
			    "SYSLOG_IDENTIFIER=test\nWORKER=3\n",
	    take(*state));
}

static void
no_text_can_forge_a_field(void **state)
{
	const struct log_field field = { "MODULE", "a\nMESSAGE=b" };

	log_fields(LOG_INFO, &field, 1, "%s", "x\nPRIORITY=0");
	assert_string_equal("MESSAGE=x\\x0aPRIORITY=0\nPRIORITY=6\n"
			    "SYSLOG_IDENTIFIER=test\nWORKER=3\n"
			    "MODULE=a\\x0aMESSAGE=b\n",
	    take(*state));
}

static void
a_long_message_is_cut_and_keeps_its_fields(void **state)
{
	char text[3 * ENTRY];
	const struct log_field fields[] = {
		{ "LONG", text },
		{ "MODULE", "m" },
	};
	const char *entry, *end;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_fields(LOG_INFO, fields, 2, "%s", text);
	entry = take(*state);
	end = strchr(entry, '\n');
	assert_non_null(end);
	assert_memory_equal("x...", end - 4, 4);
	assert_string_equal("\nPRIORITY=6\nSYSLOG_IDENTIFIER=test\nWORKER=3\n"
			    "MODULE=m\n",
	    end);
}

/* Nobody reads while we write much more than the socket holds. */
static void
a_full_journal_loses_entries_and_not_time(void **state)
{
	uint64_t began = clock_now(), elapsed;
	unsigned told = 0, lost = 0;
	const char *entry;

	for (int i = 0; i < FLOOD; i++)
		log_info("flood");
	elapsed = clock_now() - began;
	assert_true(elapsed < 10 * CLOCK_NS_PER_SEC);
	while (*(entry = take(*state)) != '\0')
		told++;
	assert_true(told > 0 && told < FLOOD);
	log_info("after");
	assert_memory_equal("MESSAGE=after\n", take(*state), 14);
	assert_int_equal(1,
	    sscanf(take(*state), "MESSAGE=%u log messages were lost", &lost));
	assert_int_equal(FLOOD, told + lost);
	log_info("again");
	assert_memory_equal("MESSAGE=again\n", take(*state), 14);
	assert_string_equal("", take(*state));
}

/* What standard error gets while ${work} runs. */
static void
capture(void (*work)(void), char *ret_text, size_t size)
{
	int saved = dup(STDERR_FILENO), ends[2];
	ssize_t got;

	assert_int_equal(0, pipe2(ends, O_CLOEXEC | O_NONBLOCK));
	assert_true(dup2(ends[1], STDERR_FILENO) != -1);
	work();
	assert_true(dup2(saved, STDERR_FILENO) != -1);
	(void)close(saved);
	(void)close(ends[1]);
	got = read(ends[0], ret_text, size - 1);
	ret_text[got > 0 ? got : 0] = '\0';
	(void)close(ends[0]);
}

static void
say_something(void)
{
	log_err("something");
}

static void
without_the_journal_it_is_a_line(void **state)
{
	struct journal *journal = *state;
	char text[256];

	(void)close(journal->fd);
	journal->fd = -1;
	capture(say_something, text, sizeof(text));
	assert_string_equal("<3>test 3: something\n", text);
}

static void
begin_anew_with_another_stream(void)
{
	struct stat status;
	char stream[64];

	/* Ours is the pipe; the journal's stream was something else. */
	assert_int_equal(0, fstat(STDERR_FILENO, &status));
	(void)snprintf(stream, sizeof(stream), "%ju:%ju",
	    (uintmax_t)status.st_dev, (uintmax_t)status.st_ino + 1);
	assert_int_equal(0, setenv("JOURNAL_STREAM", stream, 1));
	log_init("test", 3);
	log_err("something");
	assert_int_equal(0, unsetenv("JOURNAL_STREAM"));
}

static void
a_replaced_standard_error_is_respected(void **state)
{
	char text[256];

	log_close_journal();
	capture(begin_anew_with_another_stream, text, sizeof(text));
	assert_string_equal("<3>test 3: something\n", text);
	assert_string_equal("", take(*state));
}

static void
errors_are_told(void **state)
{
	char path[256];

	(void)state;
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(-ENAMETOOLONG, log_open_journal(path));
	assert_int_equal(-ENOENT, log_open_journal("/nonexistent/socket"));
	log_info("i");
	assert_memory_equal("MESSAGE=i\n", take(*state), 10);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, prepare, clean)

static const struct CMUnitTest tests[] = {
	CASE(an_entry_has_fields),
	CASE(a_modules_entry_names_module_request_and_step),
	CASE(no_text_can_forge_a_field),
	CASE(a_long_message_is_cut_and_keeps_its_fields),
	CASE(a_full_journal_loses_entries_and_not_time),
	CASE(without_the_journal_it_is_a_line),
	CASE(a_replaced_standard_error_is_respected),
	CASE(errors_are_told),
};

UNIT_MAIN(tests)
