# berth: `make run` tries it, `make check` tests it; see README.md

VERSION = 0.1.0
PREFIX ?= /usr/local
CC ?= cc
CFLAGS ?= -O2 -g
B ?= build

PKGS = libbsd-overlay jansson
WARN = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wswitch-enum
HARDEN = -fPIE -fstack-protector-strong -D_FORTIFY_SOURCE=2
CPPFLAGS_ALL = -D_GNU_SOURCE -DBERTH_VERSION='"$(VERSION)"' $(CPPFLAGS)
CFLAGS_ALL = -std=gnu17 $(WARN) $(HARDEN) $(shell pkg-config --cflags $(PKGS)) $(CFLAGS)
LDFLAGS_ALL = -pie -Wl,-z,relro,-z,now $(LDFLAGS)
LIBS = $(shell pkg-config --libs $(PKGS))
CTL_LIBS = $(shell pkg-config --libs ncursesw)

PURE = $(wildcard src/pure/*.c)
SYS = $(wildcard src/sys/*.c)
DAEMON = $(wildcard src/daemon/*.c)
CTL = $(wildcard src/ctl/*.c)
BUILTIN = $(wildcard src/builtin/*.c)
UNIT = $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/*.c))
PEERS = $(patsubst tests/peers/%.c,$(B)/tests/%,$(wildcard tests/peers/*.c))
FUZZ = $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(wildcard tests/fuzz/*.c))
obj = $(patsubst %.c,$(B)/%.o,$(1))

all: needs-build $(B)/berthd $(B)/berthctl $(B)/libexec/berth-relay

$(B)/berthd: $(call obj,$(DAEMON) $(BUILTIN) $(SYS) $(PURE))
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)
$(B)/berthctl: $(call obj,$(CTL) $(SYS) $(PURE)) $(B)/src/ctl/page_assets.o
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ $(LIBS) $(CTL_LIBS)
# The status page's own style and script, as strings, with the hashes by which its Content-Security-Policy names them
page_asset = printf 'extern const char %s[], %s_hash[];\nconst char %s[] =\n' $(1) $(1) $(1) && \
	sed -e 's/[\\"]/\\&/g' -e 's/.*/"&\\n"/' $(2) && \
	printf ';\nconst char %s_hash[] = "sha256-%s";\n' $(1) \
	"$$(sha256sum < $(2) | cut -c 1-64 | tr a-f A-F | basenc -d --base16 | base64)"
$(B)/src/ctl/page_assets.c: src/ctl/page.css src/ctl/page.js Makefile
	@mkdir -p $(@D)
	{ $(call page_asset,page_style,src/ctl/page.css) && $(call page_asset,page_script,src/ctl/page.js); } > $@.new
	mv $@.new $@
$(B)/src/ctl/page_assets.o: $(B)/src/ctl/page_assets.c
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -c -o $@ $<
$(B)/libexec/berth-relay: $(call obj,src/libexec/relay.c src/pure/relay.c)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^
# what berthctl top works out
$(B)/unit/topmodel $(B)/unit/toplayout: $(call obj,src/ctl/topmodel.c src/ctl/toplayout.c)
$(B)/unit/%: $(B)/tests/unit/%.o $(call obj,$(PURE))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)
$(B)/fuzz/%: tests/fuzz/%.c tests/fuzz/replay.h $(call obj,$(PURE))
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(LDFLAGS_ALL) -DREPLAY -o $@ $(filter-out %.h,$^) $(LIBS)
# without sanitizers: these run as handlers, under resource limits
$(B)/tests/%: tests/peers/%.c $(wildcard tests/peers/*.h)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(filter-out -fsanitize%,$(CFLAGS_ALL)) $(LDFLAGS_ALL) -o $@ $< $(LIBS)
# looks with berthd's own eyes
$(B)/tests/waitlook: $(call obj,tests/peers/waitlook.c $(SYS) $(PURE))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)
# serves by berthd's own code
$(B)/tests/builtin: $(call obj,tests/peers/builtin.c $(BUILTIN) $(PURE))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)
$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<
-include $(shell find $(B) -name '*.d' 2>/dev/null)

# ---- what Debian must have; as root it is installed, otherwise the command is said ----

DEPS_BUILD = gcc libc6-dev make pkg-config libbsd-dev libjansson-dev libncurses-dev
DEPS_TEST = $(shell sed -n 's/^\# packages: //p' tests/lib/berth.bash tests/bats/*.bats)
# heavy ones: without them the tests that need them are skipped, with the reason
DEPS_FULL = $(shell sed -n 's/^\# packages-full: //p' tests/bats/*.bats)
DEPS_LINT = cppcheck shellcheck mandoc clang

needs = @missing=$$(dpkg-query -W -f '$${Package} $${Status}\n' $(1) 2>&1 | \
	sed -n -e 's/^dpkg-query: no packages found matching //p' -e '/ok installed$$/d' -e 's/ .*//p'); \
	[ -z "$$missing" ] || ! command -v apt-get >/dev/null || { \
	cmd="apt-get install -y --no-install-recommends $$(echo $$missing)"; \
	if [ "$$(id -u)" = 0 ]; then { $$cmd || { apt-get update && $$cmd; }; } >&2; \
	else echo "missing: run this as root: $$cmd" >&2; exit 1; fi; }

needs-build:
	$(call needs,$(DEPS_BUILD))
needs-test: needs-build
	$(call needs,$(DEPS_TEST))
deps: needs-test
	$(call needs,$(DEPS_LINT))
deps-full: needs-test
	$(call needs,$(DEPS_FULL))

# needs-* come first: pkg-config is asked again by the second make
run: needs-build
	@$(MAKE) --no-print-directory all
	@tests/lib/run $(B)

check: needs-test
	@$(MAKE) --no-print-directory check-built

check-built: all $(UNIT) $(PEERS) $(FUZZ)
	@tests/lib/check $(B)

check-sanitize:
	@$(MAKE) --no-print-directory check B=build-sanitize \
	    CFLAGS="-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all" \
	    HARDEN="-fPIE -fstack-protector-strong"

lint: deps
	@tests/lib/lint "$(WARN)"

# ---- installation ----

D = $(DESTDIR)$(PREFIX)
install: all
	install -d $(D)/sbin $(D)/bin $(D)/share/man/man1 $(D)/share/man/man5 $(D)/share/man/man7 \
	    $(D)/libexec/berth $(D)/share/man/man8 $(D)/share/berth/services.d $(D)/lib/systemd/system $(D)/share/doc/berth
	install -m 755 $(B)/berthd $(D)/sbin/berthd
	install -m 755 $(B)/berthctl $(D)/bin/berthctl
	install -m 755 $(B)/libexec/berth-relay $(D)/libexec/berth/berth-relay
	install -m 644 man/*.1 $(D)/share/man/man1/
	install -m 644 man/*.5 $(D)/share/man/man5/
	install -m 644 man/*.7 $(D)/share/man/man7/
	install -m 644 man/*.8 $(D)/share/man/man8/
	install -m 644 services.d/*.json $(D)/share/berth/services.d/
	sed -i 's|"/usr/local/bin/berthctl"|"$(PREFIX)/bin/berthctl"|' $(D)/share/berth/services.d/*.json
	install -m 644 README.md LICENSE $(D)/share/doc/berth/
	install -d $(D)/share/bash-completion/completions $(D)/share/zsh/site-functions
	$(B)/berthctl completion bash > $(D)/share/bash-completion/completions/berthctl
	$(B)/berthctl completion zsh > $(D)/share/zsh/site-functions/_berthctl
	sed -e 's|@SBINDIR@|$(PREFIX)/sbin|g' -e 's|@BINDIR@|$(PREFIX)/bin|g' dist/berth.service \
	    > $(D)/lib/systemd/system/berth.service

uninstall:
	rm -f $(D)/sbin/berthd $(D)/bin/berthctl $(D)/lib/systemd/system/berth.service
	cd man && for m in *.[1-8]; do rm -f "$(D)/share/man/man$${m##*.}/$$m"; done
	rm -f $(D)/share/bash-completion/completions/berthctl $(D)/share/zsh/site-functions/_berthctl
	rm -rf $(D)/libexec/berth $(D)/share/berth $(D)/share/doc/berth

clean:
	rm -rf $(B) build-sanitize

.PHONY: all run check check-built check-sanitize lint install uninstall clean deps deps-full needs-build needs-test
.SECONDARY:
