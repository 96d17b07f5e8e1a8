/* SPDX-License-Identifier: MIT
 *
 * zone.h - the names of a world, what may go wrong with questions, and what verdict a mail must get (I9): the SPF records are
 * made as a small tree first, which a second evaluator walks; the product has only their text.
 */
#ifndef HIKYAKU_SIM_ZONE_H
#define HIKYAKU_SIM_ZONE_H

#include <hikyaku/dns.h>
#include <hikyaku/spf.h>

#include "sim/world.h"

#define HK_SIM_CLIENT {4, {192, 0, 2, 99}}

enum hk_sim_answering { HK_SIM_ANSWERED, HK_SIM_WRONG, HK_SIM_SILENT };

void hk_sim_zone_init(struct hk_sim *);
void hk_sim_zone_done(struct hk_sim *);
/* hk_sim_zone_answer(s, a, q, ret): WRONG: the answer is a failure that the zone does not have; SILENT: there is none. */
enum hk_sim_answering hk_sim_zone_answer(
    struct hk_sim *, struct hk_arena *, const struct hk_dns_question *, struct hk_dns_answer *ret);
/* hk_sim_zone_verdict(s, number, header): the results that a mail came with are those it had to get. */
void hk_sim_zone_verdict(struct hk_sim *, size_t number, struct hk_slice header);

#endif
