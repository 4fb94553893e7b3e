/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bulkhead-admin: metrics and a status page. Executed by the master, with the
 * listening socket as descriptor 3 and a way to ask the master as 4; it ends
 * when the master does.
 */
#include "shm/admin/confine.h"
#include "shm/admin/http.h"
#include "shm/admin/watcher.h"
#include "shm/base/clock.h"
#include "shm/base/log.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	LISTENER = 3,
	CONTROL = 4,
};

static int
fail(const char *what, int error)
{
	log_err("can't %s: %s", what, strerror(-error));
	return (EXIT_FAILURE);
}

static bool
is_socket(int fd, int type)
{
	socklen_t size = sizeof(int);
	int value;

	return (getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &size) == 0 &&
		value == type);
}

/* The first look comes before the first answer. */
static int
serve(struct watcher *watcher)
{
	struct http *http = NULL;
	uint64_t next_ns = clock_now();
	bool alive;
	int error;

	alive = watcher_look(watcher);
	error = http_start(LISTENER, watcher, &http);
	if (error != 0)
		return (fail("serve HTTP", error));
	error = confine_calls();
	if (error != 0)
		return (fail("give up system calls", error));
	while (alive) {
		next_ns += HISTORY_STEP_MS * CLOCK_NS_PER_MS;
		if (next_ns < clock_now())
			next_ns = clock_now(); /* we were late: no hurry */
		alive = watcher_wait(watcher, next_ns);
		http_sweep(http);
		if (alive)
			alive = watcher_look(watcher);
	}
	http_stop(http);
	return (EXIT_SUCCESS);
}

int
main(int argc, char **argv)
{
	static struct watcher watcher;
	int error;

	(void)argv;
	log_init("bulkhead-admin", 0);
	if (argc != 1 || !is_socket(LISTENER, SOCK_STREAM) ||
	    !is_socket(CONTROL, SOCK_SEQPACKET)) {
		log_err("this program is started by bulkhead only: set "
			"admin=127.0.0.1:9090 there");
		return (2);
	}
	(void)signal(SIGPIPE, SIG_IGN);
	error = confine_user();
	if (error != 0)
		return (fail("give up privileges", error));
	error = confine_resources();
	if (error != 0)
		return (fail("limit resources", error));
	error = watcher_init(&watcher, CONTROL);
	if (error != 0)
		return (fail("start", error));
	return (serve(&watcher));
}
