/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A real Prometheus scrapes /metrics and finds in it what the server has done.
 * Skipped where there is none.
 */
#include "tests/support/admin.h"
#include "tests/support/process.h"

#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	LONG_MS = 60000,
	STOP_MS = 20000,
	STEP_MS = 200,
};

struct prometheus {
	pid_t pid;
	char folder[48];
	char log[80];
	struct server web; /* for client.h and admin.h */
};

/* One that was free a moment ago: it can't tell which it took by itself. */
static uint16_t
free_port(void)
{
	struct sockaddr_in in = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t size = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &size), 0);
	(void)close(fd);
	return (ntohs(in.sin_port));
}

static void
write_config(const struct prometheus *p, const struct server *admin)
{
	char path[96];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/prometheus.yml", p->folder);
	file = fopen(path, "w");
	assert_non_null(file);
	(void)fprintf(file,
	    "scrape_configs:\n"
	    "  - job_name: bulkhead\n"
	    "    scrape_interval: 1s\n"
	    "    static_configs:\n"
	    "      - targets: ['127.0.0.1:%u']\n",
	    (unsigned)admin->port);
	assert_int_equal(fclose(file), 0);
}

static void
start(struct prometheus *p, const struct server *admin)
{
	char config[96], data[96], listen[64];

	memset(p, 0, sizeof(*p));
	(void)snprintf(
	    p->folder, sizeof(p->folder), "/tmp/bulkhead-prometheus-XXXXXX");
	assert_non_null(mkdtemp(p->folder));
	(void)snprintf(p->log, sizeof(p->log), "%s/log", p->folder);
	write_config(p, admin);
	p->web = *admin;
	p->web.port = free_port();
	(void)snprintf(config, sizeof(config),
	    "--config.file=%s/prometheus.yml", p->folder);
	(void)snprintf(
	    data, sizeof(data), "--storage.tsdb.path=%s/data", p->folder);
	(void)snprintf(listen, sizeof(listen),
	    "--web.listen-address=127.0.0.1:%u", (unsigned)p->web.port);
	p->pid = process_spawn(
	    (const char *const[]){ "prometheus", config, data, listen, NULL },
	    p->log);
}

static void
stop(struct prometheus *p)
{
	struct process_result removed;
	int status;

	(void)kill(p->pid, SIGTERM);
	if (!process_wait(p->pid, STOP_MS, &status)) {
		(void)kill(p->pid, SIGKILL);
		(void)process_wait(p->pid, STOP_MS, &status);
	}
	process_run((const char *const[]){ "rm", "-rf", p->folder, NULL },
	    STOP_MS, &removed);
	process_result_free(&removed);
}

/* A query's only value is "${value}", sooner or later. */
static void
expect(const struct prometheus *p, const char *query, const char *value)
{
	char target[256], words[32];

	(void)snprintf(target, sizeof(target), "/api/v1/query?query=%s", query);
	(void)snprintf(words, sizeof(words), ",\"%s\"]", value);
	admin_wait(&p->web, target, 200, words, LONG_MS);
}

/* All of ${from} in ${text}, which is freed. */
static char *
replace(char *text, const char *from, const char *to)
{
	const char *at = text, *found;
	char *result = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&result, &length);

	assert_non_null(out);
	while ((found = strstr(at, from)) != NULL) {
		(void)fprintf(out, "%.*s%s", (int)(found - at), at, to);
		at = found + strlen(from);
	}
	(void)fputs(at, out);
	assert_int_equal(fclose(out), 0);
	free(text);
	return (result);
}

/* Does a query have an answer? An error fails the test. */
static bool
has_answer(const struct prometheus *p, const char *query)
{
	struct process_result result;
	char url[80];
	bool has;

	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/api/v1/query",
	    (unsigned)p->web.port);
	process_run((const char *const[]){ "curl", "-s", "-m", "20", "-G",
			"--data-urlencode", query, url, NULL },
	    LONG_MS, &result);
	if (strstr(result.output, "\"status\":\"success\"") == NULL)
		fail_msg("%s: %s", query, result.output);
	has = strstr(result.output, "\"result\":[]") == NULL;
	process_result_free(&result);
	return (has);
}

/* It is valid, and sooner or later there is something to be shown. */
static void
expect_answer(const struct prometheus *p, const char *expression)
{
	const int64_t deadline = test_deadline(LONG_MS);
	char *query;

	assert_true(asprintf(&query, "query=%s", expression) > 0);
	query = replace(query, "$__rate_interval", "1m");
	query = replace(query, "$job", ".*");
	query = replace(query, "$instance", ".*");
	while (!has_answer(p, query)) {
		if (test_left_ms(deadline) == 0)
			fail_msg("no answer to: %s", query);
		test_sleep_ms(STEP_MS);
	}
	free(query);
}

/* Whatever the Grafana dashboard asks for can be asked for. */
static void
expect_dashboard(const struct prometheus *p)
{
	const char *path = getenv("BULKHEAD_DASHBOARD");
	json_t *dashboard, *panel, *target;
	size_t asked = 0, i, k;

	assert_non_null(path);
	dashboard = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(dashboard);
	json_array_foreach(json_object_get(dashboard, "panels"), i, panel)
	{
		json_array_foreach(json_object_get(panel, "targets"), k, target)
		{
			expect_answer(p,
			    json_string_value(json_object_get(target, "expr")));
			asked++;
		}
	}
	assert_in_range(asked, 20, 1000);
	json_decref(dashboard);
}

static void
it_scrapes_and_understands(void **state)
{
	struct prometheus p;
	struct server *server, admin;

	(void)state;
	if (!process_have("prometheus")) {
		print_message(
		    "no Prometheus here (apt-get install prometheus)\n");
		skip();
	}
	server = server_start("-w", "2", "-m", "hello", "-m", "delay", "-o",
	    "admin=127.0.0.1:0", NULL);
	admin_of(server, &admin);
	for (int i = 0; i < 7; i++)
		client_expect_get(server, "/hello", 200, NULL);
	client_expect_get(server, "/delay?ms=20", 200, NULL);
	start(&p, &admin);
	expect(&p, "up", "1");
	expect(&p, "bulkhead_requests_total", "8");
	/* An OpenMetrics histogram is one to it: quantiles can be asked for. */
	expect(&p, "bulkhead_request_time_seconds_count", "8");
	expect(&p,
	    "histogram_quantile(1,bulkhead_request_time_seconds_bucket)%3Ebool("
	    "0.01)",
	    "1");
	expect_dashboard(&p);
	stop(&p);
	server_stop(server);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		PROCESS_TEST(it_scrapes_and_understands),
	};

	return (RUN_TESTS(argc, argv, tests));
}
