/*
 * The decoder gets bytes in pieces. Whatever they are: it neither crashes nor takes more memory
 * than a frame and a piece, what it hands out is an object that prints and reads again as the same,
 * and the pieces do not matter.
 *
 * Input: the first byte chooses the size of the pieces, the rest is the stream.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"
#include "common/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_message(const cJSON *message, struct buffer *all)
{
    scoped(buffer_release) struct buffer first = {0};
    scoped(buffer_release) struct buffer second = {0};
    scoped(json_free) cJSON *again = NULL;
    struct error error, failure;

    if (!cJSON_IsObject(message) || !json_print(message, &first, &error) ||
        !json_parse(first.data, first.size, &again, &error) ||
        !json_print(again, &second, &error) || strcmp(first.data, second.data) != 0)
        abort();
    wire_error_of(message, &failure);
    if (failure.kind == ERROR_NONE || !buffer_append_text(all, first.data, &error) ||
        !buffer_append_text(all, "\n", &error))
        abort();
}

/* All messages of the stream, printed, and a line for each refusal. */
static void decode(const uint8_t *data, size_t size, size_t piece, struct buffer *all)
{
    scoped(wire_decoder_release) struct wire_decoder decoder = {0};
    struct error error;

    for (size_t at = 0; at < size; at += piece) {
        size_t part = size - at < piece ? size - at : piece;
        if (!wire_decoder_feed(&decoder, data + at, part, &error))
            return;
        for (;;) {
            scoped(json_free) cJSON *message = NULL;
            bool good = wire_decoder_next(&decoder, &message, &error);
            if (good && !message)
                break;
            if (good)
                check_message(message, all);
            else if (error.kind != ERROR_INVALID || !buffer_append_text(all, "refused\n", &error))
                abort();
            if (decoder.broken)
                return;
        }
        if (decoder.buffer.size - decoder.consumed >= WIRE_FRAME_LIMIT)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    scoped(buffer_release) struct buffer whole = {0};
    scoped(buffer_release) struct buffer pieces = {0};

    if (size < 2)
        return 0;
    decode(data + 1, size - 1, size, &whole);
    decode(data + 1, size - 1, (size_t)data[0] + 1, &pieces);
    if (whole.size != pieces.size ||
        (whole.size > 0 && memcmp(whole.data, pieces.data, whole.size) != 0))
        abort();
    return 0;
}
