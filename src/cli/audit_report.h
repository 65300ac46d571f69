/* `fercli train-general --audit`: what is in FER-2013's CSV. */
#ifndef FERCLI_CLI_AUDIT_REPORT_H
#define FERCLI_CLI_AUDIT_REPORT_H

#include "cli/opt.h"

/* Reads all rows, counts, and prints: text for people (format auto or table), one JSON object
 * (jsonl), or a row a figure (csv). Returns the exit status. */
int audit_csv(const struct common_options *common, const char *fer_csv);

#endif
