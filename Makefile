# Every target: `make help`. CI calls only these.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

BINARIES    := authd chatd client healthd lab logd logger
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0
INVENTORIES := lab ha
VERSION     := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
GOFLAGS     := -trimpath -buildvcs=false
export CGO_ENABLED = 0
export GOFLAGS

.PHONY: help build packages release up check drill down test e2e debian13 rehearse full grow vm lint fmt templates dashboards pictures bench bench-events clean

help: ## list every target
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

build: ## build the programs into bin/
	go build -ldflags '-s -w -X chatlab/src/app.version=$(VERSION)' -o bin/ $(BINARIES:%=./src/cmd/%)

packages: build ## build the .deb and .rpm packages into dist/
	go run ./src/packaging

release: ## packages, archives, list of modules and sums of a release into dist/release, for amd64 and arm64; twice gives the same bytes
	go run ./src/packaging -release -out dist/release

up: build ## bring the lab up on this machine and prove it
	bin/lab up

check: ## prove that the lab which is up works
	bin/lab check

drill: ## break the lab which is up on purpose, every drill for 5 s, with a verdict
	bin/lab drill --for 5s

down: build ## take the lab down; no process, no port left
	bin/lab down

# Many packages wait for real servers most of their time, so more of them run at once than there are processors.
test: build ## all tests, fuzzing and the local lab's check
	.ci/packages chromium netcat-openbsd zsh mariadb-server zabbix-server-mysql zabbix-agent zabbix-agent2 zabbix-frontend-php php-cli php-mysql php-curl gcc libc6-dev ansible rpm vagrant vagrant-libvirt
	CGO_ENABLED=1 go test -race -p 4 -timeout 30m ./src/...
	.ci/fuzz 20s
	.ci/local-lab

e2e: build ## three machines from nothing to a proven lab and away again; needs root
	.ci/e2e

debian13: build ## three machines of Debian 13, a proven lab, and away again; needs root
	.ci/debian13

rehearse: build ## CentOS 7's profile on machines of Debian 11, for each of INVENTORIES (lab and ha); needs root
	.ci/rehearse $(INVENTORIES)

full: build ## the stages that do not fit into CI: growing, power cuts, all incidents, the documents' blocks for root and machines, HA of the rehearsal, e2e on Debian 13, virtual machines; needs root
	.ci/grow
	.ci/power
	.ci/incidents
	CHATLAB_DOCUMENTS=root go test ./src/cmd/lab -run '^TestDocumentsRun$$' -count=1 -v -timeout 60m
	CHATLAB_DOCUMENTS=machines go test ./src/cmd/lab -run '^TestDocumentsRun$$' -count=1 -v -timeout 60m
	.ci/rehearse ha
	PROFILE=debian13 .ci/e2e
	.ci/vm

grow: ## a fourth machine joins a lab of three and leaves it again, under load; needs root
	.ci/grow

vm: build ## the lab on three virtual machines of libvirt and away again; needs root
	.ci/vm

lint: ## formatting, vet, static analysis, known vulnerabilities, YAML, shell
	.ci/packages yamllint shellcheck ansible ansible-lint
	@unformatted=$$(gofmt -l src); test -z "$$unformatted" || { echo "gofmt: run \`make fmt\`: $$unformatted"; exit 1; }
	go mod tidy -diff
	go vet ./src/...
	go vet -tags bench ./src/bench
	go vet -tags drop_unacked ./src/event
	go vet -tags mutant ./src/chat
	go vet -tags fuzz ./src/auth ./src/cmd/client
	go run $(STATICCHECK) -tags bench ./src/...
	.ci/vulncheck $(GOVULNCHECK)
	yamllint -s .
	cd ansible && for play in site check rotate reset render; do ansible-playbook --syntax-check -i tests/inventory $$play.yml >/dev/null; done
	cd ansible && ansible-lint --strict -q
	shellcheck -s sh -e SC2154 src/packaging/scripts/*.sh ansible/roles/preflight/files/probe.sh
	shellcheck -x .ci/run .ci/e2e .ci/debian13 .ci/rehearse .ci/grow .ci/power .ci/incidents .ci/vm .ci/steps .ci/machines .ci/packages .ci/fuzz .ci/local-lab .ci/vulncheck
	shellcheck -x vagrant/inside.sh vagrant/boxes/common vagrant/boxes/debian12 vagrant/boxes/el7

fmt: ## format the Go code
	gofmt -w src

templates: ## write the Zabbix templates from their description
	go run ./src/gen templates zabbix/templates

dashboards: ## write the Grafana dashboards from their description
	go run ./src/gen dashboards grafana/dashboards

pictures: ## make grafana/pictures of a running Grafana: GRAFANA=address PASSWORD=file
	go run ./src/grafana/pictures --grafana '$(GRAFANA)' --password '$(PASSWORD)'

# In its own folder, as Go passes on what the tests of a package that it is given print only when one fails.
bench: build ## measure, each figure beside its limit (four minutes or five)
	@cd src/bench && CHATLAB_BIN=$(CURDIR)/bin go test -tags bench -count=1 -timeout 15m

bench-events: build ## measure `lab events` and `lab check` at a million events (ten minutes)
	@cd src/bench && CHATLAB_BIN=$(CURDIR)/bin BENCH_LOG_SIZES=42000,1000000 go test -tags bench -count=1 -timeout 60m -run '^TestEventLog$$'

clean: ## remove what was built; a lab must be down
	@if test -e .lab/local; then echo "clean: error: the lab's state is in .lab: run \`bin/lab down --purge\` first" >&2; exit 1; fi
	@if [ -n "$$(ls -l /proc/[0-9]*/exe 2>/dev/null | grep ' -> $(CURDIR)/bin/' || true)" ]; then echo "clean: error: programs of bin/ run: take their lab down first, \`bin/lab down --state FOLDER\`" >&2; exit 1; fi
	rm -rf bin dist
