# SPDX-License-Identifier: MIT
"""Ashlar's commands for GDB. `read` reads the kernel, `text` puts it in words, the rest are commands."""
