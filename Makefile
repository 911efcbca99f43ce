# `make demo` and `make test` do everything on a fresh machine. ARGS="…" is passed on to the program.
.PHONY: install demo design test a11y coverage check compose-check bench chaos soak fuzz format lock
.DEFAULT_GOAL := check

BIN := .venv/bin
INSTALLED := .venv/.installed
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)

install: $(INSTALLED)

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Carepath needs Python 3.11 or newer. Debian: apt install python3 python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "Debian: apt install python3-venv" >&2; exit 1; }

# The project itself stands where it is; what it needs is installed from the hash-locked list, and nothing else stays:
# what somebody installed by hand would hide that the list lacks it.
$(INSTALLED): requirements/dev.txt pyproject.toml client/pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/uv pip sync --quiet --require-hashes requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable . --editable client
	@touch $@

demo: $(INSTALLED) design
	$(BIN)/carepath demo $(ARGS)

# Designsystemet from npm, pinned with its integrity; not in the repository. Pages are readable without it.
DESIGN := carepath/ui/static/design
design: $(DESIGN)/theme.css

$(DESIGN)/theme.css: design/package.json design/package-lock.json
	@if command -v npm >/dev/null && npm ci --prefix design --ignore-scripts --no-audit --no-fund --loglevel=error; then \
		mkdir -p $(DESIGN) && cp design/node_modules/@digdir/designsystemet-css/dist/src/index.css $(DESIGN)/designsystemet.css \
		&& cp design/node_modules/@digdir/designsystemet-theme/brand/digdir.css $(DESIGN)/theme.css; \
	else echo "Without npm the pages have our own stylesheet alone. Debian: apt install nodejs npm" >&2; fi

# A database waits for the disk at every commit; a RAM disk with a gigabyte to spare does not keep it waiting.
RAM = $(shell test -w /dev/shm && df -Pk /dev/shm | awk 'NR == 2 && $$4 > 1048576 { print "/dev/shm" }')

# Three quarters of the tests wait for a server, so two workers suit a small machine.
test coverage: export PYTEST_DEBUG_TEMPROOT ?= $(RAM)
test: $(INSTALLED) design
	$(BIN)/pytest -n 2 $(ARGS)

# Every page in every language, theme, width and state; CI takes pairs of them.
a11y: export CAREPATH_A11Y = all
a11y: $(INSTALLED) design
	$(BIN)/pytest tests/e2e/test_accessibility.py tests/e2e/test_pathway.py $(ARGS)

# The same tests, counted: half as long again.
coverage: $(INSTALLED)
	$(BIN)/pytest -n 2 --cov --cov-report=term $(ARGS)
	@printf 'Coverage of pathways, fhir_mappings, schemas (aim: 100): '
	@$(BIN)/coverage report --include='pathways/*,fhir_mappings/*,schemas/*' --format=total --fail-under=0

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/python scripts/house.py
	$(BIN)/python -m scripts.contracts --check
	$(BIN)/mypy

# compose.yaml as its users run it; where no Docker answers, stand-ins beside the repository lend one.
compose-check: $(INSTALLED)
	scripts/compose-check

bench: $(INSTALLED)
	$(BIN)/python -m bench $(ARGS)

# Kafka to Kafka while everything is killed; half an hour of steady load, and then a region's year in its own time (hours,
# unless YEAR is fewer days). ARGS="--seed N" repeats a run, of the load alone.
chaos soak: export PYTEST_DEBUG_TEMPROOT ?= $(RAM)
chaos: $(INSTALLED)
	$(BIN)/python -m tests.chaos --messages 50000 --faults 40 $(ARGS)

soak: $(INSTALLED)
	$(BIN)/python -m tests.chaos.soak --minutes 30 $(ARGS)
	$(if $(ARGS),,$(BIN)/python -m bench.watching $(YEAR))

YEAR ?= 365

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# A million inputs for each reader of strangers' bytes; what it finds stays in .fuzz, and it goes on from there. Then
# 200 requests of each kind by each kind of caller.
fuzz: $(INSTALLED)
	$(BIN)/python -m tests.fuzz $(ARGS)
	$(if $(ARGS),,SCHEMATHESIS_EXAMPLES=200 $(BIN)/pytest -q --timeout 3600 $(wildcard tests/integration/test_schemathesis*.py))

# Breaks the rules of access and of the access log in every place, and counts what the tests notice. ARGS="sight bars": those.
mutate: $(INSTALLED)
	$(BIN)/python -m scripts.mutate $(ARGS)

# Renews the locks after a change of dependencies; LOCK="--upgrade" takes newer versions too.
LOCKED := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links $(LOCK) pyproject.toml
lock: $(INSTALLED)
	$(LOCKED) --group build --output-file requirements/run.txt
	$(LOCKED) --group dev --output-file requirements/dev.txt
