/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sites of a worker, from the boot message to the rule of a request.
 *
 * Life of a request, between steps 5 and 6 of 11: for pipeline.c.
 */
#include "worker/site.h"

#include <bsd/stdlib.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The list that is being read. */
struct list {
	char *at;
	const char *end;
};

/* The next string, or NULL at the list's end. It ends in a NUL. */
static char *
take(struct list *list)
{
	char *string = list->at;

	if (string >= list->end)
		return (NULL);
	list->at += strlen(string) + 1;
	return (string);
}

/* One more element at the end of an array that is counted. */
static void *
grow(void *array, size_t count, size_t size)
{
	return (reallocarray(array, count + 1, size));
}

static int
add_host(struct sites *sites, uint32_t site, char *name)
{
	struct site_host *hosts;

	if (strcmp(name, "*") == 0) {
		sites->fallback = &sites->list[site];
		return (0);
	}
	if (strncmp(name, "*.", 2) == 0)
		name++;
	hosts = grow(sites->hosts, sites->host_count, sizeof(*hosts));
	if (hosts == NULL)
		return (-ENOMEM);
	sites->hosts = hosts;
	hosts[sites->host_count++] = (struct site_host){
		.name = name, .length = strlen(name), .site = site
	};
	for (; *name != '\0'; name++)
		*name = (char)tolower((unsigned char)*name);
	return (0);
}

static int
take_number(const char *text, uint64_t most, uint64_t *ret_number)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return (-EBADMSG);
	errno = 0;
	*ret_number = strtoull(text, &end, 10);
	return (
	    *end != '\0' || errno != 0 || *ret_number > most ? -EBADMSG : 0);
}

/* One "key=value" of a rule. */
static int
set_rule(struct site_rule *rule, const char *string)
{
	uint64_t number = 0;
	int error;

	if (strncmp(string, "location=", 9) == 0) {
		rule->location = string + 9;
		return (0);
	}
	if (strncmp(string, "body-max=", 9) == 0)
		return (
		    take_number(string + 9, SITE_UNSET - 1, &rule->body_max));
	if (strncmp(string, "pending-ns=", 11) == 0)
		return (take_number(
		    string + 11, SITE_UNSET - 1, &rule->pending_ns));
	if (strncmp(string, "modules=", 8) == 0) {
		error = take_number(string + 8, UINT32_MAX, &number);
		rule->modules = (uint32_t)number;
		return (error);
	}
	if (strncmp(string, "status=", 7) == 0) {
		error = take_number(string + 7, 599, &number);
		rule->status = (unsigned)number;
		return (error);
	}
	return (-EBADMSG);
}

/* "/" is everything; "/a/" and "/a" are the same. */
static size_t
path_length(const char *path)
{
	size_t length = strlen(path);

	while (length > 0 && path[length - 1] == '/')
		length--;
	return (length);
}

/* A path and what is to be done there, to the empty string. */
static int
take_rule(struct site *site, const char *path, struct list *list)
{
	struct site_rule *rules;
	const char *string;
	int error = 0;

	rules = grow(site->rules, site->rule_count, sizeof(*rules));
	if (rules == NULL)
		return (-ENOMEM);
	site->rules = rules;
	rules += site->rule_count++;
	*rules = (struct site_rule){
		.path = path,
		.length = path_length(path),
		.modules = UINT32_MAX,
		.body_max = SITE_UNSET,
		.pending_ns = SITE_UNSET,
	};
	while ((string = take(list)) != NULL && *string != '\0' && error == 0)
		error = set_rule(rules, string);
	if (error == 0 && (string == NULL || *path != '/'))
		error = -EBADMSG;
	return (error);
}

static int
longest_first(const void *a, const void *b)
{
	size_t one = ((const struct site_rule *)a)->length;
	size_t other = ((const struct site_rule *)b)->length;

	return ((one < other) - (one > other));
}

/* A name; hosts and an empty string; rules and an empty string. */
static int
take_site(struct sites *sites, uint32_t number, struct list *list)
{
	struct site *site = &sites->list[number];
	char *string;
	int error = 0;

	site->name = take(list);
	while (error == 0 && (string = take(list)) != NULL && *string != '\0')
		error = add_host(sites, number, string);
	while (error == 0 && (string = take(list)) != NULL && *string != '\0')
		error = take_rule(site, string, list);
	if (error != 0)
		return (error);
	if (string == NULL || site->rule_count == 0)
		return (-EBADMSG);
	qsort(
	    site->rules, site->rule_count, sizeof(*site->rules), longest_first);
	/* There is always an answer. */
	return (site->rules[site->rule_count - 1].length == 0 ? 0 : -EBADMSG);
}

static int
compare_hosts(const void *a, const void *b)
{
	const struct site_host *one = a, *other = b;

	if (one->length != other->length)
		return (one->length < other->length ? -1 : 1);
	return (memcmp(one->name, other->name, one->length));
}

int
sites_parse(struct sites *sites, const char *strings, size_t size, size_t count)
{
	struct list list;
	uint32_t i;
	int error = 0;

	memset(sites, 0, sizeof(*sites));
	if (count == 0)
		return (size == 0 ? 0 : -EBADMSG);
	/* Each has at least three strings. */
	if (size / 3 < count || strings[size - 1] != '\0')
		return (-EBADMSG);
	sites->strings = malloc(size);
	sites->list = calloc(count, sizeof(*sites->list));
	if (sites->strings == NULL || sites->list == NULL) {
		sites_free(sites);
		return (-ENOMEM);
	}
	sites->count = count;
	memcpy(sites->strings, strings, size);
	list = (struct list){ sites->strings, sites->strings + size };
	for (i = 0; i < count && error == 0; i++)
		error = take_site(sites, i, &list);
	if (error == 0 && list.at != list.end)
		error = -EBADMSG;
	if (error != 0)
		sites_free(sites);
	else if (sites->host_count > 0)
		qsort(sites->hosts, sites->host_count, sizeof(*sites->hosts),
		    compare_hosts);
	return (error);
}

void
sites_free(struct sites *sites)
{
	size_t i;

	for (i = 0; sites->list != NULL && i < sites->count; i++)
		free(sites->list[i].rules);
	free(sites->list);
	free(sites->hosts);
	free(sites->strings);
	memset(sites, 0, sizeof(*sites));
}

/* The name's length without a port and a last dot. */
static size_t
name_length(const char *host, size_t length)
{
	size_t at = length;

	while (at > 0 && isdigit((unsigned char)host[at - 1]))
		at--;
	if (at > 0 && host[at - 1] == ':')
		length = at - 1;
	if (length > 1 && host[length - 1] == '.')
		length--;
	return (length);
}

static const struct site *
find_host(const struct sites *sites, const char *name, size_t length)
{
	const struct site_host wanted = { .name = name, .length = length };
	const struct site_host *found;

	found = bsearch(&wanted, sites->hosts, sites->host_count,
	    sizeof(*sites->hosts), compare_hosts);
	return (found == NULL ? NULL : &sites->list[found->site]);
}

const struct site *
sites_find(const struct sites *sites, const char *host, size_t length)
{
	const struct site *site = NULL;
	char name[SITE_HOST_MAX];
	size_t i;

	length = name_length(host, length);
	if (length == 0 || length > sizeof(name) || sites->host_count == 0)
		return (sites->fallback);
	for (i = 0; i < length; i++)
		name[i] = (char)tolower((unsigned char)host[i]);
	/* A wildcard stands for one label or more, never for none. */
	if (name[0] != '.')
		site = find_host(sites, name, length);
	for (i = 1; site == NULL && i < length; i++)
		if (name[i] == '.')
			site = find_host(sites, name + i, length - i);
	return (site != NULL ? site : sites->fallback);
}

static const struct site_rule *
find_rule(const struct site *site, const char *path, size_t length)
{
	const struct site_rule *rule = site->rules;

	/* The last one's path is empty. */
	while (rule->length > length ||
	       memcmp(rule->path, path, rule->length) != 0 ||
	       (rule->length > 0 && rule->length < length &&
		   path[rule->length] != '/'))
		rule++;
	return (rule);
}

/*
 * Of paths with a NUL: to who sees a C string in one it ends there, so that it
 * may be another place than the rule's.
 */
static const struct site_rule two_places = {
	.path = "",
	.modules = UINT32_MAX,
	.body_max = SITE_UNSET,
	.pending_ns = SITE_UNSET,
	.status = 400,
};

const struct site_rule *
site_find_rule(const struct site *site, const char *path, size_t length)
{
	char plain[HTTP_TARGET_MAX];

	if (site->rule_count == 1)
		return (site->rules);
	if (site_path_is_plain(path, length))
		return (find_rule(site, path, length));
	length = site_path_normalise(path, length, plain);
	if (memchr(plain, '\0', length) != NULL)
		return (&two_places);
	return (find_rule(site, plain, length));
}
