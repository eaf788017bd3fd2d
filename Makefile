# `make` lists the targets.
ISA ?= v3
ARCH ?= amd64
ARGS ?=
FILTER ?=
CONFIGURATION ?= Release

export DOTNET_NOLOGO = 1
export DOTNET_CLI_TELEMETRY_OPTOUT = 1
export DOTNET_CLI_WORKLOAD_UPDATE_NOTIFY_DISABLE = true
export DOTNET_GENERATE_ASPNET_CERTIFICATE = false
export DOTNET_CLI_USE_MSBUILD_SERVER = 0
export MSBUILDDISABLENODEREUSE = 1

.DEFAULT_GOAL := help
.PHONY: help setup run test test-arm64 abuse fuzz soak deb reproduce upgrade-test build publish bench bench-micro bench-guard bench-crypto dudect secret-code deploy-test sim sim-mutations mutations model chaos fmt fmt-check clean

help: ## this list
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

setup:
	@command -v dotnet >/dev/null || { echo "make: the .NET 10 SDK is needed (dotnet is not on PATH)" >&2; exit 1; }
	@bash eng/native.sh

run: publish ## a local cluster of four validators under load; ARGS="--rate 5000 --duration 1m" and so on
	@artifacts/validator localnet $(ARGS)

test: build publish ## every test, the published binary's too; FILTER=... as for dotnet test
	@FILTER='$(FILTER)' CONFIGURATION=$(CONFIGURATION) bash eng/test.sh

test-arm64: build publish ## the AArch64 binary under qemu-user: self-test, vectors, a cluster of both architectures under load
	@bash eng/publish.sh arm64
	@VALIDATOR_ARM64=1 FILTER='FullyQualifiedName~Arm64Tests' CONFIGURATION=$(CONFIGURATION) bash eng/test.sh

abuse: build publish ## attacks on real processes at full length: strangers, liars, disks, fuzzing; prints what was done; ARGS= narrows by test name
	@bash eng/abuse.sh $(ARGS)

fuzz: setup ## coverage-guided fuzzing of every parser (SharpFuzz; AFL++, which root installs); MINUTES=10, JOBS=2, KEEP=1, ARGS="frames toml"; artifacts/fuzz/crashes
	@CONFIGURATION=$(CONFIGURATION) JOBS=$(JOBS) KEEP=$(KEEP) bash eng/fuzz.sh $(or $(MINUTES),10) $(ARGS)

soak: publish build ## MINUTES=30 of load with restarts and leader kills: flat memory, threads, files, databases; artifacts/soak/report.md
	@dotnet run --no-build -c $(CONFIGURATION) --project Validator.Bench -- soak --binary artifacts/validator --minutes $(or $(MINUTES),30) --rate $(or $(RATE),300) --out artifacts/soak

build: setup ## compiles everything for the JIT
	@dotnet build Validator.sln -c $(CONFIGURATION) -v:q -clp:NoSummary

publish: setup ## artifacts/validator, one static binary; ISA=v4 (AVX-512) or ARCH=arm64 make artifacts/validator-v4, -arm64
	@bash eng/publish.sh $(if $(filter arm64,$(ARCH)),arm64,$(ISA))

deb: publish ## artifacts/validator_VERSION_ARCH.deb with a hardened systemd unit; ARCH=arm64 for that
	@bash eng/deb.sh $(ARCH)

upgrade-test: build ## four validators of an older commit's build become this one under load; migration and rollback between formats; ARGS=COMMIT
	@CONFIGURATION=$(CONFIGURATION) bash eng/upgrade.sh $(ARGS)

reproduce: setup ## builds HEAD twice in two folders and compares binary, package and SBOM byte for byte; artifacts/reproduce
	@bash eng/reproduce.sh

bench: publish build ## a cluster from idle to saturation, beside other systems; ARGS="--seconds 5 --rates 1000,5000" and so on
	@dotnet run --no-build -c $(CONFIGURATION) --project Validator.Bench -- macro $(ARGS)

bench-micro: build ## parts alone, with allocations; ARGS="--filter *Name*" as for BenchmarkDotNet
	@dotnet run --no-build -c $(CONFIGURATION) --project Validator.Bench -- micro $(if $(ARGS),$(ARGS),--filter '*')

bench-guard: publish build ## ratios of this machine's own speeds against bounds: what got slower by itself
	@dotnet run --no-build -c $(CONFIGURATION) --project Validator.Bench -- guard $(ARGS)

bench-crypto: build ## a table of signatures and hashes against OpenSSL, one path after the other
	@dotnet run --no-build -c $(CONFIGURATION) --project Validator.Bench -- crypto

dudect: build ## a t-test of signing and decapsulation for secret-dependent time; ARGS=60 for seconds a test
	@dotnet run --no-build -c $(CONFIGURATION) --project Validator.Bench -- dudect $(ARGS)

secret-code: ## instructions, divisions and branches of the functions that handle secrets in the published binary; ISA=v4, ARGS=function lists one
	@bash eng/secret-code.sh $(ISA) $(ARGS)

deploy-test: publish ## manifests, chart, Terraform, dashboards and scripts of deploy/, checked without a cluster; FILTER=words of a test's name
	@FILTER='$(FILTER)' bash eng/deploy.sh

sim: build ## simulated clusters from seeds; ARGS="--seeds 1000", "--seed 7 --verbose", "--minutes 5", "--first 20000"
	@DOTNET_TieredCompilation=0 DOTNET_GCgen0size=0x10000000 DOTNET_ReadyToRun=0 dotnet run --no-build -c $(CONFIGURATION) --project Validator.Bench -- sim $(ARGS)

sim-mutations: setup ## plants bugs one at a time and shows which check catches each, after how many seeds; ARGS="name ..."
	@bash eng/mutations.sh $(ARGS)

mutations: sim-mutations

model: ## Spin on a model of the ordering rules, exhaustively; ARGS=quick, large, "trail NAME VIEWS SEQUENCES"
	@bash Validator.Tests/Model/run.sh $(ARGS)

chaos: build publish ## real validators under load and disasters; SECONDS=60 or MINUTES=5, SEED=7, ARGS="--rate 500"
	@CONFIGURATION=$(CONFIGURATION) bash eng/chaos.sh --seconds $(if $(MINUTES),$$(($(MINUTES) * 60)),$(or $(SECONDS),60)) $(if $(SEED),--seed $(SEED)) $(ARGS)

.PHONY: ops-test
ops-test: build publish ## backups into S3, Google's and Azure's protocols, and a committee that comes back from a bucket; FILTER= as for dotnet test
	@FILTER='$(FILTER)' CONFIGURATION=$(CONFIGURATION) bash eng/ops.sh

.PHONY: clients-test
clients-test: publish ## the client libraries: types, unit tests, and scenarios against a cluster of the published binary; needs Node 20.19
	@bash eng/clients-test.sh

fmt: ## formats the sources
	@dotnet format whitespace --folder .

fmt-check: ## whether they are formatted; CI asks
	@dotnet format whitespace --folder . --verify-no-changes || { echo "fmt-check: run make fmt" >&2; exit 1; }

clean: ## removes what was built; the native parts stay in .native/
	@rm -rf artifacts */bin */obj eng/fuzz/bin eng/fuzz/obj clients/*/dist clients/*/node_modules
