# `make demo` and `make test` set up all they need in .venv; run `make` for the list.
.DEFAULT_GOAL := help
PYTHON := .venv/bin/python
SETUP := pyproject.toml constraints.txt scripts/setup.sh scripts/setup_env.py
DEMO ?= dominoes

.PHONY: help addon demo test test-slow lint types bench docs scenes clean

help:  ## this list
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

.venv/.use: $(SETUP)
	@sh scripts/setup.sh
	@touch $@

.venv/.dev: $(SETUP)
	@sh scripts/setup.sh dev
	@touch .venv/.use $@

demo: .venv/.use  ## a shipped Blender scene becomes a video (DEMO=name for another)
	@$(PYTHON) -m simcraft demo $(DEMO) --open

test: .venv/.dev  ## the tests, without the slow ones and those that need a Blender executable or a browser
	@$(PYTHON) -m pytest -m "not slow and not blender and not browser" $(ARGS)

test-slow: .venv/.dev  ## the rest of the tests
	@$(PYTHON) -m pytest -m "slow or blender or browser" $(ARGS)

lint: .venv/.dev  ## style and types
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy

bench: .venv/.dev  ## the benchmarks, quick versions
	@for name in observe preview warp volumes voxels fluids agents materials dataset motioncraft_networks; do $(PYTHON) -m benchmarks.$$name --quick || exit 1; done

docs: .venv/.dev  ## the documentation site, in site/
	@NO_MKDOCS_2_WARNING=1 $(PYTHON) -m mkdocs build --strict --quiet

addon: .venv/.dev  ## the Blender add-on's zips, in dist/
	@$(PYTHON) scripts/build_addon.py

scenes:  ## build the shipped scenes again (needs Blender 3.4, the oldest supported one, on PATH)
	@blender -b --factory-startup --python-exit-code 1 -P scripts/build_scenes.py

clean:  ## remove what was made
	@rm -rf .venv site build dist out .pytest_cache .mypy_cache .ruff_cache
