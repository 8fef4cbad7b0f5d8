; SPDX-License-Identifier: MIT
; The programs, in the image: see drivers/fs/archive.h. ARCHIVE is the file's name.

global archive_start, archive_end

section .rodata align=4
archive_start:
	incbin	ARCHIVE
archive_end:
