// Three ways to carry a voice: each from start to report, with sound that arrived, and one after the other when one fails.
import { expect, test, type BrowserContext, type Page } from "@playwright/test";
import { RoomPage, seat } from "./support/candidate.js";
import { emulate } from "./support/emulation.js";

/** Every session that the page got a ticket for. */
function sessions(page: Page) {
  const ids = new Set<string>();
  page.on("response", async (response) => {
    if (response.url().endsWith("/ephemeral-token") && response.ok()) ids.add((await response.json()).session_id);
  });
  return ids;
}

/** What the question says, without its number and domain. */
const words = async (room: RoomPage) => (await room.question.innerText()).trim().split("\n").at(-1)!.trim();

/** What the console said of a fallback. */
function fallbacks(page: Page) {
  const said: string[] = [];
  page.on("console", (message) => {
    if (message.text().includes("INT_V2_WEBRTC_FALLBACK")) said.push(message.text());
  });
  return said;
}

const on = (page: Page, route: string, timeout = 20_000) =>
  page.locator(`[data-testid=room][data-route=${route}][data-phase=live]`).waitFor({ state: "attached", timeout });

// S000-01, S000-17, S000-18, S000-23, S000-26, S003-21, S003-74, S004-27: the same interview on every route; `interview.spec.ts` has the direct one.
for (const [route, badge] of [["relay", "WebRTC"], ["socket", "WebSocket"]] as const) {
  test(`an interview runs from start to report on the route ${route}`, async ({ page }) => {
    await seat(page);
    const room = new RoomPage(page);
    await room.open(`/interview?route=${route}`);
    await room.enter();
    await on(page, route);
    await expect(room.status).toContainText(badge);
    let from = 0;
    for (let idx = 0; idx < 3; idx += 1) {
      await room.asked(idx);
      expect(await room.sound(from), `question ${idx + 1} was heard`).toBeGreaterThan(1_000);
      from = await room.now();
      await expect(room.captions).toContainText(await words(room));
      await room.answer(4);
    }
    expect(await room.soundWhileSpeaking(0), "and the page said so (S003-08)").toBeGreaterThan(3_000);
    await expect(room.report).toHaveAttribute("data-ready", "true", { timeout: 40_000 });
    // S003-30 to S003-34, S003-71: what the page tells of it is the same on every route.
    const events = await page.evaluate(() => window.roomEvents);
    const kinds = new Set(events.map((it) => it.type));
    for (const kind of ["turn.start", "turn.end", "question.ready", "ai.state", "latency.ping"]) expect(kinds, kind).toContain(kind);
    expect(events.filter((it) => it.detail.type !== it.type || !(it.detail.ts > 1e12))).toEqual([]);
    const asked = events.filter((it) => it.type === "question.ready").map((it) => it.detail.payload.idx);
    expect([...new Set(asked)].slice(0, 3)).toEqual([0, 1, 2]);
    await expect.poll(() => room.report.getByText(/Spoken answer, 0:\d\d/).count()).toBeGreaterThanOrEqual(3);
    await expect.poll(() => page.evaluate(() => window.tracks.filter((it) => it.readyState === "live").length)).toBe(0);
  });
}

// Who speaks is let speak, whichever way the sound goes.
for (const route of ["direct", "relay", "socket"] as const) {
  test(`speaking over a question stops the interviewer on the route ${route}`, async ({ page }) => {
    await seat(page);
    const room = new RoomPage(page);
    await room.open(`/interview?route=${route}`);
    await room.enter();
    await page.locator('[data-testid=room][data-question="1"][data-ai=speaking]').waitFor({ state: "attached", timeout: 30_000 });
    const answered = room.answer();
    await room.state("listening");
    const from = await room.now();
    await answered;
    const tail = (await room.heard(from + 500)).filter((sample) => sample.at < from + 8_000 && sample.rms > 0.01);
    expect(tail.length, "the interviewer is silent while the candidate speaks").toBeLessThan(3);
    await expect(room.captions).toContainText(/interrupted/i);
    await page.locator('[data-testid=room][data-question="2"]').waitFor({ state: "attached", timeout: 30_000 });
  });
}

// S003-07, S003-22, S003-44, S004-31: what WebRTC cannot do the WebSocket does, and it is told.
for (const [what, hinder] of [
  ["the browser refuses the answer", () => {
    RTCPeerConnection.prototype.setRemoteDescription = async () => {
      throw new DOMException("no", "OperationError");
    };
  }],
  ["the browser has no WebRTC", () => {
    Reflect.deleteProperty(window, "RTCPeerConnection");
  }],
] as const) {
  test(`the interview goes on over the WebSocket when ${what}`, async ({ page }) => {
    await seat(page);
    await page.addInitScript(hinder);
    const [said, ids] = [fallbacks(page), sessions(page)];
    const room = new RoomPage(page);
    await room.open();
    await room.enter();
    await on(page, "socket");
    await room.asked(0);
    expect(await room.sound(0)).toBeGreaterThan(1_000);
    const question = await words(room);
    await room.answer(4);
    await room.asked(1);
    expect(said.length).toBe(1);
    expect([...ids], "one session").toEqual([await room.session()]);
    await expect(room.lines("interviewer", question)).toHaveCount(1);
    await expect(room.lines("candidate", "Spoken answer")).toHaveCount(1);
  });
}

/**
 * Cuts the line in mid-answer for so long, and goes on with the same session, the same question and what was said. `whole`:
 * what was said meanwhile is heard when the line is back, so that nothing has to be said again.
 */
async function survivesACut(
  page: Page, route: string, seconds: number, line: { cut(): Promise<unknown>; mend(): Promise<unknown> }, whole = false,
) {
  await seat(page);
  const room = new RoomPage(page);
  await room.open(`/interview?route=${route}`);
  await room.enter();
  await room.asked(0);
  const [before, question] = [await room.session(), await words(room)];
  await room.midAnswer(4);
  // Looked at often: the answer is short.
  await expect.poll(() => room.lines("candidate", "Spoken answer").count(), { intervals: [100] }).toBe(1);
  await line.cut();
  await page.locator("[data-testid=room][data-phase=recovering]").waitFor({ state: "attached", timeout: 10_000 });
  // How long the cut lasts is what is tested.
  await page.waitForTimeout(seconds * 1_000);
  await line.mend();
  await on(page, route, 30_000);
  expect(await room.session(), "the same session").toBe(before);
  await expect(room.lines("interviewer", question).first(), "the question is still there").toBeVisible();
  await expect(room.lines("candidate", "Spoken answer").first(), "and what was answered").toBeVisible();
  let from = await room.now();
  if (!whole) {
    await expect(room.room).toHaveAttribute("data-question", "1");
    await room.asked(0);
    await room.answer();
    from = await room.now();
  }
  await room.asked(1);
  expect(await room.sound(from), "the next question is heard").toBeGreaterThan(1_000);
}

// S003-14, S003-16, S003-17, S003-28: the path is gone in mid-answer and comes back; `faults.spec.ts` has the direct one.
for (const seconds of [3, 15]) {
  test(`a path cut for ${seconds} s in mid-answer keeps the interview on the route relay`, async ({ page }) => {
    const lossy = await emulate(page);
    await survivesACut(page, "relay", seconds, { cut: () => lossy(100), mend: () => lossy(0) });
  });
}

/** Lets the page's sockets be cut, and none be opened until the wire is mended. */
async function wire(page: Page) {
  await page.addInitScript(() => {
    const real = WebSocket;
    const wire = { open: [] as WebSocket[], cut: false };
    Object.assign(window, { wire });
    window.WebSocket = class extends real {
      constructor(url: string | URL, protocols?: string[]) {
        // There is nobody at this address of the same server.
        super(wire.cut ? new URL("/nowhere", url) : url, protocols);
        wire.open.push(this);
      }
    };
  });
  type Wired = Window & { wire: { open: WebSocket[]; cut: boolean } };
  const set = (cut: boolean) =>
    page.evaluate((cut) => {
      const { wire } = window as unknown as Wired;
      wire.cut = cut;
      if (cut) for (const socket of wire.open.splice(0)) socket.close(4000);
    }, cut);
  return { cut: () => set(true), mend: () => set(false) };
}

for (const seconds of [3, 15]) {
  test(`a socket cut for ${seconds} s in mid-answer keeps the interview`, async ({ page }) => {
    await survivesACut(page, "socket", seconds, await wire(page), true);
  });
}

// S003-36
for (const route of ["socket"] as const) {
  test(`sound that a hidden tab suspended comes back on the route ${route}`, async ({ page }) => {
    await seat(page);
    const room = new RoomPage(page);
    await room.open(`/interview?route=${route}`);
    await room.enter();
    await room.asked(0);
    await page.evaluate(() => Promise.all(window.contexts.map((it) => it.suspend())));
    await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
    await expect.poll(() => page.evaluate(() => window.contexts.filter((it) => it.state === "suspended").length)).toBe(0);
    await room.answer();
    const from = await room.now();
    await room.asked(1);
    expect(await room.sound(from)).toBeGreaterThan(1_000);
  });
}

// S003-40: unplugged in mid-interview.
for (const route of ["relay", "socket"] as const) {
  test(`a microphone that is unplugged is replaced on the route ${route}`, async ({ page }) => {
    await seat(page);
    const room = new RoomPage(page);
    await room.open(`/interview?route=${route}`);
    await room.enter();
    await room.asked(0);
    const before = await page.evaluate(() => window.tracks.length);
    await page.evaluate(() => {
      const track = window.tracks.filter((it) => it.readyState === "live").at(-1)!;
      track.stop();
      track.dispatchEvent(new Event("ended"));
    });
    await expect.poll(() => page.evaluate(() => window.tracks.length)).toBeGreaterThan(before);
    await room.answer();
    await room.asked(1);
  });
}

// The page is loaded again in mid-answer: same session, same question, the transcript and the answer on the screen (C-05).
for (const route of ["direct", "relay", "socket"] as const) {
  test(`a reload in mid-answer comes back to it on the route ${route}`, async ({ page }) => {
    await seat(page);
    const room = new RoomPage(page);
    await room.open(`/interview?route=${route}`);
    await room.enter();
    await room.asked(0);
    await room.answer();
    await room.asked(1);
    const [before, question] = [await room.session(), await words(room)];
    await room.midAnswer();
    await expect(room.lines("candidate", "Spoken answer")).toHaveCount(2);
    const last = room.lines("candidate", "Spoken answer").last();
    await expect.poll(() => last.textContent(), { message: "some seconds of it", intervals: [100] }).toMatch(/0:0[2-9]/);
    await page.reload();
    await page.locator("html[data-hydrated=true]").waitFor({ state: "attached" });
    await expect(page.getByText(question).first(), "the question is there before anything is pressed").toBeVisible();
    await expect(room.lines("candidate", "Spoken answer"), "and both answers").toHaveCount(2);
    // Who was not there is told what is going on (S003-63).
    const kinds = () => page.evaluate(() => window.roomEvents.map((it) => it.type));
    await expect.poll(kinds).toEqual(expect.arrayContaining(["question.ready", "ai.state"]));
    await page.getByRole("button", { name: /continue/i }).click();
    await on(page, route, 30_000);
    expect(await room.session(), "the same session").toBe(before);
    await room.asked(1);
    await room.answer();
    await room.asked(2);
    await expect(room.lines("candidate", "Spoken answer"), "one answer to each question").toHaveCount(2);
    await expect(page.locator("[data-testid=caption][data-speaker=candidate][data-solid=true]")).toHaveCount(2);
  });
}

/** Another tab in the same browser, which offers to go on. */
async function another(context: BrowserContext): Promise<[Page, RoomPage]> {
  const other = await context.newPage();
  await seat(other);
  const room = new RoomPage(other);
  await room.open("/interview");
  await expect(other.getByRole("button", { name: /continue/i })).toBeVisible();
  return [other, room];
}

test("the newest of two tabs has the room, and the old one says so", async ({ page, context }) => {
  await seat(page);
  const room = new RoomPage(page);
  await room.open("/interview");
  await room.enter();
  await room.asked(0);
  const [before, question] = [await room.session(), await words(room)];
  const [other, second] = await another(context);
  await expect(room.room, "a tab that was only opened takes nothing").toHaveAttribute("data-phase", "live");
  await other.getByRole("button", { name: /continue/i }).click();
  await other.locator("[data-testid=room][data-phase=live]").waitFor({ state: "attached", timeout: 30_000 });
  await expect(page.getByText(/goes on in another tab/).first()).toBeVisible();
  expect(await second.session(), "the same session").toBe(before);
  await second.asked(0);
  await expect(second.lines("interviewer", question).first()).toBeVisible();
  await second.answer();
  await second.asked(1);
});

test("a tab that was closed by mistake is not the end of the interview", async ({ page, context }) => {
  await seat(page);
  const room = new RoomPage(page);
  await room.open("/interview");
  await room.enter();
  await room.asked(0);
  await room.answer();
  await room.asked(1);
  const before = await room.session();
  await page.close();
  const [other, second] = await another(context);
  await expect(other.getByTestId("continue")).toBeVisible();
  await expect(second.captions, "nothing is known before it is joined").toHaveCount(0);
  await other.getByRole("button", { name: /continue/i }).click();
  await other.locator("[data-testid=room][data-phase=live]").waitFor({ state: "attached", timeout: 30_000 });
  expect(await second.session(), "the same session").toBe(before);
  await second.asked(1);
  await expect(second.lines("candidate", "Spoken answer")).toHaveCount(1);
  await second.answer();
  await second.asked(2);
});

test("a report that is loaded again is still there, and so is the way to a new interview", async ({ page }) => {
  await seat(page);
  const room = new RoomPage(page);
  await room.open("/interview");
  await room.enter();
  await room.asked(0);
  await room.answer();
  await room.asked(1);
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").getByRole("button", { name: "End interview" }).click();
  await expect(room.report).toHaveAttribute("data-ready", "true");
  await page.reload();
  await expect(room.report).toHaveAttribute("data-ready", "true");
  await expect(room.report).toContainText("Spoken answer");
  await page.getByRole("link", { name: "Start another interview" }).click();
  await expect(page.getByRole("heading", { name: "Before you start" })).toBeVisible();
  // Looked for after the heading, or it may be that of the page before.
  await page.locator("html[data-hydrated=true]").waitFor({ state: "attached" });
  await expect(page.getByRole("button", { name: /continue/i })).toHaveCount(0);
  await room.enter();
  await room.asked(0);
});

// S000-15, S000-17, S000-20, S000-21, S000-26, S000-36: the candidate changes the route in mid-interview and loses nothing.
test("the route can be changed in the room", async ({ page }) => {
  await seat(page);
  const room = new RoomPage(page);
  await room.open();
  await room.enter();
  await room.asked(0);
  const before = await room.session();
  await room.answer();
  await room.asked(1);
  for (const [name, route] of [["WebSocket", "socket"], ["WebRTC", "direct"]] as const) {
    const from = await room.now();
    if (!(await page.getByTestId("route").isVisible())) await room.status.click();
    await page.getByTestId("route").selectOption(name);
    await on(page, route);
    await expect.poll(() => room.sound(from), `heard over ${name}`).toBeGreaterThan(300);
    await room.asked(1);
    await expect(room.status).toContainText(name);
  }
  expect(await room.session()).toBe(before);
  await expect(room.captions).toContainText("Spoken answer");
  await room.answer();
  await room.asked(2);
});

// S004-19..25, point by point: what the page does, not what its source says.
test("the fifteen points of the WebRTC path hold", async ({ page }) => {
  await seat(page);
  const requests: string[] = [];
  page.on("request", (request) => requests.push(new URL(request.url()).pathname));
  const sockets: string[] = [];
  page.on("websocket", (socket) => sockets.push(new URL(socket.url()).pathname));
  const room = new RoomPage(page);
  await room.open();
  const chosen = page.getByRole("radiogroup", { name: "Connection" }).getByRole("radio", { checked: true });
  await expect(chosen, "S000-15, S004-01: on by default").toHaveAttribute("value", /automatic|webrtc/);
  await expect(page.getByRole("radio", { name: /^WebSocket/ }), "S004-23, -32: the toggle").toBeEnabled();
  await room.enter();
  await room.asked(0);
  await room.answer();
  await room.asked(1);
  expect(requests, "S004-03, -04: offer and answer").toContain("/api/interview/sdp-exchange");
  expect(sockets, "S004-12: the socket is there too").toContain("/ws/interview");
  const peer = await page.evaluate(() => {
    const it = window.peers[0]!;
    return {
      peers: window.peers.length,
      offer: it.localDescription?.type,
      answer: it.remoteDescription?.type,
      connected: it.connectionState,
      sends: it.getSenders().some((sender) => sender.track?.kind === "audio"),
      hears: it.getReceivers().some((receiver) => receiver.track.kind === "audio"),
      contexts: window.contexts.filter((context) => context.state === "running").length,
    };
  });
  // S004-08..10: an offer and its answer, the microphone goes out, and a track comes in.
  expect(peer).toMatchObject({ peers: 1, offer: "offer", answer: "answer", connected: "connected", sends: true, hears: true });
  expect(peer.contexts, "S004-11: an audio context runs").toBeGreaterThan(0);
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").getByRole("button", { name: "End interview" }).click();
  await expect(room.report).toBeVisible();
  await expect(room.report, "S004-14..17: delays and the start of the stream").toContainText(/delay|latency/i);
});
