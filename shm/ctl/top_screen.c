/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The screen of top, by ncurses.
 */
#include "shm/ctl/top_screen.h"

#include "shm/ctl/summary.h"
#include "shm/ctl/views.h"

#include <bsd/string.h>
#include <curses.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

enum {
	TAB_LINE = SUMMARY_LINES + 1,
	TITLE_LINE = TAB_LINE + 1,
	TABLE_LINE = TITLE_LINE + 1,
	LINE_SIZE = 1024,
};

static const char *const names[TOP_VIEWS] = {
	[TOP_WORKERS] = "workers",
	[TOP_MODULES] = "modules",
	[TOP_REQUESTS] = "requests",
};

size_t
top_sort_column(enum top_view view)
{
	static const size_t columns[TOP_VIEWS] = {
		[TOP_WORKERS] = VIEW_WORKERS_SORT,
		[TOP_MODULES] = VIEW_MODULES_SORT,
		[TOP_REQUESTS] = VIEW_REQUESTS_SORT,
	};

	return (columns[view]);
}

bool
top_screen_open(struct top_screen *screen, uint64_t interval_ms)
{
	size_t i;

	memset(screen, 0, sizeof(*screen));
	screen->interval_ms = interval_ms;
	for (i = 0; i < TOP_VIEWS; i++)
		screen->sort[i] = top_sort_column((enum top_view)i);
	(void)setlocale(LC_ALL, "");
	screen->terminal = newterm(NULL, stdout, stdin);
	if (screen->terminal == NULL)
		return (false);
	(void)cbreak();
	(void)noecho();
	(void)keypad(stdscr, TRUE);
	(void)curs_set(0);
	(void)set_escdelay(25);
	return (true);
}

void
top_screen_close(struct top_screen *screen)
{
	(void)endwin();
	delscreen(screen->terminal);
	screen->terminal = NULL;
}

/* A line, cut to the screen's width. */
static void
put_line(int row, const char *text)
{
	if (row < LINES && COLS > 0)
		(void)mvaddnstr(row, 0, text, COLS);
}

static void
put_tabs(const struct top_screen *screen, const struct table *table)
{
	int i, column = 0;

	for (i = 0; i < TOP_VIEWS && TAB_LINE < LINES; i++) {
		if (i == (int)screen->view)
			(void)attron(A_REVERSE);
		(void)mvprintw(
		    TAB_LINE, column, " %c %s ", names[i][0], names[i]);
		(void)attroff(A_REVERSE);
		column += (int)strlen(names[i]) + 5;
	}
	if (TAB_LINE < LINES)
		(void)mvprintw(TAB_LINE, column,
		    "  by %s, each %g s%s   "
		    "? for help",
		    table->columns[screen->sort[screen->view]].title,
		    (double)screen->interval_ms / 1000,
		    screen->paused ? ", PAUSED" : "");
}

static void
put_table(struct top_screen *screen, const struct table *table)
{
	char line[LINE_SIZE];
	size_t i;

	screen->rows = table_rows(table);
	screen->columns = table->column_count;
	screen->page = LINES > TABLE_LINE ? (size_t)(LINES - TABLE_LINE) : 0;
	if (screen->first + screen->page > screen->rows)
		screen->first = screen->rows > screen->page
				    ? screen->rows - screen->page
				    : 0;
	(void)attron(A_BOLD);
	table_line(table, -1, line, sizeof(line));
	put_line(TITLE_LINE, line);
	(void)attroff(A_BOLD);
	for (i = 0; i < screen->page && screen->first + i < screen->rows; i++) {
		table_line(
		    table, (long)(screen->first + i), line, sizeof(line));
		put_line(TABLE_LINE + (int)i, line);
	}
}

static void
put_help(void)
{
	static const char *const lines[] = {
		"w m r, Tab    workers, modules, requests; the next of them",
		"< >           sort by another column",
		"up down       scroll; also PgUp, PgDn, Home, End",
		"+ -           look less often, more often",
		"space         look now",
		"p             pause",
		"?             this help, and back",
		"q             quit",
	};
	size_t i;

	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		put_line(TITLE_LINE + 1 + (int)i, lines[i]);
}

void
top_screen_draw(struct top_screen *screen, const struct collect_status *now,
    const struct collect_status *before, const char *error)
{
	char lines[SUMMARY_LINES][SUMMARY_WIDTH];
	struct table table;
	int i;

	(void)erase();
	if (now != NULL) {
		summary_make(now, before, lines);
		for (i = 0; i < SUMMARY_LINES; i++)
			put_line(i, lines[i]);
		top_make_view(screen->view, &table, now, before);
		table_sort(&table, screen->sort[screen->view]);
		put_tabs(screen, &table);
		if (screen->help)
			put_help();
		else
			put_table(screen, &table);
		table_free(&table);
	}
	if (*error != '\0') {
		(void)attron(A_REVERSE);
		put_line(SUMMARY_LINES, error);
		(void)attroff(A_REVERSE);
	}
	(void)refresh();
}

static void
choose_view(struct top_screen *screen, enum top_view view)
{
	screen->view = view;
	screen->first = 0;
	screen->help = false;
}

static void
scroll_by(struct top_screen *screen, long by)
{
	if (by < 0 && screen->first < (size_t)-by)
		screen->first = 0;
	else
		screen->first = (size_t)((long)screen->first + by);
	if (screen->first >= screen->rows) /* drawing does the rest */
		screen->first = screen->rows > 0 ? screen->rows - 1 : 0;
}

static void
sort_by_next(struct top_screen *screen, size_t step)
{
	size_t *sort = &screen->sort[screen->view];

	if (screen->columns > 0)
		*sort = (*sort + step) % screen->columns;
}

/* Keys that only change what is drawn. */
static void
follow_key(struct top_screen *screen, int key)
{
	switch (key) {
	case 'w':
	case 'm':
	case 'r':
		choose_view(screen, key == 'w'   ? TOP_WORKERS
				    : key == 'm' ? TOP_MODULES
						 : TOP_REQUESTS);
		break;
	case '\t':
		choose_view(
		    screen, (enum top_view)((screen->view + 1) % TOP_VIEWS));
		break;
	case '<':
	case KEY_LEFT:
		sort_by_next(screen, screen->columns - 1);
		break;
	case '>':
	case KEY_RIGHT:
		sort_by_next(screen, 1);
		break;
	case KEY_UP:
	case KEY_DOWN:
		scroll_by(screen, key == KEY_UP ? -1 : 1);
		break;
	case KEY_PPAGE:
	case KEY_NPAGE:
		scroll_by(screen, key == KEY_PPAGE ? -(long)screen->page
						   : (long)screen->page);
		break;
	case KEY_HOME:
		screen->first = 0;
		break;
	case KEY_END:
		screen->first = screen->rows;
		break;
	case 'p':
		screen->paused = !screen->paused;
		break;
	case '?':
	case 'h':
		screen->help = !screen->help;
		break;
	default: /* KEY_RESIZE too: curses knows the new size */
		break;
	}
}

enum top_wish
top_screen_key(struct top_screen *screen, uint64_t patience_ms)
{
	int key;

	timeout((int)(patience_ms < 60000 ? patience_ms : 60000));
	key = getch();
	switch (key) {
	case ERR:
		return (TOP_NOTHING);
	case 'q':
		return (TOP_QUIT);
	case ' ':
		return (TOP_LOOK);
	case '+':
		return (TOP_SLOWER);
	case '-':
		return (TOP_FASTER);
	default:
		follow_key(screen, key);
		return (TOP_NOTHING);
	}
}
