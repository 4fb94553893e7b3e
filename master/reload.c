/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reloading without loss. Runs in the master.
 *
 *	wanted -> read, checked, bound -> trial: all workers READY -> switched
 *	             '---------------------'-------> failed: the old ones serve
 *on
 */
#include "master/reload.h"

#include "master/command.h"
#include "master/master.h"
#include "master/recycle.h"
#include "shm/base/clock.h"
#include "shm/base/log.h"

#include <bsd/string.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
	ANSWER_TEXT = sizeof(((struct message_answer *)0)->text),
};

uint32_t
reload_number(const struct master *master)
{
	return (master->reload.number + 1);
}

/* Nothing has changed. */
static void
refuse(struct master *master, int error, const char *text)
{
	static const char nothing[] = "not reloaded, nothing has changed: ";
	char answer[ANSWER_TEXT];

	(void)strlcpy(answer, nothing, sizeof(answer));
	(void)strlcat(answer, text, sizeof(answer));
	log_err("%s%s", nothing, text);
	notify_reloaded(master, text);
	control_tell_reload(
	    &master->control, master->reload.number, error, answer);
}

/* What holds for the whole life of a server. */
static void
warn_of_fixed(const struct config *old, const struct config *new)
{
	if (strcmp(old->control, new->control) != 0)
		log_warn("the control socket stays %s until the next start",
		    old->control);
	if (strcmp(old->control_group == NULL ? "" : old->control_group,
		new->control_group == NULL ? "" : new->control_group) != 0)
		log_warn("the control socket's group stays as it is until the "
			 "next start");
	if (old->slots_max != new->slots_max)
		log_warn("there is room for as many connections as before "
			 "until the next start");
}

/* The new workers have it already if the operator hasn't changed it. */
static void
set_log_level(struct master *master, int level)
{
	if (master->log_level != level)
		command_log_level(master, level);
}

/* How many workers of all generations run or are meant to. */
static uint32_t
count_workers(const struct master *master)
{
	const struct generation *generation;
	uint32_t count = 0;

	TAILQ_FOREACH(generation, &master->generations, link)
	{
		count += generation_workers(generation);
	}
	return (count);
}

/*
 * The reserve of descriptors is for two generations. False, and why, when this
 * one doesn't fit in beside the one that serves.
 */
static bool
fits(const struct master *master, const struct config *config,
    struct reason *why)
{
	uint32_t now = generation_workers(master->generation), more = 0;

	for (uint32_t i = 0; i < config->pool_count; i++)
		more += config->pools[i]->workers +
			(uint32_t)config->pools[i]->spares + 1;
	if (now + more <= master->workers_max)
		return (true);
	(void)reason_set(why, -EMFILE,
	    "descriptors are reserved for %u workers, and there would be %u "
	    "while one generation follows the other; restart the server, or "
	    "raise its limit of open files first",
	    (unsigned)master->workers_max, (unsigned)(now + more));
	return (false);
}

/* What is under quarantine stays there, but for another build. */
static void
carry_quarantine(struct generation *old, struct generation *next, bool tell)
{
	struct pool *heir;

	for (uint32_t i = 0; i < old->pool_count; i++) {
		heir = generation_heir(&old->pools[i], next);
		if (heir != NULL)
			quarantine_carry(&old->pools[i], heir, tell);
	}
}

/* Where nobody has asked for a listener it may have been systemd's choice. */
static void
keep_default_listeners(const struct config *old, struct config *new)
{
	if (!old->listeners_default || !new->listeners_default)
		return;
	memcpy(new->listeners, old->listeners, sizeof(new->listeners));
	new->listener_count = old->listener_count;
}

/* Everything up to the start of the workers. */
static int
prepare(struct master *master, struct reason *why)
{
	struct generation *next;
	struct config *config;
	struct address admin;
	int error;

	if (master->source.read == NULL)
		return (reason_set(
		    why, -ENOTSUP, "there is no configuration to read again"));
	error = master->source.read(master->source.argument, &config, why);
	if (error != 0)
		return (error);
	keep_default_listeners(master->config, config);
	if (!fits(master, config, why)) {
		config_free(config);
		return (-EMFILE);
	}
	error = generation_create(master, config, &next);
	if (error != 0)
		return (reason_set(why, error, "out of memory"));
	error = 0;
	if (config->admin != NULL)
		error = admin_address(config->admin, &admin, why);
	if (error == 0)
		error = acceptor_prepare(&master->acceptor, next, why);
	if (error != 0) {
		generation_abandon(next);
		return (error);
	}
	master->reload.next = next;
	return (0);
}

static void
begin(struct master *master)
{
	struct reload *reload = &master->reload;
	struct reason why;
	int error;

	reload->wanted = reload->waits = false;
	reload->number++;
	reload->began_ns = clock_now();
	log_info("reloading");
	notify_reloading(master);
	error = prepare(master, &why);
	if (error != 0) {
		refuse(master, error, why.text);
		return;
	}
	carry_quarantine(master->generation, reload->next, false);
	generation_start(reload->next);
}

/* Those that still finish take up memory and descriptors. */
static bool
has_room(const struct master *master)
{
	const struct generation *generation;
	uint32_t count = 0;

	TAILQ_FOREACH(generation, &master->generations, link)
	{
		count++;
	}
	return (count < RELOAD_GENERATIONS_MAX &&
		(count == 1 || count_workers(master) +
				       generation_workers(master->generation) <=
				   master->workers_max));
}

void
reload_step(struct master *master)
{
	struct reload *reload = &master->reload;

	/* A program on trial has copies of the listeners that there are. */
	if (!reload->wanted || reload->next != NULL ||
	    master->phase != MASTER_SERVING ||
	    master->upgrade.state == UPGRADE_TRIED)
		return;
	if (has_room(master)) {
		begin(master);
		return;
	}
	if (!reload->waits)
		log_info("the reload waits until an older generation has "
			 "finished its requests (drain-limit)");
	reload->waits = true;
}

void
reload_want(struct master *master)
{
	master->reload.wanted = true;
	if (master->phase == MASTER_SERVING)
		reload_step(master);
	else
		reload_cancel(master, "the server isn't serving");
}

void
reload_ready(struct master *master)
{
	struct reload *reload = &master->reload;
	struct generation *next = reload->next, *old = master->generation;
	char answer[ANSWER_TEXT];

	reload->next = NULL;
	warn_of_fixed(old->config, next->config);
	carry_quarantine(old, next, true);
	next->state = GENERATION_SERVING;
	next->served = true;
	/* Listeners that are gone: the last of them to the old workers. */
	master->generation = next;
	master->config = next->config;
	set_log_level(master, next->config->log_level);
	acceptor_switch(&master->acceptor, next);
	admin_follow(&master->admin, next->config);
	generation_retire(old, next);
	for (uint32_t i = 0; i < next->pool_count; i++)
		quarantine_tell(&next->pools[i]);
	recycle_start(master);
	(void)snprintf(answer, sizeof(answer),
	    "generation %u serves: %u workers, %u modules, after %u ms",
	    (unsigned)next->number, (unsigned)server_count_regular(master),
	    (unsigned)generation_modules(next),
	    (unsigned)((clock_now() - reload->began_ns) / CLOCK_NS_PER_MS));
	log_info("%s", answer);
	notify_reloaded(master, NULL);
	control_tell_reload(&master->control, reload->number, 0, answer);
	reload_step(master);
}

void
reload_fail(struct master *master, const char *text)
{
	struct reload *reload = &master->reload;
	struct generation *next = reload->next;

	if (next == NULL)
		return;
	reload->next = NULL;
	acceptor_abandon(&master->acceptor);
	generation_abandon(next);
	refuse(master, -ECANCELED, text);
	/* The next one begins when this one's workers are gone. */
}

void
reload_cancel(struct master *master, const char *text)
{
	struct reload *reload = &master->reload;

	reload_fail(master, text);
	if (!reload->wanted)
		return;
	reload->wanted = reload->waits = false;
	reload->number++;
	refuse(master, -ECANCELED, text);
}
