/* SPDX-License-Identifier: MIT
 *
 * Dates of RFC 5322 3.3, and the obsolete forms of 4.3: CFWS anywhere, years of two and three digits, named zones.
 */
#include "lib/message/message_internal.h"

enum { YEAR_MIN = 1900, YEAR_MAX = 9999, DAY_SECONDS = 86400, OFFSET_MAX = 99 * 60 + 59 };

static const char weekdays[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char months[][4] = {
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/* RFC 5322 4.3 names these; any other word of letters means "-0000", the military letters too. */
static const struct {
	const char *name;
	int minutes;
} zones[] = {
    {"UT", 0}, {"GMT", 0}, {"EST", -300}, {"EDT", -240}, {"CST", -360}, {"CDT", -300}, {"MST", -420}, {"MDT", -360},
    {"PST", -480}, {"PDT", -420},
    {"JST", 540}, /* not the RFC's, but known to mean one thing only */
};

/* ---- the calendar ----------------------------------------------------------------- */

static bool is_leap(int64_t year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static unsigned month_days(int64_t year, unsigned month)
{
	static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return days[month] + (month == 1 && is_leap(year) ? 1u : 0u);
}

/* Days from 1970-01-01 to the first of January; year is 1 or more. */
static int64_t days_before_year(int64_t year)
{
	int64_t y = year - 1;

	return y * 365 + y / 4 - y / 100 + y / 400 - 719162; /* what the sum is for 1970 */
}

static int64_t days_of(int64_t year, unsigned month, unsigned day)
{
	int64_t days = days_before_year(year) + (int64_t)day - 1;
	unsigned m;

	for (m = 0; m < month; m++)
		days += month_days(year, m);
	return days;
}

/* 0 is Sunday; 1970-01-01 was a Thursday. */
static unsigned weekday_of(int64_t days)
{
	return (unsigned)(((days % 7) + 7 + 4) % 7);
}

/* ---- parsing ------------------------------------------------------------------------ */

/* Sticky, as the cursors of base.h: one check at the end. */
struct reader {
	struct hk_slice rest;
	enum hk_status status;
};

static void skip(struct reader *r)
{
	bool any;

	if (r->status == HK_OK)
		r->status = hk_message_skip_cfws(&r->rest, &any);
}

static bool take_mark(struct reader *r, uint8_t mark)
{
	skip(r);
	if (r->status != HK_OK || r->rest.n == 0 || r->rest.p[0] != mark)
		return false;
	r->rest = hk_slice_from(r->rest, 1);
	return true;
}

static void need_mark(struct reader *r, uint8_t mark)
{
	if (!take_mark(r, mark) && r->status == HK_OK)
		r->status = HK_SYNTAX;
}

/* All the digits that stand there, least to most of them; *ret_n, if asked for, is how many. */
static unsigned take_number(struct reader *r, size_t least, size_t most, size_t *ret_n)
{
	unsigned value = 0;
	size_t n = 0;

	skip(r);
	while (n < r->rest.n && n <= most && hk_is_digit(r->rest.p[n]))
		value = value * 10 + (unsigned)(r->rest.p[n++] - '0');
	if (r->status == HK_OK && (n < least || n > most))
		r->status = HK_SYNTAX;
	r->rest = hk_slice_from(r->rest, n);
	if (ret_n)
		*ret_n = n;
	return value;
}

static struct hk_slice take_word(struct reader *r)
{
	struct hk_slice word;
	size_t n = 0;

	skip(r);
	while (n < r->rest.n && hk_is_alpha(r->rest.p[n]))
		n++;
	word = hk_slice_sub(r->rest, 0, n);
	r->rest = hk_slice_from(r->rest, n);
	return word;
}

static unsigned take_name(struct reader *r, const char names[][4], unsigned count)
{
	struct hk_slice word = take_word(r);
	unsigned i = 0;

	while (i < count && !hk_slice_eq_nocase(word, hk_slice_str(names[i])))
		i++;
	if (i == count && r->status == HK_OK)
		r->status = HK_SYNTAX;
	return i;
}

static int64_t take_year(struct reader *r)
{
	size_t n;
	unsigned year = take_number(r, 2, 4, &n);

	/* RFC 5322 4.3 */
	if (n == 2)
		year += year < 50 ? 2000 : 1900;
	else if (n == 3)
		year += 1900;
	if (year < YEAR_MIN && r->status == HK_OK)
		r->status = HK_SYNTAX;
	return year;
}

static int take_zone(struct reader *r)
{
	struct hk_slice word;
	bool east = take_mark(r, '+'), west = !east && take_mark(r, '-');
	unsigned digits;
	size_t i;

	if (east || west) {
		if (r->rest.n && !hk_is_digit(r->rest.p[0]) && r->status == HK_OK)
			r->status = HK_SYNTAX;
		digits = take_number(r, 4, 4, NULL);
		if (digits % 100 > 59 && r->status == HK_OK)
			r->status = HK_SYNTAX;
		return (east ? 1 : -1) * (int)(digits / 100 * 60 + digits % 100);
	}
	word = take_word(r);
	for (i = 0; i < sizeof zones / sizeof zones[0]; i++)
		if (hk_slice_eq_nocase(word, hk_slice_str(zones[i].name)))
			return zones[i].minutes;
	if (word.n == 0 && r->status == HK_OK)
		r->status = HK_SYNTAX;
	return 0;
}

enum hk_status hk_date_parse(struct hk_slice text, int64_t *ret_utc, int *ret_offset, bool *ret_weekday_ok)
{
	struct reader r = {.rest = text};
	unsigned weekday = 7, day, month, hour, minute, second = 0;
	int64_t year, days;
	int offset;

	skip(&r);
	if (r.rest.n && hk_is_alpha(r.rest.p[0])) {
		weekday = take_name(&r, weekdays, 7);
		need_mark(&r, ',');
	}
	day = take_number(&r, 1, 2, NULL);
	month = take_name(&r, months, 12);
	year = take_year(&r);
	hour = take_number(&r, 2, 2, NULL);
	need_mark(&r, ':');
	minute = take_number(&r, 2, 2, NULL);
	if (take_mark(&r, ':'))
		second = take_number(&r, 2, 2, NULL);
	offset = take_zone(&r);
	skip(&r);
	if (r.status != HK_OK)
		return r.status;
	/* 60 is a leap second: the time scale here has none, so it is the second after */
	if (r.rest.n || hour > 23 || minute > 59 || second > 60 || day == 0 || day > month_days(year, month))
		return HK_SYNTAX;
	days = days_of(year, month, day);
	*ret_utc = days * DAY_SECONDS + (int64_t)hour * 3600 + (int64_t)minute * 60 + second - (int64_t)offset * 60;
	*ret_offset = offset;
	*ret_weekday_ok = weekday == 7 || weekday == weekday_of(days);
	return HK_OK;
}

/* ---- formatting ----------------------------------------------------------------------- */

static bool is_plain_zone(struct hk_slice zone)
{
	size_t i = 0;

	while (i < zone.n && (hk_is_alnum(zone.p[i]) || zone.p[i] == '+' || zone.p[i] == '-'))
		i++;
	return zone.n && i == zone.n;
}

static int64_t clip(int64_t value, int64_t least, int64_t most)
{
	return value < least ? least : value > most ? most : value;
}

void hk_date_format(struct hk_buf *b, int64_t utc, int offset_minutes, struct hk_slice zone)
{
	int64_t offset = clip(offset_minutes, -OFFSET_MAX, OFFSET_MAX), first = days_before_year(YEAR_MIN) * DAY_SECONDS,
		last = days_before_year(YEAR_MAX + 1) * DAY_SECONDS - 1;
	/* clipped twice, so that the sum cannot overflow either */
	int64_t here = clip(clip(utc, first, last) + offset * 60, first, last);
	int64_t days = here >= 0 ? here / DAY_SECONDS : -((DAY_SECONDS - 1 - here) / DAY_SECONDS);
	unsigned second = (unsigned)(here - days * DAY_SECONDS), month = 0, day;
	unsigned zone_minutes = (unsigned)(offset < 0 ? -offset : offset);
	int64_t year = YEAR_MIN + (days - days_before_year(YEAR_MIN)) / 366;

	while (days_before_year(year + 1) <= days)
		year++;
	day = (unsigned)(days - days_before_year(year));
	while (day >= month_days(year, month))
		day -= month_days(year, month++);
	hk_buf_addf(b, "%s, %u %s %04u %02u:%02u:%02u %c%02u%02u", weekdays[weekday_of(days)], day + 1, months[month],
	    (unsigned)year, second / 3600, second / 60 % 60, second % 60, offset < 0 ? '-' : '+', zone_minutes / 60,
	    zone_minutes % 60);
	if (is_plain_zone(zone)) {
		hk_buf_add_str(b, " (");
		hk_buf_add(b, zone);
		hk_buf_add_byte(b, ')');
	}
}
