#include "paths.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* $NAME/rest, or $HOME/fallback/rest; NULL when neither is known or it does not fit. */
static const char *
user_path(char *buf, size_t size, const char *name, const char *fallback, const char *rest)
{
	const char *base = getenv(name), *home = getenv("HOME");
	int n;

	if (base != NULL && base[0] == '/')
		n = snprintf(buf, size, "%s/%s", base, rest);
	else if (fallback != NULL && home != NULL && home[0] == '/')
		n = snprintf(buf, size, "%s/%s/%s", home, fallback, rest);
	else
		return NULL;
	return n > 0 && (size_t)n < size ? buf : NULL;
}

const char *
paths_settings(void)
{
	static char buf[PATH_MAX];
	const char *p;

	if (geteuid() == 0)
		return "/etc/berth/berth.json";
	p = user_path(buf, sizeof(buf), "XDG_CONFIG_HOME", ".config", "berth/berth.json");
	return p != NULL ? p : "/nonexistent/berth.json";
}

char **
paths_services(void)
{
	static char etc[] = "/etc/berth/services.d", run[] = "/run/berth/services.d",
		    lib[] = "/usr/lib/berth/services.d";
	static char own[2][PATH_MAX];
	static char *dirs[4];
	int n = 0;

	if (geteuid() == 0) {
		dirs[0] = etc;
		dirs[1] = run;
		dirs[2] = lib;
		return dirs;
	}
	if (user_path(own[0], sizeof(own[0]), "XDG_CONFIG_HOME", ".config", "berth/services.d"))
		dirs[n++] = own[0];
	if (user_path(own[1], sizeof(own[1]), "XDG_RUNTIME_DIR", NULL, "berth/services.d"))
		dirs[n++] = own[1];
	dirs[n] = NULL;
	return dirs;
}

const char *
paths_control(void)
{
	static char buf[PATH_MAX];

	if (geteuid() == 0)
		return "/run/berth/control";
	return user_path(buf, sizeof(buf), "XDG_RUNTIME_DIR", NULL, "berth/control");
}

const char *
paths_statistics(const char *control)
{
	static char buf[PATH_MAX];

	snprintf(buf, sizeof(buf), "%s.statistics", control);
	return buf;
}

const char *
paths_state(void)
{
	static char buf[PATH_MAX];
	const char *given = getenv("STATE_DIRECTORY");

	if (given != NULL && given[0] == '/') {
		snprintf(buf, sizeof(buf), "%.*s", (int)strcspn(given, ":"), given);
		return buf;
	}
	if (geteuid() == 0)
		return "/var/lib/berth";
	return user_path(buf, sizeof(buf), "XDG_STATE_HOME", ".local/state", "berth");
}

const char *
paths_helper(const char *name)
{
	static const char *const places[] = { "libexec", "../libexec/berth" };
	static char buf[PATH_MAX];
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (n <= 0)
		return NULL;
	self[n] = '\0';
	if ((slash = strrchr(self, '/')) == NULL)
		return NULL;
	*slash = '\0';
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		n = snprintf(buf, sizeof(buf), "%s/%s/%s", self, places[i], name);
		if (n > 0 && (size_t)n < sizeof(buf) && access(buf, X_OK) == 0)
			return buf;
	}
	return NULL;
}
