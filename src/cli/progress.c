/* A progress bar on standard error; see cli.h. One at a time: the terminal has one last line. */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"

#define BAR_CELLS 20

static struct {
    const char *what;
    size_t total;
    double started, drawn; /* seconds; drawn: when the line was last written */
    bool active;           /* between start and end, on a terminal */
    bool visible;          /* a line stands on the screen */
} bar;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void progress_start(const struct common_options *common, const char *what, size_t total)
{
    bar.what = what;
    bar.total = total;
    bar.started = now();
    bar.drawn = 0;
    bar.visible = false;
    bar.active = total > 0 && !common->quiet && !common->no_progress && isatty(STDERR_FILENO);
}

static void format_duration(char *text, size_t size, double seconds)
{
    /* Beyond that the estimate is no use, and the number must fit. */
    long s = seconds < 359999 ? (long)(seconds + 0.5) : 359999;
    if (s >= 3600)
        snprintf(text, size, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(text, size, "%ld:%02ld", s / 60, s % 60);
}

/* A line that wraps cannot be taken back. */
static int screen_width(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) || size.ws_col < 2)
        return 79;
    return size.ws_col - 1;
}

void progress_update(size_t done, const char *extra)
{
    double time = now();
    if (!bar.active || time - bar.drawn < 0.1)
        return;
    bar.drawn = time;
    if (done > bar.total)
        done = bar.total;
    double elapsed = time - bar.started;
    double rate = elapsed > 0 ? (double)done / elapsed : 0;
    double fraction = (double)done / (double)bar.total;
    char cells[BAR_CELLS + 1], left[32] = "?";
    for (int i = 0; i < BAR_CELLS; i++)
        cells[i] = i < (int)(fraction * BAR_CELLS) ? '=' : ' ';
    cells[BAR_CELLS] = '\0';
    if (rate > 0)
        format_duration(left, sizeof(left), (double)(bar.total - done) / rate);
    char line[256];
    snprintf(line, sizeof(line), "%s [%s] %zu/%zu, %.*f/s, %s left%s%s", bar.what, cells, done,
             bar.total, rate < 10 ? 1 : 0, rate, left, extra && *extra ? ", " : "",
             extra ? extra : "");
    fprintf(stderr, "\r%.*s\033[K", screen_width(), line);
    fflush(stderr);
    bar.visible = true;
}

void progress_clear(void)
{
    if (!bar.visible)
        return;
    fputs("\r\033[K", stderr);
    fflush(stderr);
    bar.visible = false;
    bar.drawn = 0;
}

void progress_end(void)
{
    progress_clear();
    bar.active = false;
}
