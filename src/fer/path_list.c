/* Lists of paths, and the walk from what the user names to files.
 *
 * Folders are followed through symbolic links; a folder met again below itself is passed over. The
 * order is that of the bytes of whole paths: `a-b/x` comes before `a/x`, as `LC_ALL=C sort` has it.
 */
#include "fer.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"

static int grow(struct path_list *list, struct err *e)
{
    const size_t capacity = list->capacity ? list->capacity * 2 : 64;
    struct listed_path *grown = reallocarray(list->entry, capacity, sizeof(*grown));
    if (!grown)
        return err_memory(e);
    list->entry = grown;
    list->capacity = capacity;
    return 0;
}

/* Takes `path` over, in every case. */
static int append(struct path_list *list, char *path, struct err *e)
{
    if (!path)
        return err_memory(e);
    if (list->count == list->capacity && grow(list, e)) {
        free(path);
        return -1;
    }
    list->entry[list->count++] = (struct listed_path){path, NULL};
    return 0;
}

int path_list_add(struct path_list *list, const char *path, struct err *e)
{
    return append(list, strdup(path), e);
}

static void shrink(struct path_list *list, size_t count)
{
    while (list->count > count) {
        const struct listed_path *last = &list->entry[--list->count];
        free(last->path);
        free(last->problem);
    }
}

void path_list_release(struct path_list *list)
{
    shrink(list, 0);
    free(list->entry);
    memset(list, 0, sizeof(*list));
}

static int compare_paths(const void *a, const void *b)
{
    const struct listed_path *one = a, *other = b;
    return strcmp(one->path, other->path);
}

static void sort_from(struct path_list *list, size_t first)
{
    if (list->count > first)
        qsort(list->entry + first, list->count - first, sizeof(*list->entry), compare_paths);
}

/* ---- the walk ---- */

/* The folders from the one named by the user down to the one being read. */
struct folder {
    const char *path;
    dev_t device;
    ino_t inode;
    const struct folder *parent;
};

struct walk {
    struct path_list *pictures;
    struct path_list *passed_over; /* may be NULL */
};

/* Lists what cannot be read, for errno's reason. */
static int list_problem(const struct walk *walk, const char *path, const char *kind, struct err *e)
{
    struct err problem;
    err_set(&problem, "cannot read %s'%s': %s", kind, path, strerror(errno));
    if (path_list_add(walk->pictures, path, e))
        return -1;
    char **last = &walk->pictures->entry[walk->pictures->count - 1].problem;
    *last = strdup(problem.text);
    return *last ? 0 : err_memory(e);
}

/* The paths of everything in a folder, in any order. The folder is closed again before any below it
 * is opened, so that a deep tree does not run out of file descriptors. */
static int list_folder(const struct walk *walk, const char *path, struct path_list *entries,
                       struct err *e)
{
    DIR *stream = opendir(path);
    if (!stream)
        return list_problem(walk, path, "the folder ", e);
    int result = 0;
    const struct dirent *entry;
    while (result == 0 && (errno = 0, (entry = readdir(stream)) != NULL))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            result = append(entries, path_join(path, entry->d_name), e);
    if (result == 0 && errno)
        result = list_problem(walk, path, "the folder ", e);
    closedir(stream);
    return result;
}

static bool is_above(const struct folder *folder, const struct stat *status)
{
    for (; folder; folder = folder->parent)
        if (folder->device == status->st_dev && folder->inode == status->st_ino)
            return true;
    return false;
}

static int pass_over(const struct walk *walk, const char *path, struct err *e)
{
    return walk->passed_over ? path_list_add(walk->passed_over, path, e) : 0;
}

static int walk_folder(const struct walk *walk, const struct folder *folder, struct err *e);

static int walk_entry(const struct walk *walk, const struct folder *parent, const char *path,
                      struct err *e)
{
    struct stat status;
    if (stat(path, &status)) {
        /* A link to nowhere: the picture it promised is reported by who reads it. */
        if (errno != ENOENT && errno != ELOOP)
            return list_problem(walk, path, "", e);
        status.st_mode = S_IFREG;
    }
    if (S_ISDIR(status.st_mode)) {
        if (is_above(parent, &status))
            return pass_over(walk, path, e);
        const struct folder folder = {path, status.st_dev, status.st_ino, parent};
        return walk_folder(walk, &folder, e);
    }
    /* Reading a pipe or a device could wait for ever; only the user's own word makes one a picture.
     */
    if (!S_ISREG(status.st_mode) || !image_has_known_extension(path))
        return pass_over(walk, path, e);
    return path_list_add(walk->pictures, path, e);
}

static int walk_folder(const struct walk *walk, const struct folder *folder, struct err *e)
{
    struct path_list entries = {0};
    int result = list_folder(walk, folder->path, &entries, e);
    for (size_t i = 0; i < entries.count && result == 0; i++)
        result = walk_entry(walk, folder, entries.entry[i].path, e);
    path_list_release(&entries);
    return result;
}

int path_list_walk(struct path_list *list, const char *path, struct path_list *passed_over,
                   struct err *e)
{
    struct stat status;
    if (stat(path, &status) || !S_ISDIR(status.st_mode))
        return path_list_add(list, path, e);
    const struct folder folder = {path, status.st_dev, status.st_ino, NULL};
    const struct walk walk = {list, passed_over};
    const size_t first = list->count, first_over = passed_over ? passed_over->count : 0;
    if (walk_folder(&walk, &folder, e)) {
        shrink(list, first);
        if (passed_over)
            shrink(passed_over, first_over);
        return -1;
    }
    sort_from(list, first);
    if (passed_over)
        sort_from(passed_over, first_over);
    return 0;
}
