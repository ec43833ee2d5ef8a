// What failed and why, once more in the last lines: of a long log often those alone are kept.
import { stripVTControlCharacters } from "node:util";
import type { Reporter, TestCase, TestResult } from "@playwright/test/reporter";

const LINES = 8;

export default class Verdict implements Reporter {
  private readonly failures = new Map<TestCase, string[]>();

  onTestEnd(test: TestCase, result: TestResult) {
    if (result.status === "skipped" || result.status === test.expectedStatus) return;
    // Where a test ran out of time is said by the error after that.
    const errors = result.errors.length ? result.errors : [{ message: result.status, location: undefined }];
    const lines = errors.flatMap(({ message, location }) => [
      ...stripVTControlCharacters(message ?? result.status).split("\n").slice(0, LINES),
      ...(location ? [`at ${location.file.split("/").at(-1)}:${location.line}`] : []),
    ]);
    this.failures.set(test, [...(this.failures.get(test) ?? []), ...lines]);
  }

  async onEnd() {
    for (const [test, why] of this.failures) {
      const outcome = test.outcome() === "flaky" ? "failed once" : "failed";
      console.log([`\n${outcome}: ${test.title}`, ...why.filter((it) => it.trim())].join("\n    "));
    }
  }
}
