/* SPDX-License-Identifier: MIT
 *
 * Counts the calls that wait for the disk, and makes each of them as much slower as it is told, for every program of a mount
 * namespace at once: a bench names this library in the namespace's own /etc/ld.so.preload, so roles that have no environment are
 * counted like everybody else. The count and the delay lie in a file that all of them map.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { STEP_US = 10000 };

static struct {
	_Atomic uint64_t count, delay_us;
} *shared;

__attribute__((constructor)) static void join(void)
{
	int fd = open(COUNT_FILE, O_RDWR | O_CLOEXEC);
	void *at = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (at != MAP_FAILED)
		shared = at;
	if (fd >= 0)
		close(fd);
}

static int counted(long number, long fd)
{
	uint64_t step, us;

	if (shared)
		shared->count++;
	for (us = 0; shared && us < shared->delay_us; us += step) { /* in steps: it may be told otherwise meanwhile */
		uint64_t left = shared->delay_us - us;

		step = left < STEP_US ? left : STEP_US;
		nanosleep(&(struct timespec){.tv_nsec = (long)step * 1000}, NULL);
	}
	return (int)syscall(number, fd);
}

int fsync(int fd)
{
	return counted(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	return counted(SYS_fdatasync, fd);
}

int syncfs(int fd)
{
	return counted(SYS_syncfs, fd);
}
