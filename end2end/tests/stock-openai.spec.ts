// OpenAI's own library for Node against the provider inside the binary: nothing here knows that it is ours.
import { expect, test } from "@playwright/test";
import OpenAI, { APIError } from "openai";
import { OpenAIRealtimeWS } from "openai/realtime/ws";
import type { RealtimeServerEvent } from "openai/resources/realtime/realtime";
import { BASE, BYTES_PER_SECOND, Inbox, KEY, VOICE, overTls, rms } from "./support/provider.js";

test("REST: a client secret opens one session, a call is made and hung up; what is wrong is said with a code", async ({ page }) => {
  const client = new OpenAI({ apiKey: KEY, baseURL: BASE, maxRetries: 0 });
  const secret = await client.realtime.clientSecrets.create({
    expires_after: { anchor: "created_at", seconds: 60 },
    session: { type: "realtime", model: "gpt-realtime-2.1", instructions: "Be kind." },
  });
  expect(secret.value).toMatch(/^ek_/);
  expect(secret.expires_at - Date.now() / 1000).toBeGreaterThan(30);
  expect(secret.session).toMatchObject({ type: "realtime", model: "gpt-realtime-2.1", instructions: "Be kind." });

  const once = new OpenAI({ apiKey: secret.value, baseURL: BASE, maxRetries: 0 });
  const sdp = await page.evaluate(async () => {
    const peer = new RTCPeerConnection();
    peer.addTransceiver("audio");
    peer.createDataChannel("oai-events");
    return (await peer.createOffer()).sdp ?? "";
  });
  const call = await once.realtime.calls.create({ sdp });
  expect(call.status).toBe(201);
  expect(await call.text()).toContain("a=fingerprint:sha-256");
  const id = call.headers.get("location")?.split("/").pop() ?? "";
  await client.realtime.calls.hangup(id);

  const failure = async (attempt: Promise<unknown>) => {
    const error = await attempt.then(() => undefined, (it: unknown) => it);
    expect(error).toBeInstanceOf(APIError);
    return error as APIError;
  };
  expect(await failure(once.realtime.calls.create({ sdp }))).toMatchObject({ status: 401, code: "ephemeral_token_already_used" });
  const stranger = new OpenAI({ apiKey: "nobody", baseURL: BASE, maxRetries: 0 });
  expect(await failure(stranger.realtime.clientSecrets.create({}))).toMatchObject({ status: 401, code: "invalid_api_key" });
  expect((await failure(client.realtime.calls.create({ sdp: "no offer" }))).status).toBe(400);
  expect((await failure(client.realtime.calls.hangup("rtc_nobody"))).status).toBe(404);
});

/** A socket of the stock client and everything that came from it. */
async function open(base: string) {
  const client = new OpenAI({ apiKey: KEY, baseURL: base });
  const socket = new OpenAIRealtimeWS({ model: "gpt-realtime-2.1", options: { rejectUnauthorized: false } }, client);
  const inbox = new Inbox<RealtimeServerEvent>();
  const errors: string[] = [];
  socket.on("event", inbox.push);
  socket.on("error", (error) => errors.push(error.error?.code ?? error.message));
  await inbox.of("session.created");
  return { socket, inbox, errors };
}

test.describe("WebSocket over TLS", () => {
  let tls: Awaited<ReturnType<typeof overTls>>;
  test.beforeAll(async () => void (tls = await overTls()));
  test.afterAll(() => tls.close());

  test("a spoken turn is heard and answered with sound", async () => {
    const { socket, inbox, errors } = await open(tls.base);
    socket.send({
      type: "session.update",
      session: {
        type: "realtime",
        instructions: 'Say: "Thank you for that."',
        audio: { input: { turn_detection: { type: "server_vad", silence_duration_ms: 400 } } },
      },
    });
    await inbox.of("session.updated");
    const silence = Buffer.alloc(BYTES_PER_SECOND);
    const turn = Buffer.concat([VOICE.subarray(0, 3 * BYTES_PER_SECOND), silence]);
    for (let at = 0; at < turn.length; at += 4_800) {
      socket.send({ type: "input_audio_buffer.append", audio: turn.subarray(at, at + 4_800).toString("base64") });
    }
    const started = await inbox.of("input_audio_buffer.speech_started");
    const committed = await inbox.of("input_audio_buffer.committed");
    expect(committed.item_id).toBe(started.item_id);
    const done = await inbox.of("response.done");
    expect(done.response.status).toBe("completed");
    const sound = inbox.all.flatMap((it) => (it.type === "response.output_audio.delta" ? [Buffer.from(it.delta, "base64")] : []));
    const pcm = Buffer.concat(sound);
    expect(pcm.length).toBeGreaterThan(BYTES_PER_SECOND / 2);
    expect(rms(pcm)).toBeGreaterThan(0.01);
    expect((await inbox.of("response.output_audio_transcript.done")).transcript).toBe("Thank you for that.");
    expect(errors).toEqual([]);
    socket.close();
  });

  test("a text turn is answered in text", async () => {
    const { socket, inbox } = await open(tls.base);
    socket.send({
      type: "conversation.item.create",
      item: { type: "message", role: "user", content: [{ type: "input_text", text: "Hello" }] },
    });
    await inbox.of("conversation.item.done");
    socket.send({ type: "response.create", response: { output_modalities: ["text"], instructions: "Say: Good morning." } });
    expect((await inbox.of("response.output_text.done")).text).toBe("Good morning.");
    const { response } = await inbox.of("response.done");
    expect(response.usage?.output_token_details?.audio_tokens).toBe(0);
    socket.close();
  });

  test("a tool is called, and its result is taken", async () => {
    const { socket, inbox } = await open(tls.base);
    socket.send({
      type: "session.update",
      session: {
        type: "realtime",
        tools: [{ type: "function", name: "look_up", parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] } }],
      },
    });
    await inbox.of("session.updated");
    socket.send({ type: "response.create", response: { instructions: "Call look_up." } });
    const call = await inbox.of("response.function_call_arguments.done");
    expect(JSON.parse(call.arguments)).toHaveProperty("city");
    await inbox.of("response.done");
    const from = inbox.all.length;
    socket.send({ type: "conversation.item.create", item: { type: "function_call_output", call_id: call.call_id, output: "sunny" } });
    socket.send({ type: "response.create", response: { output_modalities: ["text"], instructions: "Say: It is sunny." } });
    expect((await inbox.of("response.output_text.done", from)).text).toBe("It is sunny.");
    socket.close();
  });

  test("an interruption truncates what was not played, and an error names its event", async () => {
    const { socket, inbox, errors } = await open(tls.base);
    socket.send({ type: "response.create", response: { instructions: "Say: One two three four five six seven eight nine ten." } });
    const delta = await inbox.of("response.output_audio.delta");
    socket.send({ type: "response.cancel" });
    await inbox.of("response.done");
    const from = inbox.all.length;
    socket.send({ type: "conversation.item.truncate", item_id: delta.item_id, content_index: 0, audio_end_ms: 40 });
    expect((await inbox.of("conversation.item.truncated", from)).audio_end_ms).toBe(40);
    socket.send({ type: "conversation.item.delete", item_id: "nobody", event_id: "mine" });
    const error = await inbox.of("error", from);
    expect(error.error.event_id).toBe("mine");
    expect(errors).toContain("item_delete_invalid_item_id");
    socket.close();
  });
});
