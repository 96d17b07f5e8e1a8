/* SPDX-License-Identifier: MIT */
#include "keys.h"

enum cli_exit keys_import(const struct cli_options *o)
{
	(void)o;
	cli_complain("which layout: --opendkim or --rspamd", NULL);
	return CLI_USAGE;
}
