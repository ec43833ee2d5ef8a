// The audio worklets themselves, driven as a browser drives them: in blocks of 128 samples, with messages between.
import assert from "node:assert/strict";
import { test } from "node:test";

const registered = {};
globalThis.registerProcessor = (name, kind) => (registered[name] = kind);
globalThis.AudioWorkletProcessor = class {
  port = { sent: [], postMessage: (data) => this.port.sent.push(data), close: () => (this.port.closed = true) };
};
await import("../../public/worklets/capture.mjs");
await import("../../public/worklets/playback.mjs");

const BLOCK = 128;

/** A worklet in a context of `rate`. */
class Node {
  constructor(name, rate) {
    globalThis.sampleRate = rate;
    this.processor = new registered[name]();
    this.sent = this.processor.port.sent;
  }

  say(data) {
    this.processor.port.onmessage({ data });
  }

  /** Runs for the length of `input`, or for `length` samples without any. Gives the sound that comes out. */
  run(input, length = input.length) {
    const sound = new Float32Array(length);
    for (let at = 0; at + BLOCK <= length; at += BLOCK) {
      const out = new Float32Array(BLOCK);
      this.alive = this.processor.process([input ? [input.subarray(at, at + BLOCK)] : []], [[out]]);
      sound.set(out, at);
    }
    return sound;
  }
}

const sine = (hz, rate, seconds, volume = 0.5) =>
  Float32Array.from({ length: Math.floor((rate * seconds) / BLOCK) * BLOCK }, (_, i) => volume * Math.sin((2 * Math.PI * hz * i) / rate));
const rms = (sound) => Math.sqrt(sound.reduce((sum, it) => sum + it * it, 0) / sound.length);
const joined = (frames) => Float32Array.from(frames.flatMap((it) => [...it]), (it) => it / 32768);

/** A frame as it comes over the socket: see `engine/audio/frame.rs`. */
function frame(epoch, timestamp, pcm) {
  const message = new ArrayBuffer(12 + 2 * pcm.length);
  new Uint32Array(message, 0, 3).set([timestamp / 480, epoch, timestamp]);
  new Int16Array(message, 12).set(Array.from(pcm, (it) => it * 32767));
  return message;
}

function play(node, sound, epoch = 1) {
  for (let at = 0; at + 480 <= sound.length; at += 480) node.say(frame(epoch, at, sound.subarray(at, at + 480)));
}

for (const rate of [24_000, 44_100, 48_000, 96_000]) {
  test(`S003-23: a microphone at ${rate} Hz becomes 24 kHz, 50 frames a second, as loud as before`, () => {
    const node = new Node("capture", rate);
    node.run(sine(1_000, rate, 2));
    assert.ok(node.sent.every((it) => it instanceof Int16Array && it.length === 480));
    assert.ok(node.sent.length === 99 || node.sent.length === 100, `${node.sent.length} frames`);
    const heard = joined(node.sent.slice(2));
    assert.ok(Math.abs(rms(heard) - 0.5 / Math.SQRT2) < 0.002, `an RMS of ${rms(heard)}`);
  });

  test(`S003-05: a voice is as loud and as high at ${rate} Hz as it was at 24 kHz`, () => {
    const node = new Node("playback", rate);
    play(node, sine(1_000, 24_000, 1));
    const heard = node.run(undefined, rate).subarray(rate / 4, (3 * rate) / 4);
    assert.ok(Math.abs(rms(heard) - 0.5 / Math.SQRT2) < 0.002, `an RMS of ${rms(heard)}`);
    const crossings = heard.reduce((count, it, i) => count + (i > 0 && heard[i - 1] < 0 && it >= 0), 0);
    assert.ok(Math.abs(crossings - 500) <= 1, `${crossings} waves in half a second`);
  });
}

test("a level stays what it is, between any two samples", () => {
  const node = new Node("capture", 44_100);
  node.run(new Float32Array(44_100).fill(0.5));
  assert.ok(node.sent.slice(2).every((frame) => frame.every((it) => Math.abs(it - 16_384) <= 1)));
});

test("a pure tone stays pure where the rates do not divide", () => {
  const node = new Node("capture", 44_100);
  node.run(sine(7_000, 44_100, 1));
  const heard = joined(node.sent.slice(2));
  const parts = [Math.sin, Math.cos].map((wave) => heard.map((_, i) => wave((2 * Math.PI * 7_000 * i) / 24_000)));
  const rest = parts.reduce((rest, part) => {
    const share = (2 / part.length) * heard.reduce((sum, it, i) => sum + it * part[i], 0);
    return rest.map((it, i) => it - share * part[i]);
  }, heard);
  const noise_db = 20 * Math.log10(rms(rest) / rms(heard));
  assert.ok(noise_db < -65, `${noise_db} dB`);
});

test("what 24 kHz cannot carry is not heard as something else", () => {
  const node = new Node("capture", 48_000);
  node.run(sine(15_000, 48_000, 1));
  assert.ok(rms(joined(node.sent.slice(2))) < 0.0005);
});

test("several channels become one", () => {
  const node = new Node("capture", 48_000);
  const [left, right] = [sine(1_000, 48_000, 1), sine(1_000, 48_000, 1, 0)];
  for (let at = 0; at < left.length; at += BLOCK) {
    node.processor.process([[left.subarray(at, at + BLOCK), right.subarray(at, at + BLOCK)]], [[new Float32Array(BLOCK)]]);
  }
  assert.ok(Math.abs(rms(joined(node.sent.slice(2))) - 0.25 / Math.SQRT2) < 0.002);
});

test("time goes on without a microphone", () => {
  const node = new Node("capture", 48_000);
  node.run(undefined, 48_000);
  assert.ok(node.sent.length >= 49 && rms(joined(node.sent)) === 0);
});

test("too loud is clipped, not turned over", () => {
  const node = new Node("capture", 24_000);
  node.run(new Float32Array(24_000).fill(1.5));
  assert.equal(node.sent.at(-1)[0], 32_767);
});

test("S003-05: what was played is told ten times a second, to the sample at the end", () => {
  const node = new Node("playback", 48_000);
  play(node, new Float32Array(24_000).fill(0.5));
  node.run(undefined, 96_000);
  assert.ok(node.sent.length >= 9 && node.sent.length <= 12, `told ${node.sent.length} times`);
  assert.deepEqual([...node.sent.at(-1)], [1, 24_000, 1, 0, 60]);
});

for (const by of ["the number of a playout", "a frame of a newer one"]) {
  test(`S003-21: ${by} silences what is older at once, and what was heard of that is told`, () => {
    const node = new Node("playback", 48_000);
    play(node, sine(1_000, 24_000, 1));
    node.run(undefined, 24_000);
    const { heardSamples } = node.processor.buffer;
    node.say(by.startsWith("the") ? 2 : frame(2, 0, new Float32Array(480)));
    assert.deepEqual([...node.sent.at(-1)].slice(0, 3), [1, heardSamples + 120, 2]);
    const after = node.run(undefined, 4_800);
    assert.ok(rms(after.subarray(480)) < 0.0001, "silent after 10 ms");
  });
}

test("a worklet whose owner is gone ends", () => {
  for (const name of ["capture", "playback"]) {
    const node = new Node(name, 48_000);
    node.run(undefined, BLOCK);
    assert.equal(node.alive, true);
    node.say(null);
    node.run(undefined, BLOCK);
    assert.equal(node.alive, false);
    assert.equal(node.processor.port.closed, true);
  }
});
