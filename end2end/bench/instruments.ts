// What a page costs and how fast it is, seen from outside: nothing here is part of the page.
import { readFileSync } from "node:fs";
import type { Browser, CDPSession, Page } from "@playwright/test";

declare global {
  interface Window {
    /** Milliseconds from a message that brought `turn.start` or `turn.end` until its effect was painted. */
    reactions: number[];
    /** Paints whatever there is to paint, and answers when that is done. */
    painted(): Promise<void>;
  }
}

/** Watches how soon the page shows what it is told, on a channel of any kind (S003-13). */
export async function watchReactions(page: Page) {
  await page.addInitScript(() => {
    window.reactions = [];
    window.painted = () =>
      new Promise((done) =>
        requestAnimationFrame(() => {
          // Its message comes after the frame was painted.
          const { port1, port2 } = new MessageChannel();
          port1.onmessage = () => done();
          port2.postMessage(null);
        }),
      );
    let message: number | undefined;
    const stamp = () => {
      message = performance.now();
      // What happens later is no effect of this message.
      setTimeout(() => (message = undefined));
    };
    window.WebSocket = class extends WebSocket {
      constructor(url: string | URL, protocols?: string | string[]) {
        super(url, protocols);
        this.addEventListener("message", stamp);
      }
    };
    window.RTCPeerConnection = class extends RTCPeerConnection {
      constructor(configuration?: RTCConfiguration) {
        super(configuration);
        this.addEventListener("datachannel", ({ channel }) => channel.addEventListener("message", stamp));
      }
      override createDataChannel(label: string, init?: RTCDataChannelInit) {
        const channel = super.createDataChannel(label, init);
        channel.addEventListener("message", stamp);
        return channel;
      }
    };
    for (const type of ["turn.start", "turn.end"]) {
      document.addEventListener(
        type,
        () => {
          const from = message;
          if (from !== undefined) void window.painted().then(() => window.reactions.push(performance.now() - from));
        },
        true,
      );
    }
  });
}

/** What the page says that it measured itself, the latest value of each. */
export function told(page: Page): Record<string, number | null> {
  const stats: Record<string, number | null> = {};
  page.on("websocket", (socket) =>
    socket.on("framesent", ({ payload }) => {
      if (typeof payload !== "string") return;
      const message = JSON.parse(payload);
      if (message.type === "stats") Object.assign(stats, message);
    }),
  );
  return stats;
}

/** Measures the work of the page's main thread, in time of that thread: the machine may be busy with other things. */
export async function meter(page: Page): Promise<CDPSession> {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  return session;
}

/** Seconds that the main thread has worked so far. */
export async function worked(session: CDPSession): Promise<number> {
  const { metrics } = await session.send("Performance.getMetrics");
  return metrics.find((it) => it.name === "TaskDuration")?.value ?? NaN;
}

/** Megabytes that the browser's pages and services hold for themselves. */
export async function held(browser: Browser): Promise<number> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  const own = processInfo.filter((it) => it.type === "renderer" || it.type.includes("utility") || it.type.includes("."));
  const kilobytes = own.map((it) => {
    const sums = readFileSync(`/proc/${it.id}/smaps_rollup`, "utf8");
    return Number(/^Private_Dirty:\s+(\d+)/m.exec(sums)?.[1] ?? 0);
  });
  return kilobytes.reduce((sum, it) => sum + it, 0) / 1_024;
}
