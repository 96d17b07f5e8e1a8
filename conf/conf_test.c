/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf_internal.h"
#include "tests/unit.h"

static struct hk_conf *parse(const char *text)
{
	struct hk_conf_error error;
	struct hk_conf *c = NULL;
	enum hk_status status = hk_conf_parse("t.conf", hk_slice_str(text), &c, &error);

	if (status == HK_SYNTAX)
		print_error("%.*s", HK_FMT(hk_buf_slice(&error.text)));
	assert_int_equal(status, HK_OK);
	assert_int_equal(error.text.n, 0);
	return c;
}

/* All of the errors, NUL-terminated; the caller frees. */
static char *errors_of(struct hk_slice text)
{
	struct hk_conf_error error;
	struct hk_conf *c = NULL;
	char *copy;

	assert_int_equal(hk_conf_parse("t.conf", text, &c, &error), HK_SYNTAX);
	assert_null(c);
	copy = calloc(1, error.text.n + 1);
	assert_non_null(copy);
	memcpy(copy, error.text.p, error.text.n);
	hk_buf_done(&error.text);
	return copy;
}

static const char full[] =
    "# everything, at values that are not the defaults\n"
    "hostname MX.B.test; product \"Courier of \\\"old\\\" \\\\ Japan\";\n"
    "spool /var/spool/h; spool-segment 4m; user mail; keys-user keys; resolver 10.255.0.254@5353; resolver-timeout "
    "3s;\n"
    "mailboxes user1 USER2@b.test; mailboxes-file /etc/users; timezone Asia/Tokyo; workers 2; overload-wait 250; accept b.test .dkim.b.test; accept spf.b.test;\n"
    "postmaster root@b.test; retry 1m 90s 1h; lifetime 4d; delay-notice 1h 1d; evidence-size 10m; evidence-days 7; history-size 3m; history-days 2;\n"
    "checkpoint-messages 3; checkpoint-size 64k; checkpoint-age 60;\n"
    "log /var/log/hikyaku; log-format postfix; metrics [::1]:9154; pid-file /run/hikyaku.pid; operator-socket /run/hikyaku/operator; operator-group adm; port-map-25 2525;\n"
    "listen mx {\n"
    "\taddress 10.255.2.33:25 [::1]:2525;\n"
    "\trole mx; hostname dmarc.mx.b.test; authserv-id b.test; checks spf dkim dmarc; enforce "
    "reject;\n"
    "\tauthres-style rspamd; relay-from 10.255.1.0/24 ::1; trusted-relays 10.255.2.0/24;\n"
    "\tstarttls on; certificate /c.pem; certificate-key /k.pem; strict-envelopes on;\n"
    "\tstrict-dots on; greet-delay 3s; client-connections 50; client-arrivals 300/1m; client-messages 7/1h; client-recipients 3/2h; greylist 10m; minimum-rate 0; proxy-from 10.1.0.0/16 ::2; check-sender-domain on;\n"
    "\tdns-list bl.test reject 127.0.0.2/31; dns-list WL.test allow; dns-list tag.test tag 127.0.1.2;\n"
    "\trefuse-source-routes on; reject-early-talkers off; max-message 157286400; max-recipients "
    "100;\n"
    "}\n"
    "listen out { address 0.0.0.0:587; role relay; relay-from 10.0.0.0/8; }\n"
    "route b.test { via lmtp 10.255.2.40:24; return-path on; recipients listed; sub-addresses on; quarantine junk junk-mail@b.test; }\n"
    "route .b.test { via lmtp \"unix:/run/dove cot/lmtp\"; quarantine hold; concurrency 3; retry 10s 20s; lifetime 1h; delay-notice 0; }\n"
    "route c.test { via maildir /var/mail/%d/%u; }\n"
    "route d.test { via smtp [2001:db8::1]:2525; source 10.0.0.1 2001:db8::2 10.0.0.2=OUT2.b.test; source-choice sender; address-preference ipv6; helo out.b.test; tls "
    "required; checkpoint on; }\n"
    "route e.test { via smtp relay.e.test; tls off; }\n"
    "route * { via mx; }\n"
    "key book { domain y.test; selector smtpbook; file /etc/keys/y.pem; }\n"
    "sign *@x.test book; sign User@Z.test book; sign .w.test book;\n";

static void every_item_is_read(void **state)
{
	const struct hk_conf_listener *l;
	const struct hk_conf_route *r;
	struct hk_conf *c;

	(void)state;
	c = parse(full);
	assert_text(c->hostname, "mx.b.test");
	assert_text(c->product, "Courier of \"old\" \\ Japan");
	assert_text(c->resolver, "10.255.0.254@5353");
	assert_int_equal(c->accept.n, 3);
	assert_text(c->accept.at[2], "spf.b.test");
	assert_int_equal(c->retry.n, 3);
	assert_int_equal(c->retry.at[1], 90);
	assert_true(c->delay_notice.n == 2 && c->delay_notice.at[1] == 86400);
	assert_int_equal(c->lifetime, 4 * 86400);
	assert_int_equal(c->spool_segment, 4 * 1024 * 1024);
	assert_int_equal(c->evidence_size, 10 * 1024 * 1024);
	assert_true(c->checkpoint_messages == 3 && c->checkpoint_size == 65536 && c->checkpoint_age == 60);
	assert_true(c->history_size == 3 << 20 && c->history_days == 2);
	assert_text(c->operator_socket, "/run/hikyaku/operator");
	assert_text(c->operator_group, "adm");
	assert_int_equal(c->log_format, HK_LOG_POSTFIX);
	assert_int_equal(c->overload_wait, 250);
	assert_true(c->metrics.port == 9154 && c->metrics.ip.family == 6);
	assert_int_equal(c->port_map_25, 2525);
	assert_int_equal(c->n_listeners, 2);
	l = &c->listener[0];
	assert_int_equal(l->n_sockets, 2);
	assert_int_equal(l->socket[1].port, 2525);
	assert_int_equal(l->socket[1].ip.family, 6);
	assert_text(l->hostname, "dmarc.mx.b.test");
	assert_int_equal(l->checks, HK_CHECK_SPF | HK_CHECK_DKIM | HK_CHECK_DMARC);
	assert_int_equal(l->enforce, HK_ENFORCE_REJECT);
	assert_int_equal(l->authres_style, HK_AUTHRES_RSPAMD);
	assert_int_equal(l->relay_from.at[1].bits, 128);
	assert_true(l->starttls && l->strict_envelopes && l->refuse_source_routes &&
	            !l->reject_early_talkers);
	assert_int_equal(l->max_message, 157286400);
	assert_text(c->listener[1].hostname, "mx.b.test");
	assert_text(c->listener[1].authserv_id, "mx.b.test");
	assert_false(c->listener[1].reject_early_talkers);
	assert_int_equal(c->n_routes, 6);
	r = c->route;
	assert_true(r[0].add_return_path && r[2].add_return_path && !r[1].add_return_path);
	assert_text(r[0].junk_address, "junk-mail@b.test");
	assert_text(r[1].unix_path, "/run/dove cot/lmtp");
	assert_int_equal(r[1].quarantine, HK_QUARANTINE_HOLD);
	assert_true(r[1].retry.n == 2 && r[1].retry.at[1] == 20 && r[1].lifetime == 3600);
	assert_true(r[1].delay_notice.n == 1 && !r[1].delay_notice.at[0]);
	assert_true(r[0].retry.n == 3 && r[0].lifetime == 4 * 86400 && r[0].delay_notice.n == 2);
	assert_text(r[2].maildir, "/var/mail/%d/%u");
	assert_text(r[3].host, "2001:db8::1");
	assert_int_equal(r[3].port, 2525);
	assert_int_equal(r[3].n_sources, 3);
	assert_int_equal(r[3].source[1].ip.family, 6);
	assert_text(r[3].source[2].helo, "out2.b.test");
	assert_int_equal(r[3].source_choice, HK_SOURCE_SENDER);
	assert_true(r[3].prefers_ipv6 && !r[4].prefers_ipv6);
	assert_int_equal(r[3].tls, HK_TLS_REQUIRED);
	assert_int_equal(r[4].port, 25);
	assert_true(r[3].checkpoint && !r[4].checkpoint);
	assert_int_equal(r[5].via, HK_VIA_MX);
	assert_text(r[5].helo, "mx.b.test");
	assert_text(c->sign[1].pattern, "User@z.test");
	hk_conf_free(c);
}

static void defaults_are_those_of_the_table(void **state)
{
	struct hk_conf *c =
	    parse("hostname h.test; accept .b.test b.test; listen a { address 1.2.3.4:25; }");

	(void)state;
	assert_text(c->product, "Hikyaku");
	assert_text(c->spool, "/var/spool/hikyaku");
	assert_int_equal(c->spool_segment, 64 * 1024 * 1024);
	assert_text(c->postmaster, "postmaster@b.test");
	assert_int_equal(c->lifetime, 5 * 86400);
	assert_int_equal(c->retry.n, 7);
	assert_true(c->checkpoint_messages == 1000 && c->checkpoint_size == UINT64_C(1) << 30 && c->checkpoint_age == 2 * 86400);
	assert_false(c->listener->extensions & HK_EXT(CHECKPOINT));
	assert_true(c->delay_notice.n == 1 && c->delay_notice.at[0] == 4 * 3600);
	assert_int_equal(c->listener->max_message, 50 * 1024 * 1024);
	assert_int_equal(c->listener->max_recipients, 1000);
	assert_int_equal(c->listener->enforce, HK_ENFORCE_OFF);
	assert_int_equal(c->listener->checks, 0);
	assert_true(c->listener->reject_early_talkers);
	hk_conf_free(c);
}

static void a_dump_parses_to_the_same_value(void **state)
{
	static const char *const texts[] = {
	    "hostname h.test;",
	    full,
	    "hostname h.test; product \"a {b}; #c \\\\ \\\"\"; listen a { address [::]:25; "
	    "starttls off; checks none; }",
	    "hostname h.test; route * { via maildir \"/var/my mail/%u\"; } route a.test { via lmtp "
	    "unix:/x; }\n"
	    "key k { domain d.test; selector s1.x; file /f; } sign * k;",
	    "hostname h.test; key k { domain d.test; selector s1.x; file /f; } key-check 2h;\n"
	    "key j { domain d.test; selector s2; file /g; } sign * k j; unpublished-key defer;",
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(texts); i++) {
		struct hk_conf *c = parse(texts[i]), *again = NULL;
		struct hk_buf first, second;

		hk_buf_init(&first, 1 << 20);
		hk_buf_init(&second, 1 << 20);
		hk_conf_dump(c, &first);
		assert_int_equal(hk_conf_parse("dump", hk_buf_slice(&first), &again, NULL), HK_OK);
		hk_conf_dump(again, &second);
		assert_int_equal(hk_buf_status(&first), HK_OK);
		assert_true(hk_slice_eq(hk_buf_slice(&first), hk_buf_slice(&second)));
		hk_buf_done(&first);
		hk_buf_done(&second);
		hk_conf_free(c);
		hk_conf_free(again);
	}
}

static void errors_point_at_their_place_and_suggest_the_near_name(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
	    {"", "t.conf:1:1: hostname is missing\n"},
	    {"hostname a.test;\nhsotname b.test;",
	        "t.conf:2:1: unknown item \"hsotname\"; did you mean \"hostname\"?\n"},
	    {"hostname a.test; xyzzy 1;", "t.conf:1:18: unknown item \"xyzzy\"\n"},
	    {"hostname a.test; lisen a { address 1.2.3.4:1; }",
	        "t.conf:1:18: unknown item \"lisen\"; did you mean \"listen\"?\n"},
	    {"hostname a.test; role mx;", "t.conf:1:18: role stands inside a listen block\n"},
	    {"hostname a.test; hostname b.test;",
	        "t.conf:1:18: hostname stands in line 1 already\n"},
	    {"hostname a.test; workers;", "t.conf:1:18: workers has no value\n"},
	    {"hostname a.test; workers 1 2;",
	        "t.conf:1:28: workers takes one value, and this is a second\n"},
	    {"hostname a.test; workers 16;",
	        "t.conf:1:26: workers \"16\" must be a number from 0 to 15\n"},
	    {"hostname a.test; spool-segment 4095k; listen a { address 1.2.3.4:25; }",
	        "t.conf:1:32: spool-segment \"4095k\" must be a size (k, m, g) from 4m to 1g\n"},
	    {"hostname a.test; spool-segment 1025m;", "t.conf:1:32: spool-segment \"1025m\" must be a size (k, m, g) from 4m to 1g\n"},
	    {"hostname a.test; overload-wait 60001;", "t.conf:1:32: overload-wait \"60001\" must be a number from 0 to 60000\n"},
	    {"hostname a.test; workers -1;",
	        "t.conf:1:26: workers \"-1\" must be a number from 0 to 15\n"},
	    {"hostname a.test; lifetime 31d;",
	        "t.conf:1:27: lifetime \"31d\" must be a time (s, m, h, d, w) from 1s to 30d\n"},
	    {"hostname a.test; lifetime 99999999999999999999d;",
	        "t.conf:1:27: lifetime \"99999999999999999999d\" must be a time (s, m, h, d, w) "
	        "from 1s to 30d\n"},
	    {"hostname a.test; lifetime d;",
	        "t.conf:1:27: lifetime \"d\" must be a time (s, m, h, d, w) from 1s to 30d\n"},
	    {"hostname a.test; accept *;",
	        "t.conf:1:25: accept * would make an open relay of this host\n"},
	    {"hostname 10.0.0.1;",
	        "t.conf:1:10: hostname \"10.0.0.1\" must be a name, not an address\n"},
	    {"hostname a.test; spool var;",
	        "t.conf:1:24: spool \"var\" must be an absolute path\n"},
	    {"hostname a.test; resolver stub:h.test;", "t.conf:1:27: resolver \"stub:h.test\" must be IP or IP@PORT\n"},
	    {"hostname a.test; resolver 1.2.3.4@0;",
	        "t.conf:1:27: resolver \"1.2.3.4@0\" has no port from 1 to 65535 after the @\n"},
	    {"hostname a.test; route b.test { tls off; }", "t.conf:1:18: this route has no via\n"},
	    {"hostname a.test; route b.test { via maildir var/%u; }",
	        "t.conf:1:45: maildir \"var/%u\" must be an absolute path\n"},
	    {"hostname a.test; route b.test { via maildir /v/%h; }",
	        "t.conf:1:45: maildir \"/v/%h\" knows %u, %d and %% only\n"},
	    {"hostname a.test; route b.test { via mx x; }",
	        "t.conf:1:40: via mx takes nothing more\n"},
	    {"hostname a.test; route b.test { via lmpt x:24; }",
	        "t.conf:1:37: via knows no \"lmpt\"; did you mean \"lmtp\"?\n"},
	    {"hostname a.test; route b.test { via lmtp x.test; }",
	        "t.conf:1:42: \"x.test\" must be HOST:PORT or unix:/path\n"},
	    {"hostname a.test; route b..test { via mx; }",
	        "t.conf:1:24: \"b..test\" is no pattern: domain, .domain or *\n"},
	    {"hostname a.test; route b.test { via mx; return-path on; }",
	        "t.conf:1:24: return-path is for the final delivery: lmtp and maildir\n"},
	    {"hostname a.test; route b.test { via mx; quarantine junk; }",
	        "t.conf:1:52: quarantine junk takes one address\n"},
	    {"hostname a.test; sign * kee;\nkey key { domain a.test; selector s; file /k; }",
	        "t.conf:1:25: there is no key \"kee\"; did you mean \"key\"?\n"},
	    {"hostname a.test; sign *;", "t.conf:1:18: it must be: sign PATTERN KEY...;\n"},
	    {"hostname a.test; sign * 1 2 3 4 5 6 7 8 9 a b c d e f g h;",
	        "t.conf:1:18: a pattern takes at most 16 keys\n"},
	    {"hostname a.test; key aa { domain a.test; selector s; file /y; } sign * aa ab;",
	        "t.conf:1:75: there is no key \"ab\"; did you mean \"aa\"?\n"},
	    {"hostname a.test; key k { domain a.test; selector s; }",
	        "t.conf:1:18: this key has no file\n"},
	    {"hostname a.test; listen a { address 1.2.3.4; }",
	        "t.conf:1:37: address \"1.2.3.4\" must be IP:PORT, [IPv6]:PORT or unix:PATH\n"},
	    {"hostname a.test; listen a { address 1.2.3.4:25; starttls on; }",
	        "t.conf:1:25: starttls and implicit-tls need certificate and certificate-key\n"},
	    {"hostname a.test; listen a { address 1.2.3.4:25; enforce on; }",
	        "t.conf:1:25: enforce needs dmarc among the checks\n"},
	    {"hostname a.test; listen a { address 1.2.3.4:25; relay-from 0.0.0.0/0; }",
	        "t.conf:1:60: relay-from \"0.0.0.0/0\" is everyone: that would make an open relay "
	        "of this host\n"},
	    {"hostname a.test; listen a { address 1.2.3.4:25; relay-from 10.0.0.1/8; }",
	        "t.conf:1:60: relay-from \"10.0.0.1/8\" has bits set behind its prefix\n"},
	    {"hostname a.test; listen a { address 1.2.3.4:25; max-message 1k; }",
	        "t.conf:1:61: max-message \"1k\" must be a size (k, m, g) from 64k to 2g\n"},
	    {"hostname a.test; listen a { address 1.2.3.4:25; max-recipients 99; }",
	        "t.conf:1:64: max-recipients \"99\" must be a number from 100 to 10000\n"},
	    {"hostname a.test; listen a { address 1.2.3.4:25; }\nlisten a { address 1.2.3.4:26; }",
	        "t.conf:2:8: a listener of this name stands in line 1 already\n"},
	    {"hostname a.test; listen a { address 1.2.3.4:25 1.2.3.4:25; }",
	        "t.conf:1:25: two listeners on one address\n"},
	    {"hostname a.test; listen a { address 1.2.3.4:25;",
	        "t.conf:1:18: the block is not closed\n"},
	    {"hostname a.test; metrics 0.0.0.0:9154;",
	        "t.conf:1:26: metrics \"0.0.0.0:9154\" must be an address of 127.0.0.0/8 or ::1, which this host alone can reach\n"},
	    {"hostname a.test; metrics [::]:9154;",
	        "t.conf:1:26: metrics \"[::]:9154\" must be an address of 127.0.0.0/8 or ::1, which this host alone can reach\n"},
	    {"hostname a.test; metrics 127.0.0.1;", "t.conf:1:26: metrics \"127.0.0.1\" must be IP:PORT or [IPv6]:PORT\n"},
	    {"hostname a.test; metrics 127.0.0.1:0;", "t.conf:1:26: metrics \"127.0.0.1:0\" must be IP:PORT or [IPv6]:PORT\n"},
	    {"hostname a.test; metrics 127.0.0.1:65536;", "t.conf:1:26: metrics \"127.0.0.1:65536\" must be IP:PORT or [IPv6]:PORT\n"},
	    {"hostname a.test; listen { address 1.2.3.4:25; }",
	        "t.conf:1:18: it must be: listen NAME { ... }\n"},
	    {"hostname a.test; }", "t.conf:1:18: a closing brace without a block\n"},
	    {"hostname a.test\nworkers 1;",
	        "t.conf:2:1: hostname takes one value, and this is a second\n"},
	    {"hostname a.test",
	        "t.conf:1:10: no semicolon after \"a.test\"\nt.conf:1:1: hostname is missing\n"},
	    {"hostname a.test; product \"x\n;", "t.conf:1:26: a quoted text must end on its line, "
	                                        "and holds no control characters\n"},
	    {"hostname a.test; product \"a\\n\";",
	        "t.conf:1:26: after a backslash stands a quote or a backslash\n"},
	    {"hostname a.test; product \x01;",
	        "t.conf:1:26: a control character outside of quotes\n"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		char *got = errors_of(hk_slice_str(cases[i].text));

		if (strcmp(got, cases[i].error) != 0)
			fail_msg("case %zu:\n%s\ninstead of\n%s", i, got, cases[i].error);
		free(got);
	}
}

/* the longest path of a socket, and one octet less and more */
static void a_log_goes_to_what_its_item_names(void **state)
{
	static const char *const good[] = {"stderr", "/var/log/x", "syslog", "journald", "syslog:/dev/log", "journald:/run/x"};
	static const char *const bad[] = {"stdout", "syslog:", "syslog:x", "journald:run/x", "journal", "syslog:/a\x01", "stderr:/x"};
	char text[256];
	size_t i, n;

	(void)state;
	for (i = 0; i < COUNT(good); i++) {
		struct hk_conf *c;

		snprintf(text, sizeof text, "hostname a.test; log \"%s\";", good[i]);
		c = parse(text);
		assert_text(c->log, good[i]);
		hk_conf_free(c);
	}
	for (i = 0; i < COUNT(bad); i++) {
		snprintf(text, sizeof text, "hostname a.test; log \"%s\";", bad[i]);
		free(errors_of(hk_slice_str(text)));
	}
	for (n = HK_LOG_SOCKET_MAX - 1; n <= HK_LOG_SOCKET_MAX + 1; n++) {
		struct hk_conf *c = NULL;

		snprintf(text, sizeof text, "hostname a.test; log syslog:/%0*d;", (int)n - 1, 7);
		assert_int_equal(hk_conf_parse("t", hk_slice_str(text), &c, NULL), n <= HK_LOG_SOCKET_MAX ? HK_OK : HK_SYNTAX);
		hk_conf_free(c);
	}
}

static void all_errors_of_a_text_are_told(void **state)
{
	char text[8192] = "hostname h.test;\n", *got;
	size_t i, lines = 0;

	(void)state;
	for (i = 0; i < HK_CONF_ERRORS_MAX + 10; i++)
		strncat(text, "nonsense 1;\n", sizeof text - strlen(text) - 1);
	got = errors_of(hk_slice_str(text));
	for (i = 0; got[i]; i++)
		lines += got[i] == '\n';
	assert_int_equal(lines, HK_CONF_ERRORS_MAX + 1);
	assert_non_null(strstr(got, "and 10 more errors"));
	free(got);
}

static void hostile_text_is_quoted_in_errors(void **state)
{
	char *got = errors_of(HK_S("hostname \"\xff\t\";"));

	(void)state;
	assert_non_null(strstr(got, "\\xFF\\x09"));
	free(got);
}

static void a_text_over_the_limit_is_refused(void **state)
{
	char *text = malloc(HK_CONF_TEXT_MAX + 1);
	static const char head[] = "hostname a.test;";
	struct hk_conf *c = NULL;

	(void)state;
	assert_non_null(text);
	memset(text, ' ', HK_CONF_TEXT_MAX + 1);
	memcpy(text, head, sizeof head - 1);
	assert_int_equal(hk_conf_parse("t", hk_slice_of(text, HK_CONF_TEXT_MAX), &c, NULL), HK_OK);
	hk_conf_free(c);
	assert_int_equal(
	    hk_conf_parse("t", hk_slice_of(text, HK_CONF_TEXT_MAX + 1), &c, NULL), HK_LIMIT);
	free(text);
}

static void patterns_of_domains_fit_as_the_manual_says(void **state)
{
	static const struct {
		const char *domain;
		bool accepted;
		const char *route; /* its pattern */
	} cases[] = {
	    {"b.test", true, "b.test"},
	    {"B.TEST", true, "b.test"},
	    {"x.b.test", false, ".b.test"},
	    {"xb.test", false, "*"},
	    {"y.c.test", true, "*"},
	    {"c.test", false, "*"},
	    {"", false, "*"},
	    {"[10.0.0.1]", true, "*"},
	    {"[IPv6:2001:DB8::1]", true, "*"},
	    {"[ipv6:2001:db8::2]", false, "*"},
	    {"[10.0.0.2]", false, "*"},
	    {"[]", false, "*"},
	    {".c.test", false, "*"},
	    {"b.test.", false, "*"},
	};
	struct hk_conf *c =
	    parse("hostname h.test; accept b.test .c.test; listen a { address 10.0.0.1:25 "
	          "[2001:db8::1]:25; }"
	          "route b.test { via mx; } route .b.test { via mx; } route * { via mx; }");
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		if (hk_conf_accepts(c, hk_slice_str(cases[i].domain)) != cases[i].accepted)
			fail_msg("%s", cases[i].domain);
		assert_text(
		    hk_conf_find_route(c, hk_slice_str(cases[i].domain))->pattern, cases[i].route);
	}
	hk_conf_free(c);
}

/* S0-086 */
static void the_signing_keys_are_chosen_by_the_header_from(void **state)
{
	struct hk_conf *c = parse("hostname h.test; key y { domain y.test; selector s; file /y; } "
	                          "key p { domain p.a.test; selector s; file /p; }\n"
	                          "sign boss@x.test p; sign *@x.test y; sign p.a.test p;");
	const struct {
		const char *local, *domain, *key;
	} cases[] = {{"user1", "x.test", "y.test"}, {"boss", "X.test", "p.a.test"},
	    {"u", "p.a.test", "p.a.test"}, {"u", "a.test", NULL}, {"u", "sub.x.test", NULL}};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		const struct hk_conf_sign *s = hk_conf_find_sign(
		    c, hk_slice_str(cases[i].local), hk_slice_str(cases[i].domain));

		assert_int_equal(s != NULL, cases[i].key != NULL);
		if (s)
			assert_text(c->key[s->key[0]].domain, cases[i].key);
	}
	hk_conf_free(c);
}

static void several_keys_sign_for_a_pattern_in_their_order(void **state)
{
	struct hk_conf *c = parse("hostname h.test; sign * c a b; sign .x.test b;\n"
	                          "key a { domain a.test; selector s; file /y; }\n"
	                          "key b { domain b.test; selector s; file /y; }\n"
	                          "key c { domain c.test; selector s; file /y; }");

	(void)state;
	assert_int_equal(c->sign[0].n_keys, 3);
	assert_int_equal(c->sign[0].key[0], 2);
	assert_int_equal(c->sign[0].key[1], 0);
	assert_int_equal(c->sign[0].key[2], 1);
	assert_int_equal(c->sign[1].n_keys, 1);
	hk_conf_free(c);
}

static void nets_hold_their_addresses(void **state)
{
	struct hk_conf *c = parse(
	    "hostname h.test; listen a { address 1.2.3.4:25; relay-from 10.255.1.20/31 ::1; }");
	static const struct {
		const char *ip;
		bool in;
	} cases[] = {{"10.255.1.19", false}, {"10.255.1.20", true}, {"10.255.1.21", true},
	    {"10.255.1.22", false}, {"::1", true}, {"::2", false}, {"::ffff:10.255.1.20", true}};
	struct hk_ip ip;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		assert_int_equal(hk_ip_parse(hk_slice_str(cases[i].ip), &ip), HK_OK);
		assert_int_equal(hk_conf_nets_have(&c->listener->relay_from, &ip), cases[i].in);
	}
	hk_conf_free(c);
}

static void a_reload_knows_what_it_cannot_change(void **state)
{
	struct hk_conf *a = parse("hostname h.test; listen a { address 1.2.3.4:25; }"),
	               *b = parse(
	                   "hostname i.test; listen a { address 1.2.3.4:25; max-message 1m; }"),
	               *d = parse(
	                   "hostname h.test; spool /elsewhere; timezone UTC; listen a { address 1.2.3.5:25; }");
	struct hk_buf out;

	(void)state;
	hk_buf_init(&out, 1024);
	assert_false(hk_conf_needs_restart(a, b, &out));
	assert_int_equal(out.n, 0);
	assert_true(hk_conf_needs_restart(a, d, &out));
	assert_text(hk_buf_slice(&out), "spool\ntimezone\n");
	hk_buf_done(&out);
	hk_conf_free(a);
	hk_conf_free(b);
	hk_conf_free(d);
}

static void the_manual_has_every_item(void **state)
{
	struct hk_buf out;
	char needle[80];
	size_t i;

	(void)state;
	hk_buf_init(&out, 1 << 20);
	hk_conf_manual(&out);
	hk_buf_add_byte(&out, 0);
	assert_int_equal(hk_buf_status(&out), HK_OK);
	for (i = 0; i < conf_n_items; i++) {
		snprintf(needle, sizeof needle, ".It Ic %s ", conf_items[i].name);
		assert_non_null(strstr((char *)out.p, needle));
		assert_non_null(conf_items[i].manual);
	}
	hk_buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_item_is_read),
	    cmocka_unit_test(defaults_are_those_of_the_table),
	    cmocka_unit_test(a_dump_parses_to_the_same_value),
	    cmocka_unit_test(errors_point_at_their_place_and_suggest_the_near_name),
	    cmocka_unit_test(a_log_goes_to_what_its_item_names),
	    cmocka_unit_test(all_errors_of_a_text_are_told),
	    cmocka_unit_test(hostile_text_is_quoted_in_errors),
	    cmocka_unit_test(a_text_over_the_limit_is_refused),
	    cmocka_unit_test(patterns_of_domains_fit_as_the_manual_says),
	    cmocka_unit_test(the_signing_keys_are_chosen_by_the_header_from),
	    cmocka_unit_test(several_keys_sign_for_a_pattern_in_their_order),
	    cmocka_unit_test(nets_hold_their_addresses),
	    cmocka_unit_test(a_reload_knows_what_it_cannot_change),
	    cmocka_unit_test(the_manual_has_every_item),
	};

	return cmocka_run_group_tests_name("conf", tests, NULL, NULL);
}
