// Every state that a candidate can meet, with what it says, and a picture of it in light, dark and phone width.
import path from "node:path";
import { expect, test, type Page } from "@playwright/test";
import { RoomPage, seat } from "./support/candidate.js";

const PICTURES = path.join(import.meta.dirname, "../results/pictures");
const LOOKS = [
  { look: "light", colorScheme: "light", viewport: { width: 1280, height: 860 } },
  { look: "dark", colorScheme: "dark", viewport: { width: 1280, height: 860 } },
  { look: "phone", colorScheme: "light", viewport: { width: 390, height: 844 } },
] as const;

/** Takes the same state in all looks. Nothing on the page may be wider than the page. */
async function picture(page: Page, name: string) {
  for (const { look, colorScheme, viewport } of LOOKS) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize(viewport);
    await page.screenshot({ path: path.join(PICTURES, `${name}-${look}.png`), fullPage: true, animations: "disabled" });
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect(overflow, `${name} in ${look} is wider than the page`).toBeLessThanOrEqual(0);
  }
  await page.setViewportSize(LOOKS[0].viewport);
}

test("the first page says what this is and starts with one click", async ({ page }) => {
  await page.goto("/");
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  await expect(page.locator("html[data-hydrated=true]")).toBeAttached();
  await picture(page, "start");
  await page.getByRole("link", { name: /practice/i }).first().click();
  await expect(page).toHaveURL(/\/interview$/);
});

test("the lobby asks for consent before the microphone is touched", async ({ page }) => {
  await seat(page);
  const room = new RoomPage(page);
  await room.open();
  await expect(page.getByRole("radiogroup", { name: "Connection" })).toBeVisible();
  await expect(room.start).toHaveAttribute("aria-disabled", "true");
  await picture(page, "lobby");
  // A person can press it all the same; it answers with its reason.
  await room.start.click({ force: true });
  expect(await page.evaluate(() => window.tracks.length), "P1: no microphone before consent").toBe(0);
  await room.consent.check();
  await page.evaluate(() => document.addEventListener("permissions_ready", () => (document.body.dataset.granted = "true")));
  await page.getByRole("button", { name: /microphone/i }).first().click();
  await expect(page.locator("body"), "S003-58").toHaveAttribute("data-granted", "true");
  await expect(room.start).not.toHaveAttribute("aria-disabled", "true");
  await picture(page, "lobby-ready");
});

// S002-37: a cure in plain words for each way a microphone can fail.
for (const [name, words] of [
  ["NotAllowedError", /does not let this page use the microphone/],
  ["NotFoundError", /No microphone was found/],
  ["NotReadableError", /Another program is using/],
] as const) {
  test(`the lobby knows a cure for ${name}`, async ({ page }) => {
    await page.addInitScript((error) => {
      navigator.mediaDevices.getUserMedia = async () => {
        throw new DOMException("", error);
      };
    }, name);
    const room = new RoomPage(page);
    await room.open();
    await room.consent.check();
    await page.getByRole("button", { name: /microphone/i }).first().click();
    await expect(page.getByRole("alert")).toContainText(words);
    await expect(page.getByRole("button", { name: "Try again" })).toBeVisible();
    await picture(page, `microphone-${name}`);
  });
}

// S002-40: the page says so when the browser cannot.
for (const [name, property, words] of [
  ["webrtc", "RTCPeerConnection", /WebRTC/],
  ["media", "mediaDevices", /microphone/i],
] as const) {
  test(`the lobby says when the browser has no ${property}`, async ({ page }) => {
    await page.addInitScript((it) => {
      Object.defineProperty(it === "mediaDevices" ? Navigator.prototype : window, it, { value: undefined });
    }, property);
    await new RoomPage(page).open();
    await expect(page.getByTestId("unsupported")).toContainText(words);
    await picture(page, `unsupported-${name}`);
  });
}

/** In the lobby with everything granted. */
async function ready(page: Page) {
  await seat(page);
  const room = new RoomPage(page);
  await room.open();
  await room.consent.check();
  await page.getByRole("button", { name: /microphone/i }).first().click();
  await expect(room.start).not.toHaveAttribute("aria-disabled", "true");
  return room;
}

// S001-28..31: five steps, each with its state; what fails says why and can be tried again.
test("connecting shows five steps and ends in the room", async ({ page }) => {
  const room = await ready(page);
  let release = () => {};
  const held = new Promise<void>((done) => (release = done));
  await page.route("**/api/interview/sdp-exchange", async (route) => {
    await held;
    await route.continue();
  });
  await room.start.click();
  await expect(page.getByTestId("step-webrtc")).toHaveAttribute("data-state", "active");
  for (const step of ["microphone", "api", "session"]) {
    await expect(page.getByTestId(`step-${step}`)).toHaveAttribute("data-state", "done");
    await expect(page.getByTestId(`step-${step}`)).toContainText(/\d ms/);
  }
  await expect(page.getByTestId("step-audio")).toHaveAttribute("data-state", "pending");
  await picture(page, "connecting");
  release();
  await room.state("speaking");
  await picture(page, "room-speaking");
});

for (const { name, api, status, body, step, words } of [
  { name: "full", api: "ephemeral-token", status: 429, body: '{"busy":{"retry_after_s":60}}', step: "session", words: /rooms are taken/ },
  { name: "provider", api: "ready", status: 502, body: '{"upstream":{"fault":"unreachable"}}', step: "api", words: /voice service cannot be reached/ },
  { name: "key", api: "sdp-exchange", status: 502, body: '{"upstream":{"fault":"key"}}', step: "webrtc", words: /OPENAI_API_KEY/ },
  { name: "limited", api: "sdp-exchange", status: 503, body: '{"upstream":{"fault":"limited","retry_after_s":90}}', step: "webrtc", words: /Try again in 90 s/ },
  { name: "refused", api: "sdp-exchange", status: 401, body: '"ticket"', step: "webrtc", words: /./ },
]) {
  test(`connecting says what is wrong: ${name}`, async ({ page }) => {
    const room = await ready(page);
    await page.route(`**/api/interview/${api}`, (route) => route.fulfill({ status, body, contentType: "application/json" }));
    await room.start.click();
    await expect(page.getByTestId("room")).toHaveAttribute("data-phase", "failed", { timeout: 40_000 });
    await expect(page.getByTestId(`step-${step}`)).toHaveAttribute("data-state", "failed");
    await expect(page.getByRole("alert")).toContainText(words);
    await picture(page, `failed-${name}`);
    await page.unroute(`**/api/interview/${api}`);
    await page.getByRole("button", { name: "Try again" }).click();
    await room.state("speaking");
  });
}

test("connecting says that the server does not answer, within its limit", async ({ page }) => {
  const room = await ready(page);
  await page.route("**/api/**", (route) => route.abort());
  await room.start.click();
  await expect(page.getByTestId("room")).toHaveAttribute("data-phase", "failed", { timeout: 40_000 });
  await expect(page.getByRole("alert")).toContainText(/does not answer/);
  await picture(page, "failed-offline");
});

// S003-59, S004-34
test("the room shows who speaks, listens, and what is muted", async ({ page }) => {
  const room = await ready(page);
  await room.start.click();
  await room.asked(0);
  const answered = room.answer();
  await expect(page.getByTestId("floor")).toBeVisible();
  await page.waitForFunction(() => window.roomEvents.some((it) => it.type === "turn.start" && JSON.stringify(it.detail).includes("candidate")), undefined, { timeout: 10_000 });
  await picture(page, "room-listening");
  await answered;
  await page.getByRole("button", { name: /^Mute/ }).click();
  await expect(page.getByTestId("muted")).toBeVisible();
  await expect.poll(() => page.evaluate(() => window.tracks.filter((it) => it.readyState === "live" && it.enabled).length)).toBe(0);
  await picture(page, "room-muted");
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toBeVisible();
  await picture(page, "room-escape");
  await page.getByRole("dialog").getByRole("button", { name: "End interview" }).click();
  await expect(room.report).toContainText(/Spoken answer/);
  await picture(page, "report");
});

test("one button starts the sound where the browser blocks it", async ({ page }) => {
  await page.addInitScript(() => {
    const play = HTMLMediaElement.prototype.play;
    let blocked = true;
    HTMLMediaElement.prototype.play = function () {
      return blocked && this.srcObject ? Promise.reject(new DOMException("", "NotAllowedError")) : play.call(this);
    };
    document.addEventListener("click", (event) => {
      if ((event.target as Element).closest("[data-testid=sound-blocked]")) blocked = false;
    }, true);
  });
  const room = await ready(page);
  await room.start.click();
  await expect(page.getByTestId("sound-blocked")).toBeVisible({ timeout: 20_000 });
  await picture(page, "room-blocked");
  await page.getByTestId("sound-blocked").getByRole("button").click();
  await expect(page.getByTestId("sound-blocked")).toBeHidden();
  await room.state("speaking");
});

test("addresses that do not exist, and ids that cannot be, say so", async ({ page }) => {
  await page.goto("/no/such/page");
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  await picture(page, "not-found");
  await page.goto(`/interview/new/${"x".repeat(65)}`);
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  await expect(page.getByRole("button", { name: "Start interview" })).toHaveCount(0);
  await picture(page, "bad-application");
});

test("the chosen colours are worn on every page and remembered", async ({ page }) => {
  for (const address of ["/interview", "/"]) {
    await page.goto(address);
    await expect(page.locator("html[data-hydrated=true]")).toBeAttached();
    await page.getByRole("radio", { name: "Dark colours" }).check({ force: true });
    await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
    await page.reload();
    await expect(page.locator("html[data-hydrated=true]")).toBeAttached();
    await expect(page.getByRole("radio", { name: "Dark colours" })).toBeChecked();
    await page.getByRole("radio", { name: "Colours of the system" }).check({ force: true });
  }
});

test("without scripts the pages can still be read", async ({ browser, baseURL }) => {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  for (const address of ["/", "/interview"]) {
    await page.goto(`${baseURL}${address}`);
    await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  }
  await context.close();
});
