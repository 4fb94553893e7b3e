/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sections of a configuration file.
 */
#include "master/sections.h"

#include <string.h>

#define SCOPE(name) (1u << SCOPE_##name)

const struct section sections[SECTION_COUNT] = {
	[SECTION_ROOT] = {
		.name = "root",
		.inside = SECTION_COUNT,
		.scopes = SCOPE(SERVER),
		.help = "Settings of the server as a whole stand outside of "
			"all sections.",
	},
	[SECTION_LISTEN] = {
		.name = "listen",
		.inside = SECTION_ROOT,
		.scopes = SCOPE(LISTEN),
		.title = "127.0.0.1:8080",
		.help = "Listen at an address: 127.0.0.1:8080, [::1]:8080, "
			":8080 for every address of the machine, or "
			"unix:PATH. Port 0 takes any free one.",
	},
	[SECTION_POOL] = {
		.name = "pool",
		.inside = SECTION_ROOT,
		.scopes = SCOPE(POOL),
		.title = "main",
		.help = "Worker processes that run the same modules, as the "
			"same user, with the same limits.",
	},
	[SECTION_MODULE] = {
		.name = "module",
		.inside = SECTION_POOL,
		.scopes = SCOPE(MODULE),
		.title = "hello",
		.help = "A module of the pool, by the name that logs and "
			"figures give it. At each step modules are called "
			"by their priority, then in the order of the file.",
	},
	[SECTION_SETTINGS] = {
		.name = "settings",
		.inside = SECTION_MODULE,
		.free = true,
		.example = "text = \"Hi\"",
		.help = "The module's own settings; its manual has them. One "
			"that it doesn't know is an error.",
	},
	[SECTION_SECRETS] = {
		.name = "secrets",
		.inside = SECTION_MODULE,
		.free = true,
		.example = "password = \"/etc/bulkhead/password\"",
		.help = "Settings of the module whose values are read from "
			"files, which others than owner and group can't "
			"read. A name without / is a credential of the "
			"service, a file in $CREDENTIALS_DIRECTORY. The "
			"server never writes these values anywhere.",
	},
	[SECTION_SITE] = {
		.name = "site",
		.inside = SECTION_ROOT,
		.scopes = SCOPE(SITE) | SCOPE(RULE),
		.title = "example",
		.help = "What the workers of a pool do with requests for some "
			"hosts. A whole name goes before a wildcard, a "
			"longer wildcard before a shorter one.",
	},
	[SECTION_PATH] = {
		.name = "path",
		.inside = SECTION_SITE,
		.scopes = SCOPE(RULE),
		.title = "/api",
		.help = "Requests for that path and for what is below it; the "
			"longest path that fits holds. What isn't given here "
			"is as in the site, but for deny and redirect.",
	},
};

enum section_id
section_find(const char *name)
{
	enum section_id id;

	for (id = SECTION_ROOT; id < SECTION_COUNT; id++)
		if (strcmp(sections[id].name, name) == 0)
			break;
	return (id);
}

const struct setting *
section_setting(enum section_id id, const char *name)
{
	const struct setting *settings;
	size_t count;

	settings = settings_list(&count);
	for (size_t i = 0; i < count; i++)
		if (section_has(&sections[id], &settings[i]) &&
		    strcmp(settings[i].name, name) == 0)
			return (&settings[i]);
	return (NULL);
}
