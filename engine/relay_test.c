/* SPDX-License-Identifier: MIT
 *
 * What a relay was ever talked into, row by row (family T24): each is said in a whole session, and the reply to the last
 * RCPT is what counts. No row but those of a client that is entitled gets a message to another domain.
 */
#include <stdio.h>

#include "engine/session_testing.h"

struct row {
	const char *name, *listener, *client;
	const char *before; /* in place of EHLO and MAIL */
	const char *rcpt;   /* what stands behind "RCPT TO:" */
	const char *want;
};

#define RELAY_CONF CONF "route b.test { via maildir /m/%d/%u; } route * { via mx; }\n"
/* the same listeners, each with TLS, and one for users */
#define CHANNEL "starttls on; certificate /c; certificate-key /k; "
#define MATRIX_CONF                                                                                                    \
	"hostname imap.b.test; spool /spool; accept b.test dmarc.b.test;\n"                                               \
	"listen mx { address 10.255.2.40:25; reject-early-talkers off; relay-from 10.7.0.0/16; " CHANNEL "}\n"             \
	"listen out { address 10.255.2.40:26; role relay; relay-from 10.7.0.0/16; " CHANNEL "}\n"                          \
	"listen tls { address 10.255.2.40:28; reject-early-talkers off; " CHANNEL "}\n"                                    \
	"listen mua { address 10.255.2.40:587; role submission; auth file /users; " CHANNEL "}\n"                          \
	"route b.test { via maildir /m/%d/%u; } route * { via mx; }\n"

/* SEC-101 SEC-102 SEC-52 S4-106 S3-010 */
static const struct row rows[] = {
    /* the plain case, and what is ours */
    {"another domain", "mx", NULL, NULL, "<user@other.test>", "550"},
    {"our domain", "mx", NULL, NULL, "<user@b.test>", "250"},
    {"our domain in upper case", "mx", NULL, NULL, "<user@B.TEST>", "250"},
    {"another domain in upper case", "mx", NULL, NULL, "<USER@OTHER.TEST>", "550"},
    {"a domain that ends as ours does", "mx", NULL, NULL, "<user@xb.test>", "550"},
    {"a domain that begins as ours does", "mx", NULL, NULL, "<user@b.test.other.test>", "550"},
    {"a domain below ours", "mx", NULL, NULL, "<user@sub.b.test>", "550"},
    {"our host name that is no domain of ours", "mx", NULL, NULL, "<user@imap.b.test>", "550"},
    {"a hyphen for a dot", "mx", NULL, NULL, "<user@b-test>", "550"},
    {"an underscore for a dot", "mx", NULL, NULL, "<user@b_test>", "550"},
    {"localhost", "mx", NULL, NULL, "<user@localhost>", "550"},
    /* the local part that holds another address */
    {"percent hack at ours", "mx", NULL, NULL, "<user%other.test@b.test>", "550"},
    {"percent hack twice", "mx", NULL, NULL, "<user%other.test%b.test@b.test>", "550"},
    {"percent hack at our literal", "mx", NULL, NULL, "<user%other.test@[10.255.2.40]>", "550"},
    {"percent hack, quoted", "mx", NULL, NULL, "<\"user%other.test\"@b.test>", "550"},
    {"percent hack with a backslash", "mx", NULL, NULL, "<\"user\\%other.test\"@b.test>", "550"},
    {"percent hack by a sub-address", "mx", NULL, NULL, "<user+x%other.test@b.test>", "550"},
    {"bang path", "mx", NULL, NULL, "<other.test!user@b.test>", "550"},
    {"bang path of two", "mx", NULL, NULL, "<b.test!other.test!user@b.test>", "550"},
    {"bang path without a domain", "mx", NULL, NULL, "<other.test!user>", "501"},
    {"bang path at our literal", "mx", NULL, NULL, "<other.test!user@[10.255.2.40]>", "550"},
    {"a quoted at sign", "mx", NULL, NULL, "<\"user@other.test\"@b.test>", "550"},
    {"a quoted at sign with a backslash", "mx", NULL, NULL, "<\"user\\@other.test\"@b.test>", "550"},
    {"a quoted address of ours, elsewhere", "mx", NULL, NULL, "<\"user@b.test\"@other.test>", "550"},
    {"a quoted whole, no domain", "mx", NULL, NULL, "<\"user@other.test\">", "501"},
    {"an empty quoted local part, elsewhere", "mx", NULL, NULL, "<\"\"@other.test>", "550"},
    {"an empty quoted local part, ours", "mx", NULL, NULL, "<\"\"@b.test>", "550"},
    {"a blank as local part", "mx", NULL, NULL, "<\" \"@b.test>", "550"},
    {"two at signs, ours last", "mx", NULL, NULL, "<user@other.test@b.test>", "501"},
    {"two at signs, ours first", "mx", NULL, NULL, "<user@b.test@other.test>", "501"},
    /* RFC 5321 appendix C: a route is stripped, what counts is the mailbox */
    {"a route by us to elsewhere", "mx", NULL, NULL, "<@b.test:user@other.test>", "550"},
    {"a route by us and another", "mx", NULL, NULL, "<@b.test,@other.test:user@other.test>", "550"},
    {"a route by elsewhere to us", "mx", NULL, NULL, "<@other.test:user@b.test>", "250"},
    {"a route by our literal", "mx", NULL, NULL, "<@[10.255.2.40]:user@other.test>", "550"},
    {"a route within a route", "mx", NULL, NULL, "<@b.test:@c.test:user@other.test>", "501"},
    {"a route and a percent", "mx", NULL, NULL, "<@b.test:user%other.test@b.test>", "550"},
    {"a route without brackets", "mx", NULL, NULL, "@b.test:user@other.test", "501"},
    /* literals */
    {"our literal", "mx", NULL, NULL, "<postmaster@[10.255.2.40]>", "250"},
    {"our literal, mapped into IPv6", "mx", NULL, NULL, "<postmaster@[IPv6:::ffff:10.255.2.40]>", "250"},
    {"a user at our literal, for whom the route of all others would be", "mx", NULL, NULL, "<user@[10.255.2.40]>", "550"},
    {"a user at our literal, from a client of ours", "mx", "10.7.0.1", NULL, "<user@[10.255.2.40]>", "250"},
    {"another literal", "mx", NULL, NULL, "<user@[192.0.2.1]>", "550"},
    {"the loopback literal", "mx", NULL, NULL, "<user@[127.0.0.1]>", "550"},
    {"the unspecified literal", "mx", NULL, NULL, "<user@[0.0.0.0]>", "550"},
    {"the loopback literal of IPv6", "mx", NULL, NULL, "<user@[IPv6:::1]>", "550"},
    {"a literal without brackets", "mx", NULL, NULL, "<user@10.255.2.40>", "550"},
    {"a literal in decimal", "mx", NULL, NULL, "<user@184484392>", "550"},
    {"a literal of a domain", "mx", NULL, NULL, "<user@[b.test]>", "501"},
    {"the postmaster of another literal", "mx", NULL, NULL, "<postmaster@[192.0.2.1]>", "550"},
    /* dots and empty parts */
    {"a trailing dot, elsewhere", "mx", NULL, NULL, "<user@other.test.>", "501"},
    {"a trailing dot, ours", "mx", NULL, NULL, "<user@b.test.>", "501"},
    {"a leading dot", "mx", NULL, NULL, "<user@.b.test>", "501"},
    {"two dots", "mx", NULL, NULL, "<user@b..test>", "501"},
    {"no domain", "mx", NULL, NULL, "<user@>", "501"},
    {"no at sign", "mx", NULL, NULL, "<user>", "501"},
    {"no local part", "mx", NULL, NULL, "<@b.test>", "501"},
    {"nothing at all", "mx", NULL, NULL, "<>", "501"},
    {"nothing behind the colon", "mx", NULL, NULL, "", "501"},
    /* several in one */
    {"a list", "mx", NULL, NULL, "<user@b.test,user@other.test>", "501"},
    {"a list of two paths", "mx", NULL, NULL, "<user@b.test>,<user@other.test>", "501"},
    {"two with a semicolon", "mx", NULL, NULL, "<user@b.test;user@other.test>", "501"},
    {"two with a blank", "mx", NULL, NULL, "user@b.test user@other.test", "555"},
    {"a path behind a path", "mx", NULL, NULL, "<user@b.test><user@other.test>", "501"},
    {"a path in a path", "mx", NULL, NULL, "<<user@other.test>@b.test>", "501"},
    {"a comment", "mx", NULL, NULL, "<user(x)@b.test>", "501"},
    {"a display name", "mx", NULL, NULL, "b.test <user@other.test>", "501"},
    {"a tab for the end", "mx", NULL, NULL, "<user@other.test\t@b.test>", "501"},
    {"a NUL for the end", "mx", NULL, NULL, "<user@other.test\\0@b.test>", "501"},
    /* what a pipe or a file would be elsewhere */
    {"a pipe", "mx", NULL, NULL, "<|cmd@b.test>", "550"},
    {"a file", "mx", NULL, NULL, "</etc/passwd@b.test>", "550"},
    {"a command behind a semicolon", "mx", NULL, NULL, "<;cmd;>", "501"},
    {"an expansion", "mx", NULL, NULL, "<${run{id}}@b.test>", "550"},
    /* UTF-8 */
    {"a wide domain that looks like ours", "mx", NULL, NULL, "<user@\xef\xbd\x82.test>", "553"},
    {"our domain with a wide dot", "mx", NULL, "EHLO a.test\r\nMAIL FROM:<s@a.test> SMTPUTF8\r\n",
        "<user@b\xef\xbc\x8e" "test>", "250"},
    {"another domain with a wide dot", "mx", NULL, "EHLO a.test\r\nMAIL FROM:<s@a.test> SMTPUTF8\r\n",
        "<user@b.test\xef\xbc\x8e" "other>", "550"},
    {"a wide at sign", "mx", NULL, "EHLO a.test\r\nMAIL FROM:<s@a.test> SMTPUTF8\r\n",
        "<user\xef\xbc\xa0other.test@b.test>", "550"},
    /* who it says it is */
    {"the null sender", "mx", NULL, "EHLO a.test\r\nMAIL FROM:<>\r\n", "<user@other.test>", "550"},
    {"a sender of ours", "mx", NULL, "EHLO a.test\r\nMAIL FROM:<user@b.test>\r\n", "<user@other.test>", "550"},
    {"our postmaster as sender", "mx", NULL, "EHLO a.test\r\nMAIL FROM:<postmaster@b.test>\r\n", "<user@other.test>", "550"},
    {"our name in EHLO", "mx", NULL, "EHLO imap.b.test\r\nMAIL FROM:<s@a.test>\r\n", "<user@other.test>", "550"},
    {"our address in EHLO", "mx", NULL, "EHLO [10.255.2.40]\r\nMAIL FROM:<s@a.test>\r\n", "<user@other.test>", "550"},
    {"localhost in EHLO", "mx", NULL, "EHLO localhost\r\nMAIL FROM:<s@[127.0.0.1]>\r\n", "<user@other.test>", "550"},
    {"HELO alone", "mx", NULL, "HELO a.test\r\nMAIL FROM:<s@a.test>\r\n", "<user@other.test>", "550"},
    {"XCLIENT", "mx", NULL, "EHLO a.test\r\nXCLIENT ADDR=10.7.0.1\r\nMAIL FROM:<s@a.test>\r\n", "<user@other.test>", "550"},
    {"XFORWARD", "mx", NULL, "EHLO a.test\r\nXFORWARD ADDR=10.7.0.1\r\nMAIL FROM:<s@a.test>\r\n", "<user@other.test>", "550"},
    {"PROXY from a stranger", "mx", NULL,
        "PROXY TCP4 10.7.0.1 10.255.2.40 1 25\r\nEHLO a.test\r\nMAIL FROM:<s@a.test>\r\n", "<user@other.test>", "550"},
    {"AUTH= at MAIL", "mx", NULL, "EHLO a.test\r\nMAIL FROM:<s@a.test> AUTH=user@b.test\r\nMAIL FROM:<s@a.test>\r\n",
        "<user@other.test>", "550"},
    /* what a session remembers */
    {"after AUTH that failed", "mx", NULL, "EHLO a.test\r\nAUTH PLAIN AHgAeA==\r\nMAIL FROM:<s@a.test>\r\n",
        "<user@other.test>", "550"},
    {"after RSET", "mx", NULL, "EHLO a.test\r\nMAIL FROM:<s@a.test>\r\nRCPT TO:<user@b.test>\r\nRSET\r\nMAIL FROM:<s@a.test>\r\n",
        "<user@other.test>", "550"},
    {"after a recipient of ours", "mx", NULL, "EHLO a.test\r\nMAIL FROM:<s@a.test>\r\nRCPT TO:<user@b.test>\r\n",
        "<user@other.test>", "550"},
    {"after a message", "mx", NULL,
        "EHLO a.test\r\nMAIL FROM:<s@a.test>\r\nRCPT TO:<user@b.test>\r\nDATA\r\n\r\n.\r\nMAIL FROM:<s@a.test>\r\n",
        "<user@other.test>", "550"},
    {"after a message by BDAT", "mx", NULL,
        "EHLO a.test\r\nMAIL FROM:<s@a.test>\r\nRCPT TO:<user@b.test>\r\nBDAT 2 LAST\r\n\r\nMAIL FROM:<s@a.test>\r\n",
        "<user@other.test>", "550"},
    {"after STARTTLS", "tls", NULL, "EHLO a.test\r\nSTARTTLS\r\nEHLO a.test\r\nMAIL FROM:<s@a.test>\r\n",
        "<user@other.test>", "550"},
    {"by LMTP", "lmtp", NULL, "LHLO a.test\r\nMAIL FROM:<s@a.test>\r\n", "<user@other.test>", "550"},
    /* the postmaster (RFC 5321 4.5.1) */
    {"postmaster", "mx", NULL, NULL, "<postmaster>", "250"},
    {"Postmaster in mixed case", "mx", NULL, NULL, "<PostMaster>", "250"},
    {"our postmaster", "mx", NULL, NULL, "<postmaster@b.test>", "250"},
    {"their postmaster", "mx", NULL, NULL, "<postmaster@other.test>", "550"},
    {"postmaster by a route", "mx", NULL, NULL, "<@b.test:postmaster>", "250"},
    {"postmaster and a percent", "mx", NULL, NULL, "<postmaster%other.test>", "501"},
    {"postmaster of a relay for strangers", "out", NULL, NULL, "<postmaster>", "250"},
    /* who may */
    {"a client of relay-from", "mx", "10.7.0.1", NULL, "<user@other.test>", "250"},
    {"the first of its net", "mx", "10.7.0.0", NULL, "<user@other.test>", "250"},
    {"the last of its net", "mx", "10.7.255.255", NULL, "<user@other.test>", "250"},
    {"one before its net", "mx", "10.6.255.255", NULL, "<user@other.test>", "550"},
    {"one behind its net", "mx", "10.8.0.0", NULL, "<user@other.test>", "550"},
    {"its address mapped into IPv6", "mx", "::ffff:10.7.0.1", NULL, "<user@other.test>", "250"},
    {"its bytes as an IPv6 address", "mx", "0a07:1::", NULL, "<user@other.test>", "550"},
    {"a client without an address", "mx", "none", NULL, "<user@other.test>", "550"},
    {"a relay, and a stranger", "out", NULL, NULL, "<user@other.test>", "550"},
    {"a relay, a stranger, and our domain", "out", NULL, NULL, "<user@b.test>", "550"},
    {"a relay, and its client", "out", "10.7.0.1", NULL, "<user@other.test>", "250"},
    {"submission, and a stranger", "mua", NULL, NULL, "<user@other.test>", "503"},
    {"submission, a stranger, and our domain", "mua", NULL, NULL, "<user@b.test>", "503"},
    {"submission, and its client", "mua", "10.7.0.1", NULL, "<user@other.test>", "250"},
};

static void is_answered(void **state)
{
	const struct row *row = *state;
	const char *begin = row->before, *codes;
	struct srig r;
	char text[1024];
	int n;

	if (!begin)
		begin = strcmp(row->listener, "lmtp") == 0 ? "LHLO a.test\r\nMAIL FROM:<s@a.test>\r\n"
		                                           : "EHLO a.test\r\nMAIL FROM:<s@a.test>\r\n";
	n = snprintf(text, sizeof text, "%sRCPT TO:%s\r\n", begin, row->rcpt);
	assert_in_range(n, 1, sizeof text - 1);
	srig_init(&r, RELAY_CONF, ZONE);
	r.listener = row->listener;
	r.cut = SRIG_BYTES; /* what stands behind STARTTLS in one piece would be thrown away */
	if (row->client)
		r.client = row->client;
	srig_say(&r, text);
	codes = srig_codes(&r);
	if (strcmp(codes + strlen(codes) - 3, row->want) != 0)
		fail_msg("%s: not %s:\n%s", row->name, row->want, srig_replies(&r));
	srig_done(&r);
}

/* ---- the matrix ---- */

static const struct {
	const char *name, *before;
} channels[] = {
    {"in clear", ""},
    {"by TLS", "EHLO a.test\r\nSTARTTLS\r\n"},
    {"by TLS, AUTH failed", "EHLO a.test\r\nSTARTTLS\r\nEHLO a.test\r\nAUTH PLAIN AHVzZXJAYi50ZXN0ADEyMzU=\r\n"}};

/* Ours: b.test, our literal, and the postmaster of whom no domain is named. */
static bool is_for_us(struct hk_slice address)
{
	return hk_slice_ends_nocase(address, HK_S("@b.test")) || hk_slice_ends_nocase(address, HK_S("@[10.255.2.40]")) ||
	       hk_slice_ends_nocase(address, HK_S("@[IPv6:::ffff:10.255.2.40]")) || hk_slice_eq_nocase(address, HK_S("postmaster")) ||
	       hk_slice_eq_nocase(address, HK_S("postmaster@imap.b.test"));
}

/* One form on one channel, with a message behind it, by DATA or by BDAT: whoever gets it is ours. */
static size_t relayed(
    const struct row *row, const char *listener, const char *before, const char *client, const char *message)
{
	char text[2048];
	struct srig r;
	size_t i, k, n = 0;

	snprintf(text, sizeof text, "%s%sRCPT TO:%s\r\n%s", before, row->before ? row->before : "EHLO a.test\r\nMAIL FROM:<s@a.test>\r\n",
	    row->rcpt, message);
	srig_init(&r, MATRIX_CONF, ZONE);
	r.listener = listener;
	r.cut = SRIG_BYTES;
	r.client = client;
	r.mechanisms = "PLAIN";
	srig_say(&r, text);
	for (i = 0; i < r.n_mails; i++)
		for (k = 0; k < r.mail[i]->n_rcpt; k++)
			n += !is_for_us(r.mail[i]->rcpt[k].address);
	if (n)
		print_message("# %s:\n%s\n%s", row->name, text, srig_replies(&r));
	srig_done(&r);
	return n;
}

/* T24 SEC-101: every form above, in clear, by TLS and after AUTH that failed, from IPv4 and from IPv6, with a message by DATA and
 * by BDAT: none is relayed. */
static void no_form_is_relayed_on_any_channel(void **state)
{
	static const char *const clients[] = {"192.0.2.9", "2001:db8::9", "::ffff:192.0.2.9", "::1"};
	static const char *const messages[] = {"DATA\r\n\r\n.\r\n", "BDAT 2 LAST\r\n\r\n"};
	size_t i, c, k, m, forms = 0;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		if (rows[i].client || strcmp(rows[i].listener, "lmtp") == 0 || strcmp(rows[i].listener, "mua") == 0)
			continue; /* who is entitled to, or on another port */
		forms++;
		for (c = 0; c < COUNT(channels); c++)
			for (k = 0; k < COUNT(clients); k++)
				for (m = 0; m < COUNT(messages) * 2; m++)
					if (relayed(&rows[i], m % 2 ? "mua" : rows[i].listener, channels[c].before, clients[k], messages[m / 2]))
						fail_msg("%s, %s, from %s", rows[i].name, channels[c].name, clients[k]);
	}
	assert_true(forms >= 100);
}

/* T24: so is the hundred and first recipient, and the one behind a limit. */
static void no_limit_lets_one_through(void **state)
{
	struct hk_buf text;
	struct srig r;
	size_t i, k;

	(void)state;
	hk_buf_init(&text, 1 << 20);
	hk_buf_add_str(&text, "EHLO a.test\r\nMAIL FROM:<s@a.test>\r\n");
	for (i = 0; i < 1100; i++)
		hk_buf_addf(&text, "RCPT TO:<user%zu@b.test>\r\n", i);
	hk_buf_add_str(&text, "RCPT TO:<user@other.test>\r\nDATA\r\n\r\n.\r\n");
	srig_init(&r, MATRIX_CONF, ZONE);
	srig_run(&r, hk_buf_slice(&text));
	assert_int_equal(r.n_mails, 1);
	for (k = 0; k < r.mail[0]->n_rcpt; k++)
		assert_true(is_for_us(r.mail[0]->rcpt[k].address));
	srig_done(&r);
	hk_buf_done(&text);
}

int main(void)
{
	struct CMUnitTest tests[COUNT(rows) + 2];
	static struct row copies[COUNT(rows)];
	size_t i;

	memcpy(copies, rows, sizeof rows);
	for (i = 0; i < COUNT(rows); i++)
		tests[i] = (struct CMUnitTest){
		    .name = rows[i].name, .test_func = is_answered, .initial_state = &copies[i]};
	tests[i++] = (struct CMUnitTest)cmocka_unit_test(no_form_is_relayed_on_any_channel);
	tests[i++] = (struct CMUnitTest)cmocka_unit_test(no_limit_lets_one_through);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
