/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A master that serves, written down and read again. Runs in the master.
 */
#include "master/kept_master.h"

#include "master/kept_config.h"
#include "master/let_go.h"
#include "master/master.h"
#include "shm/base/log.h"

#include <bsd/string.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool
is_calm(const struct worker *worker)
{
	return (worker->state == WORKER_DOWN ||
		worker->state == WORKER_SERVING ||
		worker->state == WORKER_RETIRING ||
		worker->state == WORKER_DRAINING);
}

bool
kept_master_is_calm(const struct master *master)
{
	const struct pool *pool;

	if (master->phase != MASTER_SERVING || master->reload.next != NULL ||
	    master->reload.wanted || let_go_busy())
		return (false);
	TAILQ_FOREACH(pool, &master->pools, link)
	{
		for (uint32_t i = 0; i < pool->worker_count; i++)
			if (!is_calm(&pool->workers[i]))
				return (false);
	}
	return (true);
}

static json_t *
save_path(const struct unix_socket *path, struct kept *kept)
{
	json_t *object = json_object();

	kept_set(object, "fd", kept_fd(kept, path->fd));
	kept_set(object, "path", kept_string(path->address.sun_path));
	kept_set(object, "device", json_integer((json_int_t)path->device));
	kept_set(object, "inode", json_integer((json_int_t)path->inode));
	return (object);
}

static void
load_path(struct unix_socket *path, const json_t *object)
{
	const char *text = kept_text(object, "path");

	memset(path, 0, sizeof(*path));
	path->fd = (int)kept_number(object, "fd", -1);
	path->address.sun_family = AF_UNIX;
	if (text != NULL)
		(void)strlcpy(path->address.sun_path, text,
		    sizeof(path->address.sun_path));
	path->device = (dev_t)kept_number(object, "device", 0);
	path->inode = (ino_t)kept_number(object, "inode", 0);
}

static json_t *
save_listener(const struct listener *listener, struct kept *kept)
{
	json_t *object = json_object();

	/* Of a path it is the same descriptor. */
	if (listener->path.fd != -1)
		kept_set(object, "unix", save_path(&listener->path, kept));
	else
		kept_set(object, "fd", kept_fd(kept, listener->fd));
	kept_set(object, "name", kept_string(listener->name));
	kept_set(object, "given", json_boolean(listener->given));
	return (object);
}

static json_t *
save_generation(
    const struct generation *generation, bool serves, struct kept *kept)
{
	json_t *object = json_object(), *pools = json_array();

	for (uint32_t i = 0; i < generation->pool_count; i++)
		(void)json_array_append_new(
		    pools, kept_pool_save(&generation->pools[i], kept));
	kept_set(object, "number", json_integer(generation->number));
	kept_set(object, "serves", json_boolean(serves));
	kept_set(object, "served", json_boolean(generation->served));
	kept_set(object, "config", kept_config_save(generation->config));
	kept_set(object, "pools", pools);
	return (object);
}

int
kept_master_save(const struct master *master, struct kept *kept)
{
	json_t *root = kept->root;
	json_t *generations = json_array(), *listeners = json_array();
	const struct generation *generation;

	TAILQ_FOREACH(generation, &master->generations, link)
	{
		(void)json_array_append_new(
		    generations, save_generation(generation,
				     generation == master->generation, kept));
	}
	for (size_t i = 0; i < master->acceptor.now.count; i++)
		(void)json_array_append_new(listeners,
		    save_listener(master->acceptor.now.listeners[i], kept));
	kept_set(root, "version", json_integer(KEPT_VERSION));
	kept_set(root, "program", kept_string(BULKHEAD_VERSION));
	kept_set(root, "message_version", json_integer(MESSAGE_VERSION));
	kept_set(root, "segment_version", json_integer(SEGMENT_VERSION));
	kept_set(root, "generations", generations);
	kept_set(root, "listeners", listeners);
	kept_set(root, "control", save_path(&master->control.listener, kept));
	if (master->retired.memory != NULL)
		kept_set(root, "retired", kept_fd(kept, master->retired.fd));
	kept_set(root, "slots", json_integer(master->connections.max));
	kept_set(root, "workers_max", json_integer(master->workers_max));
	kept_set(root, "accepted",
	    json_integer((json_int_t)master->acceptor.accepted));
	kept_set(root, "generation_numbers",
	    json_integer(master->generation_numbers));
	kept_set(root, "incarnations", json_integer(master->incarnations));
	kept_set(
	    root, "started_ns", json_integer((json_int_t)master->started_ns));
	kept_set(root, "log_level", json_integer(master->log_level));
	kept_set(root, "workers_started",
	    json_integer((json_int_t)master->workers_started));
	kept_set(root, "workers_died",
	    json_integer((json_int_t)master->workers_died));
	return (kept_connections_save(master, root, kept));
}

int
kept_master_check(const json_t *root, struct reason *why)
{
	const char *program = kept_text(root, "program");

	if (kept_number(root, "version", 0) == KEPT_VERSION &&
	    kept_number(root, "message_version", 0) == MESSAGE_VERSION &&
	    kept_number(root, "segment_version", 0) == SEGMENT_VERSION)
		return (0);
	return (reason_set(why, -EPROTO,
	    "bulkhead " BULKHEAD_VERSION " can't take over the workers of "
	    "bulkhead %s: they speak another language; restart the server",
	    program == NULL ? "?" : program));
}

static int
load_generation(struct master *master, const json_t *object, struct reason *why)
{
	struct generation *generation;
	struct config *config;
	const json_t *pool;
	size_t i;
	int error;

	error =
	    kept_config_load(json_object_get(object, "config"), &config, why);
	if (error != 0)
		return (error);
	error = generation_create(master, config, &generation);
	if (error != 0)
		return (reason_set(why, error, "out of memory"));
	generation->number = (uint32_t)kept_number(object, "number", 0);
	generation->served = kept_flag(object, "served");
	generation->state = GENERATION_RETIRED;
	if (kept_flag(object, "serves")) {
		generation->state = GENERATION_SERVING;
		master->generation = generation;
		master->config = generation->config;
	}
	json_array_foreach(json_object_get(object, "pools"), i, pool)
	{
		if (error == 0 && i < generation->pool_count)
			error =
			    kept_pool_load(&generation->pools[i], pool, why);
	}
	return (error);
}

/* In the order of the configuration of the generation that serves. */
static int
load_listeners(struct master *master, const json_t *array, struct reason *why)
{
	const struct config *config = master->config;
	struct listener *listener;
	const json_t *object;
	const char *name;
	size_t i;
	int error = 0, fd;

	if (json_array_size(array) != config->listener_count)
		return (reason_set(why, -EINVAL, "a listener is missing"));
	json_array_foreach(array, i, object)
	{
		listener = malloc(sizeof(*listener));
		name = kept_text(object, "name");
		if (listener == NULL || name == NULL) {
			free(listener);
			return (reason_set(why, -ENOMEM, "out of memory"));
		}
		fd = (int)kept_number(json_object_get(object, "unix"), "fd",
		    kept_number(object, "fd", -1));
		error = listener_adopt(listener, fd, name, why);
		if (error != 0) {
			free(listener);
			return (error);
		}
		listener->given = kept_flag(object, "given");
		if (json_object_get(object, "unix") != NULL)
			load_path(
			    &listener->path, json_object_get(object, "unix"));
		acceptor_restore(&master->acceptor, listener,
		    &config->listeners[i].address,
		    &master->generation->pools[config->listeners[i].pool]);
	}
	return (error);
}

/* ${fd} stays open: another image may have to go on with it. */
static void
load_retired(struct master *master, int fd)
{
	if (fd != -1 && retired_take_over(&master->retired, fd) == 0)
		return;
	if (retired_create(&master->retired) != 0 || fd != -1)
		log_warn("the figures of workers that are gone are lost");
}

static void
load_figures(struct master *master, const json_t *root)
{
	master->workers_max = (uint32_t)kept_number(root, "workers_max", 0);
	master->acceptor.accepted = (uint64_t)kept_number(root, "accepted", 0);
	master->generation_numbers =
	    (uint32_t)kept_number(root, "generation_numbers", 0);
	master->incarnations = (uint32_t)kept_number(root, "incarnations", 0);
	master->started_ns = (uint64_t)kept_number(root, "started_ns", 0);
	master->workers_started =
	    (uint64_t)kept_number(root, "workers_started", 0);
	master->workers_died = (uint64_t)kept_number(root, "workers_died", 0);
	master->log_level =
	    (int)kept_number(root, "log_level", master->config->log_level);
	load_retired(master, (int)kept_number(root, "retired", -1));
}

int
kept_master_load(struct master *master, const json_t *root, struct reason *why)
{
	int64_t slots = kept_number(root, "slots", 0);
	struct unix_socket control;
	const json_t *generation;
	size_t i;
	int error;

	error = kept_master_check(root, why);
	if (error == 0 &&
	    (slots < 1 || slots > SEGMENT_SLOTS_MAX ||
		connections_init(&master->connections, (uint32_t)slots) != 0))
		error = reason_set(why, -ENOMEM, "out of memory");
	json_array_foreach(json_object_get(root, "generations"), i, generation)
	{
		if (error == 0)
			error = load_generation(master, generation, why);
	}
	if (error == 0 && master->generation == NULL)
		error = reason_set(why, -EINVAL, "no generation serves");
	if (error == 0)
		error = load_listeners(
		    master, json_object_get(root, "listeners"), why);
	if (error == 0)
		error = kept_connections_load(master, root, why);
	if (error != 0)
		return (error);
	load_figures(master, root);
	load_path(&control, json_object_get(root, "control"));
	return (control_adopt(&master->control, master, &control, why));
}
