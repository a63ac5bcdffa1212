/*
 * What client and daemon say to each other: JSON-RPC 2.0 over a Unix stream socket, one object a
 * line, at most WIRE_FRAME_LIMIT bytes with its newline. Where daemon and client meet; the methods
 * are listed in docs/protocol.md.
 *
 * The first line a daemon sends on a connection, unasked, is its greeting:
 *   {"jsonrpc":"2.0","method":"hello","params":{"protocol":1,"version":"0.1.0","pid":4711,"home":"/..."}}
 * An error object is {"code":-32000,"message":"...","data":{"kind":"INVALID","path":"train.rate"}}.
 */
#ifndef NIGHTJAR_COMMON_WIRE_H
#define NIGHTJAR_COMMON_WIRE_H

#include "common/buffer.h"
#include "common/error.h"
#include "common/json.h"

#include <stdbool.h>
#include <stdint.h>

#define WIRE_PROTOCOL 1
#define WIRE_FRAME_LIMIT (1024 * 1024)

#define WIRE_CODE_PARSE (-32700)
#define WIRE_CODE_REQUEST (-32600)
#define WIRE_CODE_METHOD (-32601)
#define WIRE_CODE_FAILED (-32000)

/* Cuts lines out of a byte stream. All-zero is a valid empty decoder. */
struct wire_decoder {
    struct buffer buffer;
    size_t consumed; /* bytes of lines that were handed out */
    size_t scanned;  /* bytes after them that hold no newline */
    bool broken;     /* a line over the limit came: every later call fails */
};

void wire_decoder_release(struct wire_decoder *decoder);
bool wire_decoder_feed(struct wire_decoder *decoder, const void *data, size_t size,
                       struct error *error);
/* The next message. *ret_message NULL: more bytes are needed. INVALID: not JSON, not an object, or
 * longer than the limit; the line is consumed (an overlong one: the connection is of no more use).
 */
bool wire_decoder_next(struct wire_decoder *decoder, cJSON **ret_message, struct error *error);

/* Appends one line. *params / *result are taken in any case (NULL: an empty object). */
bool wire_request(struct buffer *out, int64_t id, const char *method, cJSON **params,
                  struct error *error);
bool wire_notify(struct buffer *out, const char *method, cJSON **params, struct error *error);
bool wire_result(struct buffer *out, const cJSON *id, cJSON **result, struct error *error);
bool wire_failure(struct buffer *out, const cJSON *id, int code, const struct error *failure,
                  struct error *error);
/* The error that a failure message carries, as the daemon knew it. */
void wire_error_of(const cJSON *failure, struct error *ret_error);

/* Where things lie: $NIGHTJAR_HOME, else $XDG_DATA_HOME/nightjar, else ~/.local/share/nightjar;
 * absolute. */
bool wire_home(struct buffer *ret_path, struct error *error);
/* $XDG_RUNTIME_DIR/nightjar/<hash of home>.sock, else /tmp/nightjar-<uid>/<hash>.sock (a socket
 * path has 107 bytes). */
bool wire_socket_path(const char *home, struct buffer *ret_path, struct error *error);

#endif
