// What a call costs the candidate's browser, and how fast the page is, on every route (S003-09, S003-10, S003-13, S003-24,
// S003-25). The floor is what the same browser needs at that time for two bare peers of one page that talk to each other.
import { test, type Browser } from "@playwright/test";
import { RoomPage, seat } from "../tests/support/candidate.js";
import { HEAD, Runs } from "./figures.js";
import { held, meter, told, watchReactions, worked } from "./instruments.js";

const RUNS = Number(process.env.RUNS ?? 10);
/** How long two bare peers are watched, in milliseconds. */
const BARE_MS = 5_000;

/** The same figures of a call, whoever makes it. */
class Figures {
  readonly connected: Runs;
  readonly sound: Runs;
  readonly painted: Runs;
  readonly busy: Runs;
  readonly memory: Runs;

  constructor(who: string) {
    this.connected = new Runs(`${who}: offer to connected, ms`);
    this.sound = new Runs(`${who}: sound asked for to sound heard, ms`);
    this.painted = new Runs(`${who}: a turn's message to its paint, ms`);
    this.busy = new Runs(`${who}: main thread, % of the time`);
    this.memory = new Runs(`${who}: memory of the call, MB`);
  }

  lines(floor?: Figures) {
    const kinds = ["connected", "sound", "painted", "busy", "memory"] as const;
    return kinds.filter((it) => this[it].values.length).map((it) => this[it].line(floor?.[it]));
  }
}

/** Two peers of a page that holds nothing else. */
async function bare(browser: Browser, figures: Figures) {
  const page = await browser.newPage();
  await watchReactions(page);
  await page.goto("/healthz");
  // Browsers let a page make sound once it was touched.
  await page.mouse.click(9, 9);
  const cdp = await meter(page);
  const before = await held(browser);
  const [connected, sound] = await page.evaluate(async () => {
    const context = new AudioContext();
    await context.resume();
    const out = context.createMediaStreamDestination();
    const [a, b] = [new RTCPeerConnection(), new RTCPeerConnection()];
    Object.assign(window, { kept: [a, b] });
    a.onicecandidate = ({ candidate }) => void b.addIceCandidate(candidate ?? undefined);
    b.onicecandidate = ({ candidate }) => void a.addIceCandidate(candidate ?? undefined);
    a.addTrack(out.stream.getAudioTracks()[0]!, out.stream);
    a.createDataChannel("events");
    const track = new Promise<MediaStreamTrack>((found) => b.addEventListener("track", (event) => found(event.track)));
    const began = performance.now();
    await a.setLocalDescription();
    await b.setRemoteDescription(a.localDescription!);
    await b.setLocalDescription();
    await a.setRemoteDescription(b.localDescription!);
    while (a.connectionState !== "connected") await new Promise((next) => a.addEventListener("connectionstatechange", next, { once: true }));
    const connected = performance.now() - began;

    // Sound of a peer reaches audio processing only where it is played, too.
    const stream = new MediaStream([await track]);
    Object.assign(new Audio(), { srcObject: stream, muted: true }).play();
    const ears = context.createAnalyser();
    context.createMediaStreamSource(stream).connect(ears);
    const block = new Float32Array(256);
    const silence = new ConstantSourceNode(context, { offset: 0 });
    silence.connect(out);
    silence.start();
    await new Promise((next) => setTimeout(next, 500));
    const tone = new OscillatorNode(context);
    tone.connect(out);
    const asked = performance.now();
    tone.start();
    do {
      await new Promise((next) => setTimeout(next, 1));
      ears.getFloatTimeDomainData(block);
    } while (!block.some((it) => Math.abs(it) > 0.05));
    return [connected, performance.now() - asked] as const;
  });
  figures.connected.add(connected);
  figures.sound.add(sound);
  const from = await worked(cdp);
  // A measured stretch of time, not a wait for something.
  await page.waitForTimeout(BARE_MS);
  figures.busy.add(((await worked(cdp)) - from) / (BARE_MS / 100_000));
  figures.memory.add((await held(browser)) - before);
  figures.painted.add(
    await page.evaluate(async () => {
      const from = performance.now();
      await window.painted();
      return performance.now() - from;
    }),
  );
  await page.close();
}

/** One question and its answer, to the next question. */
async function interview(browser: Browser, route: string, figures: Figures) {
  const page = await browser.newPage();
  await watchReactions(page);
  // Ears of ours would be work of the page's.
  await seat(page, { ears: false });
  const stats = told(page);
  const cdp = await meter(page);
  const room = new RoomPage(page);
  await room.open(`/interview?route=${route}`);
  const before = await held(browser);
  await room.enter();
  await room.asked(0);
  const [from, since] = [await worked(cdp), await room.now()];
  await room.answer();
  await room.asked(1);
  figures.busy.add(((await worked(cdp)) - from) / (((await room.now()) - since) / 100_000));
  figures.memory.add((await held(browser)) - before);
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").getByRole("button", { name: "End interview" }).click();
  await room.report.waitFor();
  for (const it of await page.evaluate(() => window.reactions)) figures.painted.add(it);
  figures.connected.add(stats.negotiation_ms);
  figures.sound.add(stats.first_audio_ms);
  await page.close();
}

test("a call costs the candidate's browser little, and the page is quick", async ({ browser }) => {
  test.setTimeout(0);
  const floor = new Figures("bare peers");
  const routes = ["direct", "relay", "socket"].map((route) => [route, new Figures(route)] as const);
  // What the first call of a browser loads is not counted.
  await bare(browser, new Figures("warm"));
  for (let run = 0; run < RUNS; run += 1) {
    await bare(browser, floor);
    for (const [route, figures] of routes) await interview(browser, route, figures);
  }
  console.log([HEAD, ...floor.lines(), ...routes.flatMap(([, it]) => it.lines(floor))].join("\n"));
});
