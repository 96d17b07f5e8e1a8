/* SPDX-License-Identifier: MIT
 *
 * bug.h - faults planted on purpose, to prove that the simulator finds such faults. Compiled out of every normal build;
 * sim/planted/ builds one extra simulator for each.
 */
#ifndef HIKYAKU_ENGINE_BUG_H
#define HIKYAKU_ENGINE_BUG_H

#ifdef HK_BUG_ACK_BEFORE_SYNC
#define HK_PLANTED_ACK_BEFORE_SYNC 1
#else
#define HK_PLANTED_ACK_BEFORE_SYNC 0
#endif

#ifdef HK_BUG_SKIP_DIR_SYNC
#define HK_PLANTED_SKIP_DIR_SYNC 1
#else
#define HK_PLANTED_SKIP_DIR_SYNC 0
#endif

#ifdef HK_BUG_NO_RESET
#define HK_PLANTED_NO_RESET 1
#else
#define HK_PLANTED_NO_RESET 0
#endif

#endif
