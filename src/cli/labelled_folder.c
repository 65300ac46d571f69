/* A labelled folder and what was left out of it; see labelled_folder.h. */
#include "cli/labelled_folder.h"

#include "cli/cli.h"
#include "cli/faces_common.h"

int labelled_folder_read(struct dataset *d, const struct labelled_folder *folder,
                         const struct common_options *common, struct folder_report *report,
                         struct err *e)
{
    const int result =
        dataset_read_folder(d, folder->path, folder->names, &folder->options, report, e);
    /* These matter most when nothing usable was left. */
    for (size_t i = 0; i < report->without_face + report->unreadable; i++)
        if (report->message[i].unreadable)
            complain("%s", report->message[i].text);
        else
            note(common, "%s", report->message[i].text);
    if (result == 0)
        note(common, "'%s': %zu pictures, %s; %zu without a face, %zu unreadable", folder->path,
             d->count, face_mode_words(report->mode), report->without_face, report->unreadable);
    return result;
}
