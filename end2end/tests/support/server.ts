// A server of a test's own: with other settings than the rest have, or one that can be told to fail.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { createInterface } from "node:readline";

/** Opens `/metrics` of every server here. */
const TOKEN = "metrics-of-a-test";

/** What can be ordered of a server with faults: see `src/server/faults.rs`. */
export type Fault =
  | { fault: "udp"; seconds?: number }
  | { fault: "exchange"; delay_ms?: number; refuse?: string }
  | { fault: "room" | "upstream" | "none" };

export interface Server {
  url: string;
  /** The value of one line of `/metrics`; zero where there is none. */
  metric(line: string): Promise<number>;
  order(fault: Fault): Promise<void>;
  stop(): Promise<void>;
}

/** The path of a program that `make e2e` names. */
export function program(variable: "VIVAVOCE" | "FAULTS" | "TURNSERVER"): string {
  const path = process.env[variable];
  if (!path) throw new Error(`${variable} must hold the path of a program; \`make e2e\` sets it`);
  return path;
}

export async function serve(binary: string, environment: Record<string, string> = {}): Promise<Server> {
  const process_ = spawn(binary, {
    cwd: tmpdir(),
    env: {
      ...process.env,
      LEPTOS_SITE_ADDR: "127.0.0.1:0",
      OPENAI_REALTIME_DISABLED: "1",
      MAX_SESSIONS_PER_IP: "100",
      METRICS_TOKEN: TOKEN,
      RUST_LOG: "error",
      ...environment,
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const over = once(process_, "exit");
  const ready = new Promise<string>((found) => {
    createInterface(process_.stdout).on("line", (line) => {
      const url = /^Vivavoce is ready: (\S+)/.exec(line)?.[1];
      if (url) found(url);
    });
  });
  const url = await Promise.race([
    ready,
    over.then(([code]) => Promise.reject(new Error(`${binary} ended with ${code} before it was ready`))),
  ]);
  return {
    url,
    async metric(line) {
      const answer = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${TOKEN}` } });
      const found = (await answer.text()).split("\n").find((it) => it.startsWith(`${line} `));
      return Number(found?.slice(line.length + 1) ?? 0);
    },
    async order(fault) {
      const answer = await fetch(`${url}/faults`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(fault),
      });
      if (answer.status !== 204) throw new Error(`the fault was not taken: ${answer.status}`);
    },
    async stop() {
      process_.kill("SIGTERM");
      await over;
    },
  };
}
