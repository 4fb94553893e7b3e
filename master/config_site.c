/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sites and their paths, from the file to the boot message.
 */
#include "master/config_site.h"

#include "master/nearest.h"

#include <bsd/stdlib.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
	SITE_NAME_MAX = 63,
	NS_PER_MS = 1000000,
	/* Modules and their settings share the message. */
	SITES_BYTES_MAX = MESSAGE_MAX - 16 * 1024,
};

struct config_site *
config_site_new(void)
{
	struct config_site *site = calloc(1, sizeof(*site));

	if (site == NULL)
		return (NULL);
	settings_init_scope(site, SCOPE_SITE);
	site->rules = calloc(1, sizeof(*site->rules));
	if (site->rules == NULL) {
		free(site);
		return (NULL);
	}
	site->rule_count = 1;
	settings_init_scope(site->rules, SCOPE_RULE);
	return (site);
}

static void
free_rule(struct config_rule *rule)
{
	settings_free_scope(rule, SCOPE_RULE);
	free(rule->path);
	memset(rule, 0, sizeof(*rule));
}

void
config_site_free(struct config_site *site)
{
	if (site == NULL)
		return;
	for (size_t i = 0; i < site->rule_count; i++)
		free_rule(&site->rules[i]);
	settings_free_scope(site, SCOPE_SITE);
	free(site->rules);
	free(site->name);
	free(site);
}

unsigned
config_redirect(const char *text, const char **ret_url)
{
	static const char *const statuses[] = { "301", "302", "303", "307",
		"308" };
	const char *at;

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		if (strncmp(text, statuses[i], 3) != 0 || text[3] != ' ')
			continue;
		*ret_url = text + 3 + strspn(text + 3, " ");
		/* It becomes a header field. */
		for (at = *ret_url; isgraph((unsigned char)*at);)
			at++;
		if (at == *ret_url || *at != '\0')
			return (0);
		return ((unsigned)strtoul(text, NULL, 10));
	}
	return (0);
}

/* What is wrong with one rule by itself. ${id}: whose section it was. */
static void
check_rule(struct fill *fill, struct place place, enum section_id id,
    struct config_rule *rule)
{
	const char *url;

	rule->modules_line = fill_line(fill, place, id, "modules").line;
	if (rule->redirect == NULL)
		return;
	place = fill_line(fill, place, id, "redirect");
	if (rule->deny != CONFIG_UNSET)
		config_error(fill->errors, place,
		    "redirect: there is a deny too, and a client gets one "
		    "answer; leave one of them out");
	if (config_redirect(rule->redirect, &url) == 0)
		config_error(fill->errors, place,
		    "redirect can't be '%s'; write 301, 302, 303, 307 or 308 "
		    "and a URL, like \"301 https://example.org$target\"",
		    rule->redirect);
}

/* A rule is compared with paths that are written plainly: so must it be. */
static bool
is_plain(const char *path)
{
	size_t length = strlen(path);

	if (*path != '/' || strchr(path, '%') != NULL ||
	    strchr(path, '?') != NULL || strstr(path, "//") != NULL ||
	    strstr(path, "/./") != NULL || strstr(path, "/../") != NULL)
		return (false);
	return (!(length >= 2 && strcmp(path + length - 2, "/.") == 0) &&
		!(length >= 3 && strcmp(path + length - 3, "/..") == 0));
}

static size_t
plain_length(const char *path)
{
	size_t length = strlen(path);

	while (length > 1 && path[length - 1] == '/')
		length--;
	return (length);
}

static const struct config_rule *
find_path(const struct config_site *site, const char *path)
{
	size_t length = plain_length(path);

	for (size_t i = 1; i < site->rule_count; i++)
		if (plain_length(site->rules[i].path) == length &&
		    strncmp(site->rules[i].path, path, length) == 0)
			return (&site->rules[i]);
	return (NULL);
}

void
config_path_end(struct fill *fill, struct place place, const char *path)
{
	struct config_site *site = fill->site;
	struct config_rule *rules = NULL;

	if (site == NULL && (site = config_site_new()) != NULL)
		fill->site = site;
	check_rule(fill, place, SECTION_PATH, &fill->rule);
	if (!is_plain(path))
		config_error(fill->errors, place,
		    "path can't be '%s'; begin it with / and write it without "
		    "%%XX, '?', '//', '/./' and '/../'",
		    path);
	else if (site != NULL && find_path(site, path) != NULL)
		config_error(fill->errors, place,
		    "path: '%s' and '%s' are the same; leave one of them out",
		    find_path(site, path)->path, path);
	if (site != NULL)
		rules = reallocarray(
		    site->rules, site->rule_count + 1, sizeof(*rules));
	if (rules != NULL) {
		site->rules = rules;
		fill->rule.path = strdup(path);
		rules[site->rule_count++] = fill->rule;
	}
	if (rules == NULL || rules[site->rule_count - 1].path == NULL)
		config_error(fill->errors, place, "out of memory");
	if (rules == NULL)
		free_rule(&fill->rule);
	memset(&fill->rule, 0, sizeof(fill->rule));
	settings_init_scope(&fill->rule, SCOPE_RULE);
}

/* What a path doesn't say is as in the site. */
static int
inherit(struct config_rule *rule, const struct config_rule *from)
{
	int error = 0;

	if (rule->body_max == CONFIG_UNSET)
		rule->body_max = from->body_max;
	if (rule->pending_limit_ms == CONFIG_UNSET)
		rule->pending_limit_ms = from->pending_limit_ms;
	if (rule->modules.count > 0)
		return (0);
	rule->modules_line = from->modules_line;
	for (size_t i = 0; i < from->modules.count && error == 0; i++)
		error = config_list_add(&rule->modules, from->modules.items[i]);
	return (error);
}

/* All paths inherit; one that is "/" takes the place of the site's own. */
static int
settle_rules(struct config_site *site)
{
	struct config_rule *own = &site->rules[0];
	int error = 0;

	for (size_t i = 1; i < site->rule_count && error == 0; i++)
		error = inherit(&site->rules[i], own);
	for (size_t i = 1; i < site->rule_count; i++) {
		if (site->rules[i].path == NULL ||
		    strcmp(site->rules[i].path, "/") != 0)
			continue;
		free_rule(own);
		*own = site->rules[i];
		site->rules[i] = site->rules[--site->rule_count];
		return (error);
	}
	own->path = strdup("/");
	return (own->path == NULL ? -1 : error);
}

static bool
is_host(const char *host)
{
	size_t length;

	if (strcmp(host, "*") == 0)
		return (true);
	if (strncmp(host, "*.", 2) == 0)
		host += 2;
	length = strlen(host);
	if (length == 0 || length > 253 || *host == '.' ||
	    host[length - 1] == '.' || strstr(host, "..") != NULL)
		return (false);
	if (*host == '[')
		return (
		    host[length - 1] == ']' &&
		    strspn(host + 1, "0123456789abcdefABCDEF:.") == length - 2);
	for (; *host != '\0'; host++)
		if (!isalnum((unsigned char)*host) && *host != '-' &&
		    *host != '.' && *host != '_')
			return (false);
	return (true);
}

static void
check_hosts(
    struct fill *fill, struct place place, const struct config_site *site)
{
	place = fill_line(fill, place, SECTION_SITE, "hosts");
	if (site->hosts.count == 0)
		config_error(fill->errors, place,
		    "site: it has no hosts; write hosts = { \"example.org\" "
		    "}, or \"*\" for all that no other site has");
	for (size_t i = 0; i < site->hosts.count; i++)
		if (!is_host(site->hosts.items[i]))
			config_error(fill->errors, place,
			    "hosts: '%s' is no host; write a name without a "
			    "port, \"*.\" and a name, or \"*\"",
			    site->hosts.items[i]);
}

static void
refer(struct fill *fill, struct place place, struct config_site *site)
{
	fill_refer(
	    fill, (struct fill_reference){
		      .place = fill_line(fill, place, SECTION_SITE, "pool"),
		      .pool = site->pool_name,
		      .ret_pool = &site->pool,
		      .what = "site" });
	for (size_t i = 0; i < site->rule_count; i++) {
		if (site->rules[i].modules_line != 0)
			place.line = site->rules[i].modules_line;
		if (site->rules[i].modules.count > 0)
			fill_refer(fill,
			    (struct fill_reference){
				.place = place, .site = site, .rule = i });
	}
}

void
config_site_end(struct fill *fill, struct place place, const char *title)
{
	struct config *config = fill->config;
	struct config_site *site = fill->site;

	fill->site = NULL;
	if (site == NULL)
		site = config_site_new();
	if (site == NULL || (site->name = strdup(title)) == NULL) {
		config_site_free(site);
		config_error(fill->errors, place, "out of memory");
		return;
	}
	if (*title == '\0' || strlen(title) > SITE_NAME_MAX)
		config_error(fill->errors, place,
		    "site: its name has 1 to %d letters", SITE_NAME_MAX);
	check_hosts(fill, place, site);
	check_rule(fill, place, SECTION_SITE, &site->rules[0]);
	if (settle_rules(site) != 0)
		config_error(fill->errors, place, "out of memory");
	if (config->site_count == CONFIG_SITES_MAX) {
		config_error(fill->errors, place, "site: more than %d sites",
		    CONFIG_SITES_MAX);
		config_site_free(site);
		return;
	}
	config->sites[config->site_count++] = site;
	refer(fill, place, site);
}

void
config_site_find_modules(
    struct fill *fill, const struct fill_reference *reference)
{
	const struct config_site *site = reference->site;
	const struct config_pool *pool = fill->config->pools[site->pool];
	struct config_rule *rule = &site->rules[reference->rule];
	struct nearest nearest;
	const char *name;
	uint32_t id;

	for (size_t i = 0; i < rule->modules.count; i++) {
		name = rule->modules.items[i];
		nearest_init(&nearest, name, strlen(name));
		for (id = 0; id < pool->module_count; id++) {
			if (strcmp(pool->modules[id].name, name) == 0)
				break;
			nearest_offer(&nearest, pool->modules[id].name);
		}
		if (id < pool->module_count)
			rule->module_mask |= UINT32_C(1) << id;
		else if (nearest.word != NULL)
			config_error(fill->errors, reference->place,
			    "modules: pool '%s' has no module '%s'; did you "
			    "mean '%s'?",
			    pool->name, name, nearest.word);
		else
			config_error(fill->errors, reference->place,
			    "modules: pool '%s' has no module '%s'; write a "
			    "section module \"%s\" { ... } into it",
			    pool->name, name, name);
	}
}

/* A host of two sites, or twice in one, of the same pool. */
static bool
has_host(const struct config_site *site, size_t count, const char *host)
{
	for (size_t i = 0; i < count; i++)
		if (strcasecmp(site->hosts.items[i], host) == 0)
			return (true);
	return (false);
}

void
config_site_check_hosts(struct fill *fill, struct place place)
{
	const struct config *config = fill->config;
	const struct config_site *site, *other;
	const char *host;
	size_t count;

	for (uint32_t i = 0; i < config->site_count; i++) {
		site = config->sites[i];
		for (size_t j = 0; j < site->hosts.count; j++) {
			host = site->hosts.items[j];
			for (uint32_t k = 0; k <= i; k++) {
				other = config->sites[k];
				count = k < i ? other->hosts.count : j;
				if (other->pool != site->pool ||
				    !has_host(other, count, host))
					continue;
				config_error(fill->errors, place,
				    "site \"%s\": the host '%s' is in site "
				    "\"%s\" already; leave one of them out",
				    site->name, host, other->name);
				break;
			}
		}
	}
}

size_t
config_site_write(const struct config_site *site,
    size_t (*add)(char *list, size_t used, const char *string), char *list,
    size_t used)
{
	const struct config_rule *rule;
	const char *url = NULL;
	char text[64];
	uint64_t status;

	used = add(list, used, site->name);
	for (size_t i = 0; i < site->hosts.count; i++)
		used = add(list, used, site->hosts.items[i]);
	used = add(list, used, "");
	for (size_t i = 0; i < site->rule_count; i++) {
		rule = &site->rules[i];
		used = add(list, used, rule->path);
		if (rule->modules.count > 0) {
			(void)snprintf(text, sizeof(text), "modules=%" PRIu32,
			    rule->module_mask);
			used = add(list, used, text);
		}
		if (rule->body_max != CONFIG_UNSET) {
			(void)snprintf(text, sizeof(text), "body-max=%" PRIu64,
			    rule->body_max);
			used = add(list, used, text);
		}
		if (rule->pending_limit_ms != CONFIG_UNSET) {
			(void)snprintf(text, sizeof(text),
			    "pending-ns=%" PRIu64,
			    rule->pending_limit_ms * NS_PER_MS);
			used = add(list, used, text);
		}
		status = rule->deny;
		if (rule->redirect != NULL)
			status = config_redirect(rule->redirect, &url);
		if (status != CONFIG_UNSET) {
			(void)snprintf(
			    text, sizeof(text), "status=%" PRIu64, status);
			used = add(list, used, text);
		}
		if (url != NULL) {
			/* Without its status, behind a key. */
			used = add(list, used, "location") - 1;
			if (list != NULL)
				list[used] = '=';
			used = add(list, used + 1, url);
			url = NULL;
		}
		used = add(list, used, "");
	}
	return (add(list, used, ""));
}

/* For measuring: nothing is written. */
static size_t
count_bytes(char *list, size_t used, const char *string)
{
	(void)list;
	return (used + strlen(string) + 1);
}

void
config_site_check_size(struct fill *fill, struct place place)
{
	const struct config *config = fill->config;
	size_t used[CONFIG_POOLS_MAX] = { 0 }, *bytes;

	for (uint32_t i = 0; i < config->site_count; i++) {
		bytes = &used[config->sites[i]->pool];
		*bytes = config_site_write(
		    config->sites[i], count_bytes, NULL, *bytes);
	}
	for (uint32_t i = 0; i < config->pool_count; i++)
		if (used[i] > SITES_BYTES_MAX)
			config_error(fill->errors, place,
			    "the sites of pool '%s' take %zu bytes of a "
			    "message that has room for %d; give some of them "
			    "another pool",
			    config->pools[i]->name, used[i], SITES_BYTES_MAX);
}
