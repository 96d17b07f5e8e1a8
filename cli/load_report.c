/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "load.h"

static void keep_latency(struct load *l, uint64_t us)
{
	if (l->n_latencies == l->room) {
		size_t room = l->room ? l->room * 2 : 4096;
		uint32_t *more = realloc(l->latency_us, room * sizeof *more);

		if (!more)
			return; /* the percentiles are of those that were kept */
		l->latency_us = more;
		l->room = room;
	}
	l->latency_us[l->n_latencies++] = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

void load_count(struct load *l, unsigned code, uint64_t us)
{
	size_t i;

	if (code >= 200 && code < 300) {
		l->accepted++;
		keep_latency(l, us);
		return;
	}
	for (i = 0; i < LOAD_CODES - 1 && l->other[i].n && l->other[i].code != code; i++)
		;
	l->other[i].code = code;
	l->other[i].n++;
}

static int compare(const void *a, const void *b)
{
	uint32_t x, y;

	x = *(const uint32_t *)a;
	y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

static double percentile(const struct load *l, double p)
{
	size_t i;

	if (l->n_latencies == 0)
		return 0;
	i = (size_t)(p * (double)(l->n_latencies - 1) / 100 + 0.5);
	return (double)l->latency_us[i] / 1000;
}

static void report_json(const struct load *l, double seconds, double rate, uint64_t others)
{
	const char *comma = "";
	size_t i;

	printf("{\"accepted\":%llu,\"not_accepted\":%llu,\"seconds\":%.3f,\"accepted_per_s\":%.1f,\"connections\":%llu,"
	       "\"connections_lost\":%llu,\"p50_ms\":%.3f,\"p90_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f,\"replies\":{",
	    (unsigned long long)l->accepted, (unsigned long long)others, seconds, rate, (unsigned long long)l->connections,
	    (unsigned long long)l->lost, percentile(l, 50), percentile(l, 90), percentile(l, 99), percentile(l, 100));
	for (i = 0; i < LOAD_CODES && l->other[i].n; i++, comma = ",")
		printf("%s\"%u\":%llu", comma, l->other[i].code, (unsigned long long)l->other[i].n);
	puts("}}");
}

static void report_text(const struct load *l, double seconds, double rate)
{
	size_t i;

	printf("accepted      %llu\nseconds       %.3f\nper second    %.1f\nconnections   %llu\n", (unsigned long long)l->accepted,
	    seconds, rate, (unsigned long long)l->connections);
	if (l->lost)
		printf("of them lost  %llu\n", (unsigned long long)l->lost);
	if (l->n_latencies)
		printf("latency ms    p50 %.2f  p90 %.2f  p99 %.2f  max %.2f\n", percentile(l, 50), percentile(l, 90),
		    percentile(l, 99), percentile(l, 100));
	for (i = 0; i < LOAD_CODES && l->other[i].n; i++)
		printf("reply %03u     %llu\n", l->other[i].code, (unsigned long long)l->other[i].n);
}

enum cli_exit load_report(struct load *l)
{
	double seconds = (double)(l->end_us - l->start_us) / 1e6, rate = seconds > 0 ? (double)l->accepted / seconds : 0;
	uint64_t others = 0;
	bool is_later = true;
	size_t i;

	if (l->n_latencies)
		qsort(l->latency_us, l->n_latencies, sizeof *l->latency_us, compare);
	for (i = 0; i < LOAD_CODES; i++) {
		others += l->other[i].n;
		is_later = is_later && l->other[i].code < 500;
	}
	if (l->options.json)
		report_json(l, seconds, rate, others);
	else
		report_text(l, seconds, rate);
	if (*l->complaint)
		cli_complain(l->complaint, "--to");
	if (l->accepted == l->options.messages)
		return CLI_OK;
	return is_later ? CLI_LATER : CLI_FAIL;
}

void load_done(struct load *l)
{
	free(l->latency_us);
	hk_buf_done(&l->given);
}
