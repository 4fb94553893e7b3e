/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Log lines, as they leave on standard error.
 */
#include "unit.h"

#include "shm/activity.h"
#include "shm/base/log.h"
#include "shm/base/panic.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	LINE = 2048,
	THREADS = 4,
	LINES = 200
};

/* Standard error goes into a pipe; what came out of it. */
struct capture {
	int saved;
	int pipe[2];
	char text[LINE * 4];
};

static void
capture_begin(struct capture *capture)
{
	capture->saved = dup(STDERR_FILENO);
	assert_true(capture->saved != -1);
	assert_int_equal(0, pipe2(capture->pipe, O_CLOEXEC | O_NONBLOCK));
	assert_true(dup2(capture->pipe[1], STDERR_FILENO) != -1);
}

static void
capture_end(struct capture *capture)
{
	ssize_t got;

	assert_true(dup2(capture->saved, STDERR_FILENO) != -1);
	(void)close(capture->saved);
	(void)close(capture->pipe[1]);
	got = read(capture->pipe[0], capture->text, sizeof(capture->text) - 1);
	capture->text[got > 0 ? got : 0] = '\0';
	(void)close(capture->pipe[0]);
}

static int
prepare(void **state)
{
	(void)state;
	log_init("test", 3);
	log_set_level(LOG_INFO);
	return (0);
}

static void
a_line_names_priority_program_and_number(void **state)
{
	struct capture capture;

	(void)state;
	capture_begin(&capture);
	log_err("%s is %d", "this", 1);
	log_warn("w");
	log_init("alone", 0);
	log_info("i");
	capture_end(&capture);
	assert_string_equal(
	    "<3>test 3: this is 1\n<4>test 3: w\n<6>alone: i\n", capture.text);
}

static void
messages_below_the_level_are_dropped(void **state)
{
	struct capture capture;

	(void)state;
	capture_begin(&capture);
	log_debug("hidden");
	log_set_level(LOG_ERR);
	log_warn("hidden");
	log_module(LOG_INFO, "m", 0, NULL, "hidden");
	log_err("shown");
	log_set_level(LOG_DEBUG);
	log_debug("shown");
	capture_end(&capture);
	assert_string_equal(
	    "<3>test 3: shown\n<7>test 3: shown\n", capture.text);
}

static void
no_text_can_forge_a_line(void **state)
{
	struct capture capture;

	(void)state;
	capture_begin(&capture);
	log_info("%s", "a\n<0>kernel: b\r\x1b[2J\x7f\tend");
	log_module(LOG_INFO, "m\n", 0, NULL, "x\ny");
	/* U+009B begins a terminal's commands; U+00E9 is a letter. */
	log_info("%s", "\xc2\x9b \xc3\xa9 \xc3\x9b \xc2");
	capture_end(&capture);
	assert_string_equal("<6>test 3: a\\x0a<0>kernel: b\\x0d\\x1b[2J\\x7f"
			    "\\x09end\n"
			    "<6>test 3: m\\x0a: x\\x0ay\n"
			    "<6>test 3: \\xc2\x9b \xc3\xa9 \xc3\x9b \xc2\n",
	    capture.text);
}

static void
a_modules_line_names_module_and_request(void **state)
{
	struct capture capture;

	(void)state;
	capture_begin(&capture);
	log_module(LOG_NOTICE, "hello", request_id_make(3, 17),
	    "begin_request", "text %s");
	log_module(LOG_NOTICE, "hello", 0, NULL, "text");
	log_module(
	    LOG_NOTICE, NULL, request_id_make(65535, 1), NULL, "text");
	log_module(LOG_NOTICE, NULL, 0, NULL, "text");
	capture_end(&capture);
	assert_string_equal("<5>test 3: hello request=3-17: text %s\n"
			    "<5>test 3: hello: text\n"
			    "<5>test 3: request=65535-1: text\n"
			    "<5>test 3: text\n",
	    capture.text);
}

static void
a_long_line_is_cut_and_says_so(void **state)
{
	char text[3 * LINE];
	struct capture capture;
	size_t length;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	capture_begin(&capture);
	log_info("%s", text);
	capture_end(&capture);
	length = strlen(capture.text);
	assert_int_equal(LINE, length);
	assert_string_equal("xxx...\n", capture.text + length - 7);

	memset(text, '\n', sizeof(text) - 1);
	capture_begin(&capture);
	log_module(LOG_INFO, "m", 0, NULL, text);
	capture_end(&capture);
	length = strlen(capture.text);
	assert_true(length <= LINE && length > LINE - 8);
	assert_string_equal("\\x0a...\n", capture.text + length - 8);
	assert_ptr_equal(capture.text + length - 1, strchr(capture.text, '\n'));

	/* What would fit behind the cut is not put there: 3 bytes are left. */
	log_init("te", 3);
	capture_begin(&capture);
	log_module(LOG_INFO, text, 0, NULL, "zz");
	capture_end(&capture);
	length = strlen(capture.text);
	assert_string_equal("\\x0a...\n", capture.text + length - 8);
}

static void
errno_survives_even_a_failed_write(void **state)
{
	struct capture capture;

	(void)state;
	capture_begin(&capture);
	(void)close(STDERR_FILENO);
	errno = ENOTTY;
	log_err("lost");
	log_module(LOG_ERR, "m", 1, NULL, "lost");
	assert_int_equal(ENOTTY, errno);
	capture_end(&capture);
	assert_string_equal("", capture.text);
}

static void *
write_lines(void *argument)
{
	int i;

	(void)argument;
	for (i = 0; i < LINES; i++)
		log_info("a line of %d words", 5);
	return (NULL);
}

static void
lines_of_several_threads_do_not_mix(void **state)
{
	const char wanted[] = "<6>test 3: a line of 5 words\n";
	pthread_t threads[THREADS];
	struct capture capture;
	const char *line;
	size_t i;

	(void)state;
	capture_begin(&capture);
	for (i = 0; i < THREADS; i++)
		assert_int_equal(
		    0, pthread_create(&threads[i], NULL, write_lines, NULL));
	for (i = 0; i < THREADS; i++)
		assert_int_equal(0, pthread_join(threads[i], NULL));
	capture_end(&capture);
	for (line = capture.text, i = 0; i < 200; i++) {
		assert_memory_equal(wanted, line, sizeof(wanted) - 1);
		line += sizeof(wanted) - 1;
	}
}

static void
panic_says_where_and_aborts(void **state)
{
	const struct rlimit no_core = { 0, 0 };
	struct capture capture;
	int status;
	pid_t child;

	(void)state;
	capture_begin(&capture);
	child = fork();
	if (child == 0) {
		(void)setrlimit(RLIMIT_CORE, &no_core);
		(void)signal(SIGABRT, SIG_DFL);
		bh_assert(1 + 1 == 3);
		_exit(0);
	}
	(void)waitpid(child, &status, 0);
	capture_end(&capture);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(SIGABRT, WTERMSIG(status));
	assert_memory_equal("<2>test 3: ", capture.text, 11);
	assert_non_null(strstr(capture.text, ": broken: 1 + 1 == 3\n"));
	assert_non_null(strstr(capture.text, "log.c:"));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup(
	    a_line_names_priority_program_and_number, prepare),
	cmocka_unit_test_setup(messages_below_the_level_are_dropped, prepare),
	cmocka_unit_test_setup(no_text_can_forge_a_line, prepare),
	cmocka_unit_test_setup(
	    a_modules_line_names_module_and_request, prepare),
	cmocka_unit_test_setup(a_long_line_is_cut_and_says_so, prepare),
	cmocka_unit_test_setup(errno_survives_even_a_failed_write, prepare),
	cmocka_unit_test_setup(lines_of_several_threads_do_not_mix, prepare),
	cmocka_unit_test_setup(panic_says_where_and_aborts, prepare),
};

UNIT_MAIN(tests)
