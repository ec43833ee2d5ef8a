// Real networks, as far as one machine can have them: browser and server in namespaces of their own, between them a line
// that is slow and lossy or dead, and a kernel that refuses UDP. Each time the interview goes on under one session.
import { expect, type Page } from "@playwright/test";
import { RoomPage, seat } from "./support/candidate.js";
import { hindrance, test } from "./support/network.js";
import type { Server } from "./support/server.js";

const reason = hindrance();
test.skip(!!reason, `no network of its own: ${reason}`);

const on = (page: Page, route: string, timeout = 30_000) =>
  page.locator(`[data-testid=room][data-route=${route}][data-phase=live]`).waitFor({ state: "attached", timeout });

const session = (page: Page) => page.evaluate(() => JSON.stringify(Object.entries(sessionStorage).filter(([key]) => /session/.test(key))));

/** How often an interview went on over the WebSocket because no sound came through otherwise. */
async function fallbacks(server: Server) {
  const counts = ["ice", "timeout", "lost"].map((reason) => server.metric(`vivavoce_fallbacks_total{reason="${reason}"}`));
  return (await Promise.all(counts)).reduce((sum, it) => sum + it, 0);
}

/** The question that is up, as the captions have it. */
const words = async (room: RoomPage) => (await room.question.innerText()).trim().split("\n").at(-1)!.trim();

/** In the room, at the first question, which was heard. */
async function asked(page: Page, query = "") {
  await seat(page);
  const room = new RoomPage(page);
  await room.open(`/interview${query}`);
  await room.enter();
  await room.asked(0);
  expect(await room.sound(0), "the first question is heard").toBeGreaterThan(1_000);
  return { room, before: await session(page), first: await words(room) };
}

/** The candidate answers, the next question is heard, and nothing that was there is lost. */
async function goesOn({ room, before, first }: Awaited<ReturnType<typeof asked>>) {
  await room.answer(4);
  const from = await room.now();
  await room.asked(1);
  expect(await room.sound(from), "the next question is heard").toBeGreaterThan(1_000);
  expect(await session(room.page), "the same session").toBe(before);
  for (const line of [first, "Spoken answer", await words(room)]) await expect(room.captions).toContainText(line);
}

// S000-01, S003-26, S003-32, S003-38
for (const route of ["direct", "relay", "socket"]) {
  test(`25±5 ms and 2 % of loss each way are borne on the route ${route}`, async ({ page, network, house }) => {
    const server = await house();
    const earlier = await network.line("count");
    await network.line("delay 25 jitter 5 loss 0.02");
    const there = await asked(page, `?route=${route}`);
    await on(page, route);
    await goesOn(there);
    const delay = there.room.status.locator(".delay");
    await expect.poll(async () => parseInt((await delay.textContent()) ?? ""), "the round trip that the page shows").toBeGreaterThanOrEqual(40);
    await expect.poll(() => server.metric("vivavoce_round_trip_seconds_count")).toBeGreaterThan(0);
    const now = await network.line("count");
    const [carried, lost] = [now.carried - earlier.carried, now.lost - earlier.lost];
    expect(lost / (carried + lost), "what the line really lost").toBeGreaterThan(0.01);
    expect(await server.metric(`vivavoce_calls_total{route="${route}"}`), "no call but the first").toBe(1);
    expect(await page.evaluate(() => window.peers.length), "and no try of another").toBe(route === "socket" ? 0 : 1);
  });
}

// S003-14..17, S003-28
for (const route of ["direct", "relay"]) {
  test(`a line that is dead for 3 s in mid-answer keeps the interview on the route ${route}`, async ({ page, network, house }) => {
    await house();
    const there = await asked(page, `?route=${route}`);
    await network.line("delay 25 jitter 5");
    await there.room.midAnswer(4);
    const from = await there.room.now();
    await network.line("cut for 3000");
    await there.room.phase("recovering", from, 10_000);
    await on(page, route);
    await expect(there.room.room).toHaveAttribute("data-question", "1");
    await there.room.asked(0);
    await goesOn(there);
  });
}

// S003-20, S003-22, S003-44
test("a network without UDP holds the interview over TCP", async ({ page, network, house }) => {
  const server = await house({ VIVAVOCE_RTC_TCP_PORT: "7000" });
  network.refuseUdp("drop");
  const there = await asked(page, "?route=relay");
  await on(page, "relay");
  await goesOn(there);
  expect(network.refused()).toBeGreaterThan(0);
  const pairs = (type: string) => server.metric(`vivavoce_candidate_pairs_total{type="${type}",transport="tcp"}`);
  await expect.poll(async () => (await pairs("host")) + (await pairs("prflx"))).toBe(1);
});

// S003-20, S003-22, S003-44
test("a network without UDP holds the interview over the WebSocket where there is no port for TCP", async ({ page, network, house }) => {
  const server = await house();
  network.refuseUdp("drop");
  const there = await asked(page);
  await on(page, "socket");
  await goesOn(there);
  expect(network.refused()).toBeGreaterThan(0);
  expect(await server.metric('vivavoce_calls_total{route="socket"}')).toBe(1);
  await expect.poll(() => fallbacks(server)).toBe(1);
});

test("UDP that is refused in mid-answer moves the interview to the WebSocket", async ({ page, network, house }) => {
  const server = await house();
  const there = await asked(page);
  await on(page, "direct");
  await there.room.midAnswer(4);
  network.refuseUdp("reject");
  await on(page, "socket");
  await expect(there.room.room).toHaveAttribute("data-question", "1");
  await expect.poll(() => fallbacks(server)).toBe(1);
  await there.room.asked(0);
  await goesOn(there);
});

// S003-14: from one network to another.
test("a candidate whose address changes stays in the interview", async ({ page, network, house }) => {
  const server = await house();
  const there = await asked(page);
  await there.room.midAnswer(4);
  const from = await there.room.now();
  network.move("10.77.0.3");
  await there.room.phase("recovering", from, 10_000);
  await on(page, "direct");
  // The sockets of the old address are silent, not closed.
  await expect.poll(() => server.metric("vivavoce_room_resumes_total"), "the room channel comes along").toBeGreaterThan(0);
  await there.room.asked(0);
  await goesOn(there);
});
