/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finding our own files. Runs in the master before anything is opened.
 */
#include "master/paths.h"

#include "master/access_log.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The parts, one after the other, in new memory; NULL when there is none. */
static char *
join(const char *folder, const char *relative, const char *name,
    const char *suffix)
{
	char path[PATH_MAX];
	int length;

	length = snprintf(
	    path, sizeof(path), "%s%s%s%s", folder, relative, name, suffix);
	if (length < 0 || (size_t)length >= sizeof(path))
		return (NULL);
	return (strdup(path));
}

/* Take ${path} (which may be NULL) for *${place} if the file is there. */
static bool
take_if_there(char **place, char *path, int mode)
{
	struct stat status;

	if (path != NULL && stat(path, &status) == 0 &&
	    S_ISREG(status.st_mode) && access(path, mode) == 0) {
		*place = path;
		return (true);
	}
	free(path);
	return (false);
}

static int
find_program(
    char **place, const char *program, const char *folder, struct reason *why)
{
	if (*place != NULL)
		return (0);
	if (take_if_there(place, join(folder, "/", program, ""), X_OK) ||
	    take_if_there(place,
		join(folder, "/../libexec/bulkhead/", program, ""), X_OK))
		return (0);
	return (reason_set(why, -ENOENT,
	    "there is no program %s in %s nor in %s/../libexec/bulkhead",
	    program, folder, folder));
}

/* A file with a slash: as it stands, absolute, for workers of any day. */
static int
find_module_file(
    struct config_module *module, const char *suffix, struct reason *why)
{
	char here[PATH_MAX];

	here[0] = '\0';
	if (module->file[0] != '/' && getcwd(here, sizeof(here)) == NULL)
		return (reason_set(why, -errno,
		    "the current folder has no name: %s", strerror(errno)));
	if (take_if_there(&module->path,
		join(here, here[0] == '\0' ? "" : "/", module->file, suffix),
		R_OK))
		return (0);
	return (reason_set(why, -ENOENT,
	    "module %s: there is no readable file %s%s", module->name,
	    module->file, suffix));
}

static int
find_module(
    struct config_module *module, const char *folder, struct reason *why)
{
	size_t length = strlen(module->file);
	const char *suffix;

	if (module->path != NULL)
		return (0);
	suffix = ".so";
	if (length > 3 && strcmp(module->file + length - 3, ".so") == 0)
		suffix = "";
	if (strchr(module->file, '/') != NULL)
		return (find_module_file(module, suffix, why));
	if (take_if_there(&module->path,
		join(folder, "/../modules/", module->file, suffix), R_OK) ||
	    take_if_there(&module->path,
		join(folder, "/../lib/bulkhead/modules/", module->file, suffix),
		R_OK) ||
	    take_if_there(&module->path,
		join(BULKHEAD_MODULE_DIR, "/", module->file, suffix), R_OK))
		return (0);
	return (reason_set(why, -ENOENT,
	    "module %s: there is no readable file %s%s in %s/../modules, "
	    "%s/../lib/bulkhead/modules or %s; write ./%s%s for one in the "
	    "current folder",
	    module->name, module->file, suffix, folder, folder,
	    BULKHEAD_MODULE_DIR, module->file, suffix));
}

static int
find_modules(struct config_pool *pool, const char *folder, struct reason *why)
{
	int error = 0;

	for (uint32_t i = 0; error == 0 && i < pool->module_count; i++)
		error = find_module(&pool->modules[i], folder, why);
	return (error);
}

/*
 * Make our folder for the control socket. In /tmp others may have been there
 * first, so what stands there must be a folder of ours that only we can write.
 */
static int
make_folder(const char *folder, mode_t mode, struct reason *why)
{
	struct stat status;

	if (mkdir(folder, mode) != 0 && errno != EEXIST)
		return (reason_set(why, -errno,
		    "can't make the folder %s for the control socket: %s; "
		    "name another place with --control PATH",
		    folder, strerror(errno)));
	if (lstat(folder, &status) != 0 || !S_ISDIR(status.st_mode) ||
	    status.st_uid != geteuid() || (status.st_mode & 022) != 0)
		return (reason_set(why, -EPERM,
		    "%s is not a folder that only we can write, so it can't "
		    "hold the control socket; name another place with "
		    "--control PATH",
		    folder));
	return (0);
}

/* systemd makes the folders that it names; the first is the main one. */
static char *
systemd_folder(const char *variable)
{
	const char *folders = getenv(variable);
	char folder[PATH_MAX];
	size_t length;

	if (folders == NULL || *folders != '/')
		return (NULL);
	length = strcspn(folders, ":");
	if (length >= sizeof(folder))
		return (NULL);
	memcpy(folder, folders, length);
	folder[length] = '\0';
	return (strdup(folder));
}

static char *
own_folder(mode_t *ret_mode)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char number[32];

	*ret_mode = 0755;
	if (geteuid() == 0)
		return (strdup("/run/bulkhead"));
	*ret_mode = 0700;
	if (runtime != NULL && *runtime == '/')
		return (join(runtime, "/bulkhead", "", ""));
	(void)snprintf(number, sizeof(number), "%u", (unsigned)geteuid());
	return (join("/tmp", "/bulkhead-", number, ""));
}

static int
find_control(struct config *config, struct reason *why)
{
	char *folder;
	mode_t mode;
	int error = 0;

	if (config->control != NULL)
		return (0);
	folder = systemd_folder("RUNTIME_DIRECTORY");
	if (folder == NULL) {
		folder = own_folder(&mode);
		if (folder != NULL)
			error = make_folder(folder, mode, why);
	}
	if (folder != NULL && error == 0)
		config->control = join(folder, "/", "control.sock", "");
	free(folder);
	if (error == 0 && config->control == NULL)
		error = reason_set(why, -ENOMEM, "out of memory");
	return (error);
}

/* It is made when the first file is to be written. */
static int
find_state_dir(struct config *config, struct reason *why)
{
	const char *state = getenv("XDG_STATE_HOME");
	const char *home = getenv("HOME");

	if (config->state_dir != NULL)
		return (0);
	config->state_dir = systemd_folder("STATE_DIRECTORY");
	if (config->state_dir != NULL)
		return (0);
	if (geteuid() == 0)
		config->state_dir = strdup("/var/lib/bulkhead");
	else if (state != NULL && *state == '/')
		config->state_dir = join(state, "/bulkhead", "", "");
	else if (home != NULL && *home == '/')
		config->state_dir =
		    join(home, "/.local/state/bulkhead", "", "");
	else
		config->state_dir = strdup(""); /* nowhere to write */
	if (config->state_dir == NULL)
		return (reason_set(why, -ENOMEM, "out of memory"));
	return (0);
}

int
paths_resolve_from(
    struct config *config, const char *folder, struct reason *why)
{
	int error;

	error = find_program(&config->worker, "bulkhead-worker", folder, why);
	if (error == 0 && config->admin != NULL)
		error = find_program(
		    &config->admin_program, "bulkhead-admin", folder, why);
	for (uint32_t i = 0; error == 0 && i < config->pool_count; i++)
		error = find_modules(config->pools[i], folder, why);
	for (uint32_t i = 0; error == 0 && i < config->pool_count; i++)
		error = access_log_check(config->pools[i], why);
	/* -t serves nobody, so it needs no control socket. */
	if (error == 0 && !config->check)
		error = find_control(config, why);
	if (error == 0)
		error = find_state_dir(config, why);
	return (error);
}

int
paths_resolve(struct config *config, struct reason *why)
{
	char self[PATH_MAX];
	char *slash;
	ssize_t length;

	length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (length < 0)
		return (reason_set(why, -errno,
		    "can't tell where this program stands: /proc/self/exe: %s",
		    strerror(errno)));
	self[length] = '\0';
	slash = strrchr(self, '/');
	if (slash != NULL)
		*slash = '\0';
	return (paths_resolve_from(config, self, why));
}
