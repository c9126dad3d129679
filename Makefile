# Two commands do everything: `make demo` and `make test`. `make help` lists the rest.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
FUZZING ?= 60
PROTOS := $(wildcard protos/somersault/v1/*.proto)
STAMP := $(VENV)/.installed
BUF := tools/buf.sh
PAGE := services/web/static/index.html
PAGE_SOURCES := $(shell find services/web/page -type f -not -path '*/node_modules/*')
export PATH := $(CURDIR)/$(BIN):$(PATH)
# The tests start hundreds of processes: without what Python keeps, each would compile the services anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup system demo label test check docs format protos lock bench soak faults audit sbom dist clean

help: ## list these targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: system $(STAMP) $(PAGE) ## make .venv with everything, build the pages, and install what the system lacks
	@$(if $(filter setup,$(MAKECMDGOALS)),echo "ready: . $(BIN)/activate && somersault doctor",:)

system:
	@tools/system.sh

$(STAMP): pyproject.toml tools/packages.sh $(wildcard requirements/*.txt)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	tools/packages.sh
	touch $@

$(PAGE): $(PAGE_SOURCES) | $(STAMP)
	tools/page.sh build

demo: setup ## teach a hopper a backflip from 60 comparisons and keep the video
	$(BIN)/somersault train hopper-backflip --teacher oracle --labels 60 --steps 1500000 || test $$? -eq 130 # Ctrl-C

# 70 answers are under five minutes at 15 a minute; two cores make the steps in about as long, and wait for answers.
label: setup ## teach a hopper a backflip yourself: five minutes of answering on the labeling page
	$(BIN)/somersault train hopper-backflip --labels 70 --steps 1500000 --pacing free || test $$? -eq 130 # Ctrl-C

# buf is installed when it is first called: once, before two tests call it at once.
test: setup ## pass the default tests (under 15 minutes on 2 cores)
	tools/buf.sh --version >/dev/null
	tools/tree.sh note $(VENV)/.tree
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -m 'not slow and not alone'
	$(BIN)/pytest -m 'alone and not slow'
	tools/tree.sh check $(VENV)/.tree

check: setup ## format, lint, types, protos and docs must be clean
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	tools/buf.sh lint protos
	tools/page.sh check
	tools/buf.sh breaking protos --against protos/released/v1.binpb
	$(BIN)/pytest -q tests/architecture tests/docs

docs: setup ## build the documents and the API reference as a site in build/site
	$(BIN)/sphinx-build -q -E -W --keep-going -c docs/site -d build/doctrees . build/site
	@echo "built: build/site/index.html"

format: setup ## format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

protos: $(STAMP) ## generate somersault/v1 and the pages' types from protos/
	$(BIN)/python -m grpc_tools.protoc -I protos --python_out=. --grpc_python_out=. \
	  --mypy_out=quiet:. --mypy_grpc_out=quiet:. $(PROTOS)
	$(BUF) generate --template services/web/page/buf.gen.yaml

lock: $(STAMP) ## lock what pyproject.toml asks for in requirements/; ARGS=--upgrade takes newer releases
	$(BIN)/python tools/lock.py $(ARGS)

bench: setup ## measure what docs/results.md claims
	$(BIN)/python -m benchmarks

soak: setup ## long runs: 200 pairs, a minute without a network, gRPC by buf, then seeds of the backflip
	$(BIN)/pytest -m slow tests/services/web
	$(BIN)/python -m benchmarks.learning.backflip_seeds
	$(BIN)/pytest -m slow tests/somersault/compliance
	$(BIN)/pytest -m slow tests/e2e tests/somersault/cli/exits
	$(BIN)/pytest -m slow tests/somersault/export
	$(BIN)/pytest -m slow tests/somersault/test_paths.py

faults: setup ## kill, cut, stop, fill and fuzz what runs, and tell what it broke; ARGS="--minutes 60" FUZZING=600
	$(BIN)/pytest -m slow tests/faults
	$(BIN)/python -m tests.faults $(ARGS)
	$(BIN)/python -m tests.fuzzing --duration $(FUZZING)

audit: setup ## ask whether a locked release has a known vulnerability
	$(BIN)/python tools/audit.py

sbom: setup ## write what is locked as a bill of materials (CycloneDX) in dist/
	$(BIN)/python tools/sbom.py

dist: setup ## build a wheel, a source archive and their bill of materials in dist/
	rm -rf dist
	$(BIN)/uv build -q
	$(BIN)/python tools/sbom.py

clean: ## remove what was built, keep runs
	rm -rf $(VENV) build dist *.egg-info services/web/static services/web/page/node_modules services/labeler/web
	cd examples/browser_front_end && rm -rf node_modules dist src/gen
