/* SPDX-License-Identifier: MIT
 *
 * verify_world_test.h - a small world for the tests of verify and explain: the lab's zone,
 * messages, and who answers.
 */
#ifndef HIKYAKU_VERIFY_WORLD_TEST_H
#define HIKYAKU_VERIFY_WORLD_TEST_H

#include <hikyaku/verify.h>

/* What the lab publishes, without keys. */
extern const char *const lab_zone;

struct lab_case {
	const char *file; /* in the vectors */
	const char *client, *helo, *mail_from, *host;
	enum hk_spf_result spf;
	enum hk_dkim_result dkim;
	enum hk_dmarc_result dmarc;
	unsigned checks;
};
extern const struct lab_case lab_cases[];
extern const size_t lab_cases_n;

enum order { FORWARDS, BACKWARDS, SHUFFLED };

struct world {
	struct hk_arena arena; /* the test's own: zone, answers */
	struct hk_arena mail;  /* the verifier's */
	struct hk_buf zone_text, message;
	struct hk_zone *zone;
	struct hk_verify *v;
	bool convert; /* U-labels are asked about before the header is given */
	size_t asked, zone_read;
};

void world_init(struct world *);
void world_done(struct world *);
/* Adds text, and a TXT record of any length as strings of 200. */
void world_zone(struct world *, const char *text);
void world_txt(struct world *, const char *name, struct hk_slice value);
/* The keys recovered from the seed: pass.dkim.a.test as it is; fail.dkim.a.test gets the other's,
 * which does not fit. */
void world_seed_keys(struct world *);
/* The file of the seed lab; skips the test when the vectors are absent. */
void world_load(struct world *, const char *file);
struct hk_verify_input world_input(const struct lab_case *);
/* Verifies world->message; chunk is the size of body pieces, 0 for whole; late: the body comes
 * after all answers that can come. */
enum hk_status world_run(
    struct world *, const struct hk_verify_input *, enum order, size_t chunk, bool late);
/* The same, but all that SPF asks is answered before the header has come, as in an SMTP session. */
enum hk_status world_run_spf_first(struct world *, const struct hk_verify_input *);
/* A fresh signature by d= and selector s on top of the message, its key published. Relaxed, RSA. */
void world_sign(struct world *, const char *d, const char *s);

#endif
