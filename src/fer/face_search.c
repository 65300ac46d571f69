/* From coarse to fine; see face_search.h.
 *
 * Nearly all of the time goes into the first, coarse look: it tries every third size only, so it
 * costs under half of a whole search. What it takes for a face even once is looked at again in all
 * sizes near, by all cascades, as it is and mirrored. A true face collects windows from all of
 * these looks, a false one from few: windows are counted over all of them. */
#include "fer/face_search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COARSE_STEPS 3    /* sizes of the thorough look in one of the coarse look's */
#define COARSE_MOST 1.331 /* between two sizes of the coarse look, unless more is asked for */
#define PLACE_TOLERANCE .5
#define PLACE_MARGIN .2 /* x the largest window of a place: how far around it is looked */
#define PLACE_RANGE 1.3 /* from a place's windows to smaller and larger ones */
#define FACE_TOLERANCE .2
#define FACE_OVERLAP .3
#define ORIENTATIONS 2 /* as it is, mirrored */

/* A square root lifts shadows: cascades find more dark faces, and fewer things that are none. */
static int brighten(const struct image *grey, struct image *bright, struct err *e)
{
    unsigned char curve[256];
    for (int value = 0; value < 256; value++)
        curve[value] = (unsigned char)lround(sqrt(255.0 * value));
    if (image_init(bright, grey->width, grey->height, 1, e))
        return -1;
    const size_t pixels = (size_t)grey->width * (size_t)grey->height;
    for (size_t i = 0; i < pixels; i++)
        bright->pixels[i] = curve[grey->pixels[i]];
    return 0;
}

/* ---- windows collected from several looks ---- */

struct windows {
    struct haar_hit *hit; /* owned */
    size_t count;
};

static int append(struct windows *w, const struct haar_hit *hits, size_t count, struct err *e)
{
    if (count == 0)
        return 0;
    struct haar_hit *grown = realloc(w->hit, (w->count + count) * sizeof(*grown));
    if (!grown)
        return err_memory(e);
    w->hit = grown;
    memcpy(w->hit + w->count, hits, count * sizeof(*hits));
    w->count += count;
    return 0;
}

/* ---- one place ---- */

struct place {
    int x, y;                /* of `view` in the picture */
    struct haar_view view;   /* a part of the bright picture */
    unsigned char *mirrored; /* the same part, (height, width); owned */
    struct haar_search search;
};

static int max_int(int a, int b)
{
    return a > b ? a : b;
}

static int min_int(int a, int b)
{
    return a < b ? a : b;
}

static int mirror(struct place *p, struct err *e)
{
    const size_t width = (size_t)p->view.width, height = (size_t)p->view.height;
    p->mirrored = malloc(width * height);
    if (!p->mirrored)
        return err_memory(e);
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++)
            p->mirrored[y * width + x] = p->view.pixels[y * p->view.stride + width - 1 - x];
    return 0;
}

static int open_place(struct place *p, const struct face_search *s, const struct image *bright,
                      const struct face_group *around, struct err *e)
{
    const int margin = (int)(PLACE_MARGIN * around->largest);
    const int left = max_int(around->left - margin, 0), top = max_int(around->top - margin, 0);
    const int right = min_int(around->right + margin, bright->width);
    const int bottom = min_int(around->bottom + margin, bright->height);
    const size_t stride = (size_t)bright->width;
    *p = (struct place){
        .x = left,
        .y = top,
        .view = {bright->pixels + (size_t)top * stride + (size_t)left, right - left, bottom - top,
                 stride},
        .search = {.scale_factor = s->scale_factor,
                   .min_size = max_int((int)(around->smallest / PLACE_RANGE), s->min_size),
                   .max_size = (int)(around->largest * PLACE_RANGE)}};
    return mirror(p, e);
}

/* The windows of one cascade, as it sees the place or its mirror image, in the picture's plane. */
static int look(const struct place *p, struct haar *cascade, bool mirrored, struct windows *w,
                struct err *e)
{
    struct haar_view view = p->view;
    struct haar_hit *hits;
    size_t count;
    if (mirrored) {
        view.pixels = p->mirrored;
        view.stride = (size_t)view.width;
    }
    if (haar_find(cascade, &p->search, &view, &hits, &count, e))
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (mirrored)
            hits[i].x = view.width - hits[i].x - hits[i].width;
        hits[i].x += p->x;
        hits[i].y += p->y;
    }
    const int result = append(w, hits, count, e);
    free(hits);
    return result;
}

/* Appends the faces of a place. */
static int search_place(const struct face_search *s, const struct image *bright,
                        const struct face_group *around, struct face_group **faces, size_t *count,
                        struct err *e)
{
    struct place p;
    struct windows w = {0};
    struct face_group *found = NULL;
    size_t formed = 0;
    int result = open_place(&p, s, bright, around, e);
    for (int i = 0; i < s->cascades * ORIENTATIONS && result == 0; i++)
        result = look(&p, s->cascade[i / ORIENTATIONS], i % ORIENTATIONS == 1, &w, e);
    if (result == 0)
        result = face_groups_form(w.hit, w.count, FACE_TOLERANCE, &found, &formed, e);
    if (result == 0 && formed > 0) {
        struct face_group *grown = realloc(*faces, (*count + formed) * sizeof(*grown));
        result = grown ? 0 : err_memory(e);
        *faces = grown ? grown : *faces;
    }
    for (size_t i = 0; i < formed && result == 0; i++)
        if (face_search_score(&found[i]) >= s->min_score)
            (*faces)[(*count)++] = found[i];
    free(found);
    free(w.hit);
    free(p.mirrored);
    return result;
}

/* ---- the whole picture ---- */

/* Where it pays to look thoroughly. */
static int find_places(const struct face_search *s, const struct image *bright,
                       struct face_group **places, size_t *count, struct err *e)
{
    const double steps = fmin(pow(s->scale_factor, COARSE_STEPS), COARSE_MOST);
    const struct haar_search coarse = {.scale_factor = fmax(s->scale_factor, steps),
                                       .min_size = s->min_size};
    const struct haar_view view = {bright->pixels, bright->width, bright->height,
                                   (size_t)bright->width};
    struct haar_hit *hits;
    size_t hit_count;
    *places = NULL;
    if (haar_find(s->cascade[0], &coarse, &view, &hits, &hit_count, e))
        return -1;
    const int result = face_groups_form(hits, hit_count, PLACE_TOLERANCE, places, count, e);
    free(hits);
    return result;
}

static int search_bright(const struct face_search *s, const struct image *bright,
                         struct face_group **faces, size_t *count, struct err *e)
{
    struct face_group *places;
    size_t place_count = 0;
    int result = find_places(s, bright, &places, &place_count, e);
    for (size_t i = 0; i < place_count && result == 0; i++)
        result = search_place(s, bright, &places[i], faces, count, e);
    free(places);
    if (result == 0)
        *count = face_groups_merge(*faces, *count, FACE_OVERLAP);
    return result;
}

int face_search(const struct face_search *s, const struct image *grey, struct face_group **groups,
                size_t *count, struct err *e)
{
    struct image bright;
    *groups = NULL;
    *count = 0;
    if (brighten(grey, &bright, e))
        return -1;
    const int result = search_bright(s, &bright, groups, count, e);
    image_release(&bright);
    if (result || *count == 0) {
        free(*groups);
        *groups = NULL;
        *count = 0;
    }
    return result;
}

double face_search_score(const struct face_group *group)
{
    return (double)group->votes / ORIENTATIONS;
}
