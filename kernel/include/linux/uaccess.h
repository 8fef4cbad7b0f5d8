/* SPDX-License-Identifier: MIT */
/* As the books of later kernels call it. */
#pragma once

#include <asm/uaccess.h>
