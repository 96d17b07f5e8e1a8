/* SPDX-License-Identifier: MIT
 *
 * arc_test_support.h - messages in, chains judged, sets added.
 */
#ifndef HIKYAKU_ARC_TEST_SUPPORT_H
#define HIKYAKU_ARC_TEST_SUPPORT_H

#include "lib/arc/arc_internal.h"
#include "lib/dkim/dkim_test_letter.h"

struct arc_check {
	struct hk_arena arena;
	struct hk_splitter splitter;
	struct hk_header header;
	struct hk_slice body;
	struct hk_arc_validate *v;
	const struct hk_arc_verdict *verdict;
	size_t questions;
};
/* arc_check_run(c, message, options, world, cut): the verdict is there afterwards. */
void arc_check_run(struct arc_check *, struct hk_slice message,
    const struct hk_arc_validate_options *, struct world *, enum cut);
void arc_check_done(struct arc_check *);
void expect_chain(const struct arc_check *, enum hk_arc_result, const char *reason);

/* arc_seal_try(a, c, options, key, out): the three fields for the message of c. */
enum hk_status arc_seal_try(struct hk_arena *, const struct arc_check *,
    const struct hk_arc_seal_options *, const struct hk_private_key *, struct hk_slice *out);
/* arc_seal(a, world, message, options, key): the message with one more set. */
struct hk_slice arc_seal(struct hk_arena *, struct world *, struct hk_slice message,
    const struct hk_arc_seal_options *, const struct hk_private_key *);

#endif
