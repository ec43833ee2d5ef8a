// A real TURN server, coturn, that shares a secret with ours.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import path from "node:path";
import { end, program } from "./server.js";

export interface Turn {
  url: string;
  secret: string;
  stop(): Promise<void>;
}

/** A browser gathers nothing on loopback as long as there is another network. */
function address(): string {
  const all = Object.values(networkInterfaces()).flatMap((it) => it ?? []);
  return all.find((it) => it.family === "IPv4" && !it.internal)?.address ?? "127.0.0.1";
}

async function freePort(ip: string): Promise<number> {
  const server = createServer().listen(0, ip);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

async function answers(ip: string, port: number): Promise<boolean> {
  const socket = connect(port, ip);
  const answered = await Promise.race([
    once(socket, "connect").then(() => true),
    once(socket, "error").then(() => false),
  ]).catch(() => false);
  socket.destroy();
  return answered;
}

export async function turn(): Promise<Turn> {
  const ip = address();
  const port = await freePort(ip);
  const secret = "known-to-both";
  const folder = await mkdtemp(path.join(tmpdir(), "turn-"));
  const options = {
    "listening-ip": ip,
    "listening-port": port,
    "relay-ip": ip,
    "static-auth-secret": secret,
    realm: "vivavoce",
    "log-file": "stdout",
    pidfile: path.join(folder, "pid"),
    userdb: path.join(folder, "users"),
  };
  const flags = ["-n", "--use-auth-secret", "--no-tls", "--no-dtls", "--no-cli", "--allow-loopback-peers", "--simple-log"];
  const named = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const server = spawn(program("TURNSERVER"), [...flags, ...named], { stdio: "ignore" });
  const over = once(server, "exit");
  const until = Date.now() + 10_000;
  while (!(await answers(ip, port))) {
    if (server.exitCode !== null || Date.now() > until) {
      server.kill("SIGKILL");
      throw new Error("the TURN server does not start");
    }
    await new Promise((done) => setTimeout(done, 50));
  }
  return {
    url: `turn:${ip}:${port}?transport=udp`,
    secret,
    async stop() {
      await end(server, over);
      await rm(folder, { recursive: true });
    },
  };
}
