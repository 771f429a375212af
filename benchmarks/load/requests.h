/* Requests to the HTTP API: signed and written to a file by generator.py, held in memory here; and their answers. */
#ifndef REVURB_LOAD_REQUESTS_H
#define REVURB_LOAD_REQUESTS_H

#include "connection.h"

static char **requests;
static size_t *request_sizes;
static long request_count;

static void read_requests(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text;
    long length, at = 0;

    if (file == NULL)
        give_up(path, strerror(errno));
    fseek(file, 0, SEEK_END);
    length = ftell(file);
    rewind(file);
    text = malloc((size_t)length + 1);
    if (fread(text, 1, (size_t)length, file) != (size_t)length)
        give_up(path, "cannot be read");
    fclose(file);
    text[length] = '\0';
    while (at < length) { /* each: its size in decimal, a line feed, its bytes */
        char *end;
        long bytes = strtol(text + at, &end, 10);

        requests = realloc(requests, (size_t)(request_count + 1) * sizeof *requests);
        request_sizes = realloc(request_sizes, (size_t)(request_count + 1) * sizeof *request_sizes);
        requests[request_count] = end + 1;
        request_sizes[request_count++] = (size_t)bytes;
        at = end + 1 + bytes - text;
    }
    if (request_count == 0)
        give_up(path, "holds no request");
}

/* Whether an answer has come; if it is not a 200 it is counted, and the first of those is shown. */
static int is_answer(const char *text, long *bad_answers)
{
    if (strstr(text, "\r\n\r\n") == NULL)
        return 0;
    if (strncmp(text + 8, " 200", 4) != 0 && ++*bad_answers == 1)
        fprintf(stderr, "load: publish answered: %.200s\n", text);
    return 1;
}

#endif
