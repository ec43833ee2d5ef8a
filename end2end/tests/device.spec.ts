// The browser's own fake device as microphone: nothing of the page is replaced.
import path from "node:path";
import { expect, test } from "@playwright/test";
import { RoomPage } from "./support/candidate.js";

const VOICE = path.join(import.meta.dirname, "../fixtures/jfk.wav");

test.use({
  launchOptions: async ({ launchOptions }, use) => {
    await use({ ...launchOptions, args: [...(launchOptions.args ?? []), `--use-file-for-fake-audio-capture=${VOICE}`] });
  },
});

// S002-11, S002-29: a real microphone track, heard by the interviewer.
test("a real device is heard from the lobby to the report", async ({ page }) => {
  const room = new RoomPage(page);
  await room.open();
  await room.consent.check();
  await page.getByRole("button", { name: /microphone/i }).first().click();
  await expect(page.getByRole("meter", { name: "Microphone level" })).toBeVisible();
  await expect(room.start).not.toHaveAttribute("aria-disabled", "true");
  await room.start.click();
  await room.state("speaking");
  await expect(room.captions).toContainText("AI interviewer");
  // The file loops, so somebody speaks all the time: over the question, and on.
  await expect(page.locator('[data-testid=caption][data-speaker=candidate]').first()).toBeVisible({ timeout: 60_000 });
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog").getByRole("button", { name: "End interview" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(room.report).toContainText("You ended the interview");
});
