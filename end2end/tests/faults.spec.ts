// What breaks is mended: faults that are ordered of a server with the feature `faults`, while a candidate is in the room.
import { expect, test, type Page } from "@playwright/test";
import { RoomPage, seat } from "./support/candidate.js";
import { program, serve, type Server } from "./support/server.js";

declare global {
  interface Window {
    __faults: { suspendAudio(): Promise<unknown>; endMicrophone(): void };
  }
}

let server: Server;

test.beforeAll(async () => {
  server = await serve(program("FAULTS"));
});

test.afterEach(() => server.order({ fault: "none" }));

test.afterAll(() => server.stop());

/** In the room, at the first question. */
async function asked(page: Page, query = ""): Promise<RoomPage> {
  await seat(page);
  const room = new RoomPage(page);
  await room.open(`${server.url}/interview${query}`);
  await room.enter();
  await room.asked(0);
  return room;
}

const phase = (page: Page, name: string, timeout = 30_000) =>
  page.locator(`[data-testid=room][data-phase=${name}]`).waitFor({ state: "attached", timeout });

/** The candidate answers, and the next question is heard. */
async function goesOn(room: RoomPage) {
  await room.answer();
  const from = await room.now();
  await room.asked(1);
  expect(await room.sound(from), "the next question is heard").toBeGreaterThan(1_000);
}

/** How much longer than the interview by its own clock the page has been open, in seconds. */
async function behind(room: RoomPage): Promise<number> {
  const [now, text] = await room.page.evaluate(() => {
    const timer = document.querySelector<HTMLElement>("[data-testid=timer]")!;
    return [performance.now(), timer.innerText] as const;
  });
  const [, minutes, seconds] = /(\d+):(\d\d)/.exec(text)!;
  return now / 1_000 - Number(minutes) * 60 - Number(seconds);
}

// S003-14..17, S003-28: session, question and sound survive, and the cut costs the candidate no time.
for (const seconds of [3, 15]) {
  test(`the path is cut for ${seconds} s in mid-answer`, async ({ page }) => {
    const room = await asked(page);
    const before = await room.session();
    const [from, early] = [await room.now(), await behind(room)];
    const answering = room.answer(4);
    await server.order({ fault: "udp", seconds });
    const gone = await room.phase("recovering", from, 10_000);
    const repair = (await room.phase("live", gone)) - gone;
    await answering;
    expect(await room.session()).toBe(before);
    await expect(room.room).toHaveAttribute("data-question", "1");
    await goesOn(room);
    const stood = (await behind(room)) - early;
    // It shows whole seconds; and a page that stands still for a moment sees the end of the repair later than it was.
    expect(stood, `the clock stood still for ${repair} ms`).toBeGreaterThan((repair / 1_000) * 0.75 - 1);
  });
}

// S003-20, S003-22, S003-44
test("without UDP from the start the interview runs over the WebSocket", async ({ page }) => {
  await server.order({ fault: "udp" });
  const room = await asked(page);
  await expect(room.room).toHaveAttribute("data-route", "socket");
  await goesOn(room);
});

test("an exchange that takes too long is not waited for", async ({ page }) => {
  await server.order({ fault: "exchange", delay_ms: 60_000 });
  const room = await asked(page);
  await expect(room.room).toHaveAttribute("data-route", "socket");
});

test("a room channel that breaks off comes back to the same question", async ({ page }) => {
  const room = await asked(page);
  const [before, resumes] = [await room.session(), await server.metric("vivavoce_room_resumes_total")];
  await server.order({ fault: "room" });
  await expect.poll(() => server.metric("vivavoce_room_resumes_total")).toBeGreaterThan(resumes);
  expect(await room.session()).toBe(before);
  await expect(room.room).toHaveAttribute("data-question", "1");
  await goesOn(room);
});

test("a connection to the provider that breaks off is made again", async ({ page }) => {
  const room = await asked(page);
  const before = await room.session();
  const [faults, calls] = ['vivavoce_provider_faults_total{fault="lost"}', 'vivavoce_calls_total{route="direct"}'];
  const [lost, made] = [await server.metric(faults), await server.metric(calls)];
  await server.order({ fault: "upstream" });
  await expect.poll(() => server.metric(faults)).toBeGreaterThan(lost);
  await expect.poll(() => server.metric(calls)).toBeGreaterThan(made);
  await phase(page, "live");
  expect(await room.session()).toBe(before);
  await room.asked(0);
  await goesOn(room);
});

test("a microphone that is unplugged is replaced in the running call", async ({ page }) => {
  const room = await asked(page);
  const opened = await page.evaluate(() => window.tracks.length);
  await page.evaluate(() => window.__faults.endMicrophone());
  await page.waitForFunction((it) => window.tracks.length > it, opened, { timeout: 20_000 });
  await goesOn(room);
});

test("sound that the browser has put to sleep comes back", async ({ page }) => {
  const room = await asked(page, "?route=socket");
  await page.evaluate(() => window.__faults.suspendAudio());
  await goesOn(room);
});
