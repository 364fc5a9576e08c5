/* When a client leaves or its deadline passes: before or after the nth call of a callback. */
#ifndef HOST_SCRIPT_H
#define HOST_SCRIPT_H

#include "tests/host/bobbin-test.h"

enum script_action { SCRIPT_NOTHING, SCRIPT_LEAVE, SCRIPT_TIME_OUT };

struct script;

void scripts_free(struct script *scripts);

/* The action whose moment is before the next call of that name, which is due now. Once. */
enum script_action script_before(bobbin_test_client *client, const char *callback);

/* Whether there will be one. */
bool script_waits_before(const bobbin_test_client *client, const char *callback);

/* The action whose moment was after a call that has returned, as all have when this is asked. Once.
 */
enum script_action script_after(bobbin_test_client *client);
bool script_is_due(const bobbin_test_client *client); /* whether there is one */

#endif
