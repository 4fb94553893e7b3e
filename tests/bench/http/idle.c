/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench.idle PORT PATH COUNT
 * Opens COUNT connections to PORT of this machine, asks for PATH on each and
 * reads the answer, says "ready", and keeps them until its input ends.
 */
#include <arpa/inet.h>
#include <bsd/stdlib.h>
#include <err.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	COUNT_MAX = 20000,
};

static int
number(const char *text, int max)
{
	const char *problem;
	int value = (int)strtonum(text, 1, max, &problem);

	if (problem != NULL)
		errx(2, "%s: %s", text, problem);
	return (value);
}

static void
allow_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		err(1, "getrlimit");
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) == -1)
		err(1, "setrlimit");
}

/* One exchange; the answer is a small one and comes at once. */
static void
exchange(const struct sockaddr_in *address, const char *request)
{
	const size_t length = strlen(request);
	char answer[4096];
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd == -1 || connect(fd, (const struct sockaddr *)address,
			    sizeof(*address)) == -1)
		err(1, "connect");
	if (send(fd, request, length, MSG_NOSIGNAL) != (ssize_t)length)
		err(1, "send");
	if (recv(fd, answer, sizeof(answer), 0) <= 0 ||
	    strncmp(answer, "HTTP/1.1 200 ", 13) != 0)
		errx(1, "no answer, or not 200");
	/* fd stays open until we end. */
}

int
main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	char byte, request[256];
	int count, i;

	if (argc != 4)
		errx(2, "usage: bench.idle PORT PATH COUNT");
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons((uint16_t)number(argv[1], UINT16_MAX));
	count = number(argv[3], COUNT_MAX);
	(void)snprintf(request, sizeof(request),
	    "GET %.128s HTTP/1.1\r\nHost: bench\r\n\r\n", argv[2]);
	allow_descriptors();
	for (i = 0; i < count; i++)
		exchange(&address, request);
	(void)printf("ready\n");
	(void)fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	return (0);
}
