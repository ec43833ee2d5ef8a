// A whole interview with real media: every question is heard, every answer detected, and the report counts them.
import { expect, test } from "@playwright/test";
import { RoomPage, seat } from "./support/candidate.js";
import { emulate } from "./support/emulation.js";

declare global {
  interface Window {
    /** Milliseconds from a key to the end of the last call. */
    closing: Promise<number>;
  }
}

// S001-33, S002-12, S003-01, S003-12, S003-71, S004-27: voice to voice, from the start to the report.
test("a standard practice interview runs from start to report", async ({ page }) => {
  test.setTimeout(240_000);
  await seat(page);
  const room = new RoomPage(page);
  await room.open("/interview/new/application-7");
  await room.enter({ minutes: 10 });
  const spoken: string[] = [];
  let from = 0;
  for (let idx = 0; idx < 5; idx += 1) {
    await room.asked(idx);
    expect(await room.sound(from), `question ${idx + 1} was heard`).toBeGreaterThan(1_000);
    from = await room.now();
    const question = (await room.question.innerText()).trim();
    spoken.push(question);
    await expect(room.captions, "captions show what is spoken").toContainText(question.split("\n").at(-1)!.trim());
    await (idx === 0 ? room.recite() : room.answer());
  }
  expect(new Set(spoken).size).toBe(5);
  expect(await room.soundWhileSpeaking(0), "and the page said so (S003-08)").toBeGreaterThan(5_000);
  await expect(room.report).toHaveAttribute("data-ready", "true", { timeout: 40_000 });
  await expect(room.report).toContainText("application-7");
  await expect.poll(() => room.report.getByText(/Spoken answer, 0:\d\d/).count()).toBeGreaterThanOrEqual(5);

  const kinds = new Set((await page.evaluate(() => window.roomEvents)).map((it) => it.type));
  for (const kind of ["turn.start", "turn.end", "question.ready", "ai.state"]) expect(kinds, kind).toContain(kind);
  // Nothing is left behind: the peer is closed and the microphone is off.
  await expect.poll(() => page.evaluate(() => window.peers.map((it) => it.connectionState))).toEqual(["closed"]);
  await expect.poll(() => page.evaluate(() => window.tracks.filter((it) => it.readyState === "live").length)).toBe(0);
});

test("a very short answer is followed up once", async ({ page }) => {
  await seat(page);
  const room = new RoomPage(page);
  await room.open();
  await room.enter();
  await room.asked(0);
  await room.answer(1.5);
  await expect(room.question).toContainText("concrete example");
  await room.state("speaking");
  await room.asked(0);
  await room.answer(1.5);
  await room.asked(1);
});

// S002-41
test("Escape silences everything at once, and Enter ends the call within a second", async ({ page }) => {
  await seat(page);
  const room = new RoomPage(page);
  await room.open();
  await room.enter();
  await page.keyboard.press("Escape");
  const end = page.getByRole("dialog").getByRole("button", { name: "End interview" });
  await expect(end).toBeFocused();
  const open = () => page.evaluate(() => window.tracks.filter((it) => it.readyState === "live" && it.enabled).length);
  await expect.poll(open, { timeout: 1_000 }).toBe(0);
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toBeHidden();
  await page.keyboard.press("Escape");
  await expect(end).toBeFocused();
  // Awaited first: a key may overtake what the page was asked before it.
  await page.evaluate(() => {
    const closed = async (pressed: number) => {
      const passed = () => performance.now() - pressed;
      while (window.peers.some((it) => it.connectionState !== "closed") && passed() < 10_000) await new Promise((next) => setTimeout(next, 10));
      return passed();
    };
    window.closing = new Promise((done) => {
      addEventListener("keydown", (key) => done(closed(key.timeStamp)), { once: true, capture: true });
      // Without a key it never ends.
      setTimeout(done, 20_000, Infinity);
    });
  });
  await page.keyboard.press("Enter");
  expect(await page.evaluate(() => window.closing), "milliseconds from Enter to a closed call").toBeLessThan(1_000);
  await expect(room.report).toBeVisible();
  await expect(room.report).toContainText("You ended the interview");
});

// S003-14..17: the path dies in mid-question; ICE restarts, and session and sound come back.
test("an ICE restart in mid-question keeps session and sound", async ({ page }) => {
  const lossy = await emulate(page);
  await seat(page);
  const room = new RoomPage(page);
  await room.open();
  await room.enter({ minutes: 10 });
  await room.asked(0);
  const session = await room.session();
  const cut = await room.now();
  await lossy(100);
  const gone = await room.phase("recovering", cut, 10_000);
  await lossy(0);
  await room.phase("live", gone, 15_000);
  expect(await page.evaluate(() => window.peers.length), "the same peer").toBe(1);
  expect(await room.session(), "the same session").toBe(session);
  await room.answer();
  const from = await room.now();
  await room.asked(1);
  expect(await room.sound(from), "the next question is heard").toBeGreaterThan(1_000);
});
