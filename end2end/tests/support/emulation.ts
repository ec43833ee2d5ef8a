// The browser's own emulation of a network.
import type { Page } from "@playwright/test";

/** A network without a fault. The emulation acts on peers that are made after it, and only if it does something. */
const WHOLE = { offline: false, latency: 1, downloadThroughput: -1, uploadThroughput: -1, packetQueueLength: 0, packetReordering: false };

/** A dial for the loss of everything that a peer sends and receives, in percent. */
export async function emulate(page: Page) {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Network.enable");
  const lossy = (packetLoss: number) => devtools.send("Network.emulateNetworkConditions", { ...WHOLE, packetLoss });
  await lossy(0);
  return lossy;
}
