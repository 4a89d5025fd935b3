# The verbs of this project. `make demo` and `make test` are all a newcomer needs.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.installed
# Test processes; each starts a Kafka and a PostgreSQL of its own (about 1.5 GiB), and waits for them much of the time
TEST_PROCESSES ?= $(shell $(PYTHON) -c 'import os; print(min(4, os.cpu_count() or 1))')

.PHONY: demo sandbox test test-long lint bench chaos chaos-long crash-images reliability state-machine simulation install lock clean
.DEFAULT_GOAL := demo

demo: $(READY)  ## hospitals, exchange and a real Kafka on this machine; ends with a proof
	@$(BIN)/lienvien demo

sandbox: $(READY)  ## the same world, kept running until Ctrl-C, with its pages open for a browser
	@$(BIN)/lienvien sandbox

test: $(READY)  ## everything that must hold; files are shared out among the processors
	@$(BIN)/python -m pytest -m "not long" --numprocesses $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder

test-long: $(READY)  ## death at each line of the crash order, and databases that come back from backups
	@$(BIN)/python -m pytest -m long

lint: $(READY)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(READY)  ## speed and size, printed as a table and written to build/bench.json
	@$(BIN)/python -m tests.bench

chaos: $(READY)  ## real processes under real faults: make chaos [SEED=7] [SECONDS=120]; build/chaos keeps what was written
	@$(BIN)/python -m tests.chaos $(if $(SEED),--seed $(SEED)) $(if $(SECONDS),--seconds $(SECONDS))

chaos-long: $(READY)  ## the same, round after round with other seeds: make chaos-long HOURS=8 [SEED=1]
	@$(BIN)/python -m tests.chaos --hours $(or $(HOURS),1) $(if $(SEED),--seed $(SEED)) $(if $(SECONDS),--seconds $(SECONDS))

crash-images: $(READY)  ## what a power cut could leave of every database and folder: make crash-images [IMAGES=60000] [SEED=1]
	@$(BIN)/python -m tests.power_cut $(if $(IMAGES),--images $(IMAGES)) $(if $(SEED),--seed $(SEED))

state-machine: $(READY)  ## the exchange against a small dictionary model: make state-machine [STEPS=20000] [SEED=…]
	@$(BIN)/python -m tests.statemachine --steps $(or $(STEPS),20000) $(if $(SEED),--seed $(SEED))

simulation: $(READY)  ## the real exchange and real connectors in virtual time: [SEEDS=1-5] [SITES=4] [HOURS=6]
	@$(BIN)/python -m tests.simulation --seeds $(or $(SEEDS),1-5) --sites $(or $(SITES),4) --hours $(or $(HOURS),6)

reliability: $(READY)  ## every harness one after the other, then docs/reliability.md; RELIABILITY="--rounds 1" for less
	@$(BIN)/python -m tests.reliability $(RELIABILITY)

install: $(READY)

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Cần Python 3.11 trở lên. / Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11")'
	@echo "Đang cài đặt vào .venv (khoảng một phút) / installing into .venv (about a minute)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

lock: $(READY)  ## after changing dependencies in pyproject.toml
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --python-version 3.11 \
		--extra local --extra test --no-emit-index-url --no-emit-find-links pyproject.toml --output-file requirements.lock

clean:
	rm -rf .venv build .mypy_cache .ruff_cache .pytest_cache .hypothesis
