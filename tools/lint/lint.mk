# SPDX-License-Identifier: MIT
# `make lint`: what can be said about the sources without running them. Each part is a script that also runs alone.
.PHONY: lint lint-build lint-contract
lint: lint-build lint-contract
	$(Q)tools/lint/self-test | tools/lint/failures
	$(Q)tools/lint/layers
	$(Q)tools/lint/mm-pure
	$(Q)tools/lint/assertions
	$(Q)tools/lint/drivers
	$(Q)tools/lint/words
	$(Q)tools/lint/headers
	$(Q)tools/lint/style
	$(Q)tests/mutants/run -n
	$(Q)tools/lint/sparse
	$(Q)tools/lint/cppcheck
	$(Q)tools/lint/fanalyzer
	$(Q)tools/lint/tidy
	$(Q)tools/lint/samples

# Both compilers, warnings are errors.
lint-build:
	$(Q)$(MAKE) CC=$(CROSS_COMPILE)gcc CONFIG=lint-gcc WERROR=1 build/lint-gcc/ashlar.elf
	$(Q)$(MAKE) CC=clang CONFIG=lint-clang WERROR=1 build/lint-clang/ashlar.elf

# The documents name only what exists; no id is claimed that they do not have.
lint-contract:
	$(Q)tools/lint/contract
