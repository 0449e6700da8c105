# The daily commands. Each installs what it needs and is missing; each is a short script.
.DEFAULT_GOAL := help
.PHONY: help demo cloud down check test bench docs lock package

AS_ROOT := $(if $(filter 0,$(shell id -u)),,sudo)

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1 /p' Makefile | awk '{printf "  %s %-7s ", $$1, $$2; $$1 = $$2 = ""; print}'

demo: ## start Evener, build a load balancer, show its traffic, leave it running; with HA=1 on two hosts
	@scripts/setup $(if $(HA),ha,demo)
	@$(AS_ROOT) demo/$(if $(HA),run-ha,run)

cloud: ## start a real Keystone, Neutron and Barbican, put Evener into it by the handbook's steps, leave it running; with L2=openvswitch on Open vSwitch
	@scripts/setup cloud
	@$(AS_ROOT) $(if $(L2),env L2=$(L2)) cloud/run

down: ## stop Evener and remove every trace of it on this host
	@$(AS_ROOT) scripts/down

check: ## format, lint, types, imports, unit tests: under a minute, without root
	@scripts/setup check
	@scripts/check

test: check ## all of check, all tests in sandboxes and in real clouds, with OpenStack's chapter
	@scripts/setup test
	@scripts/test

bench: ## measure, and print a table
	@scripts/setup bench
	@$(AS_ROOT) tests/sandbox .venv/bin/python -m bench

docs: ## make a site and manual pages of docs/, in build/docs/
	@scripts/setup docs
	@scripts/docs

package: ## build wheels, and on Debian its packages, into dist/
	@scripts/setup package
	@scripts/package

lock: ## write the lock files anew from pyproject.toml
	@scripts/setup check
	@scripts/lock
