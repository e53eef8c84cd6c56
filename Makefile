# SPDX-License-Identifier: Apache-2.0
# Short verbs; each calls the script of the same name. Arguments: make test ARGS='-L unit'
.PHONY: demo test bench lab format ci
demo test bench lab format:
	@scripts/$@ $(ARGS)
ci:
	@.ci/run $(ARGS)
