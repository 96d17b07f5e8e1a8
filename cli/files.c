/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli_internal.h"
#include "io/disk.h"

enum { CHUNK = 65536, ABOUT_SHOWN = 200 };

static struct hk_buf *complaints;

void cli_complain_into(struct hk_buf *out)
{
	complaints = out;
}

void cli_complain(const char *text, const char *about)
{
	struct hk_buf b;

	hk_buf_init(&b, 4096);
	hk_buf_addf(&b, "%s: %s", program_invocation_short_name, text);
	if (about) {
		hk_buf_add_str(&b, ": ");
		hk_quote_add(&b, hk_slice_str(about), ABOUT_SHOWN);
	}
	hk_buf_add_byte(&b, '\n');
	if (complaints)
		hk_buf_add(complaints, hk_slice_from(hk_buf_slice(&b), strlen(program_invocation_short_name) + 2));
	else
		fwrite(b.p, 1, b.n, stderr);
	hk_buf_done(&b);
}

void cli_complain_disk(enum hk_status status, const char *path)
{
	struct hk_disk_reason why = hk_disk_why(hk_disk_kernel(), status);

	if (why.text[0])
		cli_complain(why.text, NULL);
	else
		cli_complain(hk_status_text(status), path);
}

void cli_write(const struct hk_buf *out)
{
	if (hk_buf_status(out) != HK_OK)
		cli_complain("the output was cut", hk_status_text(hk_buf_status(out)));
	if (out->n)
		fwrite(out->p, 1, out->n, stdout);
}

bool cli_flush(void)
{
	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return true;
	cli_complain("the output could not be written", errno ? strerror(errno) : NULL);
	return false;
}

bool cli_read_file(const char *name, size_t max, struct hk_buf *ret)
{
	static uint8_t chunk[CHUNK];
	bool is_stdin = strcmp(name, "-") == 0, ok;
	FILE *f = is_stdin ? stdin : fopen(name, "rb");
	size_t n;

	if (!f) {
		cli_complain(strerror(errno), name);
		return false;
	}
	hk_buf_init(ret, max);
	while (hk_buf_status(ret) == HK_OK && (n = fread(chunk, 1, sizeof chunk, f)) > 0)
		hk_buf_add(ret, hk_slice_of(chunk, n));
	ok = !ferror(f) && hk_buf_status(ret) == HK_OK;
	if (ferror(f))
		cli_complain("it could not be read", name);
	else if (!ok)
		cli_complain("it is too long", name);
	if (!is_stdin)
		fclose(f);
	if (!ok)
		hk_buf_done(ret);
	return ok;
}

bool cli_write_durably(int fd, struct hk_slice s)
{
	while (s.n) {
		ssize_t n = write(fd, s.p, s.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		s = hk_slice_from(s, (size_t)n);
	}
	return fsync(fd) == 0;
}

const char *cli_time(int64_t seconds, char room[CLI_TIME_ROOM])
{
	time_t when = (time_t)seconds;
	struct tm tm;

	if (!gmtime_r(&when, &tm) || !strftime(room, CLI_TIME_ROOM, "%Y-%m-%dT%H:%M:%SZ", &tm))
		snprintf(room, CLI_TIME_ROOM, "?");
	return room;
}
