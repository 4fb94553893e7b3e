/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Users and groups of workers. Looked up in the master, assumed in its child.
 */
#include "master/identity.h"

#include "master/config.h"

#include <bsd/stdlib.h>
#include <bsd/string.h>
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <limits.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* The largest number is "none" to the kernel. */
static bool
is_number(const char *text, long long *ret_number)
{
	const char *error;

	*ret_number = strtonum(text, 0, UINT_MAX - 1, &error);
	return (error == NULL);
}

static int
find_user(const char *text, struct identity *identity)
{
	const struct passwd *entry = getpwnam(text);
	long long number;

	if (entry == NULL && is_number(text, &number)) {
		identity->uid = (uid_t)number;
		entry = getpwuid(identity->uid);
		if (entry == NULL) {
			/* A user without an entry has no groups either. */
			identity->gid = (gid_t)number;
			return (0);
		}
	}
	if (entry == NULL)
		return (-ENOENT);
	identity->uid = entry->pw_uid;
	identity->gid = entry->pw_gid;
	(void)strlcpy(identity->user, entry->pw_name, sizeof(identity->user));
	return (0);
}

int
identity_find_group(const char *text, gid_t *ret_gid)
{
	const struct group *entry = getgrnam(text);
	long long number;

	if (entry != NULL) {
		*ret_gid = entry->gr_gid;
		return (0);
	}
	if (!is_number(text, &number))
		return (-ENOENT);
	*ret_gid = (gid_t)number;
	return (0);
}

/* Root, or a service that systemd has given what it takes. */
static bool
may_change(void)
{
	return (
	    geteuid() == 0 || (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET,
				   CAP_SETUID, 0, 0) == 1 &&
				  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET,
				      CAP_SETGID, 0, 0) == 1));
}

static int
resolve(struct config_pool *pool, struct reason *why)
{
	struct identity *identity = &pool->identity;

	memset(identity, 0, sizeof(*identity));
	identity->uid = geteuid();
	identity->gid = getegid();
	if (pool->user != NULL && find_user(pool->user, identity) != 0)
		return (reason_set(why, -EINVAL,
		    "pool %s: there is no user '%s'; write the name or number "
		    "of one that there is",
		    pool->name, pool->user));
	if (pool->group != NULL &&
	    identity_find_group(pool->group, &identity->gid) != 0)
		return (reason_set(why, -EINVAL,
		    "pool %s: there is no group '%s'; write the name or "
		    "number of one that there is",
		    pool->name, pool->group));
	identity->change =
	    identity->uid != geteuid() || identity->gid != getegid();
	if (identity->change && !may_change())
		return (reason_set(why, -EINVAL,
		    "pool %s: only a server that root has started, or that "
		    "systemd has given CAP_SETUID and CAP_SETGID "
		    "(pool-users.conf), can give its workers another user or "
		    "group",
		    pool->name));
	return (0);
}

int
identity_resolve(struct config *config, struct reason *why)
{
	int error = 0;

	for (uint32_t i = 0; error == 0 && i < config->pool_count; i++)
		error = resolve(config->pools[i], why);
	return (error);
}

int
identity_assume(const struct identity *identity)
{
	int error;

	if (!identity->change)
		return (0);
	error = *identity->user != '\0'
		    ? initgroups(identity->user, identity->gid)
		    : setgroups(0, NULL);
	if (error != 0 ||
	    setresgid(identity->gid, identity->gid, identity->gid) != 0 ||
	    setresuid(identity->uid, identity->uid, identity->uid) != 0)
		return (-errno);
	return (0);
}
