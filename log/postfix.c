/* SPDX-License-Identifier: MIT
 *
 * Our events as the lines that Postfix writes: for tools that count and ban by them. What has no equal there keeps our own
 * words, under our own name, which those tools pass over.
 */
#include "log/format.h"

struct event {
	struct hk_log_field field[HK_LOG_FIELDS_MAX];
	size_t n;
	struct hk_slice qid;
};

static struct hk_slice get(const struct event *e, const char *name)
{
	return hk_log_field_find(e->field, e->n, name);
}

static bool is(struct hk_slice s, const char *text)
{
	return hk_slice_eq(s, hk_slice_str(text));
}

/* A client: we say addresses, and no name is claimed for them. */
static void add_client(struct hk_buf *out, const struct event *e)
{
	hk_buf_addf(out, "unknown[%.*s]", HK_FMT(get(e, "client")));
}

static void accepted(struct hk_buf *out, const struct hk_log_stamp *s, const struct event *e)
{
	hk_log_begin(out, s, "postfix/smtpd");
	hk_buf_addf(out, "%.*s: client=", HK_FMT(e->qid));
	add_client(out, e);
	hk_buf_add_byte(out, '\n');
	hk_log_begin(out, s, "postfix/cleanup");
	hk_buf_addf(out, "%.*s: message-id=<>\n", HK_FMT(e->qid));
	hk_log_begin(out, s, "postfix/qmgr");
	hk_buf_addf(out, "%.*s: from=<%.*s>, size=%.*s, nrcpt=%.*s (queue active)\n", HK_FMT(e->qid), HK_FMT(get(e, "from")), HK_FMT(get(e, "size")),
	    HK_FMT(get(e, "rcpts")));
}

static const char *status_of(struct hk_slice outcome)
{
	return is(outcome, "delivered") ? "sent" : is(outcome, "failed") ? "bounced" : "deferred";
}

/* dsn= is never empty: 4.0.0 is what nothing more is known of. */
static void delivered(struct hk_buf *out, const struct hk_log_stamp *s, const struct event *e)
{
	struct hk_slice outcome = get(e, "outcome"), remote = get(e, "remote"), dsn = get(e, "status"), delay = get(e, "delay");
	const char *word = status_of(outcome);

	if (!dsn.n || is(dsn, "none"))
		dsn = is(outcome, "delivered") ? HK_S("2.0.0") : is(outcome, "failed") ? HK_S("5.0.0") : HK_S("4.0.0");
	hk_log_begin(out, s, remote.n ? "postfix/smtp" : "postfix/local");
	hk_buf_addf(out, "%.*s: to=<%.*s>, relay=", HK_FMT(e->qid), HK_FMT(get(e, "rcpt")));
	if (remote.n)
		hk_buf_addf(out, "%.*s:25", HK_FMT(remote));
	else
		hk_buf_add_str(out, is(outcome, "delivered") ? "local" : "none");
	hk_buf_addf(out, ", delay=%.*s, delays=0/0/0/%.*s, dsn=%.*s, status=%s (", HK_FMT(delay), HK_FMT(delay), HK_FMT(dsn), word);
	if (!is(get(e, "code"), "0"))
		hk_buf_addf(out, "%.*s ", HK_FMT(get(e, "code")));
	hk_buf_addf(out, "%.*s)\n", HK_FMT(get(e, "text")));
}

/* A report of ours, under the id of what it is about; then it is a message like others. */
static void reported(struct hk_buf *out, const struct hk_log_stamp *s, const struct event *e)
{
	struct hk_slice action = get(e, "action"), id = get(e, "id");

	hk_log_begin(out, s, "postfix/bounce");
	hk_buf_addf(out, "%.*s: sender %s: %.*s\n", HK_FMT(e->qid),
	    is(action, "failed")    ? "non-delivery notification"
	    : is(action, "delayed") ? "delay notification"
	                            : "delivery status notification",
	    HK_FMT(id));
	hk_log_begin(out, s, "postfix/qmgr");
	hk_buf_addf(out, "%.*s: from=<>, size=%.*s, nrcpt=1 (queue active)\n", HK_FMT(id), HK_FMT(get(e, "size")));
}

static void removed(struct hk_buf *out, const struct hk_log_stamp *s, const struct event *e)
{
	hk_log_begin(out, s, "postfix/qmgr");
	hk_buf_addf(out, "%.*s: removed\n", HK_FMT(e->qid));
}

/* The words that tools look for. Only what a stranger is to blame for has them: nobody is banned for a DMARC policy. */
static const char *words_of(const struct event *e)
{
	struct hk_slice rule = get(e, "rule");

	if (is(rule, "relay-denied"))
		return "Relay access denied";
	if (is(rule, "dns-listed"))
		return "Service unavailable; Client host blocked";
	if (!get(e, "what").n)
		return "Command rejected";
	return is(get(e, "status"), "5.1.1") ? "Recipient address rejected: User unknown" : "Recipient address rejected";
}

static void refused(struct hk_buf *out, const struct hk_log_stamp *s, const struct event *e)
{
	struct hk_slice what = get(e, "what");

	hk_log_begin(out, s, "postfix/smtpd");
	hk_buf_add_str(out, "NOQUEUE: reject: RCPT from ");
	add_client(out, e);
	hk_buf_addf(out, ": %.*s %.*s <%.*s>: %s: %.*s; from=<%.*s> to=<%.*s> proto=ESMTP helo=<%.*s>\n", HK_FMT(get(e, "code")), HK_FMT(get(e, "status")),
	    HK_FMT(what), words_of(e), HK_FMT(get(e, "why")), HK_FMT(get(e, "from")), HK_FMT(what), HK_FMT(get(e, "helo")));
}

static void connected(struct hk_buf *out, const struct hk_log_stamp *s, const struct event *e)
{
	hk_log_begin(out, s, "postfix/smtpd");
	hk_buf_add_str(out, is(get(e, "ev"), "connect") ? "connect from " : "disconnect from ");
	add_client(out, e);
	hk_buf_add_byte(out, '\n');
}

/* One that works has no line of its own in Postfix either. */
static void authenticated(struct hk_buf *out, const struct hk_log_stamp *s, const struct event *e)
{
	hk_log_begin(out, s, "postfix/smtpd");
	if (is(get(e, "ok"), "1")) {
		hk_buf_add_str(out, "authenticated ");
		add_client(out, e);
		hk_buf_addf(out, ": sasl_method=%.*s, sasl_username=%.*s\n", HK_FMT(get(e, "mechanism")), HK_FMT(get(e, "user")));
		return;
	}
	hk_buf_add_str(out, "warning: ");
	add_client(out, e);
	hk_buf_addf(out, ": SASL %.*s authentication failed: authentication failure, sasl_username=%.*s\n", HK_FMT(get(e, "mechanism")),
	    HK_FMT(get(e, "user")));
}

static const struct {
	const char *name, *needs; /* needs: a member without which the event has another shape */
	void (*add)(struct hk_buf *, const struct hk_log_stamp *, const struct event *);
} table[] = {
    {"accept", "client", accepted}, {"delivery", "rcpt", delivered}, {"expired", "rcpt", delivered}, {"report", "id", reported}, {"removed", "qid", removed}, {"refuse", "client", refused},
    {"connect", "client", connected}, {"disconnect", "client", connected}, {"auth", "mechanism", authenticated},
};

void hk_log_postfix_add(struct hk_buf *out, const struct hk_log_stamp *s, struct hk_slice line)
{
	struct event e;
	struct hk_slice name;
	size_t i;

	e.n = hk_log_fields(line, e.field);
	e.qid = get(&e, "qid");
	name = get(&e, "ev");
	for (i = 0; e.n && i < sizeof table / sizeof table[0]; i++)
		if (is(name, table[i].name) && get(&e, table[i].needs).n) {
			table[i].add(out, s, &e);
			return;
		}
	hk_log_begin(out, s, "hikyakud");
	hk_buf_addf(out, "%s: ", s->level);
	hk_buf_add(out, line);
	hk_buf_add_byte(out, '\n');
}
