/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trouble: at its paths it does what the master must notice.
 *
 *	/trouble/crash    SIGSEGV in begin_request
 *	/trouble/break    a breakpoint in begin_request
 *	/trouble/alarm    SIGABRT by a timer of its own in begin_request
 *	/trouble/hang     spins for ever in begin_request
 *	/trouble/deaf     the same, and SIGABRT doesn't help
 *	/trouble/stubborn from now on SIGABRT doesn't help
 *	/trouble/trap     from now on SIGUSR2 makes it spin for ever, in no
 *	                  callback
 *	/trouble/kill     kill(2) with SIGKILL, /trouble/raise by raise(3),
 *	/trouble/end      SIGTERM
 *	/trouble/doze     200 ms in begin_request, then goes on
 *	/trouble/nap      900 ms in begin_request, then goes on
 *	/trouble/quit     the same, then exit(0)
 *	/trouble/grow     takes 64 MiB and keeps them
 *	load=crash        SIGSEGV in bh_register_module()
 *	load=FILE         the same while FILE is there
 */
#include "answer.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
	GROWTH = 64 << 20
};

/* A sanitizer's handler would take its time and change the signal. */
static void
crash(void)
{
	(void)signal(SIGSEGV, SIG_DFL);
	(void)raise(SIGSEGV);
}

/* As the assertions of some libraries end. */
static void
breakpoint(void)
{
#if defined(__x86_64__)
	__asm__ volatile("int3");
#else
	(void)raise(SIGTRAP);
#endif
}

/* As a module's own watchdog might end it. */
static void
alarm_rings(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL,
		.sigev_signo = SIGABRT };
	const struct itimerspec soon = { .it_value.tv_nsec = 1000000 };
	const struct timespec nap = { .tv_sec = 10 };
	timer_t timer;

	if (timer_create(CLOCK_MONOTONIC, &event, &timer) == 0 &&
	    timer_settime(timer, 0, &soon, NULL) == 0)
		(void)nanosleep(&nap, NULL);
}

static void
spin(int signal_number)
{
	volatile bool on = true;

	(void)signal_number;
	while (on)
		continue;
}

static enum bh_notification_status
on_begin_request(
    void *self, struct bh_context *context, struct bh_event_provider *provider)
{
	const struct timespec nap = { .tv_nsec = 900 * 1000 * 1000 };
	const struct timespec doze = { .tv_nsec = 200 * 1000 * 1000 };
	void *memory;

	(void)self;
	(void)provider;
	if (path_is(context, "/trouble/trap")) {
		(void)signal(SIGUSR2, spin);
		return (answer(context, "set\n"));
	}
	if (path_is(context, "/trouble/crash"))
		crash();
	if (path_is(context, "/trouble/kill"))
		(void)kill(getpid(), SIGKILL);
	if (path_is(context, "/trouble/raise"))
		(void)raise(SIGKILL);
	if (path_is(context, "/trouble/end"))
		(void)raise(SIGTERM);
	if (path_is(context, "/trouble/break")) {
		breakpoint();
		return (answer(context, "went on\n"));
	}
	if (path_is(context, "/trouble/alarm")) {
		alarm_rings();
		return (answer(context, "went on\n"));
	}
	if (path_is(context, "/trouble/deaf") ||
	    path_is(context, "/trouble/stubborn"))
		(void)signal(SIGABRT, SIG_IGN);
	if (path_is(context, "/trouble/hang") ||
	    path_is(context, "/trouble/deaf"))
		spin(0);
	if (path_is(context, "/trouble/nap") ||
	    path_is(context, "/trouble/quit"))
		(void)nanosleep(&nap, NULL);
	if (path_is(context, "/trouble/quit"))
		exit(0);
	if (path_is(context, "/trouble/doze"))
		(void)nanosleep(&doze, NULL);
	if (path_is(context, "/trouble/grow")) {
		memory = malloc(GROWTH);
		if (memory != NULL)
			memset(memory, 1, GROWTH);
		return (answer(context, "%p\n", memory)); /* never freed */
	}
	if (path_is(context, "/trouble") || path_is(context, "/trouble/nap") ||
	    path_is(context, "/trouble/stubborn"))
		return (answer(context, "none\n"));
	return (BH_CONTINUE);
}

static const struct bh_module_ops ops = {
	.size = sizeof(ops),
	.on_begin_request = on_begin_request,
};

int
bh_register_module(uint32_t server_version,
    struct bh_registration *registration, struct bh_server *server)
{
	const char *load = bh_registration_setting(registration, "load");

	/* The server keeps to it; asked, so that it isn't a mistake. */
	(void)bh_registration_setting(registration, "path");

	(void)server_version;
	(void)server;
	if (load != NULL &&
	    (strcmp(load, "crash") == 0 || access(load, F_OK) == 0))
		crash();
	return (bh_registration_set_request_notifications(
	    registration, &ops, NULL, BH_RQ_BEGIN_REQUEST, 0));
}

BH_MODULE();
