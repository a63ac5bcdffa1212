# A thin front for CMake. Every target installs the Debian packages that it needs and misses.

PREFIX ?= /usr/local
ONLY ?=
TIME ?= 60
KILLS ?= 10000
SEED ?=
ROUND ?=

.PHONY: build dev demo test soak fuzz bench install format lint generate clean

build: ## build/release/{nightjard,nightjar-worker,nightjar-engine,nightjar,nj}
	@.ci/install build
	@[ -f build/release/build.ninja ] || cmake --preset release -DBUILD_TESTING=OFF > /dev/null
	@cmake --build --preset release --target programs

dev: ## build/dev: ASan, UBSan, warnings are errors
	@.ci/install build test
	@[ -f build/dev/build.ninja ] || cmake --preset dev > /dev/null
	@cmake --build --preset dev

demo: build ## does the speaker split matter? queue, watch, read the answer (under a minute)
	@examples/demo.sh

test: dev ## all tests, in both builds
	@cmake --preset release -DBUILD_TESTING=ON > /dev/null && cmake --build --preset release --target system-tests
	@tests/run.sh

soak: build ## make soak KILLS=10000 [SEED= ROUND=]: daemon, workers, engines and commands killed for hours
	@PYTHONPATH=tests NIGHTJAR_SOURCE=$(CURDIR) NIGHTJAR_BUILD=$(CURDIR)/build/release \
		python3 -B tests/fault/soak.py $(KILLS) $(SEED) $(ROUND)

fuzz: ## make fuzz TIME=60: each fuzzer for so many seconds (clang)
	@.ci/install build test fuzz
	@[ -f build/fuzz/build.ninja ] || cmake --preset fuzz > /dev/null
	@cmake --build --preset fuzz --target fuzz.wire fuzz.journal fuzz.spec fuzz.csv fuzz.source fuzz.setting
	@tests/fuzz/run.sh $(TIME)

bench: build ## make bench ONLY=train: figures beside their peers; build/bench.jsonl
	@.ci/install bench
	@tests/bench/run.sh $(ONLY)

install: build ## PREFIX=/usr/local, DESTDIR=
	@cmake --install build/release --prefix $(PREFIX)

format: ## clang-format, in place
	@.ci/install lint
	@git ls-files '*.c' '*.h' | xargs clang-format -i

lint: dev ## format check and clang-tidy
	@.ci/install lint
	@.ci/lint

generate: dev ## refresh what is generated and checked in
	@tests/generate.sh

clean:
	@rm -rf build

help:
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 12
