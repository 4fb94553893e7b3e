/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sites: which rule a request falls under, by its host and its path. The
 * master sends them with BOOT; they don't change while the worker lives.
 *
 * Life of a request, between steps 5 and 6 of 11. Pure functions but for
 * sites_parse() and sites_free().
 */
#ifndef WORKER_SITE_H
#define WORKER_SITE_H

#include "worker/http_parse.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SITE_HOST_MAX = 255, /* a longer name is nobody's */
};

/* What the server does with requests under a path. */
struct site_rule {
	const char *path; /* "" for all that no other rule has */
	size_t length;
	uint32_t modules;     /* those that may see the request: a bit each */
	uint64_t body_max;    /* bytes; SITE_UNSET: the pool's */
	uint64_t pending_ns;  /* SITE_UNSET: the pool's */
	unsigned status;      /* 0: serve it; else answer with this ... */
	const char *location; /* ... and send the client there; or NULL */
};
#define SITE_UNSET UINT64_MAX

struct site {
	const char *name;
	struct site_rule *rules; /* longest path first; the last has "" */
	size_t rule_count;
};

/* A name that a site answers to; wildcards begin with their dot. */
struct site_host {
	const char *name;
	size_t length;
	uint32_t site;
};

struct sites {
	struct site *list;
	size_t count;
	struct site_host *hosts; /* in order, for bsearch(3) */
	size_t host_count;
	const struct site *fallback; /* of all other hosts; or NULL */
	bool strict;                 /* without one: 421 */
	char *strings;               /* a copy of BOOT's, lower-cased hosts */
};

/*
 * sites_parse(sites, strings, size, count):
 * Take BOOT's list of ${count} sites (see shm/message.h; copied). Returns 0,
 * -EBADMSG or -ENOMEM. A cleared struct is one without sites.
 */
int sites_parse(
    struct sites *sites, const char *strings, size_t size, size_t count);

/* sites_free(sites): and clear it. */
void sites_free(struct sites *sites);

/*
 * sites_find(sites, host, length):
 * The site of a Host field's value: by its whole name, else by the longest
 * wildcard, else the one for all others; NULL when there is none. Case, port
 * and a last dot don't matter.
 */
const struct site *sites_find(
    const struct sites *sites, const char *host, size_t length);

/*
 * site_find_rule(site, path, length):
 * The rule with the longest path that ${path}, as it was sent, is or is below
 * of. It is compared as site_path_normalise() has it. With a NUL in it the rule
 * says 400, if the site has more than one.
 */
const struct site_rule *site_find_rule(
    const struct site *site, const char *path, size_t length);

/*
 * site_path_normalise(path, length, ret_path):
 * Decode %XX once, then make one slash of several and follow "." and "..".
 * What leads above the root stays there. ret_path has room for ${length}
 * bytes. Returns how many it has become.
 */
size_t site_path_normalise(
    const char *path, size_t length, char ret_path[static HTTP_TARGET_MAX]);

/* site_path_is_plain(path, length): there is nothing that would change. */
bool site_path_is_plain(const char *path, size_t length);

#endif
