#include "../../src/pure/relay.h"

#include <arpa/inet.h>
#include <string.h>

#include "unit.h"

static void
test_targets(void)
{
	static const struct {
		const char *label, *arg;
		int family, port;	/* family 0: refused */
	} rows[] = {
		{ "an IPv4 target", "tcp:10.0.0.2:80", AF_INET, 80 },
		{ "an IPv6 target", "tcp:[2001:db8::1]:65535", AF_INET6, 65535 },
		{ "a unix target", "unix:/run/x=y", AF_UNIX, 0 },
		{ "a port with a leading zero", "tcp:10.0.0.2:080", 0, 0 },
		{ "port 0", "tcp:10.0.0.2:0", 0, 0 },
		{ "a port above 65535", "tcp:10.0.0.2:65536", 0, 0 },
		{ "no port", "tcp:10.0.0.2", 0, 0 },
		{ "an empty port", "tcp:10.0.0.2:", 0, 0 },
		{ "no address", "tcp::80", 0, 0 },
		{ "a name", "tcp:localhost:80", 0, 0 },
		{ "IPv6 without brackets", "tcp:2001:db8::1:80", 0, 0 },
		{ "IPv4 in brackets", "tcp:[10.0.0.2]:80", 0, 0 },
		{ "an open bracket", "tcp:[::1:80", 0, 0 },
		{ "a bracket and nothing", "tcp:[:80", 0, 0 },
		{ "an IPv6 scope", "tcp:[fe80::1%2]:80", 0, 0 },
		{ "a relative path", "unix:run/x", 0, 0 },
		{ "an empty path", "unix:", 0, 0 },
		{ "another kind", "udp:10.0.0.2:80", 0, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct addr a = { 0 };
		bool ok = relay_target_parse(rows[i].arg, &a);
		int family = a.u.sa.sa_family;
		int port = family == AF_UNIX ? 0 : addr_port(&a);

		UNIT_CHECK(rows[i].label, ok == (rows[i].family != 0) && family == rows[i].family &&
		    port == rows[i].port, "%s: %s, family %d, port %d", rows[i].arg,
		    ok ? "taken" : "refused", family, port);
	}
}

int
main(void)
{
	test_targets();
	return unit_done();
}
