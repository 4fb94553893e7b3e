/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The screen of top: what is drawn where, and what the keys mean.
 */
#ifndef SHM_CTL_TOP_SCREEN_H
#define SHM_CTL_TOP_SCREEN_H

#include "shm/ctl/collect.h"
#include "shm/ctl/table.h"

#include <stdbool.h>
#include <stdint.h>

enum top_view {
	TOP_WORKERS,
	TOP_MODULES,
	TOP_REQUESTS,
	TOP_VIEWS
};

/* What a key asks of the caller. */
enum top_wish {
	TOP_NOTHING, /* but to draw again */
	TOP_LOOK,    /* now */
	TOP_QUIT,
	TOP_SLOWER,
	TOP_FASTER,
};

struct top_screen {
	enum top_view view;
	size_t sort[TOP_VIEWS];
	size_t columns; /* of the table drawn last */
	size_t rows;
	size_t first; /* row at the top */
	size_t page;  /* rows that fit */
	uint64_t interval_ms;
	bool paused;
	bool help;
	void *terminal; /* curses' SCREEN */
};

/* top_screen_open(screen, interval_ms): false when TERM can't do it. */
bool top_screen_open(struct top_screen *screen, uint64_t interval_ms);

/* top_screen_close(screen): the terminal is as it was. */
void top_screen_close(struct top_screen *screen);

/*
 * top_screen_draw(screen, now, before, error):
 * ${now} and ${before} may be NULL; ${error} may be empty.
 */
void top_screen_draw(struct top_screen *screen,
    const struct collect_status *now, const struct collect_status *before,
    const char *error);

/* top_screen_key(screen, patience_ms): wait for a key so long at most. */
enum top_wish top_screen_key(struct top_screen *screen, uint64_t patience_ms);

/* top_make_view(view, table, now, before): its table; to be freed. */
void top_make_view(enum top_view view, struct table *table,
    const struct collect_status *now, const struct collect_status *before);

/* top_sort_column(view): what it is sorted by at first. */
size_t top_sort_column(enum top_view view);

#endif
