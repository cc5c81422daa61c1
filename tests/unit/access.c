#include "../../src/pure/access.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))
#define RULES 4

static struct addr
address(const char *text)
{
	struct addr a = { 0 };

	if (inet_pton(AF_INET, text, &a.u.in.sin_addr) == 1) {
		a.u.in.sin_family = AF_INET;
		a.len = sizeof(a.u.in);
	} else if (inet_pton(AF_INET6, text, &a.u.in6.sin6_addr) == 1) {
		a.u.in6.sin6_family = AF_INET6;
		a.len = sizeof(a.u.in6);
	} else if (strcmp(text, "unix") == 0) {
		a.u.un.sun_family = AF_UNIX;
		a.len = sizeof(a.u.un.sun_family);
	}
	return a;
}

/* "-": absent; else words with spaces between. */
static struct access_list
list_of(const char *text, struct access_rule rules[RULES])
{
	struct access_list list = { .set = strcmp(text, "-") != 0, .rule = rules };
	char copy[128], *rest = copy, *word;
	struct diag why;

	snprintf(copy, sizeof(copy), "%s", list.set ? text : "");
	while ((word = strsep(&rest, " ")) != NULL)
		if (word[0] != '\0' && !access_rule_parse(word, &rules[list.count++], &why)) {
			printf("Bail out! %s: %s\n", word, why.text);
			exit(1);
		}
	return list;
}

static void
test_passes(void)
{
	static const struct {
		const char *label, *allow, *deny, *peer;
		bool want;
		const char *rule;
	} rows[] = {
		{ "no lists: everyone", "-", "-", "192.0.2.7", true, "no rule" },
		{ "no lists: also who has no address", "-", "-", "none", true, "no rule" },
		{ "an empty allow: nobody", "", "-", "192.0.2.7", false, "not in allow" },
		{ "an empty deny: everyone", "-", "", "192.0.2.7", true, "no rule" },
		{ "allowed by a prefix", "10.0.0.0/8", "-", "10.1.2.3", true, "allow 10.0.0.0/8" },
		{ "not in allow", "10.0.0.0/8", "-", "11.1.2.3", false, "not in allow" },
		{ "the second rule matches", "192.0.2.7 10.0.0.0/8", "-", "10.1.2.3", true,
		    "allow 10.0.0.0/8" },
		{ "denied", "-", "10.0.0.0/8", "10.1.2.3", false, "deny 10.0.0.0/8" },
		{ "not denied", "-", "10.0.0.0/8", "11.1.2.3", true, "not in deny" },
		{ "deny wins over allow", "10.0.0.0/8", "10.1.2.3", "10.1.2.3", false, "deny 10.1.2.3" },
		{ "also when it is the wider one", "10.1.2.3", "10.0.0.0/8", "10.1.2.3", false,
		    "deny 10.0.0.0/8" },
		{ "a mapped address meets an IPv4 deny", "-", "10.0.0.0/8", "::ffff:10.0.0.1", false,
		    "deny 10.0.0.0/8" },
		{ "and an IPv4 allow", "10.0.0.0/8", "-", "::ffff:10.0.0.1", true, "allow 10.0.0.0/8" },
		{ "a rule for a mapped prefix meets IPv4", "-", "::ffff:10.0.0.0/104", "10.0.0.1", false,
		    "deny 10.0.0.0/8" },
		{ "::/0 is no IPv4 address", "::/0", "-", "192.0.2.7", false, "not in allow" },
		{ "nor a mapped one", "::/0", "-", "::ffff:192.0.2.7", false, "not in allow" },
		{ "but every IPv6 one", "-", "::/0", "2001:db8::1", false, "deny ::/0" },
		{ "0.0.0.0/0 is no IPv6 address", "-", "0.0.0.0/0", "2001:db8::1", true, "not in deny" },
		{ "local: loopback", "local", "-", "127.0.0.1", true, "allow local" },
		{ "local: all of 127", "local", "-", "127.255.255.255", true, "allow local" },
		{ "local: IPv6 loopback", "local", "-", "::1", true, "allow local" },
		{ "local: mapped loopback", "-", "local", "::ffff:127.0.0.1", false, "deny local" },
		{ "local: unix", "local", "-", "unix", true, "allow local" },
		{ "not local", "local", "-", "192.0.2.7", false, "not in allow" },
		{ "not local: all zeros", "local", "-", "0.0.0.0", false, "not in allow" },
		{ "not local: IPv6", "local", "-", "::2", false, "not in allow" },
		{ "a unix peer is in no prefix", "0.0.0.0/0 ::/0", "-", "unix", false, "not in allow" },
		{ "but may be named by its uid", "uid:1000", "-", "unix", true, "allow uid:1000" },
		{ "or denied", "local", "uid:1000", "unix", false, "deny uid:1000" },
		{ "another uid", "uid:1001", "-", "unix", false, "not in allow" },
		{ "who has no address does not slip past deny", "-", "10.0.0.0/8", "none", false,
		    "no address" },
		{ "nor into allow", "0.0.0.0/0 ::/0 local", "-", "none", false, "no address" },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct access_rule allow[RULES] = { 0 }, deny[RULES] = { 0 };
		struct access a = { .allow = list_of(rows[i].allow, allow),
			.deny = list_of(rows[i].deny, deny) };
		struct addr peer = address(rows[i].peer);
		char rule[ACCESS_TEXT_MAX] = "?";
		bool got = access_passes(&a, &peer, 1000, rule, sizeof(rule));

		UNIT_CHECK(rows[i].label, got == rows[i].want && strcmp(rule, rows[i].rule) == 0 &&
		    access_passes(&a, &peer, 1000, NULL, 0) == got, "got %d, %s, want %s", got, rule,
		    rows[i].rule);
	}
}

static void
test_parse(void)
{
	static const struct {
		const char *label, *input, *why;
	} rows[] = {
		{ "localhost is a name", "localhost",
		    "expected an address, a prefix or \"local\" (loopback and unix), found \"localhost\"" },
		{ "local in upper case", "LOCAL", "or \"local\"" },
		{ "all is no word", "all", "expected an address or a prefix such as" },
		{ "bits beyond a prefix", "10.0.0.1/8", "did you mean \"10.0.0.0/8\"?" },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct diag why = { "" };
		struct access_rule r = { .local = true };

		UNIT_CHECK(rows[i].label, !access_rule_parse(rows[i].input, &r, &why) && !r.local &&
		    r.prefix.family == 0 && strstr(why.text, rows[i].why) != NULL, "%s", why.text);
	}
}

int
main(void)
{
	test_passes();
	test_parse();
	return unit_done();
}
