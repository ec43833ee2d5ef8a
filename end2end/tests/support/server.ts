// A server of a test's own: with other settings than the rest have, or one that can be told to fail.
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

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
export function program(variable: "VIVAVOCE" | "FAULTS" | "TURNSERVER" | "WIRE"): string {
  const path = process.env[variable];
  if (!path) throw new Error(`${variable} must hold the path of a program; \`make e2e\` sets it`);
  return path;
}

/** What this comes to, if it does so in time: else the error says what was waited for. */
export async function soon<T>(what: string, promise: Promise<T>, limit = 20_000): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, fail) => (timer = setTimeout(() => fail(new Error(`${what}: not within ${limit} ms`)), limit)));
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Asks a process to end, and ends it if it does not. `over` resolves when it is gone. */
export async function end(process_: ChildProcess, over: Promise<unknown>) {
  process_.kill("SIGTERM");
  try {
    await soon("the end of a process", over);
  } catch (error) {
    process_.kill("SIGKILL");
    throw error;
  }
}

/** One request, made by a process of its own where our own network does not lead to the server. */
async function ask(url: string, init: RequestInit, space?: string): Promise<{ status: number; text: string }> {
  const fetched = async (url: string, init: RequestInit) => {
    const answer = await fetch(url, { ...init, signal: AbortSignal.timeout(20_000) });
    return { status: answer.status, text: await answer.text() };
  };
  if (!space) return fetched(url, init);
  const script = `(${fetched})(...JSON.parse(process.argv[1])).then((it) => process.stdout.write(JSON.stringify(it)))`;
  const node = ["netns", "exec", space, process.execPath, "-e", script, JSON.stringify([url, init])];
  return JSON.parse((await promisify(execFile)("ip", node)).stdout);
}

/** Starts a server, in another network namespace than ours if one is named. */
export async function serve(binary: string, environment: Record<string, string> = {}, space?: string): Promise<Server> {
  const [command, ...before] = space ? ["ip", "netns", "exec", space, binary] : [binary];
  const process_ = spawn(command!, before, {
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
  const early = over.then(([code]) => Promise.reject(new Error(`${binary} ended with ${code} before it was ready`)));
  const url = await soon(`${binary} is ready`, Promise.race([ready, early])).catch((error: unknown) => {
    process_.kill("SIGKILL");
    throw error;
  });
  return {
    url,
    async metric(line) {
      const { text } = await ask(`${url}/metrics`, { headers: { authorization: `Bearer ${TOKEN}` } }, space);
      const found = text.split("\n").find((it) => it.startsWith(`${line} `));
      return Number(found?.slice(line.length + 1) ?? 0);
    },
    async order(fault) {
      const headers = { "content-type": "application/json" };
      const { status } = await ask(`${url}/faults`, { method: "POST", headers, body: JSON.stringify(fault) }, space);
      if (status !== 204) throw new Error(`the fault was not taken: ${status}`);
    },
    stop: () => end(process_, over),
  };
}
