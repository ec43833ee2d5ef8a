// A network of its own: browser and server in a namespace each, and between them a line that is as bad as it is told to be.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, chmodSync, constants, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { test as base, chromium } from "@playwright/test";
import { program, serve, soon, type Server } from "./server.js";

const CANDIDATE = "10.77.0.1";
const HOUSE = "10.77.0.2";
const PORT = 3000;
const ORIGIN = `http://${HOUSE}:${PORT}`;

/** Why there can be no such network here; nothing where there can. */
export function hindrance(): string | undefined {
  if (process.getuid?.() !== 0) return "namespaces are made by root only";
  try {
    accessSync("/dev/net/tun", constants.R_OK | constants.W_OK);
  } catch {
    return "there is no /dev/net/tun";
  }
  return process.env.NFT ? undefined : "there is no nftables (the program nft)";
}

/** The line, the walls at its ends, and whoever moves. */
export interface Network {
  /** Tells the line what to be: see `src/bin/wire/order.rs`. What it has carried and lost so far. */
  line(order: string): Promise<{ carried: number; lost: number }>;
  /** Lets the kernel before browser and server refuse all UDP: without a word, or with one. */
  refuseUdp(how: "drop" | "reject"): void;
  /** How many packets it refused. */
  refused(): number;
  /** Gives the candidate another address in place of the one it has. */
  move(address: string): void;
  /** As it was at first. */
  mend(): Promise<void>;
  /** Starts a server at the far end. */
  serve(binary: string, settings?: Record<string, string>): Promise<Server>;
}

async function network(name: string): Promise<{ network: Network; space: string; remove(): Promise<void> }> {
  const [near, far] = [`${name}-a`, `${name}-b`];
  // In a group of its own: an interrupt that ends the tests must leave it the time to clean up.
  const wire = spawn(program("WIRE"), [name, `${CANDIDATE}/24`, `${HOUSE}/24`], {
    stdio: ["pipe", "pipe", "inherit"],
    detached: true,
  });
  const over = once(wire, "exit");
  const lines = createInterface(wire.stdout)[Symbol.asyncIterator]();
  const said = async () => {
    const line = await soon("the line's answer", lines.next());
    if (line.done) throw new Error("the line ended");
    return line.value;
  };
  if ((await said()) !== "ready") throw new Error("the line is not ready");

  const within = (space: string, ...command: string[]) =>
    execFileSync("ip", ["netns", "exec", space, ...command], { stdio: ["ignore", "pipe", "pipe"], encoding: "utf8", timeout: 20_000 });
  const nft = (space: string, rules: string) => within(space, process.env.NFT!, rules);
  let address = CANDIDATE;

  const it: Network = {
    async line(order) {
      wire.stdin.write(`${order}\n`);
      const [done, carried, lost] = (await said()).split(" ");
      if (done !== "done") throw new Error(`the line does not know ${order}`);
      return { carried: Number(carried), lost: Number(lost) };
    },
    refuseUdp(how) {
      const chain = "add table ip wall; add chain ip wall in { type filter hook input priority 0; }";
      const rule = `add rule ip wall in iifname != lo meta l4proto udp counter ${how}`;
      for (const space of [near, far]) nft(space, `${chain}; ${rule}`);
    },
    refused() {
      const rules = [near, far].map((space) => nft(space, "list ruleset")).join();
      return [...rules.matchAll(/counter packets (\d+)/g)].reduce((sum, it) => sum + Number(it[1]), 0);
    },
    move(to) {
      if (to === address) return;
      within(near, "ip", "address", "delete", `${address}/24`, "dev", near);
      within(near, "ip", "address", "add", `${to}/24`, "dev", near);
      within(near, "ip", "route", "replace", "default", "dev", near);
      address = to;
    },
    async mend() {
      for (const space of [near, far]) nft(space, "flush ruleset");
      it.move(CANDIDATE);
      await it.line("heal");
      await it.line("delay 0");
    },
    serve: (binary, settings = {}) => serve(binary, { LEPTOS_SITE_ADDR: `${HOUSE}:${PORT}`, ...settings }, far),
  };
  return {
    network: it,
    space: near,
    async remove() {
      wire.stdin.end();
      await soon("the end of the line", over);
    },
  };
}

interface Each {
  /** Starts a server at the far end that ends with the test. */
  house(settings?: Record<string, string>): Promise<Server>;
}

export const test = base.extend<Each, { made: { network: Network; space: string }; network: Network }>({
  made: [
    async ({}, use) => {
      const { remove, ...made } = await network(`vv${process.pid}`);
      try {
        await use(made);
      } finally {
        await remove();
      }
    },
    { scope: "worker" },
  ],
  network: [({ made }, use) => use(made.network), { scope: "worker" }],
  // The browser lives in the candidate's namespace, and takes the far end for a page that may have a microphone.
  launchOptions: [
    async ({ launchOptions, made }, use) => {
      const folder = mkdtempSync(path.join(tmpdir(), "candidate-"));
      const executablePath = path.join(folder, "browser");
      const real = launchOptions.executablePath ?? chromium.executablePath();
      writeFileSync(executablePath, `#!/bin/sh\nexec ip netns exec ${made.space} "${real}" "$@"\n`);
      chmodSync(executablePath, 0o755);
      const args = [...(launchOptions.args ?? []), `--unsafely-treat-insecure-origin-as-secure=${ORIGIN}`];
      await use({ ...launchOptions, executablePath, args });
      rmSync(folder, { recursive: true });
    },
    { scope: "worker" },
  ],
  baseURL: ORIGIN,
  house: async ({ network }, use) => {
    const servers: Server[] = [];
    await use(async (settings) => {
      servers.push(await network.serve(program("VIVAVOCE"), settings));
      return servers.at(-1)!;
    });
    try {
      await network.mend();
    } finally {
      await Promise.all(servers.map((it) => it.stop()));
    }
  },
});
