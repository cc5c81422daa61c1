#include "access.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* 127.0.0.0/8, ::1 and every unix peer */
static bool
is_local(const struct source *who)
{
	static const struct source four = { .family = AF_INET, .bits = 8, .bytes = { 127 } };
	static const struct source six = { .family = AF_INET6, .bits = 128, .bytes = { [15] = 1 } };

	return who->family == AF_UNIX || source_within(who, &four) || source_within(who, &six);
}

static const struct access_rule *
find(const struct access_list *list, const struct source *who)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct access_rule *r = &list->rule[i];

		if (r->local ? is_local(who) : source_within(who, &r->prefix))
			return r;
	}
	return NULL;
}

static void
say(char *buf, size_t size, const char *list, const struct access_rule *r)
{
	char text[SOURCE_TEXT_MAX];

	if (buf != NULL)
		snprintf(buf, size, "%s %s", list,
		    r->local ? "local" : source_format(&r->prefix, text, sizeof(text)));
}

static void
say_plain(char *buf, size_t size, const char *text)
{
	if (buf != NULL)
		snprintf(buf, size, "%s", text);
}

bool
access_passes(const struct access *a, const struct addr *peer, uid_t uid, char *rule, size_t size)
{
	struct source who = source_of(peer, uid, 32, 128);
	const struct access_rule *deny = find(&a->deny, &who), *allow = find(&a->allow, &who);

	if (!a->allow.set && a->deny.count == 0)
		say_plain(rule, size, "no rule");
	else if (who.family == 0) {
		/* whoever has no address is matched by no rule, and is not let in for that */
		say_plain(rule, size, "no address");
		return false;
	} else if (deny != NULL) {
		say(rule, size, "deny", deny);
		return false;
	} else if (a->allow.set && allow == NULL) {
		say_plain(rule, size, "not in allow");
		return false;
	} else if (allow != NULL)
		say(rule, size, "allow", allow);
	else
		say_plain(rule, size, "not in deny");
	return true;
}

bool
access_rule_parse(const char *text, struct access_rule *out, struct diag *why)
{
	char q[DIAG_QUOTE_MAX];

	*out = (struct access_rule){ .local = strcmp(text, "local") == 0 };
	if (out->local)
		return true;
	/* of what is one word, "local" was the likelier wish than an address */
	if (strcasecmp(text, "local") == 0 || strcmp(text, "localhost") == 0) {
		diag_set(why,
		    "expected an address, a prefix or \"local\" (loopback and unix), found %s",
		    diag_quote(text, q, sizeof(q)));
		return false;
	}
	return source_parse(text, &out->prefix, why);
}
