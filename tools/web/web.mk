# SPDX-License-Identifier: MIT
# `make web`: build/web/, the kernel in a page of a browser. `make web-test`: a headless Chromium opens it and looks.
NPM      := build/npm
WEB_PAGE := $(addprefix tools/web/,index.html page.css page.js map.js make-page)

# What comes from npm, as tools/web/package-lock.json has it, to the bit; once.
$(NPM)/installed: tools/web/package.json tools/web/package-lock.json
	@mkdir -p $(@D)
	$(if $(Q),@echo "  NPM   $(@D)")
	$(Q)cp $^ $(@D)/ && npm ci --silent --no-audit --no-fund --prefer-offline --prefix $(@D) && touch $@

# The page's own disks: what `make run` wrote to its own stays out.
build/web-disks/made: tools/make-root tools/make-disk tools/TestDisk.pm
	@rm -rf $(@D) && mkdir -p $(@D)
	$(Q)tools/make-root $(@D)/root.img 16M && tools/make-disk $(@D)/floppy.img 1474560 && truncate -s 1M $(@D)/spare.img && touch $@

build/web/index.html: build/ashlar.elf $(NPM)/installed build/web-disks/made $(WEB_PAGE) LICENSE
	$(Q)tools/web/make-page $< $(NPM)/node_modules build/web-disks $(@D)

.PHONY: web web-test
web: build/web/index.html

web-test: build/web/index.html
	$(Q)tests/run-tests --program='web file=tests/web/run file' --program='web server=tests/web/run server'
