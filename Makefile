# Two commands matter: `make digits` and `make test`. `make help` lists the rest.
PYTHON ?= python3
BIN := .venv/bin
# What a learner needs, and that with all that tests and builds the course.
LEARNER := course,export
READY := .venv/.ready
TOOLS := .venv/.tools
# An environment whose Python has gone, with an upgrade of the system, is none.
$(shell [ -x $(BIN)/python ] || rm -f $(READY) $(TOOLS))

.PHONY: help digits test test-faults test-seeds test-matrix audit lab explore site clean pins mirrors badges bench robot pictures screenshots

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

digits: $(READY) ## teach a robot to draw digits; the pictures land in runs/digits
	$(BIN)/python -m mnistgan train

test: $(TOOLS) chromium ## everything that CI runs: lint, types, tests, every notebook
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	rm -rf build/runs
	@# Processes with a thread each: steps are too small for two threads to share.
	MNISTGAN_RUNS="$(CURDIR)/build/runs" MNISTGAN_PRESET=smoke \
	  TF_NUM_INTRAOP_THREADS=$${TF_NUM_INTRAOP_THREADS:-1} OMP_NUM_THREADS=1 \
	  $(BIN)/python -m pytest -n 3 --dist loadscope --no-loadscope-reorder

test-faults: $(TOOLS) ## the long form of the fault tests: 20 kills, 200 flipped bytes
	FAULTS=10 $(BIN)/python -m pytest -o addopts="" tests/test_faults.py

test-seeds: $(TOOLS) ## how near is each check on a trained robot to failing? (hours)
	$(BIN)/python tests/benchmarks/variants.py

test-matrix: $(TOOLS) ## the engine and notebooks 01-03 under every Python here (an hour)
	$(BIN)/python tests/tools/matrix.py

audit: $(TOOLS) ## are there known holes in what the course installs? (needs a network)
	$(BIN)/uv tool run pip-audit --requirement constraints.txt --no-deps --disable-pip

lab: $(READY) ## open the notebooks in JupyterLab
	$(BIN)/python -m mnistgan lab

explore: $(READY) ## the sliders of notebook 06 as a page, without the code
	$(BIN)/python -m mnistgan explore

site: $(READY) ## a little website, where your robots draw for visitors
	$(BIN)/python -m mnistgan site

# For the browser tests. Where it cannot be had, they are skipped, and pytest says so.
.PHONY: chromium
chromium:
	@for name in chromium chromium-browser google-chrome; do \
	  command -v $$name >/dev/null && exit 0; \
	done; \
	echo "Fetching Chromium for the browser tests: a minute or two."; \
	[ "$$(id -u)" = 0 ] || sudo="sudo -n"; \
	{ $$sudo apt-get update -qq && $$sudo apt-get install -qq -y chromium; } \
	  >/dev/null 2>&1 || echo "No Chromium here: the browser tests will be skipped."

# The preset that its notebooks are run with: `smoke` takes what `make test` has run.
PRESET ?= quick
.PHONY: book
book: $(TOOLS) ## the course as a web book, with all that the notebooks show
	MNISTGAN_PRESET=$(PRESET) $(BIN)/python tests/tools/book.py

clean: ## remove the environment and all that tests made; your runs stay
	rm -rf .venv build *.egg-info .pytest_cache .ruff_cache .mypy_cache
	find mnistgan tests notebooks -name __pycache__ -o -name .ipynb_checkpoints | xargs rm -rf

pins: $(TOOLS) ## refresh constraints.txt: the newest versions that go together
	$(BIN)/uv pip compile --upgrade --universal --python-version 3.10 --extra all \
	  --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
	  --output-file constraints.txt pyproject.toml

mirrors: $(TOOLS) ## copy the taught functions from the package into their notebooks
	$(BIN)/python tests/tools/course.py mirrors

badges: $(TOOLS) ## write the course's address everywhere: make badges REPO=owner/name
	$(BIN)/python tests/tools/course.py badges $(REPO)

bench: $(TOOLS) ## how fast is the step, how good the drawings, beside others? (an hour)
	@echo "Fetching PyTorch and JAX, which the course is compared with: some minutes."
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[bench]'
	$(BIN)/python tests/benchmarks/speed.py
	$(BIN)/python tests/benchmarks/cost.py
	$(BIN)/python tests/benchmarks/baselines.py

robot: $(READY) ## train the robot that comes with the course again, and judge it
	rm -rf runs/pretrained
	$(BIN)/python -m mnistgan train --preset full --seed 0 --out runs/pretrained
	cp runs/pretrained/generator.keras mnistgan/pretrained/digits.keras
	cp runs/pretrained/settings.json mnistgan/pretrained/digits.settings.json
	$(BIN)/python -m mnistgan judge --model mnistgan/pretrained/digits.keras \
	  --json mnistgan/pretrained/digits.json

screenshots: $(TOOLS) chromium ## take the pictures of website and notebook again
	-$(BIN)/python -m pytest -q -o addopts="" tests/test_browser.py tests/test_page.py
	$(BIN)/python images/make.py screenshots

pictures: $(TOOLS) ## make the pictures in images/ again
	$(BIN)/python images/make.py
	$(BIN)/python images/make_photos.py
	$(BIN)/python images/make_projects.py
	$(BIN)/python images/make_faces.py
	$(BIN)/python images/make_music.py
	$(BIN)/python images/make_workers.py
	$(BIN)/python images/make_faults.py
	$(BIN)/python images/make_flow.py

# uv fetches many packages at once: pip takes ten times as long. But where only pip
# knows the way (an index or a proxy in its own settings), pip goes. Of the lines that uv
# prints, four are kept, and a count of what has come. uv must be told to compile what it
# installs, as pip does: else the first import, or each one, takes three times as long.
# An environment of an unfit Python, or of one that has gone, is made anew: venv would
# keep its links.
FITS := import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))
define install
	@if [ -L $(BIN)/python ] || [ -e $(BIN)/python ]; then \
	  $(BIN)/python -c '$(FITS)' 2>/dev/null || rm -rf .venv; fi
	@[ -x $(BIN)/python ] || $(PYTHON) -c '$(FITS)' || { \
	  echo "The course needs Python 3.10 to 3.13: add PYTHON=python3.12 to this command."; \
	  exit 1; }
	@echo "It takes a minute on a quick line, and ten minutes on a slow one."
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --constraint constraints.txt uv
	@set -- --constraint constraints.txt --editable '.[$(1)]'; \
	  { $(BIN)/uv pip install --compile-bytecode --python $(BIN)/python "$$@" 2>&1 || \
	  { echo "Now pip tries it, silently, for some minutes."; \
	  $(BIN)/pip install --quiet "$$@" 2>&1; } || \
	  echo "FAILED"; } | while read -r first rest; do case "$$first" in \
	  Downloaded) n=$$((n + 1)); printf '\r  %s large packages fetched ' $$n ;; \
	  Downloading | Building | Built | Using | Uninstalled | [-+~]) ;; \
	  FAILED) exit 1 ;; *) printf '\n  %s %s' "$$first" "$$rest" ;; esac; done; \
	  status=$$?; echo; exit $$status
endef

$(READY): pyproject.toml constraints.txt
	@echo "Making the course's environment, .venv: 3.6 GB, this one time."
	$(call install,$(LEARNER))
	@touch $@

$(TOOLS): pyproject.toml constraints.txt
	@echo "Making the environment with all that tests the course, .venv: 4 GB."
	$(call install,all)
	@touch $(READY) $@
