/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <sys/stat.h>

#include "daemon/certificates.h"

static uint64_t mark_file(uint64_t mark, struct hk_slice path)
{
	struct stat st = {0};
	char text[4096];

	snprintf(text, sizeof text, "%.*s", HK_FMT(path));
	if (stat(text, &st) == 0)
		snprintf(text, sizeof text, "%llx %llx %lld %lld.%ld", (unsigned long long)mark,
		    (unsigned long long)st.st_ino, (long long)st.st_size, (long long)st.st_mtim.tv_sec,
		    st.st_mtim.tv_nsec);
	return hk_hash(hk_slice_str(text));
}

static uint64_t mark_all(const struct hk_conf *conf)
{
	uint64_t mark = 0;
	size_t i, j;

	for (i = 0; i < conf->n_listeners; i++) {
		const struct hk_conf_listener *l = &conf->listener[i];

		for (j = 0; hk_conf_has_tls(l) && j < l->certificate.n; j++) {
			mark = mark_file(mark, l->certificate.at[j]);
			mark = mark_file(mark, l->certificate_key.at[j]);
		}
	}
	return mark;
}

static uint64_t next_look(const struct hk_conf *conf, uint64_t now)
{
	return conf->certificate_check ? now + (uint64_t)conf->certificate_check * 1000 : UINT64_MAX;
}

void certificates_begin(struct certificates *c, const struct hk_conf *conf, uint64_t now)
{
	*c = (struct certificates){mark_all(conf), next_look(conf, now)};
}

bool certificates_changed(struct certificates *c, const struct hk_conf *conf, uint64_t now)
{
	uint64_t before = c->mark;

	if (now < c->due)
		return false;
	certificates_begin(c, conf, now);
	return c->mark != before;
}
