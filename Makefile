# Everything is done in a virtual environment of its own, .venv, which is made by itself; the bench has another one.
# PYTHON is the interpreter that it is made with: 3.11 or newer.

.POSIX:
.PHONY: bench prove digits examples test lint format types drift vsix check clean constraints audit

PYTHON = python3
PYTHONS = $(PYTHON)
RUN = .venv/bin/python
CODE = gen tests bench editors examples
TYPICAL = mnist_cnn resnet mlp bilstm transformer policy
WIDTHS = 16,32,64,128,256,512,1024,2048
TRAINED = digits digits_conv digits_rows pairs half gap writer

# train the digits of scikit-learn, and see that at least 97 % of the unknown ones are read
digits: .venv/examples
	$(RUN) -m gen build examples/digits.nn
	$(RUN) examples/digits.py

# train every example that has a script, a few minutes in all, and see that each reaches what it promises
examples: .venv/examples
	$(RUN) -m gen build examples
	for name in $(TRAINED); do $(RUN) examples/$$name.py || exit 1; done

# lint, types, drift and tests: all that has to hold before a change is handed in
check: lint types drift test

test: .venv/test
	$(RUN) -m pytest -n auto --dist loadgroup

# the proofs that take some hours: all tests in full (20 steps of the largest system, every case beside Keras and without
# each pass, two thousand random models), every combination of arguments, every case under hostile names, a hundred
# thousand malformed files, two hundred kills while saving, building and training, an hour of training and predicting,
# and the Pythons of PYTHONS
prove: .venv/test
	GEN_PROVE=1 $(RUN) -m pytest -n auto --dist loadgroup
	$(RUN) -m tests.combinations
	$(RUN) -m tests.hostile_names 20
	$(RUN) -m tests.malformed 100000
	$(RUN) -m tests.kills 200
	$(RUN) -m tests.soak 3600
	$(RUN) -m tests.versions $(PYTHONS)

# set up the frameworks to compare with, measure everything beside them, and write it down: an hour on two idle cores
bench: .venv-bench/ready
	.venv-bench/bin/python -m bench --json bench/figures.json
	.venv-bench/bin/python -m bench $(TYPICAL) --tasks step,predict_batch,predict_one --json bench/typical.json
	.venv-bench/bin/python -m bench.scaling transformer --threads 1,2 --peers torch --json bench/scaling.json
	.venv-bench/bin/python -m bench.scaling policy --threads 1,2 --peers torch --json bench/scaling.json
	.venv-bench/bin/python -m bench.scaling mlp --widths $(WIDTHS) --threads 1,2 --peers torch --json bench/scaling.json
	.venv-bench/bin/python -m bench --results bench/figures.json bench/typical.json bench/scaling.json
	.venv-bench/bin/python -m bench.chart

lint: .venv/test
	$(RUN) -m ruff check $(CODE)
	$(RUN) -m black --check --quiet $(CODE)
	$(RUN) -m gen fmt --check --diff --quiet

# write the code as lint wants it
format: .venv/test
	$(RUN) -m ruff check --fix $(CODE)
	$(RUN) -m black --quiet $(CODE)
	$(RUN) -m gen fmt --quiet

types: .venv/test
	$(RUN) -m mypy --strict gen
	$(RUN) -m mypy --strict out/*.py

# fail if `gen build` would write other files than those in out/
drift: .venv/examples
	$(RUN) -m gen build examples --check

# package the extension for VS Code as editors/vscode/dist/nn-language-*.vsix; needs Node 20 or newer
vsix:
	cd editors/vscode && npm run package

.venv/examples: pyproject.toml constraints.txt .venv/python
	$(RUN) -m pip install --quiet --constraint constraints.txt --editable '.[examples]'
	touch $@

.venv/test: pyproject.toml constraints.txt .venv/python
	$(RUN) -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	touch $@ .venv/examples

# install the newest versions of everything, and write down which they are
constraints: .venv/python
	$(RUN) -m pip install --quiet --upgrade --editable '.[test]'
	(sed -n 1p constraints.txt; $(RUN) -m pip freeze --exclude-editable) > .venv/constraints.txt
	mv .venv/constraints.txt constraints.txt

# ask the advisories of the Python Packaging Authority about every package that is installed
audit: .venv/test
	$(PYTHON) -m venv .venv/audit
	.venv/audit/bin/python -m pip install --quiet pip-audit
	.venv/audit/bin/pip-audit --strict --no-deps --disable-pip --requirement constraints.txt

.venv-bench/ready: pyproject.toml
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --editable '.[bench]'
	touch $@

.venv/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "gen needs Python 3.11 or newer, this is " + sys.version)'
	$(PYTHON) -m venv .venv
	touch $@

clean:
	rm -rf editors/vscode/dist editors/vscode/node_modules
	rm -rf .venv .venv-bench build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
