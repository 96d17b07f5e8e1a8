/* SPDX-License-Identifier: MIT
 *
 * The reply reader over any bytes, whole and in two pieces: the same replies; and a reply that was
 * read, written by hk_smtp_reply_add and read again is the same reply.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "smtpc_internal.h"

static enum hk_status read_reply(struct smtpc_reader *r, struct hk_slice *in)
{
	struct hk_slice line;
	bool last = false;
	enum hk_status status = HK_OK;

	while (status == HK_OK && !last)
		status = smtpc_reader_step(r, in, &line, &last);
	return status;
}

static bool is_printable(struct hk_slice text)
{
	size_t i;

	for (i = 0; i < text.n; i++)
		if ((text.p[i] < 0x20 && text.p[i] != '\n') || text.p[i] > 0x7e ||
		    text.p[i] == '\\')
			return false;
	return true;
}

/* Text that the writer changes on purpose (quoting, long lines, many lines, a look like an enhanced
 * code) is left out. */
static void round_trip(const struct hk_smtp_reply *first)
{
	static struct smtpc_reader again;
	struct hk_smtp_reply second;
	struct hk_slice in;
	struct hk_buf out;

	if (!is_printable(first->text) || first->text.n > 400 || first->enhanced[0] == '\0' ||
	    first->text.n == 0 || first->text.p[first->text.n - 1] == '\n')
		return;
	hk_buf_init(&out, 1 << 16);
	hk_smtp_reply_add(&out, first->code, first->enhanced, first->text);
	in = hk_buf_slice(&out);
	memset(&again, 0, sizeof again);
	if (read_reply(&again, &in) != HK_OK || in.n)
		abort();
	second = smtpc_reader_reply(&again);
	if (second.code != first->code || strcmp(second.enhanced, first->enhanced) != 0 ||
	    (hk_slice_find(first->text, '\n') == first->text.n &&
	        !hk_slice_eq(second.text, first->text)))
		abort();
	hk_buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct smtpc_reader whole, cut;
	struct hk_slice in, left, right;
	struct hk_smtp_reply reply, other;
	enum hk_status status, again;

	if (n < 1)
		return 0;
	memset(&whole, 0, sizeof whole);
	memset(&cut, 0, sizeof cut);
	in = hk_slice_of(data + 1, n - 1);
	left = hk_slice_sub(in, 0, data[0]);
	right = hk_slice_from(in, data[0]);
	status = read_reply(&whole, &in);
	again = read_reply(&cut, &left);
	if (again == HK_AGAIN)
		again = read_reply(&cut, &right);
	if (status != again)
		abort();
	if (status != HK_OK)
		return 0;
	reply = smtpc_reader_reply(&whole);
	other = smtpc_reader_reply(&cut);
	if (reply.code != other.code || !hk_slice_eq(reply.text, other.text) ||
	    strcmp(reply.enhanced, other.enhanced) != 0 || reply.code < 200 || reply.code > 599)
		abort();
	round_trip(&reply);
	return 0;
}
