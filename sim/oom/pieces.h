/* SPDX-License-Identifier: MIT
 *
 * pieces.h - allocations that are no malloc, and can fail like one: the pieces of an arena, of which a block holds many and each may
 * be the one that has no room (the linker wraps them), and what OpenSSL asks for. For the scenes here and for the unit tests.
 */
#ifndef HIKYAKU_SIM_OOM_PIECES_H
#define HIKYAKU_SIM_OOM_PIECES_H

#include <stdbool.h>

/* pieces_fail(): one more is asked for; true: it fails. The program's own. */
bool pieces_fail(void);
/* pieces_openssl(): from now on. false: it has allocated something already. Its blocks are not counted as ours: it keeps some. */
bool pieces_openssl(void);

#endif
