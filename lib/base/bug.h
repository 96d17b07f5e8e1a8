/* SPDX-License-Identifier: MIT
 *
 * bug.h - faults planted on purpose, to prove that the simulator finds such faults. In every normal build HK_BUG(NAME) is
 * false and what depends on it is not compiled; hikyaku-sim-planted holds them all, one at a time awake. What each of them
 * does, and which invariant it must break, is the table in sim/planted/planted.c.
 */
#ifndef HIKYAKU_LIB_BASE_BUG_H
#define HIKYAKU_LIB_BASE_BUG_H

#include <stdbool.h>

#ifdef HK_PLANTED
#define HK_BUG_NAMES(X)                                                                                                 \
	X(ACK_BEFORE_SYNC) X(SKIP_DIR_SYNC) X(RETRY_SYNC) X(NO_RESET) X(NO_CHECKSUM) X(BACKOFF_OFF_BY_ONE) X(LF_AS_CRLF)   \
	X(SPARE_TOO_SOON) X(TRUST_CACHE) X(DSN_ALONE) X(WRONG_RECIPIENT) X(LOST_IS_TAKEN) X(REPLY_OFF_BY_ONE)             \
	X(MOVE_FORGETS) X(APPLY_UNCOMMITTED) X(NEXT_HOST_AFTER_DOT) X(NO_DOT_STUFFING) X(OPEN_RELAY) X(SESSION_LEAK)     \
	X(BODY_FILE_STAYS) X(SLOT_LEAK) X(RELOAD_DROPS) X(HEAP_ORDER) X(CLOCK_BACK) X(BOUNCE_TO_NOBODY)                   \
	X(TEMPORARY_IS_FINAL) X(INCLUDE_OF_NEUTRAL) X(NO_LAST_LINE) X(CHANCE_OUTSIDE) X(BARE_LF_REPLY)   \
	X(HOLD_LOST) X(ENDING_FORGOTTEN) X(BY_TOO_SOON) X(UNREAD_IGNORED)
enum hk_bug {
	HK_BUG_NONE,
#define X(name) HK_BUG_##name,
	HK_BUG_NAMES(X)
#undef X
	HK_BUGS
};
extern enum hk_bug hk_bug_awake;
#define HK_BUG(name) (hk_bug_awake == HK_BUG_##name)
#else
#define HK_BUG(name) false
#endif

#endif
