/* SPDX-License-Identifier: MIT */
/* Does mm work in this kernel? Objects of every size and blocks of every order are taken, written, looked at and given back, and
 * all of memory is checked. Result: NULL, or what is wrong; the lines of mm_validate() go to port_print(). Context: as
 * GFP_ATOMIC; nobody else allocates meanwhile. */
#pragma once

const char *mm_smoke_test(void);
