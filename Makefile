# The two commands are `make run` and `make test`; README.md tells what they do.
# FAUNA_DIR (.fauna), FAUNA_PG_PORT (54329) and FAUNA_PORT (8765) let several run side by side.
.PHONY: run up down clean-data test test-all-pg test-image bench-bridge bench-latency bench-node bench-sql fuzz

run: ; @scripts/run
up: ; @scripts/up
down: ; @scripts/down
clean-data: ; @scripts/clean-data
test: ; @scripts/test
test-all-pg: ; @scripts/test all
test-image: ; @scripts/test-image
fuzz: ; @scripts/fuzz
bench-bridge: ; @scripts/bench-bridge
bench-latency: ; @scripts/bench-latency
bench-sql: ; @scripts/bench-sql
bench-node: ; @scripts/bench-node
