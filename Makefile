# make run    install what is missing into .venv, then start the app
# make test   the same with the test tools and a browser, then every check
# make bench  the benchmarks (they want an idle machine)
# make clean  remove .venv and the caches
#
# Any Python of version 3.11 or newer will do; choose one with `make run PYTHON=/path/to/python3`.
# Written for GNU make 3.81 (macOS) as well as newer ones: no .ONESHELL, one shell line per step.

SHELL := /bin/sh
VENV := .venv
PY := $(VENV)/bin/python
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# A stamp's name holds the checksum of what was installed, so it is out of date exactly when the requirements change.
# It is written last: an interrupted set-up leaves none, and the next call goes on from there.
RUN_STAMP := $(VENV)/installed-run-$(shell cat requirements.txt | cksum | tr ' ' '-')
DEV_STAMP := $(VENV)/installed-dev-$(shell cat requirements.txt requirements-dev.txt | cksum | tr ' ' '-')

FITS := import sys; sys.exit(sys.version_info < (3, 11))
IMPORTS := import filelock, numpy, pandas, PIL, plotly, pydantic, safetensors, sklearn, streamlit, torch, torchvision, tqdm

.PHONY: help run test bench clean environment requirements requirements-dev browser
.DEFAULT_GOAL := help

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

run: requirements
	@$(PY) -m streamlit run app.py

test: requirements-dev browser
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(PY) -m pytest -m "not alone" -n 2 --dist loadfile --no-loadscope-reorder
	$(PY) -m pytest -m alone

bench: requirements-dev browser
	$(PY) benchmarks/drag.py
	$(PY) benchmarks/map.py
	$(PY) benchmarks/train.py
	$(PY) benchmarks/train.py --page
	$(PY) benchmarks/log_likelihood.py
	$(PY) benchmarks/nats_and_seconds.py --cost
	$(PY) benchmarks/gradients.py

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# One call of pip for everything, so that torch and torchvision come from one resolution; then a look whether they load.
INSTALL = echo "Installing $(1) into $(VENV). PyTorch is large: the first time takes a few minutes."; \
	$(PY) -m pip install -r $(1) || exit 1; \
	$(PY) -c '$(IMPORTS)' || { echo "make: the installed packages do not load: 'make clean', then try again." >&2; exit 1; }

requirements: environment
	@[ -e $(RUN_STAMP) ] && exit 0; \
	$(call INSTALL,requirements.txt); \
	rm -f $(VENV)/installed-*; touch $(RUN_STAMP)

requirements-dev: environment
	@[ -e $(DEV_STAMP) ] && exit 0; \
	$(call INSTALL,requirements-dev.txt); \
	rm -f $(VENV)/installed-*; touch $(RUN_STAMP) $(DEV_STAMP)

# An environment that works is left alone; one that is missing, half made, too old or without pip is made anew.
environment:
	@if $(PY) -c '$(FITS)' 2>/dev/null && $(PY) -m pip --version >/dev/null 2>&1; then exit 0; fi; \
	fits=; found=; \
	for name in $(if $(PYTHON),"$(PYTHON)",python3.13 python3.12 python3.11 python3); do \
	  "$$name" -c '$(FITS)' >/dev/null 2>&1 || continue; \
	  fits=$$name; \
	  "$$name" -c 'import ensurepip, venv' >/dev/null 2>&1 || continue; \
	  found=$$name; break; \
	done; \
	if [ -z "$$fits" ]; then \
	  echo "make: needs Python 3.11 or newer and found none$(if $(PYTHON), at $(PYTHON)): install one, or name it: make run PYTHON=/path/to/python3" >&2; exit 1; fi; \
	if [ -z "$$found" ]; then \
	  echo "make: $$fits cannot make environments (it lacks venv or ensurepip): on Debian and Ubuntu, apt-get install python3-venv" >&2; exit 1; fi; \
	echo "Making $(VENV) with $$("$$found" --version)."; \
	rm -rf $(VENV); \
	"$$found" -m venv $(VENV) || { rm -rf $(VENV); echo "make: $$found -m venv $(VENV) failed." >&2; exit 1; }

# The tests' browser: one that is there, else Debian's package where we may install it, else Playwright's own.
FIND_BROWSER = $(PY) tests/browser/driver.py
browser: requirements-dev
	@$(FIND_BROWSER) >/dev/null 2>&1 && exit 0; \
	echo "No Chromium or Chrome found: installing one for the tests."; \
	deps=; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
	  deps=--with-deps; \
	  apt-get update -qq; \
	  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null; \
	  $(FIND_BROWSER) >/dev/null 2>&1 && exit 0; \
	fi; \
	$(PY) -m playwright install $$deps chromium; \
	$(FIND_BROWSER)
