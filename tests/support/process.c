/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Child processes of a test.
 */
#include "tests/support/process.h"

#include "tests/support/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bsd/stdlib.h>

enum {
	WAIT_STEP_MS = 2,
	READ_SIZE = 65536,
};

void
process_build_path(const char *relative, char *ret_path, size_t size)
{
	char self[PATH_MAX];
	ssize_t length;
	int printed;

	length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (length == -1)
		fail_msg("/proc/self/exe: %s", strerror(errno));
	self[length] = '\0';
	/* <build>/tests/<this program> */
	printed = snprintf(ret_path, size, "%s/../%s", dirname(self), relative);
	if (printed < 0 || (size_t)printed >= size)
		fail_msg("path of %s is too long", relative);
}

void
process_program(const char *name, char *ret_path, size_t size)
{
	char relative[128];

	(void)snprintf(relative, sizeof(relative), "bin/%s", name);
	process_build_path(relative, ret_path, size);
}

/* Between fork and exec: nothing but what is safe there. */
static _Noreturn void
become(const char *const *argv, int output, pid_t parent)
{
	sigset_t none;
	int null;

	(void)setpgid(0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(126); /* the test died before that took effect */
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	null = open("/dev/null", O_RDONLY);
	if (null == -1 || dup2(null, STDIN_FILENO) == -1 ||
	    dup2(output, STDOUT_FILENO) == -1 ||
	    dup2(output, STDERR_FILENO) == -1)
		_exit(126);
	/* execvp() promises not to change the strings. */
	(void)execvp(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

pid_t
process_spawn(const char *const *argv, const char *output_path)
{
	pid_t parent, pid;
	int output;

	output =
	    open(output_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (output == -1)
		fail_msg("%s: %s", output_path, strerror(errno));
	parent = getpid();
	pid = fork();
	if (pid == 0)
		become(argv, output, parent);
	(void)close(output);
	if (pid == -1)
		fail_msg("fork: %s", strerror(errno));
	(void)setpgid(pid, pid); /* whoever is first; the other does nothing */
	return (pid);
}

bool
process_wait(pid_t pid, int64_t timeout_ms, int *ret_status)
{
	int64_t deadline;
	pid_t got;

	deadline = test_deadline(timeout_ms);
	for (;;) {
		got = waitpid(pid, ret_status, WNOHANG);
		if (got == pid)
			return (true);
		if (got == -1 && errno != EINTR)
			fail_msg("waitpid %d: %s", (int)pid, strerror(errno));
		if (test_left_ms(deadline) == 0)
			return (false);
		test_sleep_ms(WAIT_STEP_MS);
	}
}

void
process_run(const char *const *argv, int64_t timeout_ms,
    struct process_result *ret_result)
{
	char path[] = "/tmp/bulkhead-test-output-XXXXXX";
	pid_t pid;
	bool ended;
	int fd;

	fd = mkstemp(path);
	if (fd == -1)
		fail_msg("%s: %s", path, strerror(errno));
	(void)close(fd);
	pid = process_spawn(argv, path);
	ended = process_wait(pid, timeout_ms, &ret_result->status);
	if (!ended) {
		(void)kill(-pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
	}
	ret_result->output =
	    process_read_file(path, &ret_result->output_length);
	(void)unlink(path);
	if (!ended)
		fail_msg("%s did not end within %" PRId64 " ms: %s", argv[0],
		    timeout_ms,
		    ret_result->output != NULL ? ret_result->output : "");
	if (ret_result->output == NULL)
		fail_msg("%s: output is gone", argv[0]);
}

void
process_result_free(struct process_result *result)
{
	free(result->output);
	result->output = NULL;
}

bool
process_have(const char *program)
{
	char file[PATH_MAX];
	const char *path;
	size_t length;

	path = getenv("PATH");
	for (; path != NULL && *path != '\0';
	     path += length + (path[length] == ':')) {
		length = strcspn(path, ":");
		(void)snprintf(
		    file, sizeof(file), "%.*s/%s", (int)length, path, program);
		if (access(file, X_OK) == 0)
			return (true);
	}
	return (false);
}

char *
process_read_file(const char *path, size_t *ret_length)
{
	size_t length = 0, size = 0;
	char *grown, *text = NULL;
	ssize_t n;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return (NULL);
	do {
		if (size - length < READ_SIZE) {
			size = size * 2 + READ_SIZE;
			grown = realloc(text, size + 1);
			if (grown == NULL) {
				n = -1;
				break;
			}
			text = grown;
		}
		n = read(fd, text + length, size - length);
		if (n > 0)
			length += (size_t)n;
	} while (n > 0);
	(void)close(fd);
	if (n == -1) {
		free(text);
		return (NULL);
	}
	text[length] = '\0';
	if (ret_length != NULL)
		*ret_length = length;
	return (text);
}

/* What /proc/PID/stat says of a process. */
struct stat_line {
	char name[32];
	char state;
	pid_t parent;
};

static bool
read_stat(pid_t pid, struct stat_line *ret_line)
{
	char path[64], *close_paren, *text;
	bool good = false;
	int parent;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	text = process_read_file(path, NULL);
	if (text == NULL)
		return (false);
	/* The name may hold anything, so its end is the last ')'. */
	close_paren = strrchr(text, ')');
	if (close_paren != NULL && strchr(text, '(') != NULL &&
	    sscanf(close_paren + 1, " %c %d", &ret_line->state, &parent) == 2) {
		*close_paren = '\0';
		(void)snprintf(ret_line->name, sizeof(ret_line->name), "%s",
		    strchr(text, '(') + 1);
		ret_line->parent = parent;
		good = true;
	}
	free(text);
	return (good);
}

/* Every process in turn; 0 at the end. */
static pid_t
next_process(DIR *proc, struct stat_line *ret_line)
{
	const char *error;
	struct dirent *entry;
	pid_t pid;

	while ((entry = readdir(proc)) != NULL) {
		pid = (pid_t)strtonum(entry->d_name, 1, INT_MAX, &error);
		if (error == NULL && read_stat(pid, ret_line))
			return (pid);
	}
	return (0);
}

static int
compare_pids(const void *left, const void *right)
{
	pid_t a, b;

	memcpy(&a, left, sizeof(a));
	memcpy(&b, right, sizeof(b));
	return ((a > b) - (a < b));
}

static DIR *
open_proc(void)
{
	DIR *proc;

	proc = opendir("/proc");
	if (proc == NULL)
		fail_msg("/proc: %s", strerror(errno));
	return (proc);
}

size_t
process_children(pid_t parent, const char *name, pid_t *ret_pids, size_t max)
{
	struct stat_line line;
	size_t count = 0;
	DIR *proc;
	pid_t pid;

	proc = open_proc();
	while ((pid = next_process(proc, &line)) != 0)
		if (line.parent == parent && line.state != 'Z' &&
		    strncmp(line.name, name, strlen(name)) == 0 && count < max)
			ret_pids[count++] = pid;
	(void)closedir(proc);
	qsort(ret_pids, count, sizeof(*ret_pids), compare_pids);
	return (count);
}

long
process_memory_kib(pid_t pid, const char *key)
{
	char *line, path[64], *text;
	long kib = -1;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	text = process_read_file(path, NULL);
	if (text == NULL)
		return (-1);
	line = strstr(text, key);
	if (line != NULL && sscanf(line + strlen(key), ": %ld kB", &kib) != 1)
		kib = -1;
	free(text);
	return (kib);
}

void
process_hold(pid_t pid, struct process_holding *ret_holding)
{
	char path[64], line[128];
	struct dirent *entry;
	long value;
	FILE *file;
	DIR *folder;

	memset(ret_holding, 0, sizeof(*ret_holding));
	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	assert_non_null(folder = opendir(path));
	while ((entry = readdir(folder)) != NULL)
		ret_holding->descriptors += entry->d_name[0] != '.';
	(void)closedir(folder);
	(void)snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	assert_non_null(file = fopen(path, "re"));
	while (fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "Private_Clean: %ld kB", &value) == 1 ||
		    sscanf(line, "Private_Dirty: %ld kB", &value) == 1)
			ret_holding->memory_kib += value;
	(void)fclose(file);
}
