# SPDX-License-Identifier: GPL-3.0-or-later
#
# spanrec: one plain Makefile.
#
#   make demo    on a bare Debian 12: installs what is missing, builds, records
#                a real capture, lists it, plays it to a WAV
#   make check   installs what is missing, builds everything with gcc and clang,
#                runs every test, and many under the sanitizers too
#
# Each kind of build has an object tree of its own: build/<V>/. The list of
# sources is the list of files; dependencies are made by the compiler.

# Debian's programs, which make deps sees to, before others of their name: a
# python3 that is a script of some version manager costs ten times as long to
# start, a thousand times over in the tests.
export PATH := /usr/sbin:/usr/bin:/sbin:/bin:$(PATH)

V ?= release
B := build/$V
PROGRAMS := spanrecd spanrec mkpcap
MODULES := capture sip rtp store policy cmd

# make Q= shows whole commands.
Q ?= @
PREFIX ?= /usr/local
DESTDIR ?=
MANDIR ?= $(PREFIX)/share/man
DOCDIR ?= $(PREFIX)/share/doc/spanrec
UNITDIR ?= $(PREFIX)/lib/systemd/system

# ---- sources ----------------------------------------------------------------

SOURCES := $(shell find $(MODULES) -name '*.c' 2>/dev/null | LC_ALL=C sort)
TESTS := $(filter %_test.c,$(SOURCES))
FUZZERS := $(filter %_fuzz.c,$(SOURCES))
BENCHES := $(filter %_bench.c,$(SOURCES))
MAINS := $(PROGRAMS:%=cmd/%/main.c)
LIBRARY := $(filter-out $(TESTS) $(FUZZERS) $(BENCHES) $(MAINS) \
	cmd/testing/%,$(SOURCES))
# Programs that tests use; never installed.
TEST_TOOLS := cmd/testing/wavtones.c cmd/testing/callgen.c \
	cmd/testing/rewrap.c cmd/testing/speech.c \
	cmd/testing/playing.c cmd/testing/sealkey.c
# The shim that lets calls of the system fail; loaded before a program.
SHIM := $B/cmd/testing/faults.so
TESTING := $(filter-out cmd/testing/callgen% cmd/testing/rewrap% \
	cmd/testing/faults.c $(TEST_TOOLS), \
	$(filter cmd/testing/%,$(SOURCES)))

# ---- compilers --------------------------------------------------------------

WARN := -Wall -Wextra -Wshadow -Wconversion -Wvla -Wwrite-strings \
	-Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wundef \
	-Wformat=2 -Wno-unused-parameter -Werror
HARDEN := -fstack-protector-strong -fPIE -D_FORTIFY_SOURCE=2
SANITIZE_FLAGS := -DSPANREC_SANITIZED -O1 -g1 -fno-omit-frame-pointer -U_FORTIFY_SOURCE

CFLAGS.release := -O2 $(HARDEN)
CFLAGS.clang := -O2 $(HARDEN)
# Fuzzers are linked of the same objects.
CFLAGS.asan := $(SANITIZE_FLAGS) -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=all
CFLAGS.tsan := $(SANITIZE_FLAGS) -fsanitize=thread
CFLAGS.cov := -O0 --coverage -fprofile-update=atomic
CFLAGS.valgrind := -O1 -fno-omit-frame-pointer
LDFLAGS.release := -pie -Wl,-z,relro,-z,now
LDFLAGS.clang := -pie -Wl,-z,relro,-z,now
LDFLAGS.asan := -fsanitize=address,undefined
LDFLAGS.tsan := -fsanitize=thread
LDFLAGS.cov := --coverage
CC.release := gcc
CC.clang := clang
CC.asan := clang
CC.tsan := clang
CC.cov := gcc
CC.valgrind := gcc

CC := $(CC.$V)
CFLAGS := -std=c11 -g $(WARN) $(CFLAGS.$V)
# opusenc.h looks for opus.h beside itself, without saying so.
CPPFLAGS := -D_GNU_SOURCE -I. -isystem /usr/include/opus -MMD -MP
LDFLAGS := $(LDFLAGS.$V) -Wl,--as-needed
# Three hundred programs for tests are linked, in each tree; this one is fast.
TEST_LD := -fuse-ld=mold
LDLIBS := -lpcap -losipparser2 -lsodium -llmdb -luv -lyaml -ljansson \
	-lsmartcols -lsndfile -lspandsp -lgsm -lbcg729 -lopencore-amrnb \
	-lopencore-amrwb -lspeex -lspeexdsp -lopus -lFLAC -lopusenc \
	-lsonic -lpng -lasound -lcap-ng -lsystemd -lsrtp2 -lpthread -lm

OBJ = $(patsubst %.c,$B/%.o,$(1))
LIB := $B/libspanrec.a
BIN := $(PROGRAMS:%=$B/bin/%)
TEST_BIN := $(patsubst %.c,$B/%,$(TESTS))
FUZZ_BIN := $(patsubst %.c,$B/%,$(FUZZERS))
TOOL_BIN := $(patsubst %.c,$B/%,$(TEST_TOOLS))
BENCH_BIN := $(patsubst %.c,$B/%,$(BENCHES))

# Tests can make any allocation of ours fail; see cmd/testing/testing.h.
WRAP := -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free

.PHONY: all deps deps-build demo check test golden lab layers fuzz bench cov \
	tidy format corpus soak install clean build-tests build-fuzzers \
	build-benches build-tools

all: $(BIN)

# What make check needs; that includes real SIP programs.
deps:
	@.ci/deps lab

# What building needs, and the tests without them.
deps-build:
	@.ci/deps build

$B/%.o: %.c
	@mkdir -p $(@D)
	@echo '  $(V)  $<'
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(LIB): $(call OBJ,$(LIBRARY))
	@rm -f $@
	@ar rcs $@ $^

$B/bin/%: $B/cmd/%/main.o $(LIB)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$B/%_test: $B/%_test.o $(call OBJ,$(TESTING)) $(LIB)
	$(Q)$(CC) $(LDFLAGS) $(TEST_LD) $(WRAP) -o $@ $^ -lcmocka $(LDLIBS)

$B/%_fuzz: $B/%_fuzz.o $(LIB)
	$(Q)$(CC) $(LDFLAGS) $(TEST_LD) -fsanitize=fuzzer -o $@ $^ $(LDLIBS)

$B/%_bench: $B/%_bench.o $(LIB)
	$(Q)$(CC) $(LDFLAGS) $(TEST_LD) -o $@ $^ $(LDLIBS)

# The encoder that only tests need.
$B/cmd/testing/speech $B/rtp/codec/decoder_bench $B/cmd/spanrec/codecs_bench \
	$B/rtp/render_dtx_test: LDLIBS += -lvo-amrwbenc

# What the index is measured beside.
$B/store/scale_bench: LDLIBS += -lsqlite3

$(TOOL_BIN): $B/%: $B/%.o $(LIB)
	$(Q)$(CC) $(LDFLAGS) $(TEST_LD) -o $@ $(filter %.o,$^) $(LIB) $(LDLIBS)

# In several files.
$B/cmd/testing/callgen: $(call OBJ,cmd/testing/callgen_frame.c)
$B/cmd/testing/rewrap: $(call OBJ,cmd/testing/wrap.c \
	$(filter cmd/testing/rewrap_%,$(SOURCES)))

# A sanitizer wants to be loaded first: not for those builds.
$(SHIM): cmd/testing/faults.c
	@mkdir -p $(@D)
	@echo '  $(V)  $<'
	$(Q)$(CC) $(filter-out -MMD -MP,$(CPPFLAGS)) $(filter-out -fPIE,$(CFLAGS)) \
		-fPIC -shared -o $@ $< -ldl

build-tools: $(TOOL_BIN) $(if $(filter release clang,$V),$(SHIM))
build-tests: $(BIN) $(TEST_BIN) build-tools
build-fuzzers: $(FUZZ_BIN)
build-benches: $(BIN) $(BENCH_BIN) build-tools

# ---- tests ------------------------------------------------------------------

# Every *_test.c and *_test.sh of one kind of build.
test: build-tests
	@.ci/tests $V

golden: $(BIN) $(TOOL_BIN)
	@.ci/golden $V

# Calls between real programs, recorded live; wants root.
lab: deps
	@$(MAKE) --no-print-directory all $(TOOL_BIN)
	@.ci/lab-tests

layers:
	@.ci/layers

check: deps
	@.ci/check

fuzz: deps-build
	@.ci/fuzz $${SECONDS_EACH:-600}

soak: deps
	@.ci/soak

bench: deps-build
	@.ci/bench

cov: deps-build
	@$(MAKE) --no-print-directory V=cov test
	@gcovr -r . --object-directory build/cov -e '.*_test\.c' -e cmd/testing

tidy: deps-build
	@.ci/tidy

format:
	@clang-format -i $$(git ls-files '*.c' '*.h')

corpus: deps-build
	@$(MAKE) --no-print-directory all
	@.ci/corpus $(CORPUS)
	@.ci/corpus-sound $(CORPUS)

# ---- for people -------------------------------------------------------------

demo: deps-build
	@$(MAKE) --no-print-directory -j2 all
	@.ci/demo

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/sbin \
		$(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(MANDIR)/man5 \
		$(DESTDIR)$(MANDIR)/man8 \
		$(DESTDIR)$(UNITDIR) $(DESTDIR)$(DOCDIR)/policy/examples
	install -m 644 README.md $(DESTDIR)$(DOCDIR)/
	install -m 644 policy/examples/README.md policy/examples/*.yaml \
		$(DESTDIR)$(DOCDIR)/policy/examples/
	install -m 755 $B/bin/spanrec $B/bin/mkpcap $(DESTDIR)$(PREFIX)/bin/
	install -m 755 $B/bin/spanrecd $(DESTDIR)$(PREFIX)/sbin/
	install -m 644 cmd/spanrec/spanrec.1 cmd/mkpcap/mkpcap.1 \
		$(DESTDIR)$(MANDIR)/man1/
	install -m 644 policy/spanrec-policy.5 $(DESTDIR)$(MANDIR)/man5/
	install -m 644 cmd/spanrecd/spanrecd.8 $(DESTDIR)$(MANDIR)/man8/
	sed 's|/usr/local/sbin|$(PREFIX)/sbin|' cmd/spanrecd/spanrecd.service \
		>$(DESTDIR)$(UNITDIR)/spanrecd.service
	chmod 644 $(DESTDIR)$(UNITDIR)/spanrecd.service

clean:
	rm -rf build

-include $(patsubst %.c,$B/%.d,$(SOURCES))
.SECONDARY:
