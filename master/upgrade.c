/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The steps of an upgrade. Runs in the master.
 */
#include "master/upgrade.h"

#include "master/child.h"
#include "master/kept_master.h"
#include "master/let_go.h"
#include "master/master.h"
#include "master/report.h"
#include "shm/base/clock.h"
#include "shm/base/fd.h"
#include "shm/base/log.h"

#include <bsd/string.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* "trial 12 13", "resume 12", "return 12" */
#define VARIABLE     "BULKHEAD_UPGRADE"
#define VARIABLE_WHY "BULKHEAD_UPGRADE_FAILED"

void
upgrade_program(int argc, char **argv, struct program *ret_program)
{
	static const char gone[] = " (deleted)";
	ssize_t length;

	ret_program->argc = argc;
	ret_program->argv = argv;
	length = readlink(
	    "/proc/self/exe", ret_program->path, sizeof(ret_program->path) - 1);
	ret_program->path[length < 0 ? 0 : length] = '\0';
	/* An image that was executed again has a file without a name. */
	length -= (ssize_t)sizeof(gone) - 1;
	if (length > 0 && strcmp(ret_program->path + length, gone) == 0)
		ret_program->path[length] = '\0';
}

void
upgrade_start(struct upgrade_start *ret_start)
{
	static const char *const names[] = {
		[UPGRADE_TRIAL] = "trial",
		[UPGRADE_RESUME] = "resume",
		[UPGRADE_RETURN] = "return",
	};
	static char why[UPGRADE_TEXT];
	const char *text = getenv(VARIABLE), *failed = getenv(VARIABLE_WHY);
	char name[16];

	memset(ret_start, 0, sizeof(*ret_start));
	ret_start->state = ret_start->answer = -1;
	if (text == NULL)
		return;
	ret_start->mode = UPGRADE_NONSENSE;
	if (sscanf(text, "%15s %d %d", name, &ret_start->state,
		&ret_start->answer) >= 2)
		for (int i = UPGRADE_TRIAL; i <= UPGRADE_RETURN; i++)
			if (strcmp(name, names[i]) == 0)
				ret_start->mode = (enum upgrade_mode)i;
	(void)strlcpy(why, failed == NULL ? "" : failed, sizeof(why));
	ret_start->why = why;
	/* The kernel has named us after a descriptor. */
	if (ret_start->mode == UPGRADE_RETURN)
		(void)prctl(PR_SET_NAME, program_invocation_short_name);
	(void)unsetenv(VARIABLE);
	(void)unsetenv(VARIABLE_WHY);
	(void)fcntl(ret_start->state, F_SETFD, FD_CLOEXEC);
	(void)fcntl(ret_start->answer, F_SETFD, FD_CLOEXEC);
}

static void
end_trial(struct upgrade *upgrade)
{
	loop_remove(&upgrade->master->loop, &upgrade->death);
	let_go(NULL, &upgrade->pidfd);
	fd_close(&upgrade->answer);
	upgrade->pid = 0;
}

static void
fail(struct upgrade *upgrade, int error, const char *text)
{
	char answer[UPGRADE_TEXT];

	if (upgrade->pid != 0) {
		(void)pidfd_send_signal(upgrade->pidfd, SIGKILL, NULL, 0);
		end_trial(upgrade);
	}
	loop_timer_clear(&upgrade->master->loop, &upgrade->timer);
	upgrade->state = UPGRADE_IDLE;
	(void)snprintf(answer, sizeof(answer),
	    "not upgraded, nothing has changed: %s", text);
	log_err("%s", answer);
	control_tell_upgrade(&upgrade->master->control, error, answer);
	reload_step(upgrade->master);
}

/* ${mode} is what the next image is executed for. */
static void
pass_on(const char *mode, int state, int answer, const struct kept *kept)
{
	char text[64];

	kept_pass_on(kept, true);
	(void)fcntl(state, F_SETFD, 0);
	if (answer != -1)
		(void)fcntl(answer, F_SETFD, 0);
	(void)snprintf(text, sizeof(text), "%s %d %d", mode, state, answer);
	(void)setenv(VARIABLE, text, 1);
}

static _Noreturn void
run_trial(
    const struct program *program, int state, int answer, struct kept *kept)
{
	child_begin();
	pass_on("trial", state, answer, kept);
	(void)execv(program->path, program->argv);
	(void)dprintf(
	    answer, "can't run %s: %s", program->path, strerror(errno));
	_exit(EXIT_FAILURE);
}

static int
begin_trial(struct upgrade *upgrade)
{
	struct kept kept;
	int error, state = -1, pipes[2] = { -1, -1 };

	error = kept_new(&kept);
	if (error != 0)
		return (error);
	error = kept_master_save(upgrade->master, &kept);
	if (error == 0)
		error = kept_write(&kept, &state);
	if (error == 0 && pipe2(pipes, O_CLOEXEC | O_NONBLOCK) != 0)
		error = -errno;
	if (error == 0) {
		upgrade->pid = fork();
		if (upgrade->pid == 0)
			run_trial(upgrade->program, state, pipes[1], &kept);
		error = upgrade->pid < 0
			    ? -errno
			    : child_watch(upgrade->pid, &upgrade->pidfd);
	}
	fd_close(&pipes[1]);
	fd_close(&state);
	kept_free(&kept);
	if (error != 0) {
		fd_close(&pipes[0]);
		upgrade->pid = 0;
		return (error);
	}
	upgrade->answer = pipes[0];
	return (loop_add(
	    &upgrade->master->loop, &upgrade->death, upgrade->pidfd, EPOLLIN));
}

static void
look(struct upgrade *upgrade, enum upgrade_state state)
{
	upgrade->state = state;
	upgrade->until_ns = clock_now() + UPGRADE_CALM_MS * CLOCK_NS_PER_MS;
	loop_timer_set(&upgrade->master->loop, &upgrade->timer, 0);
}

static void
trial_over(struct loop_source *source, uint32_t events)
{
	struct upgrade *upgrade = source->owner;
	char text[UPGRADE_TEXT];
	siginfo_t end = { 0 };
	ssize_t length;

	(void)events;
	(void)waitid(
	    P_PIDFD, (id_t)upgrade->pidfd, &end, WEXITED | WNOHANG | WNOWAIT);
	length = read(upgrade->answer, text, sizeof(text) - 1);
	text[length < 0 ? 0 : length] = '\0';
	end_trial(upgrade);
	loop_timer_clear(&upgrade->master->loop, &upgrade->timer);
	if (end.si_code == CLD_EXITED && end.si_status == EXIT_SUCCESS) {
		look(upgrade, UPGRADE_READY);
		reload_step(upgrade->master);
		return;
	}
	if (*text == '\0')
		(void)snprintf(text, sizeof(text),
		    "the trial of %.300s ended with %s %d",
		    upgrade->program->path,
		    end.si_code == CLD_EXITED ? "status" : "signal",
		    end.si_status);
	fail(upgrade, -ECANCELED, text);
}

/*
 * From here to the exec nothing may be heard from anybody: what is in the
 * sockets is for the next image. Returns only when it can't be executed.
 */
static int
execute(struct upgrade *upgrade)
{
	struct master *master = upgrade->master;
	struct kept kept;
	int error, old, state = -1;

	error = kept_new(&kept);
	if (error != 0)
		return (error);
	reports_fini(master);
	old = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	if (old < 0)
		error = -errno;
	if (error == 0) {
		kept_set(kept.root, "old", kept_fd(&kept, old));
		kept_set(kept.root, "client",
		    kept_fd(&kept, control_upgrade_client(&master->control)));
		error = kept_master_save(master, &kept);
	}
	if (error == 0)
		error = kept_write(&kept, &state);
	if (error == 0) {
		let_go_finish();
		pass_on("resume", state, -1, &kept);
		(void)execv(upgrade->program->path, upgrade->program->argv);
		error = -errno;
		(void)unsetenv(VARIABLE);
		kept_pass_on(&kept, false);
	}
	fd_close(&old);
	fd_close(&state);
	kept_free(&kept);
	return (error);
}

static void
go_on(struct upgrade *upgrade)
{
	struct master *master = upgrade->master;
	struct reason why;
	int error;

	if (upgrade->state == UPGRADE_WANTED) {
		error = begin_trial(upgrade);
		upgrade->state = UPGRADE_TRIED;
		loop_timer_set(
		    &master->loop, &upgrade->timer, UPGRADE_TRIAL_MS);
	} else {
		/* It has no state, and the next image starts its own. */
		admin_close(&master->admin);
		error = execute(upgrade);
		if (admin_open(&master->admin, master, &why) == 0)
			admin_start(&master->admin);
		else
			log_err("%s", why.text);
	}
	if (error != 0)
		fail(upgrade, error, strerror(-error));
}

static void
due(struct loop_timer *timer)
{
	struct upgrade *upgrade = timer->owner;

	if (upgrade->state == UPGRADE_TRIED)
		fail(upgrade, -ETIMEDOUT, "the trial didn't end in time");
	else if (upgrade->master->leave.begun)
		fail(upgrade, -ESHUTDOWN, "the server is about to stop");
	else if (kept_master_is_calm(upgrade->master))
		go_on(upgrade);
	else if (clock_now() > upgrade->until_ns)
		fail(upgrade, -EBUSY,
		    "workers are being started or are dying all the time");
	else
		loop_timer_set(&upgrade->master->loop, timer, UPGRADE_LOOK_MS);
}

void
upgrade_init(struct master *master, const struct program *program)
{
	struct upgrade *upgrade = &master->upgrade;

	memset(upgrade, 0, sizeof(*upgrade));
	upgrade->master = master;
	upgrade->program = program;
	upgrade->pidfd = upgrade->answer = -1;
	upgrade->death.owner = upgrade;
	upgrade->death.handle = trial_over;
	upgrade->timer.owner = upgrade;
	upgrade->timer.handle = due;
}

int
upgrade_want(struct master *master, struct reason *why)
{
	struct upgrade *upgrade = &master->upgrade;

	if (upgrade->program == NULL || *upgrade->program->path == '\0')
		return (reason_set(
		    why, -ENOTSUP, "this program doesn't know its own file"));
	if (upgrade->state != UPGRADE_IDLE)
		return (reason_set(why, -EBUSY, "an upgrade is under way"));
	log_info("upgrade: %s is tried", upgrade->program->path);
	look(upgrade, UPGRADE_WANTED);
	return (0);
}

void
upgrade_cancel(struct master *master, const char *text)
{
	if (master->upgrade.state != UPGRADE_IDLE)
		fail(&master->upgrade, -ECANCELED, text);
}

void
upgrade_return(const struct program *program, const struct upgrade_start *start,
    const struct kept *kept, const char *text)
{
	char path[64];
	int old;

	log_err("bulkhead " BULKHEAD_VERSION " can't go on where bulkhead %s "
		"was: %s",
	    kept->root == NULL ? "?" : kept_text(kept->root, "program"), text);
	if (start->mode != UPGRADE_RESUME || kept->root == NULL)
		return;
	old = (int)kept_number(kept->root, "old", -1);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", old);
	(void)setenv(VARIABLE_WHY, text, 1);
	pass_on("return", start->state, -1, kept);
	(void)execv(path, program->argv);
	log_err(
	    "and the old program can't be executed again: %s", strerror(errno));
}

void
upgrade_answer(const struct upgrade_start *start, const char *text)
{
	if (start->answer != -1)
		(void)dprintf(start->answer, "%s", text);
}
