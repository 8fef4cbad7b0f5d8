// SPDX-License-Identifier: MIT
// The machine and what stands around it. Its first serial line is the terminal, its second one the map. Everything is in
// the folder: what is no script comes packed in machine.js, because a page from a file may not fetch its neighbours.
"use strict";

const WORDS = "output=terminal selftest=none lowmem=96M map=on map_serial=on root=ide0";
const MEMORY = 128 << 20;
const COLUMNS = 80, ROWS = 24, SAID_MAX = 1 << 16;
const PROMPT = /(ashlar|panic)> $/;
const at = id => document.getElementById(id);

async function unpack(name) {
	const text = atob(MACHINE[name]), bytes = new Uint8Array(text.length);
	for (let i = 0; i < text.length; i++)
		bytes[i] = text.charCodeAt(i);
	return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

function say(text, wrong = false) {
	at("state").textContent = text;
	at("state").className = wrong ? "wrong" : "";
}

// --- the terminal ---

const terminal = new Terminal({ cols: COLUMNS, rows: ROWS, fontSize: 14, lineHeight: 1.1, scrollback: 5000, theme: { background: "#000000" },
	fontFamily: 'ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace' });

// Eighty columns fit, whatever the width: the size is measured once, since the font is the browser's choice.
let widthAtOne = 0, widthNow = 0;
function fitTerminal() {
	const wide = at("terminal").clientWidth;
	if (wide === widthNow)
		return;
	widthNow = wide;
	widthAtOne ||= at("terminal").querySelector(".xterm-screen").getBoundingClientRect().width / terminal.options.fontSize;
	terminal.options.fontSize = Math.max(4, Math.min(16, Math.floor((wide - 24) / widthAtOne * 10) / 10));
}

// --- the machine ---

const page = {
	said: "", // the end of what came over the first line
	started: performance.now(), promptAfter: 0,
	machine: null, view: null,

	hear(text) {
		terminal.write(text);
		this.said = (this.said + text).slice(-SAID_MAX);
		if (!this.promptAfter && PROMPT.test(this.said)) {
			this.promptAfter = performance.now() - this.started;
			say(`ready in ${(this.promptAfter / 1000).toFixed(1)} s`);
		}
	},

	type(text) {
		this.machine?.serial0_send(text);
	},

	// A command of a button. What runs, or is half typed, ends first.
	async command(text) {
		for (let tries = 0; !PROMPT.test(this.said) && tries < 50; tries++) {
			if (tries % 10 === 0)
				this.type("\x03");
			await new Promise(resolve => setTimeout(resolve, 100));
		}
		this.type(text + "\r");
	},
};

// Bytes come one by one; they are handed on in pieces, each at the end of a turn of the machine.
function collect(event, take) {
	let text = "";
	page.machine.add_listener(event, byte => {
		if (!text)
			setTimeout(() => {
				const piece = text;
				text = "";
				take(piece);
			});
		text += String.fromCharCode(byte);
	});
}

function listen() {
	const reader = new DumpReader(dump => page.view.show(dump));
	let rest = "";
	collect("serial0-output-byte", text => page.hear(text));
	collect("serial1-output-byte", text => {
		const lines = (rest + text).split("\n");
		rest = lines.pop();
		lines.forEach(line => reader.line(line));
	});
	page.machine.add_listener("emulator-stopped", () => say("the machine is off"));
	page.machine.add_listener("emulator-ready", () => {
		setScreen(page.machine.v86.cpu.io);
		page.machine.run();
	});
}

// What a PC's firmware does before any kernel runs, and there is none here: the text screen is at 0xb8000, in sixteen
// colours.
function setScreen(ports) {
	ports.port_write8(0x3ce, 6);
	ports.port_write8(0x3cf, 0x0e);
	ports.port_write8(0x3c8, 0);
	for (let colour = 0; colour < 16; colour++)
		for (const bit of [4, 2, 1]) {
			const brown = colour === 6 && bit === 2 ? 21 : 0;
			ports.port_write8(0x3c9, (colour & bit ? 42 - brown : 0) + (colour & 8 ? 21 : 0));
		}
	ports.port_read8(0x3da);
	for (let colour = 0; colour < 16; colour++) {
		ports.port_write8(0x3c0, colour);
		ports.port_write8(0x3c0, colour);
	}
	ports.port_write8(0x3c0, 0x20);
}

async function start() {
	const [wasm, kernel, root, spare, floppy] =
		await Promise.all(["v86.wasm", "ashlar.elf", "root.img", "spare.img", "floppy.img"].map(unpack));
	say("booting");
	page.machine = new V86({
		wasm_fn: async imports => (await WebAssembly.instantiate(wasm, imports)).instance.exports,
		memory_size: MEMORY, uart1: true,
		multiboot: { buffer: kernel }, cmdline: WORDS,
		hda: { buffer: root }, hdb: { buffer: spare }, fda: { buffer: floppy },
		screen: { container: at("screen") },
		disable_keyboard: true, disable_mouse: true, disable_speaker: true,
	});
	listen();
}

// --- what a person does ---

function connect() {
	const canvas = at("map");
	terminal.onData(text => page.type(text));
	for (const button of document.querySelectorAll("#commands button"))
		button.addEventListener("click", () => page.command(button.textContent));
	for (const button of document.querySelectorAll("#keys button"))
		button.addEventListener("click", () => {
			page.type(button.dataset.key);
			terminal.focus();
		});
	at("restart").addEventListener("click", () => location.reload());
	canvas.addEventListener("pointermove", event => point(event.offsetX, event.offsetY));
	canvas.addEventListener("click", event => {
		point(event.offsetX, event.offsetY);
		if (pointed)
			page.command(`page 0x${page.view.describe(pointed).page.toString(16)}`);
	});
	page.view.afterDraw = describe;
}

// The cell that the mouse, or a finger, was on last, as it is now.
let pointed = null;
function describe() {
	if (pointed)
		at("cell").textContent = page.view.describe(pointed).text;
}

function point(x, y) {
	pointed = page.view.at(x, y) ?? pointed;
	describe();
}

window.addEventListener("error", event => say(`the page failed: ${event.message}`, true));
window.addEventListener("unhandledrejection", event => say(`the machine cannot start here: ${event.reason}`, true));
terminal.open(at("terminal"));
fitTerminal();
window.addEventListener("resize", fitTerminal);
page.view = new MapView(at("map"), at("time"), at("legend"));
connect();
start();
