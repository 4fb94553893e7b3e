/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which modules a request concerns: by its path, and by who is in quarantine.
 *
 * Life of a request, step 6 of 11.
 */
#include "worker/module.h"
#include "worker/site.h"

#include <string.h>

bool
module_is_quarantined(const struct modules *modules, size_t id)
{
	return ((modules->quarantined >> id & 1) != 0);
}

void
module_set_scope(struct bh_registration *module, const char *path)
{
	size_t length = strlen(path);

	/* "/" is everything; "/a/" and "/a" are the same. */
	while (length > 0 && path[length - 1] == '/')
		length--;
	module->scope = length == 0 ? NULL : path;
	module->scope_length = length;
}

/* A NUL ends a path for who reads a C string, so it may be this place. */
static bool
is_in_scope(
    const struct bh_registration *module, const char *path, size_t length)
{
	size_t scope = module->scope_length;

	return (module->scope == NULL ||
		(length >= scope && memcmp(path, module->scope, scope) == 0 &&
		    (length == scope || path[scope] == '/' ||
			path[scope] == '\0')));
}

uint32_t
modules_for(const struct modules *modules, const char *path, size_t length,
    uint32_t *ret_missing)
{
	char plain[HTTP_TARGET_MAX];
	size_t plain_length = 0, i;
	uint32_t taking = 0;
	bool asked = false;

	*ret_missing = 0;
	for (i = 0; i < modules->count; i++) {
		if (!is_in_scope(&modules->list[i], path, length)) {
			if (!asked && !site_path_is_plain(path, length))
				plain_length =
				    site_path_normalise(path, length, plain);
			asked = true;
			if (!is_in_scope(
				&modules->list[i], plain, plain_length))
				continue;
		}
		if (!module_is_quarantined(modules, i))
			taking |= UINT32_C(1) << i;
		else if (!modules->list[i].optional)
			*ret_missing |= UINT32_C(1) << i;
	}
	return (taking);
}
