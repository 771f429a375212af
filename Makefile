# Commands for people and for CI. `make serve` and `make test` set up what they need in .venv first.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
KERNELS := $(wildcard revurb/_speedups/*.pyx revurb/_speedups/*.pxd revurb/_speedups/*.h)
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help serve demo test check docs site screenshots conformance fuzz sanitize check-instructions bench soak chaos stalls mutate bare sdks upgrade packages deb clean

help:
	@echo "make serve   set up and run a node with a ready-made app (make serve ARGS='--port 9000')"
	@echo "make demo    a chat in the browser, on a Revurb within it (examples/chat); needs npm"
	@echo "make test    set up and run all tests (make test ARGS='-k presence')"
	@echo "make check   format, lint, types and stubs"
	@echo "make docs    draw the pictures of docs/, write docs/configuration.md from the options, docs/commands.md from the"
	@echo "             commands, docs/logs.md from the messages, the table of docs/monitoring.md from the metrics, and the UMD file from the module for browsers"
	@echo "make site    the documentation as a site, in build/site"
	@echo "make screenshots   pictures of the console, in two widths and both themes, in build/screenshots"
	@echo "make sdks    Pusher's own SDKs for Go and Java on a node; as root it installs what is missing"
	@echo "make packages   Helm chart, workflows, image, source distribution, Debian package, licences; needs Go"
	@echo "make deb     a Debian package for this release, in dist/"
	@echo "make upgrade   nodes of the previous version beside those of this one; needs redis-server and the history"
	@echo "make conformance   the Autobahn|Testsuite; needs Python 2.7 (docs/conformance.md)"
	@echo "make fuzz    fuzz the wire layer (make fuzz ARGS='--seconds 600 frames')"
	@echo "make soak    a node under everything at once, for five minutes"
	@echo "make chaos   lost, stopped and emptied Redis servers under load; needs redis-server"
	@echo "make stalls  the tests that time could break, while every process is stopped for 0.4 s in each second"
	@echo "make mutate  small faults that no test notices (make mutate ARGS='--package wire --count 40 --seed 1')"
	@echo "make bare    both README commands in bare roots of Debian 12 and 13; root and debootstrap, half an hour, weekly"
	@echo "make sanitize   the kernels under ASan and UBSan"
	@echo "make check-instructions   the kernels' instruction counts against those on record; needs valgrind"
	@echo "make bench   the framer against its peers, a node under load, and how long others wait beside one peer's; under five minutes, and where Rust and Go are, ten more for the first time"
	@echo "make clean   remove everything that was built or set up"

serve: $(VENV)/.serve
	@exec $(BIN)/revurb serve --dev $(ARGS)

demo: $(VENV)/.demo examples/chat/node_modules/.package-lock.json
	@cd examples/chat && exec ../../$(BIN)/python chat.py

test: $(VENV)/.dev
	@tests/install-tools
	$(BIN)/python -m pytest --numprocesses 5 --dist worksteal $(ARGS)

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest $(addprefix revurb._speedups.,tally frames server_frames fanout plain_connection wheel heads handshakes heap client_messages member_lists queries digests event_bodies publishes log_events shared_log)

docs: $(VENV)/.dev
	$(BIN)/python -m tests.architecture.picture
	$(BIN)/python -m tests.architecture.dashboard_picture
	$(BIN)/python -m tests.architecture.sequence_pictures
	$(BIN)/revurb config docs > docs/configuration.md
	$(BIN)/python -m revurb.cli.command_reference > docs/commands.md
	$(BIN)/python -m tests.architecture.metrics_table
	$(BIN)/python -m tests.architecture.log_reference
	$(BIN)/python -m tests.browser.packing

site: $(VENV)/.site
	$(BIN)/sphinx-build -q -W --keep-going -c docs -d build/doctrees $(ARGS) . build/site
	@echo "revurb: the site is build/site/docs/index.html"

screenshots: $(VENV)/.dev
	$(BIN)/python -m tests.e2e.console_screenshots $(ARGS)

sdks: $(VENV)/.dev
	@tests/sdks/install-tools
	$(BIN)/python -m pytest tests/sdks $(ARGS)

packages: $(VENV)/.packages
	@tests/packages/install-tools
	$(BIN)/python -m pytest tests/packages $(ARGS)

deb:
	@packages/debian/build

upgrade: $(VENV)/.dev
	$(BIN)/python -m pytest tests/upgrade $(ARGS)

conformance: $(VENV)/.dev
	@PYTHON=$(BIN)/python tests/conformance/autobahn

fuzz: $(VENV)/.dev
	$(BIN)/python -m tests.fuzz.campaign $(ARGS)

soak: $(VENV)/.dev
	@echo "revurb: a node under everything at once for five minutes (SOAK_S=60 make soak for less)"
	SOAK_S=$${SOAK_S:-300} $(BIN)/python -m pytest -s tests/soak $(ARGS)

chaos: $(VENV)/.dev
	@echo "revurb: what can befall a Redis, as long as in life; about a quarter of an hour"
	CHAOS_LONG=1 $(BIN)/python -m pytest tests/chaos $(wildcard tests/bus/test_engine*.py) --timeout 300 $(ARGS)

STALLED := $(addprefix tests/,bus chaos cli hostile node processes transport webhooks e2e/test_server_sdk.py)

stalls: $(VENV)/.dev
	@echo "revurb: about nine minutes; make stalls ARGS='-k presence' for some tests"
	$(BIN)/python -m tests.chaos.stalls -- $(BIN)/python -m pytest $(STALLED) $(ARGS)

mutate: $(VENV)/.dev
	$(BIN)/python -m tests.mutation.campaign $(ARGS)

bare:
	@tests/bare/bare-root $(ARGS)

sanitize: $(VENV)/.dev
	PYTHON=$(BIN)/python tests/sanitize/sanitize $(ARGS)

check-instructions: $(VENV)/.dev
	@command -v valgrind >/dev/null || { echo "revurb: valgrind is missing: apt-get install valgrind" >&2; exit 1; }
	$(BIN)/python -m benchmarks.instructions.guard $(ARGS)

bench: $(VENV)/.bench
	$(BIN)/python -m benchmarks.micro.table
	benchmarks/peers/build --what-can
	$(BIN)/python -m benchmarks.load --short --rounds 2 --seconds 1 --write $(ARGS)
	$(BIN)/python -m benchmarks.fairness --short --seconds 1 --write

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	rm -rf tests/e2e/node_modules examples/chat/node_modules
	rm -f revurb/_speedups/*.so
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The kernels are built in place, so that sources and what runs are the same files.
$(VENV)/.serve: pyproject.toml setup.py $(KERNELS) | $(VENV)/bin/pip
	@echo "revurb: building the kernels and installing into $(VENV)"
	@$(BIN)/pip install --quiet --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml setup.py $(KERNELS) | $(VENV)/bin/pip
	@echo "revurb: building the kernels and installing into $(VENV), with what the tests need"
	@$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@ $(VENV)/.serve

$(VENV)/.demo: $(VENV)/.serve
	@echo "revurb: installing what the chat needs besides"
	@$(BIN)/pip install --quiet fastapi uvicorn python-multipart
	@touch $@

examples/chat/node_modules/.package-lock.json: examples/chat/package-lock.json
	@command -v npm >/dev/null || { echo "revurb: npm is missing: apt-get install npm" >&2; exit 1; }
	@echo "revurb: installing laravel-echo and pusher-js for the pages"
	@cd examples/chat && npm ci --no-audit --no-fund --silent
	@touch -c $@

$(VENV)/.site: $(VENV)/.serve
	@echo "revurb: installing what builds the site"
	@$(BIN)/pip install --quiet --editable '.[docs]'
	@touch $@

$(VENV)/.packages: $(VENV)/.dev
	@echo "revurb: installing what checks the packages"
	@$(BIN)/pip install --quiet --editable '.[dev,packages,webhooks,sql,encryption]'
	@touch $@

$(VENV)/.bench: $(VENV)/.dev
	@echo "revurb: installing what the benchmarks compare with"
	@$(BIN)/pip install --quiet --editable '.[dev,bench,peers]'
	@touch $@

$(VENV)/bin/pip:
	@command -v $(PYTHON) >/dev/null || { echo "revurb: $(PYTHON) is missing: apt-get install python3 (3.11 or later)" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "revurb: $(PYTHON) is too old: Python 3.11 or later is needed (make PYTHON=python3.12)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "revurb: $(PYTHON) has no venv: apt-get install python3-venv" >&2; exit 1; }
	@command -v "$${CC:-cc}" >/dev/null || { echo "revurb: a C compiler is missing: apt-get install gcc libc6-dev" >&2; exit 1; }
	@$(PYTHON) -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' || { echo "revurb: Python's C headers are missing: apt-get install python3-dev" >&2; exit 1; }
	@echo "revurb: making a virtual environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)
