/*
 * paths - where things are when nobody says otherwise (contract: Places)
 */
#ifndef BERTH_PATHS_H
#define BERTH_PATHS_H

/* berth.json.  Static storage. */
const char *paths_settings(void);

/* Service directories in order of precedence, NULL-terminated.  Static storage. */
char **paths_services(void);

/* Control socket; NULL when berthd is not root and XDG_RUNTIME_DIR is not set.  Static storage. */
const char *paths_control(void);

/* What is counted (sys/statsfile): beside the control socket.  Static storage. */
const char *paths_statistics(const char *control);

/*
 * What must survive a boot: the first of $STATE_DIRECTORY (systemd.exec(5)), else the user's own place.  NULL: nobody says where.
 * Static storage.
 */
const char *paths_state(void);

/*
 * A program of berth's own: beside the running one, in libexec/ (as it is built), or in ../libexec/berth/ (as it is installed).
 * Static storage; NULL: it is in neither place.
 */
const char *paths_helper(const char *name);

#endif
