/* SPDX-License-Identifier: MIT
 *
 * A client's bytes, whole and cut: the same replies, the same mails, and nothing stored that no
 * wire may carry.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/session_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CONF                                                                                       \
	"hostname imap.b.test; spool /spool; accept b.test;\n"                                     \
	"listen a { address 10.255.2.40:25; checks spf dkim dmarc; enforce on; reject-early-talkers off; }\n"                \
	"listen b { address 10.255.2.40:26; role relay; relay-from 10.7.0.0/16; "                  \
	"reject-early-talkers off; }\n"                                                            \
	"listen c { address 10.255.2.40:27; starttls on; certificate /c; certificate-key /k; "     \
	"strict-envelopes on; }\n"                                                                 \
	"listen d { address 10.255.2.40:28; reject-early-talkers off; extensions chunking pipelining size binarymime checkpoint; }\n"
#define ZONE                                                                                       \
	"9.0.0.10.in-addr.arpa. PTR client.a.test.\nclient.a.test. A 10.0.0.9\n"                   \
	"a.test. TXT \"v=spf1 ip4:10.0.0.9 -all\"\n_dmarc.a.test. TXT \"v=DMARC1; p=reject\"\n"

static void run(struct srig *r, uint8_t choice, struct hk_slice bytes, enum srig_cut cut)
{
	static const char *const listeners[] = {"a", "b", "c", "d"};

	srig_init(r, CONF, ZONE);
	r->listener = listeners[choice % 3];
	if (choice & 32) {
		r->listener = listeners[3];
		r->checkpoints = hk_checkpoints_new(&r->disk.disk, "/spool");
		if (!r->checkpoints)
			abort();
	}
	r->client = choice & 4 ? "10.7.0.1" : "10.0.0.9";
	r->commit = choice & 8 ? HK_FULL : HK_OK;
	r->dns_is_dead = (choice & 16) != 0;
	r->cut = cut;
	srig_run(r, bytes);
	/* the same once more: what broke off goes on, or is refused */
	if (r->checkpoints)
		srig_run(r, bytes);
	hk_checkpoints_free(r->checkpoints);
	r->checkpoints = NULL;
}

/* No bare CR, bare LF or NUL. */
static void check_clean(const char *text)
{
	size_t n = strlen(text), i;

	for (i = 0; i < n; i++) {
		if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r'))
			abort();
		if (text[i] == '\r' && text[i + 1] != '\n')
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct srig whole, cut;
	size_t i;

	if (size < 1 || size > 20000)
		return 0;
	/* glued behind STARTTLS it is dropped, cut off from it it is not: there the cuts may differ
	 */
	run(&whole, data[0], hk_slice_of(data + 1, size - 1), SRIG_RANDOM);
	run(&cut, data[0], hk_slice_of(data + 1, size - 1), SRIG_BYTES);
	if (data[0] % 3 != 2 || (data[0] & 32)) {
		if (strcmp(srig_replies(&whole), srig_replies(&cut)) != 0 ||
		    whole.n_mails != cut.n_mails)
			abort();
		for (i = 0; i < whole.n_mails; i++)
			if (strcmp(srig_stored(&whole, i), srig_stored(&cut, i)) != 0)
				abort();
	}
	check_clean(srig_replies(&whole));
	for (i = 0; i < whole.n_mails; i++)
		check_clean(srig_stored(&whole, i));
	for (i = 0; i < whole.log.n; i++)
		if (whole.log.p[i] != '\n' && (whole.log.p[i] < ' ' || whole.log.p[i] > '~'))
			abort();
	srig_done(&whole);
	srig_done(&cut);
	return 0;
}
