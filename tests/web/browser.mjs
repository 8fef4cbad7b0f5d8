// SPDX-License-Identifier: MIT
// A headless Chromium, by the DevTools protocol over a pipe: needs no package. Environment: CHROMIUM.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));

export class Browser {
	constructor(width, height) {
		this.profile = mkdtempSync(join(tmpdir(), "browser-"));
		this.requests = [];
		this.problems = []; // what the page said on its console, or threw
		this.nr = 0;
		this.waiting = new Map();
		const flags = ["--remote-debugging-pipe", "--headless", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage",
			"--disable-background-networking", `--user-data-dir=${this.profile}`, `--window-size=${width},${height}`];
		if (process.getuid() === 0)
			flags.push("--no-sandbox");
		this.process = spawn(process.env.CHROMIUM ?? "chromium-headless-shell", [...flags, "about:blank"],
			{ stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
		this.process.on("error", error => { console.log(`Bail out! no browser: ${error.message}`); process.exit(1); });
		let rest = "";
		this.process.stdio[4].setEncoding("utf8").on("data", text => {
			const messages = (rest + text).split("\0");
			rest = messages.pop();
			messages.forEach(message => this.hear(JSON.parse(message)));
		});
	}

	hear({ id, method, params, result, error }) {
		if (id)
			this.waiting.get(id)(error ? Promise.reject(new Error(error.message)) : result);
		else if (method === "Network.requestWillBeSent")
			this.requests.push(params.request.url);
		else if (method === "Runtime.exceptionThrown")
			this.problems.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text);
		else if (method === "Log.entryAdded" && params.entry.level === "error")
			this.problems.push(params.entry.text);
	}

	send(method, params = {}, session = this.session) {
		const id = ++this.nr;
		this.process.stdio[3].write(JSON.stringify({ id, method, params, sessionId: session }) + "\0");
		return new Promise(resolve => this.waiting.set(id, resolve));
	}

	async open(url) {
		const { targetInfos } = await this.send("Target.getTargets");
		const { targetId } = targetInfos.find(target => target.type === "page");
		this.session = (await this.send("Target.attachToTarget", { targetId, flatten: true })).sessionId;
		for (const domain of ["Page", "Runtime", "Network", "Log"])
			await this.send(`${domain}.enable`);
		await this.send("Page.navigate", { url });
	}

	// The value of an expression in the page; what it throws is a test's end.
	async value(expression) {
		const { result, exceptionDetails } = await this.send("Runtime.evaluate",
			{ expression, returnByValue: true, awaitPromise: true });
		if (exceptionDetails)
			throw new Error(`${expression}: ${exceptionDetails.exception?.description}`);
		return result.value;
	}

	// Until it is true, or the seconds are over: its last value.
	async until(expression, seconds = 60) {
		const end = Date.now() + seconds * 1000;
		let value;
		while (!(value = await this.value(expression).catch(() => undefined)) && Date.now() < end)
			await sleep(100);
		return value;
	}

	// As a person does: by the mouse, at the middle of what a selector finds; by the keys, where the focus is.
	async clickAt(x, y) {
		for (const type of ["mouseMoved", "mousePressed", "mouseReleased"])
			await this.send("Input.dispatchMouseEvent", { type, x, y, button: type === "mouseMoved" ? "none" : "left", clickCount: 1 });
	}

	async click(element) {
		const { x, y } = await this.value(`(e => { e.scrollIntoView({ block: "center" }); const b = e.getBoundingClientRect();
			return { x: b.x + b.width / 2, y: b.y + b.height / 2 }; })(${element})`);
		await this.clickAt(x, y);
	}

	async keys(text) {
		for (const c of text)
			await this.send("Input.dispatchKeyEvent", c === "\r" ? { type: "keyDown", key: "Enter", code: "Enter",
				windowsVirtualKeyCode: 13, text: "\r" } : { type: "char", text: c });
	}

	async resize(width, height, scale = 1) {
		await this.send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: scale, mobile: width < 600 });
	}

	async photograph(file) {
		const { data } = await this.send("Page.captureScreenshot", { format: "png" });
		writeFileSync(file, Buffer.from(data, "base64"));
	}

	async close() {
		const ended = new Promise(resolve => this.process.on("exit", resolve));
		this.process.kill("SIGKILL");
		await ended;
		for (let tries = 0; tries < 20; tries++) {
			try {
				return rmSync(this.profile, { recursive: true, force: true });
			} catch {
				await sleep(100); // a child of it writes still
			}
		}
	}
}
