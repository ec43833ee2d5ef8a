// The page's benchmarks, with the server and browser of its tests. `make bench` runs them; RUNS says how often.
import { defineConfig } from "@playwright/test";
import tests from "./playwright.config.js";

export default defineConfig(tests, {
  testDir: "bench",
  retries: 0,
  reporter: [["line"]],
  use: { trace: "off", screenshot: "off" },
});
