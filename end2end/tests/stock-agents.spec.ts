// The agents SDK against the provider inside the binary: over WebSocket from Node, over WebRTC from a browser.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { expect, test } from "@playwright/test";
import { OpenAIRealtimeWebSocket, RealtimeAgent, RealtimeSession, tool } from "@openai/agents-realtime";
import { z } from "zod";
import { BASE, BYTES_PER_SECOND, Inbox, KEY, VOICE, WAV, mint, rms } from "./support/provider.js";

const SOCKET = `${BASE.replace("http", "ws")}/realtime?model=gpt-realtime-2.1`;

/** A session of the SDK over WebSocket, with everything that it tells. */
async function connect(instructions: string, tools: ReturnType<typeof tool>[] = []) {
  const transport = new OpenAIRealtimeWebSocket({ url: SOCKET });
  const session = new RealtimeSession(new RealtimeAgent({ name: "Tester", instructions, tools }), { transport });
  const inbox = new Inbox<{ type: string; [key: string]: unknown }>();
  const sound: Buffer[] = [];
  const errors: unknown[] = [];
  session.on("transport_event", (event) => inbox.push(event as { type: string }));
  session.on("audio", (event) => sound.push(Buffer.from(event.data)));
  session.on("error", (error) => errors.push(error));
  await session.connect({ apiKey: KEY });
  return { session, inbox, sound, errors };
}

test("Node, WebSocket: a spoken turn is answered and both are in the history", async () => {
  const { session, inbox, sound, errors } = await connect('Say: "Thank you for that."');
  const turn = Buffer.concat([VOICE.subarray(0, 3 * BYTES_PER_SECOND), Buffer.alloc(2 * BYTES_PER_SECOND)]);
  for (let at = 0; at < turn.length; at += 4_800) {
    const chunk = turn.subarray(at, at + 4_800);
    session.sendAudio(chunk.buffer.slice(chunk.byteOffset, chunk.byteOffset + chunk.byteLength) as ArrayBuffer);
  }
  await inbox.of("response.done");
  expect(rms(Buffer.concat(sound))).toBeGreaterThan(0.01);
  await expect
    .poll(() => session.history.map((it) => (it.type === "message" ? it.role : it.type)))
    .toEqual(["user", "assistant"]);
  expect(session.usage.outputTokens).toBeGreaterThan(0);
  expect(errors).toEqual([]);
  session.close();
});

test("Node, WebSocket: a text turn, a tool that runs, and the answer after it", async () => {
  let ran = 0;
  const time = tool({
    name: "tell_time",
    description: "Tells the time.",
    parameters: z.object({ zone: z.string() }),
    execute: async () => (ran++, "noon"),
  });
  const { session, inbox, errors } = await connect("You are brief.", [time]);
  session.sendMessage("Please call tell_time.");
  await expect.poll(() => ran).toBe(1);
  // The call's own response, and the one that the SDK asks for with its result.
  await expect.poll(() => inbox.types().filter((it) => it === "response.done").length).toBe(2);
  await expect.poll(() => session.history.map((it) => (it.type === "message" ? it.role : it.type))).toEqual(["user", "function_call", "assistant"]);
  expect(errors).toEqual([]);
  session.close();
});

test("Node, WebSocket: an interruption is understood on both sides", async () => {
  const { session, inbox } = await connect("Say: One two three four five six seven eight nine ten.");
  session.sendMessage("Count, please.");
  await inbox.of("response.output_audio.delta");
  session.interrupt();
  await inbox.of("conversation.item.truncated");
  const from = inbox.all.length;
  session.transport.sendEvent({ type: "conversation.item.delete", item_id: "nobody", event_id: "mine" });
  expect(await inbox.of("error", from)).toMatchObject({ error: { event_id: "mine", code: "item_delete_invalid_item_id" } });
  session.close();
});

/** An empty page of another origin, with the SDK's own bundle for browsers. */
async function elsewhere() {
  const folder = path.dirname(createRequire(import.meta.url).resolve("@openai/agents-realtime"));
  const bundle = readFileSync(path.join(folder, "bundle/openai-realtime-agents.umd.js"));
  const files: Record<string, [type: string, body: string | Buffer]> = {
    "/": ["text/html", "<!doctype html><title>Elsewhere</title><script src=/sdk.js></script>"],
    "/sdk.js": ["text/javascript", bundle],
    "/voice.wav": ["audio/wav", WAV],
  };
  const server = createServer((request, response) => {
    const [type, body] = files[request.url ?? ""] ?? ["text/plain", ""];
    response.setHeader("content-type", type);
    response.end(body);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, close: () => server.close() };
}

test("browser, WebRTC: connect with an ephemeral key, hear a turn, call a tool, interrupt, fail", async ({ page }) => {
  const site = await elsewhere();
  await page.goto(site.url);
  const outcome = await page.evaluate(
    async ([baseUrl, key]) => {
      // The bundle's types are those of the package, which a page cannot import.
      const sdk = (globalThis as any).OpenAIAgentsRealtime;
      const context = new AudioContext();
      const microphone = context.createMediaStreamDestination();
      // A real microphone sends in silence, too.
      const silence = context.createConstantSource();
      silence.offset.value = 0;
      silence.connect(microphone);
      silence.start();
      const audioElement = document.body.appendChild(document.createElement("audio"));
      audioElement.autoplay = true;
      const transport = new sdk.OpenAIRealtimeWebRTC({ baseUrl, mediaStream: microphone.stream, audioElement });
      let ran = 0;
      const look = sdk.tool({
        name: "look_around",
        description: "Looks around.",
        strict: false,
        parameters: { type: "object", properties: {}, required: [], additionalProperties: true },
        execute: async () => (ran++, "a quiet room"),
      });
      const agent = new sdk.RealtimeAgent({ name: "Tester", instructions: 'Say: "One two three four five six seven eight nine ten."', tools: [look] });
      const session = new sdk.RealtimeSession(agent, { transport });
      const events: { type: string; error?: { code?: string } }[] = [];
      session.on("transport_event", (event: { type: string }) => events.push(event));
      session.on("error", () => undefined);
      const until = async (what: string, condition: () => boolean) => {
        for (const end = Date.now() + 15_000; !condition(); ) {
          if (Date.now() > end) throw new Error(`${what}: ${events.map((it) => it.type).join(", ")}`);
          await new Promise((done) => setTimeout(done, 20));
        }
      };
      const count = (type: string) => events.filter((it) => it.type === type).length;
      let connected = false;
      const connecting = session.connect({ apiKey: key }).then(() => (connected = true));
      await Promise.race([connecting, until("the connection", () => connected)]);
      const callId = transport.callId;

      session.sendMessage("Count, please.");
      await until("sound", () => count("output_audio_buffer.started") === 1);
      const source = context.createMediaStreamSource(audioElement.srcObject as MediaStream);
      const analyser = context.createAnalyser();
      source.connect(analyser);
      const samples = new Float32Array(analyser.fftSize);
      let loudest = 0;
      await until("energy", () => {
        analyser.getFloatTimeDomainData(samples);
        loudest = Math.max(loudest, Math.sqrt(samples.reduce((sum, it) => sum + it * it, 0) / samples.length));
        return loudest > 0.02;
      });
      session.interrupt();
      await until("the interruption", () => count("output_audio_buffer.cleared") === 1);

      // A voice turn: the microphone speaks up to its first pause.
      await session.updateAgent(new sdk.RealtimeAgent({ name: "Tester", instructions: "You are brief.", tools: [look] }));
      const voice = context.createBufferSource();
      voice.buffer = await context.decodeAudioData(await (await fetch("/voice.wav")).arrayBuffer());
      voice.connect(microphone);
      voice.start(0, 0, 2.2);
      await until("the turn", () => count("input_audio_buffer.committed") === 1);
      await until("the answer to it", () => count("output_audio_buffer.stopped") === 1);

      session.sendMessage("Please call look_around.");
      await until("the tool", () => ran === 1);
      await until("the answer", () => count("output_audio_buffer.started") === 3);
      transport.sendEvent({ type: "conversation.item.delete", item_id: "nobody", event_id: "mine" });
      await until("the error", () => count("error") === 1);
      const code = events.find((it) => it.type === "error")?.error?.code;
      session.close();
      return { callId, ran, loudest, code };
    },
    [`${BASE}/realtime/calls`, await mint()] as const,
  );
  expect(outcome).toMatchObject({ ran: 1, code: "item_delete_invalid_item_id" });
  expect(outcome.callId).toMatch(/^rtc_/);
  site.close();
});
