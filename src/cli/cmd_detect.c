/* fercli detect: options and usage; the work is in picture_rows.c. */
#include "cli/cli.h"
#include "cli/faces_common.h"
#include "cli/picture_rows.h"
#include "cli/resume.h"

static const struct picture_options DEFAULTS = PICTURE_DEFAULTS;

static int run(const void *options, int operand_count, char **operands)
{
    const struct picture_options *o = options;
    const struct picture_job job = {.options = o, .mode = FACE_DETECT};
    struct err e;
    if (resume_check(o, &e) || inputs_check(&o->inputs, operand_count, operands, &e)) {
        complain("detect: %s (see 'fercli detect --help')", e.text);
        return STATUS_USAGE;
    }
    interruption_catch();
    nn_set_threads(o->common.threads);
    return picture_rows(&job, operand_count, operands);
}

const struct command CMD_DETECT = {
    .name = "detect",
    .summary = "find the faces in pictures",
    .operands = "INPUT...",
    .description =
        "Prints the box of every face in every picture, in pixels of the upright picture, the "
        "largest face first. A picture without a face has a row too.\n"
        "\n" INPUT_DESCRIPTION "\n"
        "  fercli detect photo.jpg\n"
        "  fercli detect --largest --crops faces -o faces.csv photos\n"
        "  find . -name '*.jpg' -print0 | fercli detect -0 -\n"
        "  ffmpeg -i film.mp4 -f image2pipe -c:v mjpeg - | fercli detect --stream-mjpeg -\n",
    .groups = {{"Input", INPUT_OPTIONS},
               {"Finding faces", DETECTOR_OPTIONS},
               {NULL, ROTATION_OPTIONS},
               {"Pictures made", CROP_OPTIONS},
               {"Common options", COMMON_OPTIONS}},
    .options_size = sizeof(struct picture_options),
    .defaults = &DEFAULTS,
    .run = run,
};
