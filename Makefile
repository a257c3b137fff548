# For GNU make 3.81 and any sh. `make` alone lists what there is.

PORT = 8000
VAR = var
EXAMPLES = 300
MAPPINGS = 100000
MINUTES = 60
FULL ?=
DATABASE_URL ?= postgres://postgres@127.0.0.1:5432/postgres
CELERY_BROKER_URL ?= redis://127.0.0.1:6379/9
# A Python that is new enough, unless you name one: make run PYTHON=/path/to/python3.12
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	if $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	then echo $$p; break; fi; done)

# Tests run beside each other, file by file, one file more than there are cores.
PARALLEL = -n auto --dist loadfile --no-loadscope-reorder

# Whatever the shell's environment says: compiled once, not by each process that a test starts.
export PYTHONDONTWRITEBYTECODE =

BIN = .venv/bin
MANAGE = $(BIN)/python manage.py
# Static checks and tests of the embedded default, whatever the shell's environment says.
EMBEDDED = DATABASE_URL= CELERY_BROKER_URL=memory://localhost
# Keys for one run and no other.
KEYS = SECRET_KEY=`$(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(60))'` \
	OTMS_ENCRYPTION_KEYS=`$(BIN)/python -c \
	'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'`
SERVICES = DATABASE_URL="$(DATABASE_URL)" CELERY_BROKER_URL="$(CELERY_BROKER_URL)" \
	OTMS_HTTPS=false $(KEYS)
PRODUCTION = DATABASE_URL=postgres://otms@127.0.0.1/otms CELERY_BROKER_URL=redis://127.0.0.1 \
	OTMS_ALLOWED_HOSTS=otms.example $(KEYS)
SCHEMA = docs/reference/openapi.json
MAKE_SCHEMA = $(EMBEDDED) $(MANAGE) spectacular --validate --fail-on-warn --format openapi-json
COMPILE = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --only-binary :all: --no-header pyproject.toml

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' Makefile

run: install ## try it: server, worker, a demo ERP and an order on its way (PORT=8000 VAR=var)
	@OTMS_VAR="$(VAR)" exec $(MANAGE) demo --port "$(PORT)"

test: install-dev ## everything that needs no server
	@$(EMBEDDED) $(BIN)/pytest $(PARALLEL)

check: static test ## what a change must pass: format, lint, types, layers, schema, tests

static: install-dev
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python .ci/scan.py
	@$(EMBEDDED) $(BIN)/python .ci/messages.py --check
	@$(EMBEDDED) $(MANAGE) makemigrations --check
	@$(PRODUCTION) $(MANAGE) check --deploy --fail-level WARNING
	@$(MAKE_SCHEMA) --file .venv/openapi.json
	@diff -u $(SCHEMA) .venv/openapi.json || \
		{ echo "The API is not what $(SCHEMA) says: look at the difference, then make schema"; exit 1; }

scan: install-dev ## secrets in any version of any file, locks, licences; pins that were withdrawn
	@$(BIN)/python .ci/scan.py --yanked && echo "Nothing was found."

stories: install-dev ## the tutorial, executed as it is printed: each call, status, milliseconds
	@$(EMBEDDED) $(BIN)/pytest -s tests/stories

walk: install-dev ## everything there is, as everybody, beside another platform and with planted secrets
	@$(EMBEDDED) $(BIN)/pytest -s -m long tests/walk tests/security

fuzz: install-dev ## made-up calls to every operation, more than 10,000, and 100,000 made-up mappings (EXAMPLES=300 MAPPINGS=100000 MINUTES=60)
	@OTMS_FUZZ_EXAMPLES=$(EXAMPLES) OTMS_FUZZ_MAPPINGS=$(MAPPINGS) OTMS_FUZZ_MINUTES=$(MINUTES) $(EMBEDDED) $(BIN)/pytest \
		--timeout 0 -n auto tests/fuzz

# `once` is what has no database and no broker in it: tests/conftest.py finds out.
test-services: install-dev ## on PostgreSQL and Redis: the same tests, if they have any of it, and more
	@$(SERVICES) $(BIN)/python .ci/reachable.py
	@$(SERVICES) $(BIN)/pytest $(PARALLEL) \
		-m "not chaos and not browser and not bench and not once"

browser: install-dev axe ## the admin in a headless Chromium: policy, journeys, axe-core, pictures
	@$(EMBEDDED) $(BIN)/pytest -m browser -n 0 tests/browser

screenshots: install-dev ## new pictures of the pages in docs/screenshots
	@OTMS_SCREENSHOTS=docs/screenshots $(EMBEDDED) $(BIN)/pytest -m browser -n 0 tests/browser/test_screenshots.py

axe: install-dev
	@$(BIN)/python -m pip install --quiet --no-deps --require-hashes --requirement tests/browser/axe.lock

chaos: install-dev ## start, kill and restart real processes, on PostgreSQL and Redis (FULL=1 for all)
	@$(SERVICES) $(BIN)/python .ci/reachable.py
	@FULL="$(FULL)" $(SERVICES) $(BIN)/pytest -n 2 --dist loadfile -m chaos tests/chaos tests/run

bench: install-dev ## speed, as ratios of one run: beside a plain Celery project and a bare client (FULL=1 for the full sizes)
	@$(SERVICES) $(BIN)/python .ci/reachable.py
	@FULL="$(FULL)" $(SERVICES) $(BIN)/pytest -m bench -n 0 tests/benchmarks

schema: install-dev ## write docs/reference/openapi.json
	@$(MAKE_SCHEMA) --file $(SCHEMA)
	@wc -c $(SCHEMA)

messages: install-dev ## bring the catalogs of other languages up to date with what is marked
	@$(EMBEDDED) $(BIN)/python .ci/messages.py

lock: ## choose new versions of everything (needs uv)
	@command -v uv >/dev/null || { echo "This needs uv: https://docs.astral.sh/uv/"; exit 1; }
	@$(COMPILE) --upgrade -o requirements.lock
	@$(COMPILE) --upgrade -c requirements.lock --group dev -o requirements-dev.lock
	@grep -c '^[a-z]' requirements.lock requirements-dev.lock

clean: ## remove .venv and caches; the data stays
	@rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

install:
	@$(call INSTALL,requirements.lock)

install-dev:
	@$(call INSTALL,requirements-dev.lock)

# What is installed already is seen by the lock file's digest; then no other Python is needed.
INSTALL = p="$(PYTHON)"; [ -n "$$p" ] || p=$(BIN)/python; \
	command -v "$$p" >/dev/null || { echo "No Python 3.11 or newer was found; install one, \
	or name one: make PYTHON=/path/to/python3.11 ..." | tr -s '\t ' ' '; exit 1; }; \
	"$$p" .ci/install.py $(1)

.PHONY: help run test check static scan stories walk fuzz test-services browser screenshots axe chaos bench schema messages lock clean install install-dev
