/*
 * wire - Varlink messages (varlink.org: one JSON object, ended by NUL)
 */
#ifndef BERTH_WIRE_H
#define BERTH_WIRE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "diag.h"

#define WIRE_CALL_MAX 65536	/* bytes of one call, NUL included; a longer one ends the connection */

struct wire_call {
	char *method;		/* owned, "io.berth.Control.List" */
	json_t *parameters;	/* owned reference; an empty object when absent */
	bool more, oneway, upgrade;
};

/* Parse one message (without its NUL).  false: not a call; why says so. */
bool wire_parse_call(const char *text, size_t len, struct wire_call *out, struct diag *why);
void wire_call_fini(struct wire_call *c);

/*
 * Text of a message with its NUL, to be sent as it is; caller frees; *len counts the NUL.
 * parameters are borrowed; NULL is an empty object.
 */
char *wire_format_call(const char *method, json_t *parameters, bool more, size_t *len);
char *wire_format_reply(json_t *parameters, bool continues, size_t *len);
char *wire_format_error(const char *error, json_t *parameters, size_t *len);

/*
 * What the descriptions of our interfaces say against a call.  A parameter is bad when it is not among those of the
 * method, of another type (an int is a float too), or missing, which null is too, where the type has no "?".
 */
enum wire_fault { WIRE_NO_FAULT, WIRE_NO_INTERFACE, WIRE_NO_METHOD, WIRE_BAD_PARAMETER };

/* *bad: the name of a bad parameter, which the caller frees; else NULL. */
enum wire_fault wire_check_call(const struct wire_call *call, char **bad);

struct wire_reply {
	char *error;		/* owned; NULL: a good reply */
	json_t *parameters;	/* owned reference */
	bool continues;
};
bool wire_parse_reply(const char *text, size_t len, struct wire_reply *out, struct diag *why);
void wire_reply_fini(struct wire_reply *r);

/* The description of io.berth.Control in Varlink's interface language. */
extern const char wire_interface_control[];
/* That of org.varlink.service. */
extern const char wire_interface_service[];

#endif
