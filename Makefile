# Two commands matter to a newcomer: `make demo` and `make test`. Both set up what they need.
PYTHON ?= python3
BIN := .venv/bin
PYTEST_ARGS ?=
# Much of what the tests do is waiting, so that two processors are enough for three processes.
# What shares a fixture stays together (tests/support/sharing.py).
IN_PARALLEL ?= -n 3 --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help demo test e2e check docs format generate recording bench setup clean

help: ## Show this list
	@grep -E '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9]+):.*## (.*)/  make \1\t\2/' | expand -t 20

setup: .venv/.installed ## Install the locked environment into .venv

.venv/.installed: pyproject.toml uv.lock scripts/bootstrap.py
	@$(PYTHON) scripts/bootstrap.py
	@touch $@

demo: setup ## Run an example on a real API server of its own, from apply to exit code
	@$(BIN)/python -m scripts.demo

test: setup ## Run every tier of tests that this machine can run
	@$(BIN)/python -m tests.cluster build || echo "Going on without a control plane."
	@$(BIN)/python -m pytest $(IN_PARALLEL) $(PYTEST_ARGS)

e2e: setup ## Run the tests on a real node of their own; needs root on Linux
	@$(BIN)/python -m tests.cluster build --node
	@$(BIN)/python -m pytest tests/e2e $(PYTEST_ARGS)

check: setup ## Format, lint, types, import contracts, generated files, documentation
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy tests scripts benchmarks
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m scripts.generate --check
	$(BIN)/python -m scripts.site

recording: setup ## Record the terminal session of the README
	@$(BIN)/python -m scripts.recording

docs: setup ## Build the documentation site, with every link checked
	@$(BIN)/python -m scripts.site

format: setup ## Format and fix what can be fixed by itself
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

generate: setup ## Write the generated files anew
	@$(BIN)/python -m scripts.generate

bench: setup ## Measure, side by side with plain Ray Data
	@$(BIN)/python -m benchmarks

clean: ## Remove everything that was installed or made
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis build out
