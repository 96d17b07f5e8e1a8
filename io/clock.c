/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "io/clock.h"

#define ZONES_DIR "/usr/share/zoneinfo/"

enum { ZONE_NAME_MAX = 64, ZONE_EVERY_S = 60 };

/* How often the zone was set: what threads remember of an older one is void. Written before threads
 * start. */
static unsigned zone_turn;

/* Letters, digits and "/_+-", no "..": a name of the zone database, never a path. */
static bool is_zone_name(struct hk_slice name)
{
	size_t i;

	if (name.n == 0 || name.n > ZONE_NAME_MAX || name.p[0] == '/')
		return false;
	for (i = 0; i < name.n; i++)
		if (!hk_is_alnum(name.p[i]) && !memchr("/_+-", name.p[i], 4))
			return false;
	return true;
}

/* "JST-9", "IST-5:30": a name and an offset (POSIX 8.3), for hosts without the zone database. */
static bool is_zone_rule(struct hk_slice name)
{
	size_t letters = 0, digits = 0, at;

	while (letters < name.n && hk_is_alpha(name.p[letters]))
		letters++;
	at = letters;
	if (at < name.n && memchr("+-", name.p[at], 2))
		at++;
	for (; at < name.n && (hk_is_digit(name.p[at]) || (digits && name.p[at] == ':')); at++)
		digits++;
	return letters >= 3 && letters < sizeof((struct hk_now *)0)->zone_name && digits &&
	       digits <= 5 && at == name.n;
}

enum hk_status hk_clock_set_zone(struct hk_slice name)
{
	char path[sizeof ZONES_DIR + ZONE_NAME_MAX];
	bool is_rule = is_zone_rule(name);

	if (name.n == 0) {
		tzset();
		return HK_OK;
	}
	if (!is_rule && !is_zone_name(name))
		return HK_NOTFOUND;
	snprintf(path, sizeof path, "%s%.*s", ZONES_DIR, HK_FMT(name));
	if (!is_rule && access(path, R_OK) != 0)
		return HK_NOTFOUND;
	if (setenv("TZ", path + sizeof ZONES_DIR - 1, 1) != 0)
		return HK_NOMEM;
	zone_turn++;
	tzset();
	return HK_OK;
}

/* Offset and name change on whole minutes, so each thread asks the zone database once a minute:
 * localtime_r takes a lock that all threads share. */
static void add_zone(struct hk_now *now)
{
	static _Thread_local struct {
		int64_t minute;
		int offset_minutes;
		char name[sizeof now->zone_name];
		unsigned turn;
		bool is_set;
	} known;
	int64_t minute = now->utc / ZONE_EVERY_S;
	time_t utc = (time_t)now->utc;
	struct tm local;

	if (!known.is_set || known.minute != minute || known.turn != zone_turn) {
		const char *name = "";

		known.offset_minutes = 0;
		if (localtime_r(&utc, &local)) {
			known.offset_minutes = (int)(local.tm_gmtoff / 60);
			/* zones without letters of their own are called "+03": no name */
			if (local.tm_zone && hk_is_alpha((uint8_t)local.tm_zone[0]) &&
			    strlen(local.tm_zone) < sizeof known.name)
				name = local.tm_zone;
		}
		snprintf(known.name, sizeof known.name, "%s", name);
		known.minute = minute;
		known.turn = zone_turn;
		known.is_set = true;
	}
	now->zone_minutes = known.offset_minutes;
	memcpy(now->zone_name, known.name, sizeof known.name);
}

uint64_t hk_clock_mono_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void hk_clock_now(struct hk_now *ret)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	*ret = (struct hk_now){.mono_ms = hk_clock_mono_ms(),
	    .utc = t.tv_sec,
	    .utc_ms = (unsigned)(t.tv_nsec / 1000000)};
	add_zone(ret);
}

struct timespec hk_clock_after(long ms)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += ms / 1000;
	at.tv_nsec += ms % 1000 * 1000000L;
	if (at.tv_nsec >= 1000000000L) {
		at.tv_nsec -= 1000000000L;
		at.tv_sec++;
	}
	return at;
}
