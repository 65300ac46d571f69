/* The shim over OpenCV's CascadeClassifier and its scaling of pictures; see haar.h.
 *
 * OpenCV trusts a cascade: node and feature numbers and rectangles are used as they come. So the
 * file's XML is checked (cascade_xml.h) and read into a tree, that tree is checked against the
 * window and the tables it points into, and only then it is handed on. (The format is that of
 * opencv_traincascade; OpenCV's cascadedetect.cpp reads it.) */
#include "fer/haar.h"

#include "fer/cascade_xml.h"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include <opencv2/core.hpp>
#include <opencv2/core/utils/logger.hpp>
#include <opencv2/imgproc.hpp>
#include <opencv2/objdetect.hpp>

struct haar {
    cv::CascadeClassifier classifier;
};

namespace
{

/* With a callback in place OpenCV throws without printing first. */
int keep_quiet(int, const char *, const char *, const char *, int, void *)
{
    return 0;
}

bool set_opencv_up()
{
    cv::redirectError(keep_quiet);
    cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
    /* Pictures are the unit of parallel work in this program. */
    cv::setNumThreads(0);
    return true;
}

/* The settings are the process's own and not safe to change beside a running search: once is
 * enough. */
void tame_opencv()
{
    static const bool done = set_opencv_up();
    static_cast<void>(done);
}

/* OpenCV's parser puts `(line): reason` where other code puts its function. */
std::string describe(const cv::Exception &x)
{
    size_t close = x.func.find("): ");
    if (x.code == cv::Error::StsParseError && close != std::string::npos) {
        size_t digits = x.func.rfind('(', close) + 1;
        return "line " + x.func.substr(digits, close - digits) + x.func.substr(close + 1);
    }
    return "OpenCV: " + x.err.substr(0, x.err.find('\n'));
}

/* Turns the exception being handled into a message. Call it in a catch block. */
int report(const std::string &what, struct err *e)
{
    try {
        throw;
    } catch (const std::bad_alloc &) {
        return err_memory(e);
    } catch (const cv::Exception &x) {
        if (x.code == cv::Error::StsNoMem)
            return err_memory(e);
        return err_set(e, "%s: %s", what.c_str(), describe(x).c_str());
    } catch (const std::exception &x) {
        return err_set(e, "%s: %s", what.c_str(), x.what());
    } catch (...) {
        return err_set(e, "%s", what.c_str());
    }
}

void require(bool fact, const std::string &otherwise)
{
    if (!fact)
        throw std::runtime_error(otherwise);
}

int read_int(const cv::FileNode &node, int low, int high, const std::string &what)
{
    require(node.isInt(), what + " is not a whole number");
    int value = static_cast<int>(node);
    require(value >= low && value <= high, what + " is " + std::to_string(value) + ", not in " +
                                               std::to_string(low) + ".." + std::to_string(high));
    return value;
}

void check_number(const cv::FileNode &node, const std::string &what)
{
    require(node.isInt() || node.isReal(), what + " is not a number");
}

const int MAX_WINDOW = 4096;    /* pixels; those of OpenCV have 14 to 64 */
const int LBP_CATEGORIES = 256; /* values of a local binary pattern */

/* A member of a map, which OpenCV would rather assert than look for in something else. */
cv::FileNode member(const cv::FileNode &node, const char *name)
{
    require(node.isMap(), std::string("there is no `") + name + "` where one belongs");
    return node[name];
}

struct cascade_shape {
    int width, height; /* of the window */
    bool lbp;
    int features;
    int categories; /* of categorical features; 0: thresholds */
};

/* x, y, width and height at the beginning of a sequence, inside the window when laid `cells` times
 * side by side. */
void check_box(const cv::FileNode &node, size_t values, const cascade_shape &shape, int cells,
               bool tilted)
{
    require(node.isSeq() && node.size() == values,
            "a feature's rectangle has not " + std::to_string(values) + " values");
    int box[4];
    cv::FileNodeIterator it = node.begin();
    for (int i = 0; i < 4; i++, ++it)
        box[i] = read_int(*it, 0, MAX_WINDOW, "a feature's coordinate");
    bool inside = box[0] + cells * box[2] <= shape.width && box[1] + cells * box[3] <= shape.height;
    /* A tilted rectangle runs from (x, y) down to the right by its width and down to the left by
     * its height. */
    if (tilted)
        inside = box[0] + box[2] <= shape.width && box[0] >= box[3] &&
                 box[1] + box[2] + box[3] <= shape.height;
    require(inside, "a feature reaches out of the window");
}

void check_feature(const cv::FileNode &feature, const cascade_shape &shape)
{
    if (shape.lbp) {
        check_box(member(feature, "rect"), 4, shape, 3, false);
        return;
    }
    cv::FileNode rects = member(feature, "rects");
    require(rects.isSeq() && rects.size() >= 1 && rects.size() <= 3,
            "a feature has not 1 to 3 rectangles");
    cv::FileNode tilted = member(feature, "tilted");
    bool is_tilted = !tilted.empty() && read_int(tilted, 0, 1, "a feature's `tilted`") == 1;
    for (const cv::FileNode &rect : rects)
        check_box(rect, 5, shape, 1, is_tilted);
}

/* A node is (left, right, feature, threshold or the bits of a set of categories); left and right
 * are a later node, or zero or less: minus the number of a leaf. Later, so that every walk ends. */
void check_tree(const cv::FileNode &tree, const cascade_shape &shape)
{
    cv::FileNode values = member(tree, "internalNodes"), leaves = member(tree, "leafValues");
    size_t step = 3 + (shape.categories > 0 ? static_cast<size_t>(shape.categories) / 32 : 1);
    require(values.isSeq() && leaves.isSeq() && values.size() > 0 && values.size() % step == 0,
            "a tree's nodes have not " + std::to_string(step) + " values each");
    int nodes = static_cast<int>(values.size() / step),
        leaf_count = static_cast<int>(leaves.size());
    require(leaf_count == nodes + 1, "a tree of " + std::to_string(nodes) + " nodes has " +
                                         std::to_string(leaf_count) + " leaves");
    cv::FileNodeIterator it = values.begin();
    for (int i = 0; i < nodes; i++) {
        for (int side = 0; side < 2; side++, ++it) {
            int child = read_int(*it, -leaf_count + 1, nodes - 1, "a tree's child");
            require(child <= 0 || child > i, "a tree's nodes form a ring");
        }
        read_int(*it, 0, shape.features - 1, "a tree's feature");
        for (size_t rest = 3; rest < step; rest++)
            check_number(*++it, "a tree's threshold");
        ++it;
    }
    for (const cv::FileNode &leaf : leaves)
        check_number(leaf, "a tree's leaf");
}

cascade_shape check_head(const cv::FileNode &root)
{
    require(root.isMap(), "it holds no cascade");
    require(member(root, "stages").isSeq(),
            "it holds no cascade in the format `opencv-cascade-classifier`");
    std::string kind = static_cast<std::string>(member(root, "featureType"));
    require(!kind.empty(),
            "it holds a cascade in the format of OpenCV 1, not `opencv-cascade-classifier`");
    require(kind == "HAAR" || kind == "LBP",
            "features of the type '" + kind + "' are neither HAAR nor LBP");
    cascade_shape shape;
    shape.lbp = kind == "LBP";
    shape.width = read_int(member(root, "width"), 3, MAX_WINDOW, "its width");
    shape.height = read_int(member(root, "height"), 3, MAX_WINDOW, "its height");
    cv::FileNode categories = member(member(root, "featureParams"), "maxCatCount");
    shape.categories = read_int(categories, 0, LBP_CATEGORIES, "its maxCatCount");
    require(shape.categories == (shape.lbp ? LBP_CATEGORIES : 0),
            "its maxCatCount does not fit its features");
    require(member(root, "features").isSeq(), "it has no features");
    shape.features = static_cast<int>(member(root, "features").size());
    return shape;
}

void check_cascade(const cv::FileNode &root)
{
    cascade_shape shape = check_head(root);
    for (const cv::FileNode &feature : member(root, "features"))
        check_feature(feature, shape);
    for (const cv::FileNode &stage : member(root, "stages")) {
        check_number(member(stage, "stageThreshold"), "a stage's threshold");
        cv::FileNode trees = member(stage, "weakClassifiers");
        require(trees.isSeq() && trees.size() > 0, "a stage has no trees");
        for (const cv::FileNode &tree : trees)
            check_tree(tree, shape);
    }
}

void load(haar &h, const std::string &text)
{
    struct err reason;
    if (cascade_xml_check(text.data(), text.size(), &reason))
        throw std::runtime_error(reason.text);
    cv::FileStorage storage(text, cv::FileStorage::READ | cv::FileStorage::MEMORY);
    require(storage.isOpened(), "OpenCV does not open it");
    cv::FileNode root = storage.getFirstTopLevelNode();
    check_cascade(root);
    require(h.classifier.read(root) && !h.classifier.empty(), "OpenCV does not accept it");
}

} // namespace

struct haar *haar_new(const char *name, const char *text, size_t length, struct err *e)
{
    struct haar *h = nullptr;
    try {
        tame_opencv();
        h = new haar;
        load(*h, std::string(text, length));
        return h;
    } catch (...) {
        delete h;
        report(std::string("cannot use '") + name + "' as a cascade", e);
        return nullptr;
    }
}

void haar_free(struct haar *h)
{
    delete h;
}

int haar_find(struct haar *h, const struct haar_search *search, const struct haar_view *view,
              struct haar_hit **hits, size_t *count, struct err *e)
{
    *hits = nullptr;
    *count = 0;
    try {
        const cv::Mat grey(view->height, view->width, CV_8UC1,
                           const_cast<unsigned char *>(view->pixels), view->stride);
        const cv::Size smallest(search->min_size, search->min_size);
        const cv::Size largest(search->max_size, search->max_size);
        std::vector<cv::Rect> boxes;
        h->classifier.detectMultiScale(grey, boxes, search->scale_factor, 0, 0, smallest, largest);
        if (boxes.empty())
            return 0;
        *hits = static_cast<struct haar_hit *>(std::calloc(boxes.size(), sizeof(**hits)));
        if (!*hits)
            return err_memory(e);
        for (size_t i = 0; i < boxes.size(); i++)
            (*hits)[i] = {boxes[i].x, boxes[i].y, boxes[i].width, boxes[i].height};
        *count = boxes.size();
        return 0;
    } catch (...) {
        std::free(*hits);
        *hits = nullptr;
        return report("cannot search for faces", e);
    }
}

int haar_resize(const struct haar_view *from, unsigned char *to, int width, int height,
                struct err *e)
{
    try {
        tame_opencv();
        const cv::Mat source(from->height, from->width, CV_8UC1,
                             const_cast<unsigned char *>(from->pixels), from->stride);
        cv::Mat target(height, width, CV_8UC1, to);
        /* INTER_AREA is bilinear throughout as soon as one direction grows, so each direction has
         * its turn. */
        const cv::Size shrunk(std::min(width, from->width), std::min(height, from->height));
        if (shrunk == target.size()) {
            cv::resize(source, target, shrunk, 0, 0, cv::INTER_AREA);
            return 0;
        }
        cv::Mat between;
        cv::resize(source, between, shrunk, 0, 0, cv::INTER_AREA);
        /* _EXACT: the same bytes on every machine. */
        cv::resize(between, target, target.size(), 0, 0, cv::INTER_LINEAR_EXACT);
        return 0;
    } catch (...) {
        return report("cannot scale a picture", e);
    }
}
