# Everything that a person or a machine does with this repository. `make` alone lists it.
#
# What is built lies outside of the clone: set CACHE or CARGO_TARGET_DIR to put it elsewhere.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.NOTPARALLEL:
.DEFAULT_GOAL := help

CACHE ?= $(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME),$(HOME)/.cache)/vivavoce
export CACHE
export CARGO_TARGET_DIR ?= $(CACHE)/target

CHANNEL := $(shell sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)
WASM := wasm32-unknown-unknown
SERVER := $(CARGO_TARGET_DIR)/release/vivavoce
BREAKABLE := $(CARGO_TARGET_DIR)/debug/vivavoce
WIRE := $(CARGO_TARGET_DIR)/debug/wire
SITE := target/site
# Browser part that the first load of a page needs, in bytes of brotli.
FIRST_LOAD_MAX := 250000

step = @printf '\n== %s\n' "$(1)"

.PHONY: help
help: ## List these targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: build ## Build what changed, serve, and say where
	$(call step,starting the server)
	@exec "$(SERVER)"

.PHONY: build
build: site ## Build the server with the site inside, in release
	$(call step,building the server)
	@# The stamp tells cargo about files of the site that were not there the last time.
	@VIVAVOCE_SITE="$$(tail -n +2 $(SITE).record | cksum)" cargo build --release --features ssr --bin vivavoce
	@echo "$(SERVER)"

.PHONY: site
site: toolchain ## Build the browser part into target/site
	$(call step,building the browser part)
	@cargo build --lib --target $(WASM) --profile wasm-release --no-default-features --features hydrate
	$(call step,bundling the site)
	@cargo build --profile bundle --features bundle --bin bundle
	@"$(CARGO_TARGET_DIR)/bundle/bundle" "$(CARGO_TARGET_DIR)/$(WASM)/wasm-release/vivavoce.wasm" $(SITE)

.PHONY: watch
watch: toolchain ## Develop: rebuild and reload on every change (installs cargo-leptos)
	@PATH="$$(dirname "$$(.ci/tool wasm-bindgen)"):$$(dirname "$$(.ci/tool cargo-leptos)"):$$PATH"; cargo leptos watch

.PHONY: test
test: fmt lint unit worklets wasm size e2e ## Install what the tests need and run all of them
	@printf '\n== all checks passed\n'

.PHONY: fmt
fmt: toolchain ## Check the formatting
	$(call step,formatting)
	@cargo fmt --check

.PHONY: lint
lint: toolchain ## Check server, browser part and bundle with clippy
	$(call step,clippy: server)
	@cargo clippy --features faults --all-targets -- -D warnings
	$(call step,clippy: browser part)
	@cargo clippy --lib --tests --target $(WASM) --no-default-features --features hydrate -- -D warnings
	$(call step,clippy: bundle)
	@cargo clippy --features bundle --bin bundle -- -D warnings

.PHONY: unit
unit: toolchain ## Run the unit and HTTP tests
	$(call step,unit and HTTP tests)
	@cargo test --features faults

.PHONY: worklets
worklets: ## Run the audio worklets' own tests
	$(call step,audio worklets)
	@"$$(.ci/tool node)" --test end2end/worklets/*.test.mjs

.PHONY: wasm
wasm: toolchain ## Run the browser part's own tests in a browser
	$(call step,browser part in a browser)
	@runner="$$(.ci/tool wasm-bindgen)-test-runner"; driver="$$(.ci/tool chromedriver)"; \
	CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER=".ci/wasm-test $$runner" CHROMEDRIVER="$$driver" \
	cargo test --lib --target $(WASM) --no-default-features --features hydrate

.PHONY: size
size: build ## Check what the first load of a page costs
	$(call step,first load)
	@bytes="$$(cat $(SITE)/pkg/vivavoce.*.{js,wasm,css}.br | wc -c)"; \
	echo "wasm, js and css: $$bytes bytes of brotli, at most $(FIRST_LOAD_MAX)"; \
	test "$$bytes" -le $(FIRST_LOAD_MAX)

.PHONY: e2e
e2e: build faults ## Run the page in a browser (SPEC=file for one)
	$(call step,page in a browser)
	@.ci/tool playwright >/dev/null
	@browser="$$(.ci/tool chromium)"; turn="$$(.ci/tool turnserver)"; nft="$$(.ci/tool nft)"; cd end2end; \
	CHROMIUM="$$browser" TURNSERVER="$$turn" NFT="$$nft" VIVAVOCE="$(SERVER)" FAULTS="$(BREAKABLE)" WIRE="$(WIRE)" \
	npx playwright test $(SPEC)

.PHONY: faults
faults: site ## Build a server and a line that fail on demand, unoptimised; `make unit` has done most of it
	$(call step,building the server with faults)
	@cargo build --features faults --bin vivavoce --bin wire
	@echo "$(BREAKABLE)"

.PHONY: bench
bench: build ## Measure provider and page: median, p95, and the ratio to a floor of the same run (RUNS=n for the page)
	$(call step,the embedded provider)
	@cargo bench --features ssr --bench provider
	$(call step,the page in a browser)
	@.ci/tool playwright >/dev/null
	@browser="$$(.ci/tool chromium)"; cd end2end; \
	CHROMIUM="$$browser" VIVAVOCE="$(SERVER)" npx playwright test --config bench.config.ts

.PHONY: toolchain
toolchain:
	@command -v rustup >/dev/null || { echo "rustup is needed: https://rustup.rs" >&2; exit 1; }
	@command -v cc >/dev/null || { echo "a C compiler is needed (Debian: apt-get install build-essential)" >&2; exit 1; }
	@rustup target list --installed --toolchain $(CHANNEL) 2>/dev/null | grep -q $(WASM) \
		&& cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 \
		|| rustup toolchain install $(CHANNEL) --no-self-update --profile minimal \
			--component rustfmt --component clippy --target $(WASM)
