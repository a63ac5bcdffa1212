/* The one line of a log that says best why something failed. */
#ifndef NIGHTJAR_WORKER_MESSAGE_H
#define NIGHTJAR_WORKER_MESSAGE_H

#include <stddef.h>

#define MESSAGE_SIZE 480 /* with the NUL */

/* The last line of the last Python traceback; else the last line with a word like error; else the
 * last line with anything in it; else "". Valid UTF-8 without control characters or colours.
 * Returns ret_message. */
const char *message_find(const char *text, size_t size, char ret_message[MESSAGE_SIZE]);
/* Copies a text that may hold any bytes in the same clean way. Returns ret_message. */
const char *message_clean(const char *text, size_t size, char ret_message[MESSAGE_SIZE]);

#endif
