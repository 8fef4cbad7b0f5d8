/* SPDX-License-Identifier: MIT */
/* What must not be, under the names the books use. */
#pragma once

#include <kernel/core/panic.h>
#include <kernel/core/printk.h>
#include <kernel/lib/bug.h>

#define BUG()		   assert_failed("BUG()", __FILE__, __LINE__)
#define BUILD_BUG_ON(cond) STATIC_ASSERT(!(cond), "expected the contrary of " #cond)

#define WARN(cond, ...)                                                                                      \
	({                                                                                                   \
		const bool warn_hit_ = !!(cond);                                                             \
		if (unlikely(warn_hit_)) {                                                                   \
			pr_warn(__VA_ARGS__);                                                                \
			(void)WARN_ON(true);                                                                 \
		}                                                                                            \
		warn_hit_;                                                                                   \
	})
#define WARN_ON_ONCE(cond)                                                                                   \
	({                                                                                                   \
		static bool warned_;                                                                         \
		const bool warn_hit_ = !!(cond);                                                             \
		if (unlikely(warn_hit_ && !warned_)) {                                                       \
			warned_ = true;                                                                      \
			(void)WARN_ON(true);                                                                 \
		}                                                                                            \
		warn_hit_;                                                                                   \
	})
