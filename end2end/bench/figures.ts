// Figures of many runs, as `src/bench/provider.rs` shows them.

/** Every run of one measurement. */
export class Runs {
  readonly values: number[] = [];

  constructor(readonly name: string) {}

  add(value: number | null | undefined) {
    if (typeof value === "number") this.values.push(value);
  }

  /** Linear between the two nearest runs. */
  private quantile(share: number): number {
    const sorted = this.values.toSorted((a, b) => a - b);
    const at = share * (sorted.length - 1);
    const below = sorted[Math.floor(at)] ?? NaN;
    return below + ((sorted[Math.ceil(at)] ?? NaN) - below) * (at % 1);
  }

  line(floor?: Runs): string {
    const [median, p95] = [this.quantile(0.5), this.quantile(0.95)];
    const ratio = floor ? (median / floor.quantile(0.5)).toFixed(1) : "floor";
    const figures = [String(this.values.length).padStart(5), median.toFixed(2).padStart(11), p95.toFixed(2).padStart(11)];
    return [this.name.padEnd(58), ...figures, ratio.padStart(8)].join(" ");
  }
}

/** The head of a table of such lines. */
export const HEAD = ["what".padEnd(58), " runs", "median".padStart(11), "p95".padStart(11), "x floor".padStart(8)].join(" ");
