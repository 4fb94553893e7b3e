/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a configuration file: it is good, and then a worker understands
 * what it is told of the sites; or there are lines that say why not, each with
 * the file and a line that it has.
 */
#include <bsd/stdlib.h>
#include <ctype.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "master/config_file.h"
#include "master/config_site.h"
#include "tests/fuzz/fuzz.h"
#include "worker/site.h"

/* What libconfuse doesn't free when it stops in the middle isn't ours. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(
    void);
const char *
__lsan_default_suppressions(void)
{
	return ("leak:libconfuse\n");
}

static size_t
add_string(char *list, size_t used, const char *string)
{
	size_t size = strlen(string) + 1;

	if (list != NULL)
		memcpy(list + used, string, size);
	return (used + size);
}

static void
check_site(const struct config *config, const struct config_site *site)
{
	size_t size = config_site_write(site, add_string, NULL, 0);
	char *list = malloc(size);
	struct sites sites;

	MUST(list != NULL);
	MUST(site->pool < config->pool_count);
	MUST(config_site_write(site, add_string, list, 0) == size);
	MUST(sites_parse(&sites, list, size, 1) == 0);
	MUST(site_find_rule(&sites.list[0], "/a", 2) != NULL);
	sites_free(&sites);
	free(list);
}

static void
check_config(const struct config *config)
{
	MUST(config->pool_count >= 1);
	for (size_t i = 0; i < config->listener_count; i++)
		MUST(config->listeners[i].pool < config->pool_count);
	for (uint32_t i = 0; i < config->pool_count; i++) {
		MUST(config->pools[i]->name != NULL);
		MUST(config->pools[i]->module_count >= 1);
		MUST(config->pools[i]->workers <= CONFIG_WORKERS_MAX);
		MUST(config->pools[i]->limits.idle_ms >= 100);
	}
	for (uint32_t i = 0; i < config->site_count; i++)
		check_site(config, config->sites[i]);
}

/* "PATH: ..." or "PATH:LINE: ...", unless it is of a file that is included. */
static void
check_line(const char *line, const char *path, long lines)
{
	size_t length = strlen(path);
	char *end;
	long number;

	MUST(strchr(line, ':') != NULL);
	if (strncmp(line, path, length) != 0)
		return;
	MUST(line[length] == ':');
	if (!isdigit((unsigned char)line[length + 1]))
		return;
	number = strtol(line + length + 1, &end, 10);
	MUST(number >= 1 && number <= lines && *end == ':');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config *config = config_new();
	struct config_errors errors;
	char path[64];
	long lines = 1;
	int fd = memfd_create("config", MFD_CLOEXEC);

	MUST(config != NULL && fd >= 0);
	MUST(write(fd, data, size) == (ssize_t)size);
	for (size_t i = 0; i + 1 < size; i++)
		lines += data[i] == '\n';
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	config_file_read(path, config, &errors);
	if (errors.count == 0)
		check_config(config);
	for (size_t i = 0; i < errors.count && i < CONFIG_ERRORS_MAX; i++)
		check_line(config_errors_line(&errors, i), path, lines);
	config_errors_free(&errors);
	config_free(config);
	(void)close(fd);
	return (0);
}
