/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <hikyaku/verify.h>

#include "lib/smtp/smtp_refusal.h"
#include "log/counters.h"
#include "log/format.h"

/* ---- words of labels: the i-th, NULL past the last ---- */

static const char *known(const char *word)
{
	return strcmp(word, "?") == 0 ? NULL : word;
}

static const char *refusal_word(unsigned i)
{
	return i + 1 < HK_REFUSALS ? hk_refusal_row((enum hk_refusal)(i + 1))->id : NULL;
}

static const char *spf_word(unsigned i)
{
	return known(hk_spf_result_name((enum hk_spf_result)i));
}

static const char *dkim_word(unsigned i)
{
	return known(hk_dkim_result_name((enum hk_dkim_result)i));
}

static const char *dmarc_word(unsigned i)
{
	return known(hk_dmarc_result_name((enum hk_dmarc_result)i));
}

#define WORDS(NAME, ...)                                                                                                        \
	static const char *NAME(unsigned i)                                                                                     \
	{                                                                                                                       \
		static const char *const words[] = {__VA_ARGS__};                                                               \
		return i < sizeof words / sizeof words[0] ? words[i] : NULL;                                                    \
	}
WORDS(outcome_word, "delivered", "deferred", "failed", "removed")
WORDS(ok_word, "1", "0")
WORDS(version_word, "TLSv1.3", "TLSv1.2", "TLSv1.1", "TLSv1")

/* ---- what is counted ---- */

enum { WORDS_MAX = 512, ROWS_MAX = 32 };

/* One row: its event counts; with a field, each of those in the line counts under its word, another word under "other". Rows of
 * one name stand together. */
static const struct row {
	const char *name, *help;
	const char *event, *needs; /* needs: a member without which the event is another one */
	const char *field, *label;
	const char *(*word)(unsigned);
	bool first_word; /* of the value, up to a blank */
} rows[] = {
    {"hikyaku_connections_total", "Clients that connected.", "connect", "listener"},
    {"hikyaku_disconnections_total", "Sessions of clients that ended.", "disconnect", "listener"},
    {"hikyaku_sessions_refused_total", "Times that clients found no room for a session; one count for many in a row.", "full", NULL},
    {"hikyaku_timeouts_total", "Clients that said nothing for too long.", "timeout", NULL},
    {"hikyaku_messages_accepted_total", "Messages that clients were told 250 of.", "accept", "qid"},
    {"hikyaku_messages_finished_total", "Messages that left the queue.", "removed", "qid"},
    {"hikyaku_refusals_total", "Refusals of the log by their id: hikyaku explain ID.", "refuse", NULL, "rule", "id", refusal_word},
    {"hikyaku_deliveries_total", "Attempts by what became of a recipient; failed is bounced.", "delivery", "rcpt", "outcome", "outcome", outcome_word},
    {"hikyaku_tls_server_total", "TLS handshakes with clients.", "tls", "client", "ok", "ok", ok_word},
    {"hikyaku_tls_server_version_total", "TLS versions of clients.", "tls", "client", "tls", "version", version_word, true},
    {"hikyaku_tls_client_total", "TLS handshakes with next hops.", "tls", "remote", "ok", "ok", ok_word},
    {"hikyaku_tls_client_version_total", "TLS versions of next hops.", "tls", "remote", "tls", "version", version_word, true},
    {"hikyaku_auth_total", "Users that proved who they are, or did not.", "auth", "ok", "ok", "ok", ok_word},
    {"hikyaku_spf_total", "SPF results of messages.", "accept", "spf", "spf", "result", spf_word},
    {"hikyaku_spf_total", NULL, "verdict", "spf", "spf", "result", spf_word},
    {"hikyaku_dkim_total", "DKIM results of signatures.", "accept", "dkim", "dkim", "result", dkim_word},
    {"hikyaku_dkim_total", NULL, "verdict", "dkim", "dkim", "result", dkim_word},
    {"hikyaku_dmarc_total", "DMARC results of messages.", "accept", "dmarc", "dmarc", "result", dmarc_word},
    {"hikyaku_dmarc_total", NULL, "verdict", "dmarc", "dmarc", "result", dmarc_word},
    {"hikyaku_alarms_total", "Alarms that the log had.", "alarm", NULL},
};
enum { ROWS = sizeof rows / sizeof rows[0] };

static const struct gauge {
	const char *name, *labels, *type, *help;
} gauges[HK_GAUGES] = {
#define X(ID, name, labels, type, help) [HK_GAUGE_##ID] = {name, labels, type, help},
    HK_GAUGE_TABLE(X)
#undef X
};

/* Seconds from acceptance to delivery, in whole ones. */
static const unsigned delays[] = {1, 2, 5, 10, 30, 60, 300, 900, 3600, 14400, 86400, 432000};
enum { DELAYS = sizeof delays / sizeof delays[0] };

typedef _Atomic uint64_t number;
struct hk_counters {
	number *at[ROWS]; /* for each word, and one for others; rows of one name share them */
	unsigned words[ROWS];
	number gauge[HK_GAUGES];
	number delay[DELAYS + 1], delay_sum;
};

static unsigned words_of(const struct row *row)
{
	unsigned n = 0;

	while (row->word && n < WORDS_MAX && row->word(n))
		n++;
	return n;
}

static bool continues(size_t i)
{
	return i && strcmp(rows[i].name, rows[i - 1].name) == 0;
}

struct hk_counters *hk_counters_new(void)
{
	struct hk_counters *c = calloc(1, sizeof *c);
	size_t i;

	for (i = 0; c && i < ROWS; i++) {
		c->words[i] = words_of(&rows[i]);
		c->at[i] = continues(i) ? c->at[i - 1] : calloc(c->words[i] + 1, sizeof *c->at[i]);
		if (!c->at[i]) {
			hk_counters_free(c);
			return NULL;
		}
	}
	return c;
}

void hk_counters_free(struct hk_counters *c)
{
	size_t i;

	for (i = 0; c && i < ROWS; i++)
		if (!continues(i))
			free(c->at[i]);
	free(c);
}

void hk_counters_set(struct hk_counters *c, enum hk_gauge gauge, uint64_t value)
{
	atomic_store_explicit(&c->gauge[gauge], value, memory_order_relaxed);
}

/* ---- counting ---- */

static void add(number *n, uint64_t more)
{
	atomic_fetch_add_explicit(n, more, memory_order_relaxed);
}

void hk_counters_add(struct hk_counters *c, enum hk_gauge gauge, uint64_t more)
{
	add(&c->gauge[gauge], more);
}

static void count_field(struct hk_counters *c, size_t i, struct hk_slice value)
{
	unsigned w;

	if (rows[i].first_word)
		value = hk_slice_sub(value, 0, hk_slice_find(value, ' '));
	for (w = 0; w < c->words[i]; w++)
		if (hk_slice_eq(value, hk_slice_str(rows[i].word(w))))
			break;
	add(&c->at[i][w], 1);
}

static void count_row(struct hk_counters *c, size_t i, const struct hk_log_field *field, size_t n)
{
	size_t k;

	if (rows[i].needs && !hk_log_field_find(field, n, rows[i].needs).p)
		return;
	if (!rows[i].field) {
		add(&c->at[i][0], 1);
		return;
	}
	for (k = 0; k < n; k++)
		if (hk_slice_eq(field[k].name, hk_slice_str(rows[i].field)))
			count_field(c, i, field[k].value);
}

static void count_delay(struct hk_counters *c, const struct hk_log_field *field, size_t n)
{
	uint64_t seconds;
	size_t i = 0;

	if (!hk_slice_eq(hk_log_field_find(field, n, "outcome"), HK_S("delivered")) ||
	    hk_slice_u64(hk_log_field_find(field, n, "delay"), INT64_MAX, &seconds) != HK_OK)
		return;
	while (i < DELAYS && seconds >= delays[i])
		i++;
	add(&c->delay[i], 1);
	add(&c->delay_sum, seconds);
}

/* "ev=NAME ..." or "qid=ID ev=NAME ...": without a look at the rest of what nobody counts. */
static struct hk_slice event_of(struct hk_slice line)
{
	if (hk_slice_starts_nocase(line, HK_S("qid=")))
		line = hk_slice_from(line, hk_slice_find(line, ' ') + 1);
	if (!hk_slice_starts_nocase(line, HK_S("ev=")))
		return (struct hk_slice){0};
	line = hk_slice_from(line, 3);
	return hk_slice_sub(line, 0, hk_slice_find(line, ' '));
}

void hk_counters_note(struct hk_counters *c, struct hk_slice line)
{
	struct hk_log_field field[HK_LOG_FIELDS_MAX];
	struct hk_slice event = event_of(line);
	size_t i, n = 0;

	for (i = 0; event.n && i < ROWS; i++) {
		if (!hk_slice_eq(event, hk_slice_str(rows[i].event)))
			continue;
		if (!n)
			n = hk_log_fields(line, field);
		count_row(c, i, field, n);
	}
	if (n && hk_slice_eq(event, HK_S("delivery")))
		count_delay(c, field, n);
}

/* ---- the text ---- */

static void add_head(struct hk_buf *out, const char *name, const char *help, const char *type)
{
	hk_buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static uint64_t get(const number *n)
{
	return atomic_load_explicit(n, memory_order_relaxed);
}

static void add_row(const struct hk_counters *c, size_t i, struct hk_buf *out)
{
	const struct row *row = &rows[i];
	unsigned w;

	add_head(out, row->name, row->help, "counter");
	for (w = 0; w < c->words[i]; w++)
		hk_buf_addf(out, "%s{%s=\"%s\"} %" PRIu64 "\n", row->name, row->label, row->word(w), get(&c->at[i][w]));
	if (row->label)
		hk_buf_addf(out, "%s{%s=\"other\"} %" PRIu64 "\n", row->name, row->label, get(&c->at[i][w]));
	else
		hk_buf_addf(out, "%s %" PRIu64 "\n", row->name, get(&c->at[i][w]));
}

static void add_delays(const struct hk_counters *c, struct hk_buf *out)
{
	static const char name[] = "hikyaku_delivery_delay_seconds";
	uint64_t total = 0;
	size_t i;

	add_head(out, name, "From acceptance to delivery, of each recipient.", "histogram");
	for (i = 0; i < DELAYS; i++) {
		total += get(&c->delay[i]);
		hk_buf_addf(out, "%s_bucket{le=\"%u\"} %" PRIu64 "\n", name, delays[i], total);
	}
	total += get(&c->delay[DELAYS]);
	hk_buf_addf(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_sum %" PRIu64 "\n%s_count %" PRIu64 "\n", name, total, name, get(&c->delay_sum), name, total);
}

static void add_gauge(const struct hk_counters *c, size_t i, struct hk_buf *out)
{
	const struct gauge *g = &gauges[i];

	if (g->help)
		add_head(out, g->name, g->help, g->type);
	hk_buf_addf(out, "%s%s%s%s %" PRIu64 "\n", g->name, g->labels[0] ? "{" : "", g->labels, g->labels[0] ? "}" : "", get(&c->gauge[i]));
}

void hk_counters_text(const struct hk_counters *c, struct hk_buf *out)
{
	size_t i;

	for (i = 0; i < ROWS; i++)
		if (!continues(i))
			add_row(c, i, out);
	add_delays(c, out);
	for (i = 0; i < HK_GAUGES; i++)
		add_gauge(c, i, out);
}
