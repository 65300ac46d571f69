/* The XML of cascade files; see cascade_xml.h. One pass over the text, with the names of the open
 * elements on a stack. */
#include "fer/cascade_xml.h"

#include <stdbool.h>
#include <string.h>

struct scanner {
    const char *at, *end;
    int line;
    struct err *reason;
    int depth;
    struct {
        const char *name; /* points into the text */
        size_t length;
    } open[CASCADE_XML_DEPTH];
};

static int refuse(const struct scanner *s, const char *what)
{
    return err_set(s->reason, "line %d: %s", s->line, what);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_name(char c)
{
    return is_letter(c) || (c >= '0' && c <= '9') || c == '-';
}

/* What stands between tags: words and numbers, but nothing that needs quoting or escaping. */
static bool is_content(char c)
{
    return is_blank(c) || is_name(c) || c == '+' || c == '.' || c == ',' || c == ':';
}

static bool begins(const struct scanner *s, const char *word)
{
    size_t length = strlen(word);
    return (size_t)(s->end - s->at) >= length && memcmp(s->at, word, length) == 0;
}

static void advance(struct scanner *s, size_t count)
{
    for (; count > 0; count--, s->at++)
        s->line += *s->at == '\n';
}

static void skip_blanks(struct scanner *s)
{
    while (s->at < s->end && is_blank(*s->at))
        advance(s, 1);
}

static int skip_comment(struct scanner *s)
{
    advance(s, strlen("<!--"));
    while (s->at < s->end && !begins(s, "-->"))
        advance(s, 1);
    if (s->at == s->end)
        return refuse(s, "the comment before the end of the file does not end");
    advance(s, strlen("-->"));
    return 0;
}

/* Blanks and comments. */
static int skip_between(struct scanner *s)
{
    skip_blanks(s);
    while (begins(s, "<!--")) {
        if (skip_comment(s))
            return -1;
        skip_blanks(s);
    }
    return 0;
}

static size_t scan_name(struct scanner *s)
{
    const char *start = s->at;
    if (s->at < s->end && is_letter(*s->at))
        while (s->at < s->end && is_name(*s->at))
            s->at++;
    return (size_t)(s->at - start);
}

/* Any number of ` name="value"`, and `end`. */
static int scan_attributes(struct scanner *s, const char *end)
{
    for (;;) {
        const char *before = s->at;
        skip_blanks(s);
        if (begins(s, end)) {
            advance(s, strlen(end));
            return 0;
        }
        if (s->at == before || scan_name(s) == 0)
            return refuse(s, "a tag is not closed by '>'");
        if (!begins(s, "=\""))
            return refuse(s, "an attribute has no value in quotes");
        advance(s, 2);
        while (s->at < s->end && is_content(*s->at) && *s->at != '\n')
            s->at++;
        if (!begins(s, "\""))
            return refuse(s, "an attribute's value is not closed by quotes");
        s->at++;
    }
}

static int scan_start_tag(struct scanner *s)
{
    s->at++;
    const char *name = s->at;
    size_t length = scan_name(s);
    if (length == 0)
        return refuse(s, "'<' begins no tag");
    if (s->depth == CASCADE_XML_DEPTH)
        return refuse(s, "elements are nested too deep");
    s->open[s->depth].name = name;
    s->open[s->depth].length = length;
    s->depth++;
    return scan_attributes(s, ">");
}

static int scan_end_tag(struct scanner *s)
{
    s->at += 2;
    const char *name = s->at;
    size_t length = scan_name(s);
    s->depth--;
    if (length != s->open[s->depth].length || memcmp(name, s->open[s->depth].name, length) != 0)
        return refuse(s, "a closing tag does not fit the element that is open");
    skip_blanks(s);
    if (!begins(s, ">"))
        return refuse(s, "a tag is not closed by '>'");
    s->at++;
    return 0;
}

static int scan_piece(struct scanner *s)
{
    if (s->at == s->end)
        return refuse(s, "the file ends inside an element");
    if (begins(s, "<!--"))
        return skip_comment(s);
    if (begins(s, "</"))
        return scan_end_tag(s);
    if (*s->at == '<')
        return scan_start_tag(s);
    if (!is_content(*s->at))
        return refuse(s, "there is a character that no cascade has");
    advance(s, 1);
    return 0;
}

/* One element with all that is in it. */
static int scan_element(struct scanner *s)
{
    do {
        if (scan_piece(s))
            return -1;
    } while (s->depth > 0);
    return 0;
}

int cascade_xml_check(const char *text, size_t length, struct err *reason)
{
    struct scanner s = {.at = text, .end = text + length, .line = 1, .reason = reason};
    if (!begins(&s, "<?xml"))
        return err_set(reason, "it is no XML file");
    advance(&s, strlen("<?xml"));
    if (scan_attributes(&s, "?>") || skip_between(&s))
        return -1;
    if (!begins(&s, "<opencv_storage>"))
        return refuse(&s, "there is no <opencv_storage>");
    if (scan_element(&s) || skip_between(&s))
        return -1;
    if (s.at != s.end)
        return refuse(&s, "something follows </opencv_storage>");
    return 0;
}
