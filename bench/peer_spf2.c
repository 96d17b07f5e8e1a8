/* SPDX-License-Identifier: MIT
 *
 * libspf2, with its own table of names for a resolver.
 */
#include <stdbool.h>
#include <arpa/inet.h>
#include <netinet/in.h>

#include <spf2/spf.h>
#include <spf2/spf_dns_zone.h>

#include "bench.h"

static void check(void *with)
{
	SPF_request_t *request = SPF_request_new(with);
	SPF_response_t *response = NULL;

	SPF_request_set_ipv4_str(request, "192.0.2.77");
	SPF_request_set_helo_dom(request, "mail.tree.test");
	SPF_request_set_env_from(request, "user@tree.test");
	bench_check(SPF_request_query_mailfrom(request, &response) == SPF_E_SUCCESS, "the query");
	bench_check(SPF_response_result(response) == SPF_RESULT_PASS, "the verdict");
	SPF_response_free(response);
	SPF_request_free(request);
}

int main(int argc, char **argv)
{
	SPF_dns_server_t *zone = SPF_dns_zone_new(NULL, "bench", 0);
	SPF_server_t *server;
	char *line, *rest, *record;

	bench_check(argc == 3, "usage: OPERATION FOLDER");
	rest = bench_read(argv[2], "spf.txt").p;
	while ((line = bench_line(&rest))) {
		record = strchr(line, ' ');
		*record++ = 0;
		SPF_dns_zone_add_str(zone, line, ns_t_txt, NETDB_SUCCESS, record);
	}
	server = SPF_server_new_dns(zone, 0);
	bench_check(server != NULL, "the server");
	printf("%.3f\n", bench_measure(check, server));
	return 0;
}
