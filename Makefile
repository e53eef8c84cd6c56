# SPDX-License-Identifier: Apache-2.0
# Short verbs; each calls the script of the same name. Arguments: make test ARGS='-L unit'; make soak MINUTES=30
.PHONY: demo test bench lab full soak format ci
demo test bench lab full format:
	@scripts/$@ $(ARGS)
soak:
	@scripts/soak $(if $(MINUTES),--minutes=$(MINUTES)) $(ARGS)
ci:
	@.ci/run $(ARGS)
