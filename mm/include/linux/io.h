/* SPDX-License-Identifier: MIT */
/* Today's name of <asm/io.h>. */
#pragma once

#include <asm/io.h>
