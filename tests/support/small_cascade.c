/* A small cascade file; see small_cascade.h. */
#include "small_cascade.h"

const char SMALL_CASCADE[] =
    "<?xml version=\"1.0\"?>\n<opencv_storage><cascade><stageType>BOOST</stageType>\n"
    "<featureType>HAAR</featureType><height>20</height><width>20</width>\n"
    "<stageParams><maxWeakCount>1</maxWeakCount></stageParams>\n"
    "<featureParams><maxCatCount>0</maxCatCount></featureParams><stageNum>1</stageNum>\n"
    "<stages><_><maxWeakCount>1</maxWeakCount><stageThreshold>0.5</stageThreshold>\n"
    "<weakClassifiers><_><internalNodes>1 -2 0 0.01 0 -1 1 0.02</internalNodes>\n"
    "<leafValues>0.1 0.2 0.3</leafValues></_></weakClassifiers></_></stages>\n"
    "<features><_><rects><_>2 7 16 4 -1.</_><_>2 9 16 2 2.</_></rects></_>\n"
    "<_><rects><_>8 4 4 6 -1.</_><_>8 6 4 2 3.</_></rects><tilted>1</tilted></_></features>\n"
    "</cascade></opencv_storage>\n";
