/* Labelled folders: pictures of which the path says the class.
 *
 * Two layouts, which may be mixed: DIR/CLASS/.../picture.jpg, and DIR/..._class=K.jpg with K a name
 * or FER-2013's number. What a picture contributes is one grey square: the largest face in a
 * photograph, or the whole of a picture that is a crop already. FACE_AUTO decides which for the
 * folder as a whole. A picture that has exactly the network's size is taken for a crop without a
 * search. */
#include "fer.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/parse.h"
#include "fer/dataset.h"

#define CLASS_MARK "_class="

/* ---- labels ---- */

static int label_error(struct err *e, const char *path, const char *what, const struct names *names)
{
    char *all = names_join(names);
    err_set(e, "'%s' %s: %s", path, what, all ? all : "out of memory");
    free(all);
    return -1;
}

/* Every folder directly below `dir` must be a class, those without pictures too: one that is
 * misspelt must not be missing in silence. In byte order, so that the message does not depend on
 * the file system. */
static int check_folders(const char *dir, const struct names *names, struct err *e)
{
    struct dirent **entry;
    int count = scandir(dir, &entry, NULL, alphasort), result = 0;
    if (count < 0)
        return err_set(e, "cannot read the folder '%s': %s", dir, strerror(errno));
    for (int i = 0; i < count; i++) {
        const char *name = entry[i]->d_name;
        struct stat status;
        if (result == 0 && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
            names_find(names, name) < 0) {
            char *path = path_join(dir, name);
            if (!path)
                result = err_memory(e);
            else if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
                result = label_error(e, path, "is not named like a class", names);
            free(path);
        }
        free(entry[i]);
    }
    free(entry);
    return result;
}

/* A class by its name or by FER-2013's number. */
static int find_class(const struct names *names, const char *text)
{
    long number;
    int found = names_find(names, text);
    if (found < 0 && parse_long(text, 0, FER_CLASSES - 1, &number) == 0)
        found = names_find(names, FER_NAMES[number]);
    return found;
}

/* `below` is the part of `path` below the folder that is read. */
static int find_label(const char *path, const char *below, const struct names *names,
                      unsigned char *label, struct err *e)
{
    const char *slash = strchr(below, '/'), *mark = NULL;
    const char *word = below, *end = slash;
    if (!slash) {
        for (const char *at = below; (at = strstr(at, CLASS_MARK)) != NULL; at++)
            mark = at;
        if (!mark)
            return label_error(
                e, path, "is neither in the folder of a class nor named ..." CLASS_MARK "K", names);
        word = mark + strlen(CLASS_MARK);
        end = strrchr(word, '.');
    }
    char *text = end ? strndup(word, (size_t)(end - word)) : strdup(word);
    if (!text)
        return err_memory(e);
    int found = slash ? names_find(names, text) : find_class(names, text);
    free(text);
    if (found < 0)
        return label_error(e, path, "does not name a class", names);
    *label = (unsigned char)found;
    return 0;
}

/* ---- pictures ---- */

enum found {
    FOUND_NOTHING, /* could not be read */
    FOUND_NO_FACE, /* searched in vain, or not searched because the folder holds crops */
    FOUND_CROP,    /* of the network's size: not searched */
    FOUND_FACE
};

struct reader {
    const struct folder_options *options;
    enum face_mode mode;       /* FACE_AUTO until it is decided */
    struct detector *detector; /* NULL for FACE_WHOLE; owned */
    struct path_list list;
    unsigned char *label; /* (list.count); owned */
    enum found *found;    /* (list.count); owned */
    char **trouble;       /* (list.count) why a picture could not be read, or NULL; owned */
    unsigned char *whole; /* (list.count, size, size) the pictures as crops; NULL for FACE_DETECT */
    unsigned char *face;  /* (list.count, size, size) their faces; NULL for FACE_WHOLE; owned */
    size_t picture;       /* bytes of one: size x size */
};

static void reader_release(struct reader *r)
{
    if (r->trouble)
        for (size_t i = 0; i < r->list.count; i++)
            free(r->trouble[i]);
    free(r->trouble);
    free(r->label);
    free(r->found);
    free(r->whole);
    free(r->face);
    detector_free(r->detector);
    path_list_release(&r->list);
}

/* Room for what each of the listed pictures may give. */
static int reader_allocate(struct reader *r, struct err *e)
{
    const size_t count = r->list.count;
    r->label = calloc(count, 1);
    r->found = calloc(count, sizeof(*r->found));
    r->trouble = calloc(count, sizeof(*r->trouble));
    if (!r->label || !r->found || !r->trouble)
        return err_memory(e);
    if (r->mode != FACE_DETECT && !(r->whole = calloc(count, r->picture)))
        return err_memory(e);
    if (r->mode == FACE_WHOLE)
        return 0;
    r->face = calloc(count, r->picture);
    if (!r->face)
        return err_memory(e);
    r->detector = detector_new(r->options->detector, e);
    return r->detector ? 0 : -1;
}

/* Cuts the largest face, if there is one, out of picture `i`. */
static int search(struct reader *r, size_t i, const struct image *im, struct err *e)
{
    struct face *faces;
    size_t count;
    if (detector_find(r->detector, im, &faces, &count, e))
        return -1;
    int result = 0;
    if (count > 0) {
        r->found[i] = FOUND_FACE;
        result = face_crop(im, &faces[0], r->options->margin, r->options->size,
                           r->face + i * r->picture, e);
    }
    free(faces);
    return result;
}

static int look_at(struct reader *r, size_t i, const struct image *im, struct err *e)
{
    const int size = r->options->size;
    const struct face all = {.width = im->width, .height = im->height};
    r->found[i] = FOUND_NO_FACE;
    if (r->whole && face_crop(im, &all, 0, size, r->whole + i * r->picture, e))
        return -1;
    if (r->mode == FACE_WHOLE)
        return 0;
    if (r->mode == FACE_AUTO && im->width == size && im->height == size) {
        r->found[i] = FOUND_CROP;
        return 0;
    }
    return search(r, i, im, e);
}

/* A picture that cannot be used is no failure: it is listed. */
static int read_picture(struct reader *r, size_t i, struct err *e)
{
    struct image im;
    struct err reason;
    int failed = image_read(&im, r->list.entry[i].path, 1, &reason);
    if (!failed) {
        failed = look_at(r, i, &im, &reason);
        image_release(&im);
    }
    if (!failed)
        return 0;
    r->found[i] = FOUND_NOTHING;
    r->trouble[i] = strdup(reason.text);
    return r->trouble[i] ? 0 : err_memory(e);
}

/* Reads all pictures and decides FACE_AUTO: whole when fewer than half of the readable ones have a
 * face. The search stops as soon as faces in all that are left could not make it half. */
static int read_pictures(struct reader *r, struct err *e)
{
    const size_t count = r->list.count;
    size_t readable = 0, faces = 0;
    for (size_t i = 0; i < count; i++) {
        const size_t left = count - i;
        if (r->mode == FACE_AUTO && 2 * (faces + left) < readable + left)
            r->mode = FACE_WHOLE;
        if (read_picture(r, i, e))
            return -1;
        readable += r->found[i] != FOUND_NOTHING;
        faces += r->found[i] == FOUND_FACE;
    }
    if (r->mode == FACE_AUTO)
        r->mode = 2 * faces < readable ? FACE_WHOLE : FACE_DETECT;
    return 0;
}

/* ---- the folder ---- */

void folder_report_release(struct folder_report *r)
{
    if (r->message)
        for (size_t i = 0; i < r->without_face + r->unreadable; i++)
            free(r->message[i].text);
    free(r->message);
    memset(r, 0, sizeof(*r));
}

/* Takes `text` over, in every case. */
static int report_add(struct folder_report *report, char *text, bool unreadable, struct err *e)
{
    const size_t count = report->without_face + report->unreadable;
    struct folder_message *grown = reallocarray(report->message, count + 1, sizeof(*grown));
    if (grown)
        report->message = grown;
    if (!grown || !text) {
        free(text);
        return err_memory(e);
    }
    grown[count] = (struct folder_message){text, unreadable};
    (*(unreadable ? &report->unreadable : &report->without_face))++;
    return 0;
}

static int keep(struct dataset_growth *g, struct reader *r, size_t i, const unsigned char *pixels,
                struct err *e)
{
    if (dataset_grow(g, true, e))
        return -1;
    struct dataset *set = &g->set;
    memcpy(set->pixels + set->count * r->picture, pixels, r->picture);
    set->label[set->count] = r->label[i];
    set->split[set->count] = SPLIT_TRAINING;
    set->path[set->count] = r->list.entry[i].path;
    r->list.entry[i].path = NULL;
    set->count++;
    return 0;
}

/* Puts each picture where it belongs now that the mode is known: into the set or into the report.
 */
static int sort_picture(struct dataset_growth *g, struct reader *r, size_t i,
                        struct folder_report *report, struct err *e)
{
    if (r->found[i] == FOUND_NOTHING) {
        char *reason = r->trouble[i];
        r->trouble[i] = NULL;
        return report_add(report, reason, true, e);
    }
    if (r->mode == FACE_WHOLE || r->found[i] == FOUND_CROP)
        return keep(g, r, i, r->whole + i * r->picture, e);
    if (r->found[i] == FOUND_FACE)
        return keep(g, r, i, r->face + i * r->picture, e);
    struct err line;
    err_set(&line, "no face found in '%s'", r->list.entry[i].path);
    return report_add(report, strdup(line.text), false, e);
}

/* What cannot be read on the way is an error: pictures must not be missing in silence. */
static int walk(struct path_list *list, const char *dir, struct err *e)
{
    if (path_list_walk(list, dir, NULL, e))
        return -1;
    for (size_t i = 0; i < list->count; i++)
        if (list->entry[i].problem)
            return err_set(e, "%s", list->entry[i].problem);
    return 0;
}

/* Finds the pictures below `dir` and their labels. */
static int list_pictures(struct reader *r, const char *dir, const struct names *names,
                         struct err *e)
{
    if (check_folders(dir, names, e) || walk(&r->list, dir, e))
        return -1;
    if (r->list.count == 0)
        return label_error(
            e, dir,
            "holds no picture, neither in the folder of a class nor named ..." CLASS_MARK "K",
            names);
    if (reader_allocate(r, e))
        return -1;
    const size_t length = strlen(dir), start = length + (dir[length - 1] != '/');
    for (size_t i = 0; i < r->list.count; i++) {
        const char *path = r->list.entry[i].path;
        if (find_label(path, path + start, names, &r->label[i], e))
            return -1;
    }
    return 0;
}

int dataset_read_folder(struct dataset *d, const char *dir, const struct names *names,
                        const struct folder_options *options, struct folder_report *report,
                        struct err *e)
{
    int result = -1;
    const size_t size = (size_t)options->size;
    struct dataset_growth g = {.set = {.width = options->size, .height = options->size}};
    struct reader r = {.options = options, .mode = options->mode, .picture = size * size};
    memset(d, 0, sizeof(*d));
    memset(report, 0, sizeof(*report));
    if (list_pictures(&r, dir, names, e) || read_pictures(&r, e))
        goto out;
    report->mode = r.mode;
    for (size_t i = 0; i < r.list.count; i++)
        if (sort_picture(&g, &r, i, report, e))
            goto out;
    if (g.set.count == 0) {
        err_set(e, "'%s' holds no usable picture: %zu without a face, %zu unreadable", dir,
                report->without_face, report->unreadable);
        goto out;
    }
    dataset_trim(&g);
    *d = g.set;
    g.set = (struct dataset){0};
    result = 0;
out:
    dataset_release(&g.set);
    reader_release(&r);
    return result;
}
