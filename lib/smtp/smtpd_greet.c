/* SPDX-License-Identifier: MIT
 *
 * The reply to EHLO: what is offered, in the order of ours or of the server that is played.
 */
#include "smtpd_internal.h"

/* The keywords of three known servers, in their order, as the source text shows them (S3-050 to
 * S3-052). A row ends with HK_EXT_COUNT. */
static const struct {
	const char *name;
	uint64_t size;
	uint8_t order[HK_EXT_COUNT + 1];
} profiles[HK_PROFILES] = {
    [HK_PROFILE_OURS] = {"hikyaku", 0, {0}},
    [HK_PROFILE_GMAIL] = {"gmail", 157286400,
        {HK_EXT_NR_SIZE, HK_EXT_NR_8BITMIME, HK_EXT_NR_STARTTLS, HK_EXT_NR_ENHANCEDSTATUSCODES,
            HK_EXT_NR_PIPELINING, HK_EXT_NR_CHUNKING, HK_EXT_NR_SMTPUTF8, HK_EXT_COUNT}},
    [HK_PROFILE_MICROSOFT] = {"microsoft", 49283072,
        {HK_EXT_NR_SIZE, HK_EXT_NR_PIPELINING, HK_EXT_NR_DSN, HK_EXT_NR_ENHANCEDSTATUSCODES,
            HK_EXT_NR_STARTTLS, HK_EXT_NR_8BITMIME, HK_EXT_NR_BINARYMIME, HK_EXT_NR_CHUNKING,
            HK_EXT_NR_SMTPUTF8, HK_EXT_COUNT}},
    [HK_PROFILE_HORNETSECURITY] = {"hornetsecurity", 157286400,
        {HK_EXT_NR_PIPELINING, HK_EXT_NR_SIZE, HK_EXT_NR_ETRN, HK_EXT_NR_STARTTLS,
            HK_EXT_NR_ENHANCEDSTATUSCODES, HK_EXT_NR_8BITMIME, HK_EXT_NR_DSN, HK_EXT_COUNT}},
};

const char *hk_smtpd_profile_name(enum hk_smtpd_profile p)
{
	return p < HK_PROFILES ? profiles[p].name : "";
}

void smtpd_play(struct hk_smtpd_options *options)
{
	const uint8_t *order;

	if (options->profile == HK_PROFILE_OURS || options->profile >= HK_PROFILES)
		return;
	options->max_message = profiles[options->profile].size;
	options->extensions = 0;
	for (order = profiles[options->profile].order; *order < HK_EXT_COUNT; order++)
		options->extensions |= 1u << *order;
}

unsigned smtpd_offered(const struct hk_smtpd *s)
{
	unsigned offered = s->options.extensions;

	/* RFC 3207 4.2: not after TLS began */
	if (!s->options.offer_starttls || s->is_tls)
		offered &= ~HK_EXT(STARTTLS);
	if (!s->is_tls)
		offered &= ~(HK_EXT(REQUIRETLS) | HK_EXT(CLIENTID));
	if (s->options.mechanisms.n == 0 || (s->options.auth_needs_tls && !s->is_tls))
		offered &= ~HK_EXT(AUTH);
	if ((offered & HK_EXT(CHUNKING)) == 0)
		offered &= ~HK_EXT(BINARYMIME); /* RFC 3030 3 */
	/* Deliberate: RFC 1845 speaks of SMTP alone; after the message LMTP has an answer for each recipient, and which of them
	 * were lost nobody could tell. */
	if (s->options.lmtp)
		offered &= ~HK_EXT(CHECKPOINT);
	return offered;
}

/* RFC 9422 3: a limit that is there. */
static void add_limit(struct hk_buf *text, const char *name, size_t value)
{
	if (value)
		hk_buf_addf(text, " %s=%zu", name, value);
}

static void add_keyword(const struct hk_smtpd *s, struct hk_buf *text, unsigned extension)
{
	const struct hk_smtpd_options *o = &s->options;

	hk_buf_addf(text, "\n%s", hk_smtp_extension_keyword((enum hk_smtp_extension)extension));
	switch (extension) {
	case HK_EXT_NR_SIZE:
		hk_buf_addf(text, " %llu", (unsigned long long)o->max_message);
		break;
	case HK_EXT_NR_AUTH:
		hk_buf_add_byte(text, ' ');
		smtpd_mechanisms_add(s, text);
		break;
	case HK_EXT_NR_LIMITS:
		add_limit(text, "RCPTMAX", o->max_recipients);
		add_limit(text, "MAILMAX", o->max_transactions);
		add_limit(text, "RCPTDOMAINMAX", o->max_domains);
		break;
	case HK_EXT_NR_DELIVERBY:
		if (o->min_by)
			hk_buf_addf(text, " %lu", (unsigned long)o->min_by);
		break;
	default:
		break;
	}
}

void smtpd_greet(struct hk_smtpd *s)
{
	const uint8_t *order = profiles[s->options.profile].order;
	unsigned i, offered = smtpd_offered(s);
	struct hk_buf text;

	hk_buf_init(&text, HK_SMTP_REPLY_TEXT_MAX);
	hk_buf_add(&text, hk_slice_sub(s->options.hostname, 0, HK_DOMAIN_MAX));
	for (i = 0; s->proto != HK_PROTO_SMTP && i < HK_EXT_COUNT; i++) {
		unsigned extension = s->options.profile == HK_PROFILE_OURS ? i : *order++;

		if (extension == HK_EXT_COUNT)
			break;
		if (offered & 1u << extension)
			add_keyword(s, &text, extension);
	}
	if (hk_buf_status(&text) != HK_OK)
		s->no_memory = true;
	/* no enhanced code here (RFC 2034 4) */
	hk_smtp_reply_add(&s->out, 250, NULL, hk_buf_slice(&text));
	hk_buf_done(&text);
}
