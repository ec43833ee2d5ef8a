// The embedded provider as its own clients see it, and what stock clients need around it.
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import path from "node:path";
import { createServer } from "node:tls";
import type { AddressInfo, Socket } from "node:net";
import selfsigned from "selfsigned";
import { PROVIDER_KEY, PROVIDER_PORT } from "../../playwright.config.js";

export const KEY = PROVIDER_KEY;
export const BASE = `http://127.0.0.1:${PROVIDER_PORT}/v1`;

export const WAV = readFileSync(path.join(import.meta.dirname, "../../fixtures/jfk.wav"));
/** The same voice without its header: 24 kHz, 16 bit, mono. */
export const VOICE = WAV.subarray(44);
export const BYTES_PER_SECOND = 48_000;

/** An ephemeral key, as a server makes it for its page. */
export async function mint(session: object = { type: "realtime", model: "gpt-realtime-2.1" }): Promise<string> {
  const answer = await fetch(`${BASE}/realtime/client_secrets`, {
    method: "POST",
    headers: { authorization: `Bearer ${KEY}`, "content-type": "application/json" },
    body: JSON.stringify({ session }),
  });
  if (!answer.ok) throw new Error(`no key: ${answer.status}`);
  return ((await answer.json()) as { value: string }).value;
}

/** Somebody who waits for events that may have come already. */
export class Inbox<E extends { type: string }> {
  readonly all: E[] = [];
  private waiting: (() => void)[] = [];

  push = (event: E) => {
    this.all.push(event);
    for (const wake of this.waiting.splice(0)) wake();
  };

  /** The first event after number `from` that fits. */
  async next(fits: (event: E) => boolean, from = 0, what = "an event"): Promise<E> {
    const until = Date.now() + 15_000;
    for (;;) {
      const found = this.all.slice(from).find(fits);
      if (found) return found;
      const left = until - Date.now();
      if (left <= 0) throw new Error(`${what} did not come; there were ${this.all.slice(from).map((it) => it.type).join(", ")}`);
      await new Promise<void>((done) => {
        const timer = setTimeout(done, left);
        this.waiting.push(() => (clearTimeout(timer), done()));
      });
    }
  }

  of<T extends E["type"]>(type: T, from = 0): Promise<Extract<E, { type: T }>> {
    return this.next((it) => it.type === type, from, type) as Promise<Extract<E, { type: T }>>;
  }

  types(from = 0): string[] {
    return this.all.slice(from).map((it) => it.type);
  }
}

/** The share of full scale that PCM16 has on average, 0 to 1. */
export function rms(pcm: Buffer): number {
  let energy = 0;
  for (let at = 0; at + 1 < pcm.length; at += 2) energy += (pcm.readInt16LE(at) / 32_768) ** 2;
  return Math.sqrt(energy / Math.max(1, pcm.length / 2));
}

/** The provider behind TLS with a certificate that nobody has to trust: one client insists on `wss:`. */
export async function overTls(): Promise<{ base: string; close: () => Promise<void> }> {
  const { private: key, cert } = selfsigned.generate([{ name: "commonName", value: "localhost" }], { days: 1, keySize: 2048 });
  const open = new Set<Socket>();
  const server = createServer({ key, cert }, (client) => {
    open.add(client.on("close", () => open.delete(client)));
    const provider = connect(PROVIDER_PORT, "127.0.0.1");
    client.pipe(provider).pipe(client);
    client.on("error", () => provider.destroy());
    provider.on("error", () => client.destroy());
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  // A test that failed has left its socket open.
  const close = () =>
    new Promise<void>((done) => {
      server.close(() => done());
      for (const client of open) client.destroy();
    });
  return { base: `https://127.0.0.1:${port}/v1`, close };
}
