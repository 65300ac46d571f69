# fercli: see README.md. Everything made goes below build/.
#
#   make            the binary, build/fercli
#   make demo       installs what is missing, builds, labels the faces of PHOTOS with the shipped model
#   make test       installs what is missing, builds, runs every test but the fuzz targets
#   make test-san   the suite and the fuzz targets under AddressSanitizer and UndefinedBehaviorSanitizer
#   make bench      speed of training and inference on this machine; LAYERS=1: layer by layer
#   make fuzz       the fuzz targets, below build/fuzz
#   make install    to $(DESTDIR)$(PREFIX); make uninstall takes it away
#   make format     lets clang-format rewrite the sources
#   make clean      removes build/
#
# WERROR=1 makes warnings errors (CI sets it). SAN=1 builds with sanitizers, below build/san.
# CC, CXX, CPPFLAGS, CFLAGS, CXXFLAGS and LDFLAGS are the user's and add to what the code needs.

SHELL := /bin/sh
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:

ifdef SAN
BUILD ?= build/san
SANFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
else
BUILD ?= build
endif
PREFIX ?= /usr/local
DATADIR ?= $(PREFIX)/share/fercli
DARKNET ?= /usr/lib/darknet

CFLAGS ?= -O2 -g
CXXFLAGS ?= -O2 -g
WARNINGS := -Wall -Wextra -Wshadow $(if $(WERROR),-Werror)
CWARNINGS := $(WARNINGS) -Wconversion -Wstrict-prototypes -Wmissing-prototypes
NEEDED := -Iinclude -Isrc -D_GNU_SOURCE -MMD -MP -fopenmp
COMPILE_C = $(CC) -std=c11 $(NEEDED) $(CPPFLAGS) $(CWARNINGS) $(CFLAGS) $(SANFLAGS)
COMPILE_CXX = $(CXX) -std=c++17 $(NEEDED) $(CPPFLAGS) $(WARNINGS) $(CXXFLAGS) $(SANFLAGS)
LINK = $(CC) -fopenmp $(CFLAGS) $(SANFLAGS) $(LDFLAGS)

# LIBXSMM (amd64 only) brings the small matrix products of Winograd's convolutions.
XSMM := $(if $(filter x86_64,$(shell uname -m)),$(wildcard /usr/include/libxsmm.h))
# The engine's loops are written for the vectoriser and may fuse multiply and add.
NN_FLAGS := -O3 -ffp-contract=fast $(if $(XSMM),-DHAVE_LIBXSMM)
FER_FLAGS := -isystem /usr/include/cairo
HAAR_FLAGS := -isystem /usr/include/opencv4
CLI_FLAGS = -DFERCLI_DATADIR='"$(DATADIR)"' -DDARKNET_LIBRARY='"$(DARKNET)/libdarknet.so"'
TEST_FLAGS := -Itests/support $(if $(XSMM),-DHAVE_LIBXSMM)

NN_LIBS := -ldnnl $(if $(XSMM),-lxsmm -lxsmmnoblas -lpthread) -ldl -lm
FER_LIBS := -lopencv_objdetect -lopencv_imgproc -lopencv_core -lcairo -lpng -ljpeg -lgif -lwebpdemux -lwebp -lexif -lz -ldl \
    -lpthread -lstdc++
# What tests write pictures with; the program opens these two when it meets such a picture.
WRITER_LIBS := -Wl,--as-needed -ltiff -lheif
# Our archives stay invisible to libdarknet, which would else call our functions where a name is the same.
DARKNET_LIBS = -Wl,--exclude-libs,ALL -L$(DARKNET) -ldarknet -Wl,-rpath,$(DARKNET)

# The inner loops, once for each instruction set that the CPU may have.
SIMD_SETS := plain $(if $(filter x86_64,$(shell uname -m)),avx2 avx512)
SIMD_O := $(SIMD_SETS:%=$(BUILD)/obj/nn/simd_%.o)
WINOGRAD_O := $(patsubst %,$(BUILD)/obj/nn/winograd_%.o,$(filter-out plain,$(SIMD_SETS)))
SIMD_plain := -DSIMD_NAME='"plain"' -DSIMD_LANES=4 -DSIMD_BLOCK=1
SIMD_avx2 := -DSIMD_NAME='"AVX2"' -DSIMD_LANES=8 -DSIMD_BLOCK=8 -mavx2 -mfma
SIMD_avx512 := -DSIMD_NAME='"AVX-512"' -DSIMD_LANES=16 -DSIMD_BLOCK=16 -mavx512f -mavx512bw -mavx512dq -mavx512vl \
    -mfma -mprefer-vector-width=512

objects = $(patsubst src/%,$(BUILD)/obj/%.o,$(basename $(wildcard src/$(1)/*.c src/$(1)/*.cpp)))
BASE_O := $(call objects,base)
NN_O := $(filter-out %/simd.o %/winograd_tiles.o $(if $(XSMM),,%/winograd.o),$(call objects,nn)) $(SIMD_O) $(WINOGRAD_O)
FER_O := $(call objects,fer)
CLI_O := $(call objects,cli)
LIBS_A := $(BUILD)/libfer.a $(BUILD)/libnn.a

.PHONY: all FORCE
all: $(BUILD)/fercli

$(BUILD)/fercli: $(CLI_O) $(LIBS_A) $(BUILD)/stamp/link
	$(LINK) -o $@ $(CLI_O) $(LIBS_A) $(FER_LIBS) $(NN_LIBS)

$(BUILD)/libnn.a: $(NN_O) $(BASE_O) $(BUILD)/stamp/link
	rm -f $@ && $(AR) rcs $@ $(NN_O) $(BASE_O)

$(BUILD)/libfer.a: $(FER_O) $(BUILD)/stamp/link
	rm -f $@ && $(AR) rcs $@ $(FER_O)

$(BUILD)/obj/nn/%.o: MODULE_FLAGS = $(NN_FLAGS)
$(BUILD)/obj/fer/%.o: MODULE_FLAGS = $(FER_FLAGS)
$(BUILD)/obj/fer/haar.o: MODULE_FLAGS = $(HAAR_FLAGS)
$(BUILD)/obj/cli/%.o: MODULE_FLAGS = $(CLI_FLAGS)

$(BUILD)/obj/%.o: src/%.c $(BUILD)/stamp/compile
	@mkdir -p $(@D)
	$(COMPILE_C) $(MODULE_FLAGS) -c -o $@ $<

$(SIMD_O): $(BUILD)/obj/nn/simd_%.o: src/nn/simd.c $(BUILD)/stamp/compile
	@mkdir -p $(@D)
	$(COMPILE_C) $(NN_FLAGS) -DSIMD_TABLE=simd_$* $(SIMD_$*) -c -o $@ $<

$(WINOGRAD_O): $(BUILD)/obj/nn/winograd_%.o: src/nn/winograd_tiles.c $(BUILD)/stamp/compile
	@mkdir -p $(@D)
	$(COMPILE_C) $(NN_FLAGS) -DWINOGRAD_TABLE=winograd_$* $(SIMD_$*) -c -o $@ $<

$(BUILD)/obj/%.o: src/%.cpp $(BUILD)/stamp/compile
	@mkdir -p $(@D)
	$(COMPILE_CXX) $(MODULE_FLAGS) -c -o $@ $<

# A stamp holds the flags of the last build and is rewritten only when they differ, so that what depends on it is made
# again exactly then. The link's also lists the objects: a source file that is gone leaves its archive.
$(CLI_O): $(BUILD)/stamp/cli
$(BUILD)/stamp/compile: FLAGS = $(COMPILE_C) $(COMPILE_CXX) $(NN_FLAGS) $(FER_FLAGS) $(HAAR_FLAGS) $(TEST_FLAGS) \
    $(SIMD_plain) $(SIMD_avx2) $(SIMD_avx512)
$(BUILD)/stamp/cli: FLAGS = $(CLI_FLAGS)
$(BUILD)/stamp/link: FLAGS = $(LINK) $(FER_LIBS) $(NN_LIBS) $(WRITER_LIBS) $(DARKNET_LIBS) $(NN_O) $(BASE_O) $(FER_O) $(CLI_O) \
    $(SUPPORT_O)
$(BUILD)/stamp/%: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(FLAGS))' >$@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

# ---- tests -------------------------------------------------------------------------------------------

# Each tests/unit/MODULE/x.c is a program that speaks TAP: those of base and nn link the engine alone, those of fer
# both libraries, those of cli the command's objects too, those of darknet libdarknet. Each takes what it calls from
# tests/support, an archive.
unit = $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard $(addprefix tests/unit/,$(addsuffix /*.c,$(1)))))
UNIT_NN := $(call unit,base nn)
UNIT_FER := $(call unit,fer)
UNIT_CLI := $(call unit,cli)
# libdarknet's own defects would end a run under sanitizers; elsewhere it can be missing only off Debian.
UNIT_DARKNET := $(if $(SAN),,$(if $(wildcard $(DARKNET)/libdarknet.so),$(call unit,darknet)))
UNIT := $(UNIT_NN) $(UNIT_FER) $(UNIT_CLI) $(UNIT_DARKNET)
FUZZ := $(patsubst tests/%.c,$(BUILD)/%,$(wildcard tests/fuzz/fuzz_*.c))
BENCH := $(patsubst tests/%.c,$(BUILD)/tests/%,$(filter-out %/darknet_bench.c,$(wildcard tests/bench/*.c)))
DARKNET_BENCH := $(BUILD)/tests/bench/darknet_bench
SUPPORT_O := $(patsubst tests/%.c,$(BUILD)/obj/tests/%.o,$(wildcard tests/support/*.c))
SUPPORT_A := $(BUILD)/obj/tests/libsupport.a
FUZZ_DRIVER_O := $(BUILD)/obj/tests/fuzz/driver.o

UNIT_O := $(patsubst $(BUILD)/tests/%,$(BUILD)/obj/tests/unit/%.o,$(UNIT))
BENCH_O := $(patsubst $(BUILD)/%,$(BUILD)/obj/%.o,$(BENCH) $(DARKNET_BENCH))
FUZZ_O := $(patsubst $(BUILD)/%,$(BUILD)/obj/tests/%.o,$(FUZZ)) $(FUZZ_DRIVER_O)
TEST_O := $(UNIT_O) $(BENCH_O) $(FUZZ_O) $(SUPPORT_O)
CLI_BUT_MAIN_O := $(filter-out %/main.o,$(CLI_O))

$(BUILD)/obj/tests/unit/darknet/%.o: MODULE_FLAGS = -isystem $(DARKNET)/include
$(BUILD)/obj/tests/bench/darknet_bench.o: MODULE_FLAGS = -isystem $(DARKNET)/include
$(TEST_O): $(BUILD)/obj/tests/%.o: tests/%.c $(BUILD)/stamp/compile
	@mkdir -p $(@D)
	$(COMPILE_C) $(TEST_FLAGS) $(MODULE_FLAGS) -c -o $@ $<

$(SUPPORT_A): $(SUPPORT_O) $(BUILD)/stamp/link
	@rm -f $@ && $(AR) rcs $@ $(SUPPORT_O)

link_test = @mkdir -p $(@D) && echo "link $@" && $(LINK) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(1)

$(UNIT_NN): $(BUILD)/tests/%: $(BUILD)/obj/tests/unit/%.o $(SUPPORT_A) $(BUILD)/libnn.a $(BUILD)/stamp/link
	$(call link_test,-lcmocka $(NN_LIBS))

$(UNIT_FER): $(BUILD)/tests/%: $(BUILD)/obj/tests/unit/%.o $(SUPPORT_A) $(LIBS_A) $(BUILD)/stamp/link
	$(call link_test,-lcmocka $(FER_LIBS) $(NN_LIBS) $(WRITER_LIBS))

$(UNIT_CLI): $(BUILD)/tests/%: $(BUILD)/obj/tests/unit/%.o $(SUPPORT_A) $(CLI_BUT_MAIN_O) $(LIBS_A) $(BUILD)/stamp/link
	$(call link_test,-lcmocka $(FER_LIBS) $(NN_LIBS))

$(UNIT_DARKNET): $(BUILD)/tests/%: $(BUILD)/obj/tests/unit/%.o $(SUPPORT_A) $(LIBS_A) $(BUILD)/stamp/link
	$(call link_test,-lcmocka $(DARKNET_LIBS) $(FER_LIBS) $(NN_LIBS))

$(FUZZ): $(BUILD)/%: $(BUILD)/obj/tests/%.o $(FUZZ_DRIVER_O) $(SUPPORT_A) $(CLI_BUT_MAIN_O) $(LIBS_A) \
    $(BUILD)/stamp/link
	$(call link_test,$(FER_LIBS) $(NN_LIBS) $(WRITER_LIBS))

$(BENCH): $(BUILD)/%: $(BUILD)/obj/%.o $(SUPPORT_A) $(LIBS_A) $(BUILD)/stamp/link
	$(call link_test,$(FER_LIBS) $(NN_LIBS))

$(DARKNET_BENCH): $(BUILD)/%: $(BUILD)/obj/%.o $(BUILD)/stamp/link
	$(call link_test,$(DARKNET_LIBS) -lm)

BATS := $(wildcard tests/cli/*.bats)
CHECKS := $(wildcard tests/check-*.sh)
# What the tests need to know of this build. Threads that wait sleep at once: on a machine whose cores are busy with
# something else, threads that spin make tests of tiny networks hundreds of times slower.
TEST_ENV = FERCLI="$(CURDIR)/$(BUILD)/fercli" BUILD=$(BUILD) OMP_WAIT_POLICY=PASSIVE

.PHONY: programs run-tests test
programs: $(BUILD)/fercli $(UNIT) $(FUZZ) $(BENCH)

run-tests: programs
	@$(TEST_ENV) tests/run $(UNIT) $(BATS) $(CHECKS)

# The packages may change what the wildcards above see, hence a second make.
test:
	scripts/setup build run photo test
	@$(MAKE) --no-print-directory -j$$(nproc) programs
	@$(MAKE) --no-print-directory run-tests

FUZZ_SECONDS ?= 3
.PHONY: fuzz run-san test-san
fuzz: $(FUZZ)

# The binary looks for models beside the folder that it lies in; here that is build/.
$(BUILD)/../models $(BUILD)/../cfg:
	ln -sfn "$(CURDIR)/$(@F)" $@

# The first lines find out whether leaks can be looked for: not under a debugger nor in some containers. The exit status
# of a finding is none of fercli's own, so that no test takes the one for the other.
run-san: programs $(BUILD)/../models $(BUILD)/../cfg
	@leaks=1; if $(BUILD)/fercli --version 2>&1 | grep -q 'LeakSanitizer has encountered'; then \
	    leaks=0; echo 'leaks cannot be detected on this machine'; fi; \
	export ASAN_OPTIONS=detect_leaks=$$leaks:exitcode=99 UBSAN_OPTIONS=print_stacktrace=1:exitcode=99; \
	export LSAN_OPTIONS="suppressions=$(CURDIR)/tests/lsan.supp:print_suppressions=0"; \
	$(TEST_ENV) FUZZ_SECONDS=$(FUZZ_SECONDS) tests/run $(UNIT) $(FUZZ) $(BATS)

test-san:
	scripts/setup build run test
	@$(MAKE) --no-print-directory -j$$(nproc) SAN=1 programs
	@$(MAKE) --no-print-directory SAN=1 run-san

BENCH_SECONDS ?= 5
.PHONY: bench
bench:
	scripts/setup build run
	@$(MAKE) --no-print-directory $(BUILD)/tests/bench/bench
	@$(BUILD)/tests/bench/bench --seconds $(BENCH_SECONDS) $(if $(LAYERS),--layers) $(WORKLOADS)

# ---- use ---------------------------------------------------------------------------------------------

DEMO_PHOTO := /usr/share/matplotlib/mpl-data/sample_data/grace_hopper.jpg
PHOTOS ?= $(DEMO_PHOTO)

.PHONY: demo
demo:
	scripts/setup build run $(if $(findstring $(DEMO_PHOTO),$(PHOTOS)),photo)
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@echo "$(BUILD)/fercli classify --format table --annotate $(BUILD)/demo $(PHOTOS)"; \
	$(BUILD)/fercli classify --format table --annotate $(BUILD)/demo $(PHOTOS) || { status=$$?; \
	    [ $$status -eq 1 ] || exit $$status; echo 'Not everything could be done; see above.'; }
	@echo 'The pictures with their faces marked are in $(BUILD)/demo/.'

INSTALL ?= install
MAN := $(PREFIX)/share/man/man1/fercli.1
COMPLETION := $(PREFIX)/share/bash-completion/completions/fercli
MODELS := $(wildcard models/*.cfg models/*.weights models/*.names models/*.replay)
CFGS := $(wildcard cfg/*.cfg)

.PHONY: install uninstall
install: $(BUILD)/fercli
	$(BUILD)/fercli help --man >$(BUILD)/fercli.1
	$(BUILD)/fercli help --completion >$(BUILD)/fercli.bash
	$(INSTALL) -D -m 755 $(BUILD)/fercli "$(DESTDIR)$(PREFIX)/bin/fercli"
	$(INSTALL) -d "$(DESTDIR)$(DATADIR)/models" "$(DESTDIR)$(DATADIR)/cfg"
	$(INSTALL) -m 644 $(MODELS) "$(DESTDIR)$(DATADIR)/models"
	$(INSTALL) -m 644 $(CFGS) "$(DESTDIR)$(DATADIR)/cfg"
	$(INSTALL) -D -m 644 $(BUILD)/fercli.1 "$(DESTDIR)$(MAN)"
	$(INSTALL) -D -m 644 $(BUILD)/fercli.bash "$(DESTDIR)$(COMPLETION)"

uninstall:
	rm -f "$(DESTDIR)$(PREFIX)/bin/fercli" "$(DESTDIR)$(MAN)" "$(DESTDIR)$(COMPLETION)"
	for file in $(MODELS) $(CFGS); do rm -f "$(DESTDIR)$(DATADIR)/$$file"; done
	-rmdir "$(DESTDIR)$(DATADIR)/models" "$(DESTDIR)$(DATADIR)/cfg" "$(DESTDIR)$(DATADIR)"

.PHONY: format clean
format:
	find include src tests -name '*.[ch]' -o -name '*.cpp' | xargs clang-format -i

clean:
	rm -rf build

-include $(patsubst %.o,%.d,$(BASE_O) $(NN_O) $(FER_O) $(CLI_O) $(TEST_O))
