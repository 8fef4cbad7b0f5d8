/* SPDX-License-Identifier: MIT */
/* Zones and orders under the name the books use. */
#pragma once

#include <linux/gfp.h>
#include <mm/pages/zone.h>
