# make            builds nerd and its companion programs into bin/
# make help       lists everything else

PREFIX  ?= /usr/local
DESTDIR ?=
GO      ?= go
VERSION ?= $(shell git describe --tags --match 'v[0-9]*' --dirty 2>/dev/null || echo 0.1.0-dev)
COMMIT  ?= $(shell git rev-parse --short HEAD 2>/dev/null)
CONFIG  := github.com/nerd-cli/nerd/pkg/config
LDFLAGS := -s -w -X $(CONFIG).Version=$(patsubst v%,%,$(VERSION)) -X $(CONFIG).Revision=$(COMMIT)
SUDO    := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

.DEFAULT_GOAL := build
.PHONY: build engine criu deps fmt lint test test-unit test-e2e test-docker test-stress test-churn test-guest demo test-embed bench completions docs install uninstall clean help

build: ## build nerd and its companion programs into bin/ (the default)
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/nerd ./cmd/nerd-monitor ./cmd/nerd-logger ./cmd/nerd-resolver ./cmd/nerd-compose ./cmd/nerd-build ./cmd/nerd-image
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w -E main.entry' -o bin/ ./cmd/nerd-init

engine: ## build containerd, runc, CNI plugins and buildkitd; as root, install them
	hack/engine/build.sh

criu: engine ## install CRIU, which checkpoints need; from Debian 13, beside the engine
	hack/criu.sh

deps: ## install the system packages that building and testing need
	hack/deps.sh

fmt: ## format the source
	hack/lint.sh --fix

lint: ## gofmt, go vet, golangci-lint
	hack/lint.sh

test: deps build engine criu test-unit test-embed test-e2e ## everything: unit and end-to-end tests

test-unit: ## unit tests, with the race detector
	hack/test-unit.sh

test-e2e: build engine ## the scripts of test/e2e against nerd
	hack/test-e2e.sh nerd

test-embed: build engine ## a program of another module that runs containers
	$(SUDO) hack/test-embed.sh

test-docker: ## the same scripts against Docker
	hack/test-e2e.sh docker

test-stress: build engine ## two minutes of 64 clients at once, some of them killed
	NERD_TEST_STRESS="64 2m" NERD_TEST_TARGET=nerd go test -count=1 -v -run 'TestStress$$' ./test/e2e

test-churn: build engine ## 2,000 changes of networks by 16 clients at once, some of them killed
	NERD_TEST_CHURN="2000 16" NERD_TEST_TARGET=nerd go test -count=1 -v -timeout 60m -run 'TestNetworkChurn$$' ./test/e2e

test-guest: build engine ## a part of them in a virtual machine: systemd, cgroup v2, AppArmor, a reboot
	test/guest.sh

demo: deps build engine ## start an engine and show the main job
	$(SUDO) hack/demo.sh

bench: build engine ## time nerd beside docker, nerdctl, podman and ctr
	$(GO) run ./hack/bench

completions: build ## generate the scripts in completions/
	hack/completions.sh completions

docs: ## generate docs/compatibility.md
	$(GO) test ./pkg/cli/compat ./pkg/compose -run TestPage -update

install: build ## install below PREFIX, with the unit that restores containers after a boot
	hack/install.sh install '$(DESTDIR)' '$(PREFIX)'

uninstall: ## remove what install has laid down
	hack/install.sh uninstall '$(DESTDIR)' '$(PREFIX)'

clean: ## remove what was built
	rm -rf bin

help: ## print this list
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 14
