// The page in a real browser, served by the release binary. `make e2e` builds it and says where it and the browser are.
import { tmpdir } from "node:os";
import { defineConfig } from "@playwright/test";

const port = Number(process.env.PORT ?? 3173);
const server = process.env.VIVAVOCE;
/** Where the embedded provider listens for clients other than our own server, and their key. */
export const PROVIDER_PORT = port + 1;
export const PROVIDER_KEY = "sk-end2end";
if (!server) throw new Error("VIVAVOCE must hold the path of the server binary; `make e2e` sets it");

export default defineConfig({
  testDir: "tests",
  outputDir: "results",
  // Audio in real time: browsers side by side would steal each other's frames.
  workers: 1,
  forbidOnly: !!process.env.CI,
  // More than its steps may take together: each of them has a limit of its own, and says what it waited for.
  timeout: 150_000,
  expect: { timeout: 20_000 },
  // Sound in real time, on a machine that may stand still for a moment: what fails twice is a fault, and what failed once
  // is named at the end.
  retries: 1,
  reporter: [["list"], ["./verdict.ts"]],
  use: {
    baseURL: `http://127.0.0.1:${port}`,
    permissions: ["microphone"],
    actionTimeout: 30_000,
    navigationTimeout: 30_000,
    screenshot: "only-on-failure",
    // Without pictures: taking them all the time costs a machine of two cores the evenness of its sound.
    trace: { mode: "retain-on-failure", screenshots: false },
    launchOptions: {
      executablePath: process.env.CHROMIUM || undefined,
      args: [
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        // Chromium refuses its sandbox to root.
        ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
      ],
    },
  },
  webServer: {
    command: server,
    // Far from the sources: the binary holds all that it needs.
    cwd: tmpdir(),
    url: `http://127.0.0.1:${port}/`,
    env: {
      LEPTOS_SITE_ADDR: `127.0.0.1:${port}`,
      OPENAI_REALTIME_DISABLED: "1",
      MAX_SESSIONS_PER_IP: "100",
      VIVAVOCE_PROVIDER_ADDR: `127.0.0.1:${PROVIDER_PORT}`,
      VIVAVOCE_PROVIDER_KEY: PROVIDER_KEY,
    },
    reuseExistingServer: false,
    gracefulShutdown: { signal: "SIGTERM", timeout: 10_000 },
    stdout: "ignore",
    stderr: "pipe",
  },
});
