/* SPDX-License-Identifier: MIT
 *
 * The list of planted bugs. It was written before the simulator was tuned to find them: each is a mistake that mail servers
 * have made, or that this one could have.
 */
#include "sim/planted/planted.h"

#define ROW(id, number, file, text) [HK_BUG_##id] = {#id, number, file, text}

const struct hk_planted hk_planted[HK_BUGS] = {
    /* acknowledged mail is delivered, or its sender told */
    ROW(NO_CHECKSUM, 1, "engine/spool_record.c", "a record counts whatever its checksum says"),
    ROW(SPARE_TOO_SOON, 1, "engine/spool_recycle.c", "a recycled segment is written again before its old name is gone for good"),
    ROW(TRUST_CACHE, 1, "engine/spool_verify.c", "a segment is verified in the page cache, not on the medium"),
    ROW(DSN_ALONE, 1, "engine/owner_result.c", "a failed recipient is completed although its DSN could not be written"),
    ROW(WRONG_RECIPIENT, 1, "engine/owner_result.c", "a completion names the recipient's place in the job, not in the message"),
    ROW(LOST_IS_TAKEN, 1, "engine/delivery_talk.c", "a connection lost after the final dot counts as a delivery"),
    ROW(REPLY_OFF_BY_ONE, 1, "lib/smtp/smtpc_transaction.c", "the replies to RCPT belong to the recipients beside"),
    /* no more copies than faults allow */
    ROW(MOVE_FORGETS, 2, "engine/spool_tidy.c", "a message that is moved forgets who has it already"),
    ROW(APPLY_UNCOMMITTED, 2, "engine/owner_result.c", "results count although their commit failed"),
    ROW(NEXT_HOST_AFTER_DOT, 2, "engine/delivery_talk.c", "after a reply to the dot is lost, the next host gets the message at once"),
    /* the body is what came */
    ROW(NO_DOT_STUFFING, 3, "lib/smtp/smtpc_body.c", "a dot at the beginning of a line is sent as it is"),
    /* nothing goes to whom nobody named */
    ROW(NO_RESET, 4, "engine/session_event.c", "after a refused message its recipients stay"),
    ROW(LF_AS_CRLF, 4, "lib/smtp/smtp_scan.c, smtpd_data.c", "a bare LF ends a line, and LF.LF the message"),
    ROW(HOLD_LOST, 4, "engine/owner_recover.c", "what an operator held is not held after a start"),
    ROW(UNREAD_IGNORED, 4, "engine/owner_recover.c", "an operator's word about a message that was not read yet after a start is forgotten"),
    ROW(ENDING_FORGOTTEN, 4, "engine/owner_result.c", "what was deleted while a delivery had it is tried again"),
    ROW(OPEN_RELAY, 4, "engine/policy.c", "user%other@ours is taken from anybody"),
    /* no 250 before the message is durable */
    ROW(ACK_BEFORE_SYNC, 5, "engine/spool_commit.c", "250 without a sync"),
    ROW(SKIP_DIR_SYNC, 5, "engine/spool_segment.c", "the journal's directory is not synced when a segment begins"),
    ROW(RETRY_SYNC, 5, "engine/spool_commit.c", "a sync that failed is tried again, and believed"),
    /* memory, files and space are given back */
    ROW(SESSION_LEAK, 6, "engine/session_message.c", "a message's summary is not freed"),
    ROW(BODY_FILE_STAYS, 6, "engine/spool_live.c", "the body file of a complete message is not removed"),
    /* without faults the queue drains in time */
    ROW(BACKOFF_OFF_BY_ONE, 7, "engine/owner_message.c", "the first retry waits for the second retry time"),
    ROW(SLOT_LEAK, 7, "engine/owner_hop.c", "a job that comes back while others wait frees no place"),
    ROW(RELOAD_DROPS, 7, "engine/owner.c", "a reload forgets the messages whose groups it dissolved"),
    ROW(HEAP_ORDER, 7, "engine/owner_heap.c", "the heap of due messages compares with one child only"),
    ROW(CLOCK_BACK, 7, "engine/owner_recover.c", "after a start a clock that went back makes mail wait as long"),
    /* no bounce to nobody, none for what is temporary */
    ROW(BOUNCE_TO_NOBODY, 8, "engine/dsn.c", "a DSN is written to <>"),
    ROW(BY_TOO_SOON, 8, "engine/owner_message.c", "mail with DELIVERBY comes back after half of its time"),
    ROW(TEMPORARY_IS_FINAL, 8, "engine/delivery_talk.c", "4yz to the dot is taken for 5yz"),
    /* verdicts */
    ROW(INCLUDE_OF_NEUTRAL, 9, "lib/spf/spf.c", "an include matches where the record inside says neutral"),
    /* the log */
    ROW(NO_LAST_LINE, 10, "engine/owner_message.c", "a message that is done after its first attempt has no last line"),
    /* the same seed, the same run */
    ROW(CHANCE_OUTSIDE, 11, "engine/owner_heap.c", "of messages due at the same time the one at the lower address goes first"),
    /* nothing leaves us that is no SMTP */
    ROW(BARE_LF_REPLY, 12, "lib/smtp/smtp_reply.c", "a 550 ends with a bare LF"),
};
_Static_assert(HK_BUGS == 35, "thirty-four, and none");
