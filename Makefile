# stream_ext: continuous queries inside PostgreSQL. PGXS.
#
#   make, make install          build and install (PG_CONFIG=... chooses the server)
#   make installcheck           all tests below, on servers that they start
#     check-unit check-regress check-isolation check-tap
#   make check-fault crash-test fault points and random kills; want FAULTS=1
#   make backup-test            backups under load, restored
#   make check-house            layers, tour, sizes, words
#   make format check-format    layout, with pg_bsd_indent
#
# The tests need the extension installed and an ordinary user; scripts/run_tests
# does all of it from nothing.

EXTENSION = stream_ext
EXTVERSION = 0.1.0
MODULE_big = stream_ext
PGFILEDESC = "stream_ext - continuous queries inside PostgreSQL"

OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/*.c src/*/*.c)))
INSTALL_PARTS = $(sort $(wildcard sql/install/[0-9][0-9]_*.sql))
DATA_built = $(EXTENSION)--$(EXTVERSION).sql

# Everything that tests write; elsewhere when the tree is not writable.
TEST_OUT ?= $(CURDIR)/tmp_check
EXTRA_CLEAN = $(DATA_built) $(OBJS:.o=.d) tmp_check

PG_CPPFLAGS = -I$(srcdir)/src
PG_CFLAGS = -fvisibility=hidden -Wextra -Wno-unused-parameter \
	-Wno-sign-compare -Wno-missing-field-initializers -Wno-cast-function-type \
	-MMD -MP

# Test builds: fault points are real (src/fault_point.h).
ifdef FAULTS
PG_CPPFLAGS += -DSTREAM_EXT_FAULTS
endif

# We have our own installcheck, which starts servers with our settings.
NO_INSTALLCHECK = 1

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# The install script is the concatenation of its parts, in order.
$(DATA_built): $(INSTALL_PARTS)
	cat $(INSTALL_PARTS) > $@

# Which headers each object was made from (-MMD); PGXS tracks them only on
# servers configured with --enable-depend.
-include $(OBJS:.o=.d)

# A change of FAULTS or COPT makes every object anew.
.build_flags: FORCE
	@echo '$(CPPFLAGS) $(CFLAGS) $(COPT)' | cmp -s - $@ || echo '$(CPPFLAGS) $(CFLAGS) $(COPT)' > $@
$(OBJS): .build_flags
EXTRA_CLEAN += .build_flags
FORCE:

# --- tests --------------------------------------------------------------------
pgxs_test = $(dir $(PGXS))../test
bindir_of_server := $(shell $(PG_CONFIG) --bindir)
PROVE ?= prove
UNIT_OUT = $(TEST_OUT)/unit

installcheck: check-unit check-regress check-isolation check-tap

# Servers do not run as root, and initdb's refusal is easily overlooked.
check-user:
	@[ "$$(id -u)" != 0 ] || { echo "tests start servers and cannot run as root: use scripts/run_tests" >&2; exit 1; }

# Pure layers, linked into plain programs.  Unused sections are dropped, so
# that SQL wrappers in those directories do not need the server.
UNIT_LAYERS = batch window
UNIT_SOURCES = $(wildcard $(addsuffix /*.c,$(addprefix src/,$(UNIT_LAYERS))) src/aggregate/kernel*.c \
	src/aggregate/linreg_state.c src/stat/latency.c) \
	src/flush/partition_cell.c src/flush/tid_cache.c src/shared/byte_ring.c
UNIT_TESTS = $(sort $(wildcard test/unit/*_test.c))
UNIT_PROGRAMS = $(patsubst test/unit/%.c,$(UNIT_OUT)/%,$(UNIT_TESTS))
UNIT_CFLAGS = -std=gnu99 -g -O1 -Wall -Wno-sign-compare -ffunction-sections -fdata-sections \
	-fno-strict-aliasing -fwrapv -DUSE_ASSERT_CHECKING=1 $(UNIT_SANITIZE) \
	-Isrc -Itest/unit -I$(shell $(PG_CONFIG) --includedir-server) -D_GNU_SOURCE

$(UNIT_OUT)/%_test: test/unit/%_test.c test/unit/unit.c test/unit/unit.h test/unit/shim.c \
		$(UNIT_SOURCES) $(wildcard src/*.h src/*/*.h)
	@mkdir -p $(UNIT_OUT)
	$(CC) $(UNIT_CFLAGS) -o $@ $(filter %.c,$^) -Wl,--gc-sections \
		-L$(shell $(PG_CONFIG) --pkglibdir) -L$(shell $(PG_CONFIG) --libdir) \
		-lpgcommon -lpgport -lm

check-unit: $(UNIT_PROGRAMS)
	$(PROVE) --exec '' $(PROVE_FLAGS) $(UNIT_PROGRAMS)

# One test per file; each finds the extension created in its database.
REGRESS_TESTS = $(patsubst sql/%.sql,%,$(sort $(wildcard sql/*.sql)))
SERVER_FLAGS = --bindir=$(bindir_of_server) --temp-config=test/stream_ext.conf \
	--load-extension=$(EXTENSION) --no-locale --encoding=UTF8

check-regress: check-user
	@mkdir -p $(TEST_OUT)
	$(pgxs_test)/regress/pg_regress $(SERVER_FLAGS) --dbname=contrib_regression \
		--temp-instance=$(TEST_OUT)/regress_instance --inputdir=. \
		--outputdir=$(TEST_OUT)/regress $(REGRESS_FLAGS) $(REGRESS_TESTS)

ISOLATION_TESTS = $(patsubst test/isolation/specs/%.spec,%,$(sort $(wildcard test/isolation/specs/*.spec)))

check-isolation: check-user
	@mkdir -p $(TEST_OUT)
	$(pgxs_test)/isolation/pg_isolation_regress $(SERVER_FLAGS) --dbname=isolation_regression \
		--temp-instance=$(TEST_OUT)/isolation_instance --inputdir=test/isolation \
		--outputdir=$(TEST_OUT)/isolation $(ISOLATION_FLAGS) $(ISOLATION_TESTS)

# What PostgreSQL::Test wants to find, as PGXS sets it (TESTDATADIR and
# TESTLOGDIR: from 16 on).
prove_environment = rm -rf $(TEST_OUT)/$(1) && mkdir -p $(TEST_OUT)/$(1) && \
	TESTDIR='$(TEST_OUT)/$(1)' PATH="$(bindir_of_server):$$PATH" PGPORT=65432 \
	TESTDATADIR='$(TEST_OUT)/$(1)/data' TESTLOGDIR='$(TEST_OUT)/$(1)/log' \
	PG_REGRESS='$(pgxs_test)/regress/pg_regress' \
	$(PROVE) -I $(pgxs_test)/perl -I test/perl $(PROVE_FLAGS)
TAP_TESTS_FILES = $(sort $(wildcard test/tap/*.pl))
FAULT_TESTS = $(filter-out test/fault/crash_test.pl test/fault/backup_test.pl,$(sort $(wildcard test/fault/*.pl)))

check-tap: check-user
	$(call prove_environment,tap) $(if $(PROVE_TESTS),$(PROVE_TESTS),$(TAP_TESTS_FILES))

# Every fault point, with kill and with ERROR.
check-fault: check-user
	$(call prove_environment,fault) $(if $(PROVE_TESTS),$(PROVE_TESTS),$(FAULT_TESTS))

# Random kills under load: make crash-test ROUNDS=200 SEED=42.  With JOBS=2 two
# servers share the rounds, the second with the next seed; their output is in
# $(TEST_OUT)/crash_job1.log, ...
ROUNDS ?= 20
JOBS ?= 1
crash-test: check-user
ifeq ($(JOBS),1)
	export ROUNDS='$(ROUNDS)' SEED='$(SEED)'; $(call prove_environment,crash) -v test/fault/crash_test.pl
else
	@mkdir -p $(TEST_OUT); seed='$(SEED)'; seed=$${seed:-$$(date +%s)}; pids=; failed=0; \
	for job in $$(seq $(JOBS)); do \
		$(MAKE) crash-test JOBS=1 ROUNDS=$$((($(ROUNDS) + job - 1) / $(JOBS))) SEED=$$((seed + job - 1)) \
			TEST_OUT='$(TEST_OUT)'/crash_job$$job > '$(TEST_OUT)'/crash_job$$job.log 2>&1 & pids="$$pids $$!"; \
	done; \
	for pid in $$pids; do wait $$pid || failed=1; done; \
	grep -hE '^(ok|not ok|#|Result)' '$(TEST_OUT)'/crash_job*.log; exit $$failed
endif

# Backups under load, restored: make backup-test ROUNDS=40 SEED=42.
backup-test: check-user
	export ROUNDS='$(ROUNDS)' SEED='$(SEED)'; $(call prove_environment,backup) -v test/fault/backup_test.pl

# --- the house ------------------------------------------------------------------
check-house: check-layers check-tour check-sizes check-words
check-layers check-tour check-sizes check-words check-format format:
	PG_CONFIG='$(PG_CONFIG)' scripts/$@

.PHONY: installcheck check-user check-unit check-regress check-isolation check-tap \
	check-fault crash-test backup-test check-house check-layers check-tour check-sizes \
	check-words check-format format FORCE
