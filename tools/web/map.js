// SPDX-License-Identifier: MIT
// The picture of memory. The kernel's second serial line carries `map --dump` each time something changed:
//   map begin MS ms
//   map row ZONE FIRST-PAGE PAGES-A-CELL CELLS      a letter a cell: who has most of it
//   map pages LETTER PAGES NAME
//   map end
// Nothing here knows what the letters mean but for their colours: names and sums come with the dump.
"use strict";

const COLOURS = {
	"#": "#4a5058", ".": "#1d5c2a", ":": "#2f8a3c", "=": "#4fb957", "c": "#59d8e6", "s": "#f2d02c", "k": "#c8782e",
	"p": "#ef5350", "u": "#7c8cff", "f": "#3f62d0", "w": "#9a4fd0", "t": "#c0c4c8", "T": "#e45be4", "v": "#17a2b0",
};
const PAGE_KIB = 4, CELLS = 64, SPAN_MS = 60000;
const mib = pages => (pages * PAGE_KIB / 1024).toFixed(1);

// Lines in, whole dumps out.
class DumpReader {
	constructor(take) {
		this.take = take;
		this.dump = null;
	}

	line(line) {
		const [mark, what, ...words] = line.trim().split(" ");
		if (mark !== "map")
			return;
		if (what === "begin")
			this.dump = { ms: +words[0], rows: [], pages: [] };
		else if (!this.dump)
			return;
		else if (what === "row")
			this.dump.rows.push({ zone: words[0], first: +words[1], size: +words[2], cells: words[3] ?? "" });
		else if (what === "pages")
			this.dump.pages.push({ letter: words[0], nr: +words[1], name: words.slice(2).join(" ") });
		else if (what === "end") {
			this.take(this.dump);
			this.dump = null;
		}
	}
}

// A canvas as large as it is shown, in its own pixels; wiped.
function penOf(canvas) {
	const scale = window.devicePixelRatio || 1, { width, height } = sizeOf(canvas);
	if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
		canvas.width = Math.round(width * scale);
		canvas.height = Math.round(height * scale);
	}
	const pen = canvas.getContext("2d", { willReadFrequently: true });
	pen.setTransform(scale, 0, 0, scale, 0, 0);
	pen.clearRect(0, 0, width, height);
	pen.font = "11px system-ui, sans-serif";
	pen.textBaseline = "middle";
	return pen;
}

const sizeOf = canvas => ({ width: canvas.clientWidth, height: canvas.clientHeight });

class MapView {
	constructor(map, time, legend) {
		Object.assign(this, { map, time, legend, dump: null, past: [], isDue: false, afterDraw: () => {} });
		new ResizeObserver(() => this.drawSoon()).observe(map);
	}

	show(dump) {
		this.dump = dump;
		this.past.push(dump);
		while (this.past.length > 2 && this.past[1].ms < dump.ms - SPAN_MS)
			this.past.shift();
		this.drawSoon();
	}

	// Once a frame, however often something changed.
	drawSoon() {
		if (this.isDue)
			return;
		this.isDue = true;
		requestAnimationFrame(() => {
			this.isDue = false;
			if (this.dump)
				this.draw();
		});
	}

	// Where a cell is drawn; labels stand left of the first column.
	box(row, cell, { width, height } = sizeOf(this.map)) {
		const left = 92, wide = (width - left) / CELLS, high = height / this.dump.rows.length;
		return { x: left + cell * wide, y: row * high, wide, high };
	}

	// The cell under a point of the canvas, or the one that has a page.
	at(x, y) {
		const rows = this.dump?.rows ?? [];
		const row = Math.floor(y / this.map.clientHeight * rows.length);
		const cell = row in rows ? Math.floor((x - this.box(row, 0).x) / this.box(row, 0).wide) : -1;
		return cell >= 0 && cell < rows[row].cells.length ? { row, cell } : null;
	}

	of(page) {
		const row = this.dump.rows.findIndex(r => page >= r.first && page < r.first + r.size * r.cells.length);
		return row < 0 ? null : { row, cell: Math.floor((page - this.dump.rows[row].first) / this.dump.rows[row].size) };
	}

	describe({ row, cell }) {
		const { zone, first, size, cells } = this.dump.rows[row];
		const page = first + cell * size;
		const most = this.dump.pages.find(p => p.letter === cells[cell]);
		return { page, text: `${zone}, pages 0x${page.toString(16)} to 0x${(page + size - 1).toString(16)}, ` +
			`${size * PAGE_KIB} KiB at ${mib(page)} MiB: mostly ${most?.name}` };
	}

	draw() {
		this.drawMap(sizeOf(this.map));
		this.drawTime(sizeOf(this.time));
		this.drawLegend();
		this.afterDraw();
	}

	drawMap(size) {
		const pen = penOf(this.map), rows = this.dump.rows;
		rows.forEach((row, i) => {
			const begins = i === 0 || rows[i - 1].zone !== row.zone, { y, high, wide } = this.box(i, 0, size);
			pen.fillStyle = "#9aa4b0";
			pen.textAlign = "left";
			if (begins)
				pen.fillText(row.zone, 0, y + high / 2);
			pen.textAlign = "right";
			pen.fillText(`${row.first * PAGE_KIB / 1024} M`, 86, y + high / 2);
			for (let cell = 0; cell < row.cells.length; cell++) {
				pen.fillStyle = COLOURS[row.cells[cell]] ?? "#ffffff";
				pen.fillRect(this.box(i, cell, size).x, y + 1, wide - (wide > 5 ? 1 : 0.4), high - 2);
			}
			if (begins && i > 0) {
				pen.fillStyle = "#dfe3e8";
				pen.fillRect(0, y - 0.5, size.width, 1);
			}
		});
	}

	// A dump holds until the next one.
	drawTime({ width, height }) {
		const pen = penOf(this.time), end = this.dump.ms, all = this.dump.pages.reduce((sum, p) => sum + p.nr, 0);
		const x = ms => Math.round(Math.max(0, width - (end - ms) / SPAN_MS * width));
		this.past.forEach((dump, i) => {
			const left = x(dump.ms), right = i + 1 < this.past.length ? x(this.past[i + 1].ms) : width;
			let y = height;
			for (const { letter, nr } of dump.pages) {
				const high = nr / all * height;
				pen.fillStyle = COLOURS[letter] ?? "#ffffff";
				pen.fillRect(left, y - high, Math.max(right - left, 1), high);
				y -= high;
			}
		});
	}

	drawLegend() {
		this.dump.pages.forEach(({ letter, nr, name }, i) => {
			let item = this.legend.children[i];
			if (!item) {
				item = this.legend.appendChild(document.createElement("li"));
				item.append(document.createElement("i"), name, document.createElement("b"));
				item.firstChild.style.background = COLOURS[letter] ?? "#ffffff";
			}
			item.lastChild.textContent = `${mib(nr)} M`;
			item.title = `${letter}: ${nr} pages`;
		});
	}
}
