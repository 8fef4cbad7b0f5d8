/* SPDX-License-Identifier: MIT */
/* Free pages hold a pattern. Serves CONTRACT S5, K4. `page_poison=1` on the kernel's command line: pages are filled
 * when they leave their owner and looked at when they go to the next one; what was written in between is reported, once
 * for a block: page, offset, the bytes expected and found, and, with page_owner=on, who had it and who freed it. A
 * single bit that is wrong is told from an overwrite: memory itself may be at fault.
 *
 * A bit for each page says whether it was filled. So pages that nobody has had yet are not looked at, and boot fills
 * none. All lists of pages are closed meanwhile (mm/pages/watch.h): off, nothing is asked and no memory is used.
 *
 * PP1 a page whose bit is set is free, and all its bytes are POISON_PAGE.
 */
#pragma once

#include <mm/pages/above.h>

#define POISON_PAGE 0xaau

/* Takes the bits' memory. Result: false: it is off, because nobody wants it or there is no memory. Context: boot,
 * while there is bootmem. */
bool poison_init(bool wanted);

/* Is the page known to be free and filled? Context: any. */
bool page_is_poisoned(const struct page *page);
