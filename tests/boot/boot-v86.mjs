// SPDX-License-Identifier: MIT
// boot-v86.mjs MEM KERNEL.elf WORDS: boots the kernel in v86, which has no BIOS, leaves no GDT and gives Multiboot 1
// without mem_lower and mem_upper. Prints what the guest sends to its serial port and leaves as QEMU would: with
// 2 * value + 1 when the guest writes value to port 0xf4. Environment: V86_DIR, the npm package.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const DEBUG_EXIT = 0xf4;
const UNIT_BYTES = { M: 1 << 20, G: 1 << 30 };

const [mem, kernel, words] = process.argv.slice(2);
const package_dir = resolve(process.env.V86_DIR ?? "build/npm/node_modules/v86");
const { V86 } = await import(pathToFileURL(`${package_dir}/build/libv86.mjs`));
const image = readFileSync(kernel);

const emulator = new V86({
	wasm_path: `${package_dir}/build/v86.wasm`,
	memory_size: parseInt(mem) * UNIT_BYTES[mem.slice(-1)],
	multiboot: { buffer: image.buffer.slice(image.byteOffset, image.byteOffset + image.length) },
	cmdline: words,
	autostart: false,
	disable_speaker: true,
});

let line = "";
emulator.add_listener("serial0-output-byte", (byte) => {
	line += String.fromCharCode(byte);
	if (byte === 0x0a) {
		process.stdout.write(line);
		line = "";
	}
});

emulator.add_listener("emulator-ready", () => {
	emulator.v86.cpu.io.register_write(DEBUG_EXIT, null, (value) => {
		process.stdout.write(line, () => process.exit((value << 1) | 1));
		emulator.stop();
	});
	emulator.run();
});
