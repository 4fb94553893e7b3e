/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sections of a configuration file: which settings and which sections may
 * stand in each. The settings themselves are in settings.def.
 */
#ifndef MASTER_SECTIONS_H
#define MASTER_SECTIONS_H

#include "master/settings.h"

enum section_id {
	SECTION_ROOT, /* the file itself */
	SECTION_LISTEN,
	SECTION_POOL,
	SECTION_MODULE,
	SECTION_SETTINGS,
	SECTION_SECRETS,
	SECTION_SITE,
	SECTION_PATH,
	SECTION_COUNT,
};

struct section {
	const char *name;
	enum section_id inside;
	unsigned scopes;     /* a bit each: whose settings stand in it */
	bool free;           /* key = value, whatever the key */
	const char *title;   /* of the example; NULL: it has no title */
	const char *example; /* of a free one: its contents; or NULL */
	const char *help;
};

/* By enum section_id. */
extern const struct section sections[SECTION_COUNT];

/* section_has(section, setting): may it stand there? */
static inline bool
section_has(const struct section *section, const struct setting *setting)
{
	return ((section->scopes >> setting->scope & 1) != 0);
}

/*
 * section_find(name): SECTION_COUNT when there is none. section_setting(id,
 * name): NULL when there is none.
 */
enum section_id section_find(const char *name);
const struct setting *section_setting(enum section_id id, const char *name);

#endif
