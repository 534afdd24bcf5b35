/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What recording costs, beside a loop that only counts the packets of the same
 * file with libpcap, in turns in one run. Each measurement is a process of its
 * own, so that the system accounts for all its threads.
 *
 *   pipeline_bench BIN CAPTURE RUNS [THREADS]
 *
 * The archives lie in $TMPDIR, or /tmp: on which file system makes a
 * difference.
 */
#include <ftw.h>
#include <inttypes.h>
#include <limits.h>
#include <pcap/pcap.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct cost {
	double cpu_s;
	double wall_s;
	double peak_mib;
};

static double
now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double
seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static uint64_t
count_packets(const char *path)
{
	char error[PCAP_ERRBUF_SIZE];
	pcap_t *pcap = pcap_open_offline(path, error);
	struct pcap_pkthdr *hdr;
	const u_char *bytes;
	uint64_t n = 0;

	if (!pcap) {
		fprintf(stderr, "%s\n", error);
		exit(1);
	}
	while (pcap_next_ex(pcap, &hdr, &bytes) == 1)
		n++;
	pcap_close(pcap);
	return n;
}

/* Run a child; what it prints is dropped. */
static struct cost
measure(void (*child)(const void *), const void *arg)
{
	struct rusage usage;
	double began = now_s();
	struct cost cost;
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		if (!freopen("/dev/null", "w", stdout))
			_exit(1);
		child(arg);
		_exit(0);
	}
	if (pid < 0 || wait4(pid, &status, 0, &usage) != pid || status != 0) {
		fprintf(stderr, "a measured process failed\n");
		exit(1);
	}
	cost.wall_s = now_s() - began;
	cost.cpu_s = seconds(usage.ru_utime) + seconds(usage.ru_stime);
	cost.peak_mib = (double)usage.ru_maxrss / 1024;
	return cost;
}

static void
count_child(const void *arg)
{
	(void)count_packets(arg);
}

static void
exec_child(const void *arg)
{
	const char *const *argv = arg;

	execv(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static int
by_cpu(const void *a, const void *b)
{
	const struct cost *x = a, *y = b;

	return x->cpu_s < y->cpu_s ? -1 : x->cpu_s > y->cpu_s;
}

static struct cost
record(const char *home, int run, const char *bin, const char *capture,
       const char *threads)
{
	char path[PATH_MAX + 16], init[PATH_MAX], recorder[PATH_MAX];
	const char *init_argv[] = { init, "init", path, NULL };
	const char *argv[] = { recorder, "--home", path,    "--threads",
			       threads,  "--read", capture, NULL };

	snprintf(path, sizeof(path), "%s/%d", home, run);
	snprintf(init, sizeof(init), "%s/spanrec", bin);
	snprintf(recorder, sizeof(recorder), "%s/spanrecd", bin);
	(void)measure(exec_child, init_argv);
	return measure(exec_child, argv);
}

static void
print(const char *what, struct cost *runs, int n, uint64_t packets)
{
	const struct cost *m = &runs[n / 2];

	qsort(runs, (size_t)n, sizeof(*runs), by_cpu);
	printf("%-28s %7.2f CPU s %7.2f s %8.0f ns CPU/packet %8.2f M "
	       "packets/s %7.0f MiB peak\n",
	       what, m->cpu_s, m->wall_s, m->cpu_s * 1e9 / (double)packets,
	       (double)packets / m->wall_s / 1e6, m->peak_mib);
}

int
main(int argc, char **argv)
{
	int runs = argc > 3 ? atoi(argv[3]) : 3;
	struct cost count[16], full[16];
	const char *threads = argc > 4 ? argv[4] : "1";
	/* All homes go at the end: ext4 takes long to make files where many
	 * were deleted in the last minutes. */
	const char *folder = getenv("TMPDIR");
	char home[PATH_MAX];
	uint64_t packets;
	int i;

	if (argc < 3 || runs < 1 || runs > 16) {
		fprintf(stderr, "usage: pipeline_bench BIN CAPTURE RUNS "
				"[THREADS]\n");
		return 2;
	}
	snprintf(home, sizeof(home), "%s/spanrec-bench-XXXXXX",
		 folder ? folder : "/tmp");
	if (!mkdtemp(home)) {
		perror(home);
		return 1;
	}
	packets = count_packets(argv[2]);
	printf("%" PRIu64 " packets, median of %d runs by CPU\n", packets,
	       runs);
	for (i = 0; i < runs; i++) {
		count[i] = measure(count_child, argv[2]);
		full[i] = record(home, i, argv[1], argv[2], threads);
	}
	nftw(home, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	print("count with libpcap", count, runs, packets);
	print("spanrecd --read", full, runs, packets);
	printf("%-28s %7.2f\n", "ratio of CPU",
	       full[runs / 2].cpu_s / count[runs / 2].cpu_s);
	return 0;
}
