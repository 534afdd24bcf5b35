/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A thread of its own tells backups what was deleted, because the disk of a
 * backup may be slow, or on a network that is gone: no deletion waits for that.
 * It reads the archive beside the thread that writes it.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd/common/backups.h"
#include "cmd/common/log.h"
#include "cmd/spanrecd/run.h"

/* Is there anything new in the ledger? */
#define LOOK_NS 2000000000LL
/* ... or not, backups are looked at: one may have come, a period ended. */
#define FOLLOW_NS 60000000000LL
/* What is known of them is no older. */
#define VIEW_NS 10000000000LL

struct run_backups {
	struct store_archive *archive;
	const struct home *home;
	struct backups_view *view; /* NULL: nobody looks */
	struct backups told;
	pthread_t thread;
	sem_t stop;
};

static int64_t
clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* @return true: it is over */
static bool
stopped(struct run_backups *b)
{
	struct timespec until;
	int64_t until_ns = clock_ns(CLOCK_REALTIME) + LOOK_NS;

	until.tv_sec = until_ns / 1000000000;
	until.tv_nsec = until_ns % 1000000000;
	return sem_timedwait(&b->stop, &until) == 0;
}

static void
look(struct run_backups *b)
{
	backups_look(&b->told, b->archive, b->home);
	if (b->view)
		backups_view_put(b->view, &b->told);
}

static void *
main_loop(void *ctx)
{
	struct run_backups *b = ctx;
	int64_t now_ns, followed_ns = 0, viewed_ns = 0;
	uint64_t last = 0, now;
	bool tell, changed = true;

	pthread_setname_np(pthread_self(), "backups");
	do {
		now = store_ledger_number(b->archive);
		now_ns = clock_ns(CLOCK_MONOTONIC);
		tell = now != last || now_ns - followed_ns >= FOLLOW_NS;
		if (tell) {
			(void)backups_follow(&b->told, b->archive, b->home,
					     clock_ns(CLOCK_REALTIME));
			last = now;
			followed_ns = clock_ns(CLOCK_MONOTONIC);
		}
		changed = changed || tell;
		if (changed && (!viewed_ns || now_ns - viewed_ns >= VIEW_NS)) {
			look(b);
			changed = false;
			viewed_ns = clock_ns(CLOCK_MONOTONIC);
		}
	} while (!stopped(b));
	return NULL;
}

struct run_backups *
run_backups_start(const struct pipeline_config *config)
{
	struct run_backups *b = calloc(1, sizeof(*b));
	int r = b ? 0 : -ENOMEM;

	if (r == 0) {
		b->archive = config->archive;
		b->home = config->home;
		b->view = config->backups;
		sem_init(&b->stop, 0, 0);
		r = -pthread_create(&b->thread, NULL, main_loop, b);
	}
	if (r == 0)
		return b;
	log_warning("backups are not told what is deleted: %s", strerror(-r));
	free(b);
	return NULL;
}

void
run_backups_stop(struct run_backups **backups)
{
	struct run_backups *b = *backups;

	*backups = NULL;
	if (!b)
		return;
	sem_post(&b->stop);
	pthread_join(b->thread, NULL);
	sem_destroy(&b->stop);
	/* What was deleted in the last moments. */
	(void)backups_follow(&b->told, b->archive, b->home,
			     clock_ns(CLOCK_REALTIME));
	free(b);
}
