// The house itself: pages come alive under the strict policy, and files are cached as they should be.
import { readFile } from "node:fs/promises";
import { expect, test } from "@playwright/test";
import { program } from "./support/server.js";

const FIRST_LOAD = /\/pkg\/vivavoce\.[0-9a-f]{16}\.(js|wasm|css)$/;

for (const path of ["/", "/interview", "/interview/new/house-check_1"]) {
  test(`${path} comes alive without a word of complaint`, async ({ page }) => {
    const complaints: string[] = [];
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(String(error)));
    await page.goto(path);
    await expect(page.locator("html[data-hydrated=true]")).toBeAttached();
    expect(complaints).toEqual([]);
  });
}

test("the browser part is compressed, typed and kept for a year", async ({ page }) => {
  const files = new Map<string, Record<string, string>>();
  page.on("response", async (response) => {
    const kind = FIRST_LOAD.exec(new URL(response.url()).pathname)?.[1];
    if (kind) files.set(kind, response.headers());
  });
  const html = await page.goto("/");
  await expect(page.locator("html[data-hydrated=true]")).toBeAttached();
  expect(html?.headers()["cache-control"]).toBe("no-store");
  for (const [kind, type] of [["wasm", "application/wasm"], ["js", "text/javascript"], ["css", "text/css"]] as const) {
    const headers = files.get(kind);
    expect(headers?.["content-type"], kind).toContain(type);
    expect(headers?.["cache-control"], kind).toBe("public, max-age=31536000, immutable");
    expect(headers?.["content-encoding"], kind).toBe("br");
  }
});

test("the policy admits a socket to this host and audio from memory, and nothing foreign", async ({ page }) => {
  await page.goto("/");
  const violations = await page.evaluate(async () => {
    const seen: string[] = [];
    document.addEventListener("securitypolicyviolation", (event) => seen.push(`${event.effectiveDirective} ${event.blockedURI}`));
    const settled = (target: EventTarget) =>
      new Promise((done, fail) => {
        for (const kind of ["open", "error", "close", "loadedmetadata"]) target.addEventListener(kind, done);
        setTimeout(() => fail(new Error(`${target} does not settle`)), 10_000);
      });

    await settled(new WebSocket(`ws://${location.host}/none`));
    const silence = new Uint8Array(44);
    await settled(Object.assign(new Audio(), { src: URL.createObjectURL(new Blob([silence], { type: "audio/wav" })) }));
    const own = [...seen];

    await fetch("http://foreign.invalid/").catch(() => undefined);
    const script = document.createElement("script");
    script.textContent = "globalThis.ran = true";
    document.head.append(script);
    // They are told some time after they happened.
    for (const end = Date.now() + 5_000; seen.length < own.length + 2 && Date.now() < end; ) await new Promise((done) => setTimeout(done, 20));
    return { own, foreign: seen, ran: "ran" in globalThis };
  });
  expect(violations.own).toEqual([]);
  expect(violations.foreign).toEqual(["connect-src http://foreign.invalid/", "script-src-elem inline"]);
  expect(violations.ran).toBe(false);
});

test("a page that is not there says so", async ({ page }) => {
  const answer = await page.goto("/no/such/page");
  expect(answer?.status()).toBe(404);
  await expect(page.locator("html[data-hydrated=true]")).toBeAttached();
});

test("a release has no switch with which a test breaks it", async ({ page, request }) => {
  const switches = ["__faults", "/faults.js", "a fault was ordered"];
  const binary = await readFile(program("VIVAVOCE"));
  expect(switches.filter((it) => binary.includes(it)), "in the binary").toEqual([]);
  const loaded = page.waitForResponse(/\.wasm$/);
  await page.goto("/");
  const wasm = await (await loaded).body();
  expect(switches.filter((it) => wasm.includes(it)), "in the browser part").toEqual([]);
  expect((await request.post("/faults", { data: { fault: "none" } })).status()).toBe(404);
  expect((await request.get("/faults.js")).status()).toBe(404);
  expect(await page.evaluate(() => "__faults" in window)).toBe(false);

  // The same names are in a server that has them, or this test would look for nothing.
  const breakable = await readFile(program("FAULTS"));
  expect(switches.filter((it) => !breakable.includes(it))).toEqual([]);
});
