# Everything that a person or CI does with graylane. `make help` lists it.
#
# Each target does the set-up that it needs. Only target/ is written to, with one exception that set-up announces: where
# Rust comes from rustup, it adds the wasm target to the toolchain (GRAYLANE_NO_RUSTUP=1 forbids it). CARGO_TARGET_DIR
# is respected for what cargo builds; the finished modules and what set-up finds stand in target/ all the same.
# `make demo`, `make run` and `make bench` hand ARGS on: make demo ARGS=--help

.DEFAULT_GOAL := help
.SUFFIXES:
.PHONY: help setup module image push build demo run run-func-e test test-oldest reproducible test-mesh test-cluster test-etcd test-setup lint bench bench-engine budget reference dashboards pictures clean
.NOTPARALLEL:

# What set-up found, as a whole path: cargo runs tests in folders of their own.
WITH_ENVOY = ENVOY="$$(cat target/setup/envoy)"
# $(call program,NAME) runs one of the workspace; the first build shows its progress, later ones keep quiet.
program = $(WITH_ENVOY) cargo run $(if $(wildcard target/debug/$(1)),--quiet) -p $(1) --

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

setup: ## find or bring what is needed: the wasm target, wasm-opt, Envoy
	@setup/wasm-target.sh
	@setup/wasm-opt.sh
	@setup/envoy.sh

module: setup ## build the modules alone: graylane.wasm, graylane-telemetry.wasm, graylane-watch.wasm, noop.wasm
	@setup/module.sh

image: ## put both modules of the filter into OCI images: target/image, a layout that any registry tool can push
	@setup/wasm-target.sh
	@setup/module.sh graylane graylane-telemetry
	@setup/image.sh

push: $(if $(REGISTRY),image) ## push them: make push REGISTRY=host/path [TAG=name]
	@REGISTRY="$(REGISTRY)" TAG="$(TAG)" setup/push.sh

build: module ## build everything: the modules, the tools, the demo
	cargo build --workspace

demo: setup ## tell the whole story on a real Envoy and check it
	@setup/module.sh graylane
	@$(call program,graylane-demo) demo $(ARGS)

run: setup ## start Envoy, the module and services behind it, and leave them up to try
	@setup/module.sh graylane
	@$(call program,graylane-demo) run $(ARGS)

run-func-e: setup ## start envoy/lane-header.yaml under func-e (needs Go)
	@setup/module.sh graylane
	@setup/func-e.sh run

test: module ## all tests, on a real Envoy, etcd, ZooKeeper and Prometheus
	@setup/servers.sh
	$(WITH_ENVOY) cargo test --workspace -- $$(setup/servers.sh skip)
	@setup/func-e.sh test
	@setup/uncovered.sh

test-oldest: module ## the tests again, on the oldest supported Envoy
	@setup/envoy.sh oldest
	@setup/servers.sh
	ENVOY="$$(cat target/setup/envoy-oldest)" cargo test --workspace -- $$(setup/servers.sh skip)

test-mesh: setup ## the manifests in istio/ and what graylane renders, held to Istio's own code and a real Envoy (needs Go; cold, some minutes)
	@setup/module.sh graylane graylane-telemetry
	@setup/image.sh
	@setup/mesh.sh

test-cluster: setup ## kubernetes/ and istio/ in a real Kubernetes with a real istiod (needs Go; cold, some minutes)
	@setup/module.sh graylane
	@setup/cluster.sh

test-etcd: module ## what may happen to etcd, its members and its users, again with etcd 3.6 (needs Go; cold, some minutes)
	@setup/servers.sh
	@setup/cluster-build.sh
	$(WITH_ENVOY) ETCD="$$(cat target/setup/etcd-3.6)" cargo test --workspace --test watch -- real_etcd::access real_etcd::documents real_etcd::faults real_etcd::members

reproducible: ## build the modules twice in different places and compare them
	@setup/reproducible.sh

test-setup: ## build the wasm target's std from source, as where rustup cannot help
	@setup/wasm-target-test.sh

lint: ## formatting, lints, documentation, dead links, what must not be in the tree
	@setup/wasm-target.sh
	@setup/lint.sh

bench: module ## what a request costs Envoy, beside a filter that does nothing
	@$(call program,graylane-bench) $(ARGS)

bench-engine: ## what the engine costs by itself: a request, a policy (the first build takes some minutes)
	@cargo bench -p graylane --bench engine -- $(ARGS)

budget: module ## write down anew what a request may cost in wasm instructions (the tests hold it to that)
	GRAYLANE_WRITE_BUDGET=1 cargo test -p graylane-bench --test budget
	git --no-pager diff --stat tests/bench/budget.json

reference: ## write docs/policy.md and docs/facts.md anew, from the types (the tests hold them to these)
	@mkdir -p target
	@cargo run --quiet -p graylane-cli -- schema --markdown > target/policy.md
	@cargo run --quiet -p graylane-cli -- schema --facts --markdown > target/facts.md
	@mv target/policy.md target/facts.md docs
	git --no-pager diff --stat docs/policy.md docs/facts.md

dashboards: ## write Grafana's dashboards and the PrometheusRule anew, from dashboards/panels and the rules (a test holds them to it)
	@cargo run --quiet -p graylane-dashboards
	git --no-pager diff --stat dashboards

pictures: module ## draw docs/pictures anew, from what a real Prometheus finds in real Envoys under load (two minutes)
	@setup/servers.sh
	$(WITH_ENVOY) GRAYLANE_WRITE_PICTURES=1 cargo test -p graylane-dashboards --test dashboards -- real_etcd

clean: ## remove target/, and nothing else
	rm -rf target
	@[ -z "$$CARGO_TARGET_DIR" ] || echo "left alone: CARGO_TARGET_DIR=$$CARGO_TARGET_DIR"
