/* SPDX-License-Identifier: MIT
 *
 * log_value.h - a value of a log line: name=value, name="value with spaces".
 */
#ifndef HIKYAKU_ENGINE_LOG_VALUE_H
#define HIKYAKU_ENGINE_LOG_VALUE_H

#include "engine/world.h"

/* hk_log_value(s): for "name=%s". As hk_log_quote, and in quotes where it is empty or has a space,
 * a quote or an equals sign; a quote inside is \x22, so that no outside byte can begin a field of
 * its own. */
struct hk_log_quoted hk_log_value(struct hk_slice);

#endif
