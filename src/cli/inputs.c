/* The pictures a command works on; see inputs.h. */
#include "cli/inputs.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/parse.h"
#include "cli/cli.h"
#include "cli/output.h"

#define MAX_SHARDS 1000000

void input_release(struct input *input)
{
    free(input->path);
    free(input->problem);
    free(input->bytes);
    *input = (struct input){0};
}

int input_decode(struct image *im, const struct input *input, const struct image_request *request,
                 int *reduction, struct err *e)
{
    const struct image_bytes bytes = {input->bytes, input->size};
    if (!input->bytes)
        return image_read_as(im, input->path, request, reduction, e);
    return image_decode_as(im, &bytes, input->path, request, reduction, e);
}

/* ---- options ---- */

/* "K/N" with 1 <= K <= N. */
static int parse_shard(const char *text, long *k, long *n, struct err *e)
{
    const char *slash = strchr(text, '/');
    char first[16] = "";
    if (slash && slash - text < (ptrdiff_t)sizeof(first))
        memcpy(first, text, (size_t)(slash - text));
    if (!slash || parse_long(slash + 1, 1, MAX_SHARDS, n) || parse_long(first, 1, *n, k))
        return err_set(e, "option '--shard': '%s' is not K/N with K from 1 to N, such as 2/8",
                       text);
    return 0;
}

/* A stream has no end that could be known and nothing to begin again from. */
static int check_stream(const struct input_options *o, int operand_count, char *const *operands,
                        struct err *e)
{
    const char *name = o->stream ? "--stream" : "--stream-mjpeg";
    if (o->stream && o->mjpeg)
        return err_set(e, "--stream and --stream-mjpeg exclude each other");
    for (int i = 0; i < operand_count; i++)
        if (o->mjpeg || i > 0 || strcmp(operands[i], "-") != 0)
            return err_set(e, "%s names the pictures: no INPUT such as '%s' goes with it", name,
                           operands[i]);
    const char *misplaced = o->files_from        ? "--files-from"
                            : o->shard           ? "--shard"
                            : o->resume          ? "--resume"
                            : o->nul && o->mjpeg ? "--null"
                                                 : NULL;
    return misplaced ? err_set(e, "%s does not go with %s", misplaced, name) : 0;
}

int inputs_check(const struct input_options *o, int operand_count, char *const *operands,
                 struct err *e)
{
    long k, n;
    if (o->stream || o->mjpeg)
        return check_stream(o, operand_count, operands, e);
    if (o->shard && parse_shard(o->shard, &k, &n, e))
        return -1;
    int lists = o->files_from && strcmp(o->files_from, "-") == 0;
    for (int i = 0; i < operand_count; i++)
        lists += strcmp(operands[i], "-") == 0;
    if (lists > 1)
        return err_set(e, "standard input ('-') is named more than once");
    if (operand_count == 0 && !o->files_from)
        return err_set(e, "no INPUT: name pictures, folders, or '-' for a list on standard input");
    if (o->nul && !lists && !o->files_from)
        return err_set(e, "option '--null' (-0) is about a list: give '-' or --files-from too");
    return 0;
}

/* ---- collecting ---- */

/* Takes both strings over in every case; `problem` may be NULL. */
static int append(struct inputs *in, char *path, char *problem, struct err *e)
{
    if (path && in->count == in->capacity) {
        size_t capacity = in->capacity ? in->capacity * 2 : 64;
        struct input *grown = capacity > SIZE_MAX / sizeof(*grown)
                                  ? NULL
                                  : realloc(in->input, capacity * sizeof(*grown));
        if (grown) {
            in->input = grown;
            in->capacity = capacity;
        }
    }
    if (!path || in->count == in->capacity) {
        free(path);
        free(problem);
        return err_memory(e);
    }
    in->input[in->count++] = (struct input){.path = path, .problem = problem};
    return 0;
}

int inputs_add_problem(struct inputs *in, const char *path, const char *problem, struct err *e)
{
    char *text = strdup(problem);
    return text ? append(in, strdup(path), text, e) : err_memory(e);
}

static int add_folder(struct inputs *in, const struct common_options *common, const char *folder,
                      struct err *e)
{
    struct path_list files = {0}, passed_over = {0};
    struct err reason;
    int result = path_list_walk(&files, folder, &passed_over, e);
    if (result == 0 && files.count == 0) {
        err_set(&reason,
                "no picture in the folder '%s' (names of pictures end in .jpg, .png "
                "and so on)",
                folder);
        result = inputs_add_problem(in, folder, reason.text, e);
    }
    for (size_t i = 0; i < passed_over.count; i++)
        detail(common, "passed over '%s': no file with a picture's name",
               passed_over.entry[i].path);
    for (size_t i = 0; i < files.count && result == 0; i++) {
        result = append(in, files.entry[i].path, files.entry[i].problem, e);
        files.entry[i] = (struct listed_path){0};
    }
    path_list_release(&files);
    path_list_release(&passed_over);
    return result;
}

static int add_path(struct inputs *in, const struct common_options *common, const char *path,
                    struct err *e)
{
    struct stat status;
    if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
        return add_folder(in, common, path, e);
    return append(in, strdup(path), NULL, e);
}

/* One path of a list, as getdelim gave it. */
static int add_entry(struct inputs *in, const struct common_options *common, char *entry,
                     size_t length, char separator, struct err *e)
{
    if (length > 0 && entry[length - 1] == separator)
        entry[--length] = '\0';
    if (length == 0)
        return 0;
    if (strlen(entry) < length)
        return inputs_add_problem(in, entry, "the list of paths has NUL bytes in it: add -0", e);
    return add_path(in, common, entry, e);
}

static int add_list(struct inputs *in, const struct common_options *common, const char *path,
                    bool nul, struct err *e)
{
    bool standard = strcmp(path, "-") == 0;
    struct err reason;
    FILE *stream = standard ? stdin : fopen(path, "rb");
    if (!stream) {
        err_set(&reason, "cannot open the list '%s': %s", path, strerror(errno));
        return inputs_add_problem(in, path, reason.text, e);
    }
    char separator = nul ? '\0' : '\n';
    char *entry = NULL;
    size_t capacity = 0;
    ssize_t length;
    int result = 0;
    while (result == 0 && !interrupted &&
           (length = getdelim(&entry, &capacity, separator, stream)) >= 0)
        result = add_entry(in, common, entry, (size_t)length, separator, e);
    if (result == 0 && !interrupted && ferror(stream)) {
        err_set(&reason, "cannot read the list '%s': %s", path, strerror(errno));
        result = inputs_add_problem(in, path, reason.text, e);
    }
    free(entry);
    if (!standard)
        fclose(stream);
    return result;
}

/* Keeps the Kth of N parts of nearly equal length. Put together in order, the parts are the whole.
 */
static void keep_shard(struct inputs *in, long k, long n)
{
    const size_t part = (size_t)k, parts = (size_t)n;
    const size_t begin = in->count / parts * (part - 1) + in->count % parts * (part - 1) / parts;
    const size_t end = in->count / parts * part + in->count % parts * part / parts;
    for (size_t i = 0; i < in->count; i++) {
        if (i < begin || i >= end)
            input_release(&in->input[i]);
        else
            in->input[i - begin] = in->input[i];
    }
    in->count = end - begin;
}

int inputs_spared(const struct inputs *in, const struct input_options *o, const char *output,
                  struct err *e)
{
    if (output_spares(output, "-", e) || output_spares(output, o->files_from, e) ||
        output_spares(output, o->mjpeg, e))
        return -1;
    for (size_t i = 0; i < in->count; i++)
        if (output_spares(output, in->input[i].path, e))
            return -1;
    return 0;
}

int inputs_collect(struct inputs *in, const struct common_options *common,
                   const struct input_options *o, int operand_count, char *const *operands,
                   struct err *e)
{
    *in = (struct inputs){0};
    int result = 0;
    for (int i = 0; i < operand_count && result == 0; i++)
        result = strcmp(operands[i], "-") == 0 ? add_list(in, common, "-", o->nul, e)
                                               : add_path(in, common, operands[i], e);
    if (result == 0 && o->files_from)
        result = add_list(in, common, o->files_from, o->nul, e);
    if (result == 0 && in->count == 0 && !interrupted)
        note(common, "the list of paths is empty");
    long k, n;
    if (result == 0 && o->shard && parse_shard(o->shard, &k, &n, e) == 0)
        keep_shard(in, k, n);
    if (result)
        inputs_release(in);
    return result;
}

int inputs_width(const struct inputs *in)
{
    size_t longest = 0;
    for (size_t i = 0; i < in->count; i++) {
        size_t length = strlen(in->input[i].path);
        longest = length > longest ? length : longest;
    }
    /* A few very long paths must not push everything off the screen. */
    return longest < 60 ? (int)longest : 60;
}

void inputs_release(struct inputs *in)
{
    for (size_t i = 0; i < in->count; i++)
        input_release(&in->input[i]);
    free(in->input);
    *in = (struct inputs){0};
}
