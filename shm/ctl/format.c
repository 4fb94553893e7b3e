/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Figures, addresses and names as people read them.
 */
#include "shm/ctl/format.h"

#include "shm/activity.h"
#include "shm/base/clock.h"

#include <arpa/inet.h>
#include <bsd/string.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <sys/socket.h>

void
format_duration(uint64_t ns, char *ret_text, size_t size)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {
		{ "s", CLOCK_NS_PER_SEC },
		{ "ms", CLOCK_NS_PER_MS },
		{ "us", 1000 },
	};
	double value;
	size_t i;

	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (ns < units[i].ns)
			continue;
		value = (double)ns / (double)units[i].ns;
		(void)snprintf(ret_text, size, "%.*f %s",
		    value < 10     ? 2
		    : value < 1000 ? 1
				   : 0,
		    value, units[i].name);
		return;
	}
	if (ns == 0)
		(void)snprintf(ret_text, size, "-");
	else
		(void)snprintf(ret_text, size, "%" PRIu64 " ns", ns);
}

/* "42 s", "7 min", "3 h", "12 d": how long since. */
void
format_age(uint64_t since_ns, uint64_t now_ns, char *ret_text, size_t size)
{
	uint64_t s;

	s = now_ns > since_ns ? (now_ns - since_ns) / CLOCK_NS_PER_SEC : 0;
	if (s < 120)
		(void)snprintf(ret_text, size, "%" PRIu64 " s", s);
	else if (s < 120 * 60)
		(void)snprintf(ret_text, size, "%" PRIu64 " min", s / 60);
	else if (s < 48 * 3600)
		(void)snprintf(ret_text, size, "%" PRIu64 " h", s / 3600);
	else
		(void)snprintf(ret_text, size, "%" PRIu64 " d", s / 86400);
}

void
format_count(double n, char *ret_text, size_t size)
{
	static const char units[] = " kMGT";
	size_t unit = 0;

	while (n >= 999.5 && unit + 2 < sizeof(units)) {
		n /= 1000;
		unit++;
	}
	if (unit == 0)
		(void)snprintf(ret_text, size, "%.0f", n);
	else
		(void)snprintf(ret_text, size, "%.*f%c",
		    n < 10    ? 2
		    : n < 100 ? 1
			      : 0,
		    n, units[unit]);
}

void
format_bytes(uint64_t n, char *ret_text, size_t size)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double value = (double)n;
	size_t unit = 0;

	while (value >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		value /= 1024;
		unit++;
	}
	(void)snprintf(ret_text, size, "%.*f %s",
	    unit == 0 || value >= 100 ? 0 : 1, value, units[unit]);
}

void
format_request(uint64_t id, char *ret_text, size_t size)
{
	if (id == 0)
		(void)strlcpy(ret_text, "-", size);
	else
		(void)snprintf(ret_text, size, "%" PRIu64 "-%" PRIu64,
		    id >> REQUEST_COUNT_BITS, id & UINT32_MAX);
}

void
format_client(const struct slot_peer *peer, char *ret_text, size_t size)
{
	if (peer->family == AF_UNIX)
		(void)strlcpy(ret_text, "unix", size);
	else if ((peer->family != AF_INET && peer->family != AF_INET6) ||
		 inet_ntop(peer->family, peer->address, ret_text,
		     (socklen_t)size) == NULL)
		(void)strlcpy(ret_text, "?", size);
}

const char *
format_stand(enum collect_stand stand)
{
	static const char *const names[COLLECT_STANDS] = {
		[COLLECT_RUNNING] = "running",
		[COLLECT_PENDING] = "pending",
		[COLLECT_READING_BODY] = "reading body",
		[COLLECT_SENDING] = "sending",
		[COLLECT_READING_HEAD] = "reading head",
		[COLLECT_BETWEEN] = "between",
	};

	return (stand < COLLECT_STANDS ? names[stand] : "?");
}

void
format_print(FILE *out, const char *text, int width)
{
	int printed = 0;

	for (; *text != '\0'; text++, printed++)
		(void)fputc(*text >= ' ' && *text <= '~' ? *text : '?', out);
	for (; printed < width; printed++)
		(void)fputc(' ', out);
}
