# The two commands of the README are `make up` and `make test`; `make help` lists the rest.
.DEFAULT_GOAL := help
.PHONY: help up demo test lint soak

help: ## List what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

up: ## Install what is missing, build, and run the whole fleet on a private PostgreSQL (DATA_DIR=… to choose the place)
	@scripts/up

demo: ## The same until three posts are published
	@scripts/up --until-published 3

test: ## Install what is missing, then run every check and test
	@scripts/test

lint: ## Format, clippy and documentation checks only
	@scripts/lint

soak: ## Work off 20,000 jobs under kills, freezes, restarts and cuts, strike a worker at every step, and try 300 random sequences (JOBS=… CASES=… SEED=…)
	@scripts/soak
