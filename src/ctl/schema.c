/* berthctl schema: what the files may say, as a document for editors and validators */
#include <assert.h>
#include <getopt.h>
#include <string.h>

#include "../pure/spec.h"
#include "ctl.h"

int
ctl_schema(struct ctl *c, int argc, char **argv)
{
	json_t *schema = NULL;

	ctl_arguments(c, argc, argv, 0, 1);
	if (argv[optind] == NULL || strcmp(argv[optind], "service") == 0)
		schema = spec_schema_service();
	else if (strcmp(argv[optind], "settings") == 0)
		schema = spec_schema_settings();
	else
		ctl_usage(c, "%s: expected service or settings", argv[optind]);
	assert(schema != NULL);
	ctl_print_json(schema);
	json_decref(schema);
	return 0;
}
