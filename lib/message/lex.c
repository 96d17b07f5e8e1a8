/* SPDX-License-Identifier: MIT */
#include "lib/message/message_internal.h"

bool hk_message_is_atext(uint8_t c)
{
	static const bool mark[128] = {['!'] = true, ['#'] = true, ['$'] = true, ['%'] = true, ['&'] = true, ['\''] = true,
	    ['*'] = true, ['+'] = true, ['-'] = true, ['/'] = true, ['='] = true, ['?'] = true, ['^'] = true,
	    ['_'] = true, ['`'] = true, ['{'] = true, ['|'] = true, ['}'] = true, ['~'] = true};

	return hk_is_alnum(c) || (c < sizeof mark && mark[c]);
}

size_t hk_message_fold_length(struct hk_slice s)
{
	return s.n > 2 && s.p[0] == '\r' && s.p[1] == '\n' && hk_is_wsp(s.p[2]) ? 2 : 0;
}

/* What may stand in comments and quoted strings: RFC 5322 3.2.2 and 3.2.4, their obsolete control characters (4.1),
 * and octets over 0x7f, which RFC 6532 3.2 allows and old mail has in any charset. */
bool hk_message_is_text(uint8_t c)
{
	return c != '\0' && c != '\r' && c != '\n';
}

/* A comment of RFC 5322 3.2.2, nested as it may be; *s begins at its parenthesis. */
static enum hk_status skip_comment(struct hk_slice *s)
{
	size_t depth = 0, i = 0;

	while (i < s->n) {
		uint8_t c = s->p[i];
		size_t fold = hk_message_fold_length(hk_slice_from(*s, i));

		if (fold) {
			i += fold;
			continue;
		}
		if (!hk_message_is_text(c))
			return HK_SYNTAX;
		i++;
		if (c == '\\') {
			if (i == s->n || !hk_message_is_text(s->p[i]))
				return HK_SYNTAX;
			i++;
		} else if (c == '(') {
			if (++depth > HK_COMMENT_DEPTH_MAX)
				return HK_LIMIT;
		} else if (c == ')' && --depth == 0) {
			*s = hk_slice_from(*s, i);
			return HK_OK;
		}
	}
	return HK_SYNTAX;
}

enum hk_status hk_message_skip_cfws(struct hk_slice *s, bool *ret_any)
{
	enum hk_status status;
	bool any = false;

	while (s->n) {
		size_t fold = hk_message_fold_length(*s);

		if (fold || hk_is_wsp(s->p[0])) {
			*s = hk_slice_from(*s, fold + 1);
		} else if (s->p[0] == '(') {
			status = skip_comment(s);
			if (status != HK_OK)
				return status;
		} else {
			break;
		}
		any = true;
	}
	*ret_any = any;
	return HK_OK;
}
