// The page's benchmarks, with the server and browser of its tests. `make bench` runs them; RUNS says how often.
import tests from "./playwright.config.js";

export default { ...tests, testDir: "bench", retries: 0, reporter: "line", use: { ...tests.use, trace: "off" as const, screenshot: "off" as const } };
