/* The detector's defaults on photographs that do not come with the project: exactly one face where
 * there is one, none where there is none. */
#include "fer.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"

#define PHOTOS "../shared/data/photos"

/* The box of `name` in boxes.csv: `file,x,y,width,height,kind`, one row a face. */
static bool read_box(const char *csv, const char *name, struct face *box)
{
    size_t length = strlen(name);
    for (const char *line = csv; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, length) == 0 && line[length] == ',')
            return sscanf(line + length, ",%d,%d,%d,%d,", &box->x, &box->y, &box->width,
                          &box->height) == 4;
    }
    return false;
}

static double overlap(const struct face *a, const struct face *b)
{
    int left = a->x > b->x ? a->x : b->x, top = a->y > b->y ? a->y : b->y;
    int right = a->x + a->width < b->x + b->width ? a->x + a->width : b->x + b->width;
    int bottom = a->y + a->height < b->y + b->height ? a->y + a->height : b->y + b->height;
    if (right <= left || bottom <= top)
        return 0;
    double both = (double)(right - left) * (bottom - top);
    return both / ((double)a->width * a->height + (double)b->width * b->height - both);
}

static void check_photo(struct detector *d, const char *csv, const char *name, size_t expected)
{
    struct err e;
    struct image grey;
    struct face *faces, box;
    size_t count;
    char path[512];
    snprintf(path, sizeof(path), PHOTOS "/%s", name);
    if (image_read(&grey, path, 1, &e) || detector_find(d, &grey, &faces, &count, &e))
        fail_msg("%s", e.text);
    if (count != expected)
        fail_msg("%s: %zu faces", name, count);
    if (count == 1 && (!read_box(csv, name, &box) || overlap(&faces[0], &box) < 0.5))
        fail_msg("%s: the face is not where it should be", name);
    free(faces);
    image_release(&grey);
}

static size_t check_photos(const char *prefix, size_t expected)
{
    struct err e;
    char *csv;
    size_t size, photos = 0;
    struct detector *d = detector_new(&DETECTOR_DEFAULTS, &e);
    if (!d || file_read(PHOTOS "/boxes.csv", 1 << 20, &csv, &size, &e))
        fail_msg("%s", e.text);
    DIR *folder = opendir(PHOTOS);
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
            continue;
        check_photo(d, csv, entry->d_name, expected);
        photos++;
    }
    closedir(folder);
    free(csv);
    detector_free(d);
    return photos;
}

static void test_portraits_have_exactly_one_face_in_its_place(void **state)
{
    (void)state;
    assert_true(check_photos("one-", 1) > 0);
}

static void test_pictures_without_people_have_none(void **state)
{
    (void)state;
    assert_true(check_photos("none-", 0) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_portraits_have_exactly_one_face_in_its_place),
        cmocka_unit_test(test_pictures_without_people_have_none),
    };
    if (access(PHOTOS "/boxes.csv", R_OK)) {
        puts("1..0 # SKIP " PHOTOS " is not there");
        return 0;
    }
    return cmocka_run_group_tests_name("face_photos", tests, NULL, NULL);
}
