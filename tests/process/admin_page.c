/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The status page in a real browser: it loads without a complaint and shows
 * what the server has done. Skipped where there is no Chromium.
 */
#include "tests/support/admin.h"
#include "tests/support/process.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	LONG_MS = 20000,
	BROWSER_MS = 120000, /* its start takes long on a loaded machine */
};

static const char *
browser(void)
{
	static const char *const names[] = { "chromium",
		"chromium-headless-shell", "chromium-browser",
		"google-chrome" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (process_have(names[i]))
			return (names[i]);
	print_message("no Chromium here (apt-get install chromium)\n");
	skip();
	return (NULL);
}

/* What the page is after some seconds of its time, and the console's words. */
static void
load(const struct server *admin, const char *query,
    struct process_result *ret_result)
{
	const char *program = browser();
	char profile[] = "/tmp/bulkhead-browser-XXXXXX";
	char option[64], url[128];
	struct process_result removed;

	assert_non_null(mkdtemp(profile));
	(void)snprintf(option, sizeof(option), "--user-data-dir=%s", profile);
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/%s",
	    (unsigned)admin->port, query);
	process_run(
	    (const char *const[]){ program, "--headless", "--no-sandbox",
		"--disable-gpu", option, "--virtual-time-budget=4000",
		"--enable-logging=stderr", "--dump-dom", url, NULL },
	    BROWSER_MS, ret_result);
	process_run((const char *const[]){ "rm", "-rf", profile, NULL },
	    LONG_MS, &removed);
	process_result_free(&removed);
}

static void
expect(const struct process_result *result, const char *words)
{
	if (strstr(result->output, words) == NULL)
		fail_msg("no \"%s\" in: %s", words, result->output);
}

static void
it_shows_what_the_server_does(void **state)
{
	static char trouble[256];
	struct process_result result;
	struct server *server, admin;
	struct client client;
	char fragment[128];
	json_t *list;
	size_t length;
	char *console;

	(void)state;
	(void)browser();
	server_module("trouble", trouble, sizeof(trouble));
	server = server_start("-w", "2", "-m", "hello", "-m", trouble, "-o",
	    "admin=127.0.0.1:0", NULL);
	server->crash_expected = true;
	admin_of(server, &admin);
	for (int i = 0; i < 7; i++)
		client_expect_get(server, "/hello", 200, NULL);
	client_open(&client, server);
	client_send_text(
	    &client, "GET /trouble/crash HTTP/1.1\r\nHost: a\r\n\r\n");
	admin_wait(&admin, "/api/crashes", 200, "/trouble/crash", LONG_MS);
	client_close(&client);
	admin_wait(&admin, "/ready", 200, NULL, LONG_MS);

	load(&admin, "", &result);
	console = strstr(result.output, "CONSOLE");
	if (console != NULL) {
		length = strcspn(console, "\n");
		fail_msg("the console: %.*s", (int)length, console);
	}
	expect(&result, "<span class=\"word\">serving</span>");
	expect(&result, ">Worker 1<");
	expect(&result, ">Worker 2<");
	expect(&result, "class=\"water\"");
	expect(&result, "<th scope=\"row\" class=\"\">hello</th>");
	expect(&result, "GET /trouble/crash");
	expect(&result, "SIGSEGV");
	expect(&result, "begin request");
	expect(&result, "aria-label=\"Requests a second: 2xx ");
	expect(&result, "class=\"series c0\"");
	process_result_free(&result);

	list = admin_json(&admin, "/api/crashes");
	(void)snprintf(fragment, sizeof(fragment), "#crash=%s",
	    json_string_value(json_object_get(json_array_get(list, 0), "id")));
	json_decref(list);
	load(&admin, fragment, &result);
	assert_null(strstr(result.output, "CONSOLE"));
	expect(&result, "<dialog id=\"crash\" aria-labelledby=\"crash-title\" "
			"open=\"\">");
	expect(&result, "<dt>Notification</dt><dd>begin request</dd>");
	process_result_free(&result);
	server_stop(server);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		PROCESS_TEST(it_shows_what_the_server_does),
	};

	return (RUN_TESTS(argc, argv, tests));
}
