// What is kept to bridge the jitter, on virtual time: the clock of the buffer is the sound that it gives.
import assert from "node:assert/strict";
import { test } from "node:test";
import { JitterBuffer, POLICY, samples } from "../../public/worklets/jitter.mjs";

const FRAME = 480;

/** A frame of one level, -1 to 1. */
const level = (value) => new Int16Array(FRAME).fill(value * 32767);
const LOUD = level(0.5);
const SILENT = level(0);

/** A listener with a buffer: frames go in with the place at which they lie, and out comes sound. */
class Line {
  buffer = new JitterBuffer();
  epoch = 1;
  place = 0;
  heard = [];

  send(...frames) {
    for (const frame of frames) {
      this.buffer.push(this.epoch, this.place, frame);
      this.place += frame.length;
    }
  }

  listen(ms) {
    const heard = Array.from({ length: samples(ms) }, () => this.buffer.next());
    this.heard.push(...heard);
    return heard;
  }

  /** Sound at the pace of speech. */
  talk(ms, frame = LOUD) {
    for (let i = 0; i < ms / 20; i++) {
      this.send(frame);
      this.listen(20);
    }
  }

  cut() {
    this.epoch += 1;
    this.place = 0;
    this.buffer.cut(this.epoch);
  }
}

const peak = (sound) => sound.reduce((peak, it) => Math.max(peak, Math.abs(it)), 0);
/** The largest step from one sample to the next: a click. */
const step = (sound) => sound.slice(1).reduce((most, it, i) => Math.max(most, Math.abs(it - sound[i])), 0);

test("S003-21: nothing sounds before 60 ms are there, and then everything does", () => {
  const line = new Line();
  line.send(LOUD, LOUD);
  assert.equal(peak(line.listen(20)), 0);
  line.send(LOUD);
  assert.ok(peak(line.listen(20)) > 0.49);
  assert.equal(line.buffer.delay, POLICY.least);
});

test("a sound shorter than what is kept is played all the same, and counted to the sample", () => {
  const line = new Line();
  line.send(LOUD);
  line.listen(200);
  assert.ok(peak(line.heard) > 0.49);
  assert.deepEqual([line.buffer.heardEpoch, line.buffer.heardSamples], [1, FRAME]);
});

test("S003-05: every sample is played once, in order", () => {
  const line = new Line();
  const ramp = (from) => Int16Array.from({ length: FRAME }, (_, i) => from + i);
  for (let i = 0; i < 50; i++) {
    line.send(ramp(i * FRAME));
    line.listen(20);
  }
  line.listen(100);
  // Without the fades at both ends.
  const begin = line.heard.findIndex((it) => it > 0) + 200;
  const played = line.heard.slice(begin, begin + 50 * FRAME - 400).map((it) => Math.round(it * 32768));
  assert.ok(played.every((it, i) => i === 0 || it === played[i - 1] + 1));
  assert.equal(line.buffer.heardSamples, 50 * FRAME);
  assert.equal(line.buffer.gaps, 0);
});

test("S003-18, S003-19: a gap fades instead of clicking, is counted, and makes the buffer grow by what was missing", () => {
  const line = new Line();
  line.talk(400);
  line.listen(160);
  line.talk(400);
  assert.ok(step(line.heard) < 0.01, `a step of ${step(line.heard)}`);
  assert.equal(line.buffer.gaps, 1);
  // 40 of the 160 ms were bridged.
  assert.equal(line.buffer.delay, POLICY.least + 120);
  // The same again is bridged.
  line.listen(80);
  line.send(LOUD, LOUD, LOUD, LOUD);
  line.talk(200);
  assert.equal(line.buffer.gaps, 1);
});

test("the buffer grows to 300 ms at the most", () => {
  const line = new Line();
  for (let i = 0; i < 5; i++) {
    line.talk(600);
    line.listen(900);
  }
  assert.equal(line.buffer.delay, 300);
});

test("the end of a sentence is no gap", () => {
  const line = new Line();
  line.talk(400);
  // It ends as speech does, or loudly and the next comes later.
  line.talk(60, SILENT);
  line.listen(300);
  line.talk(400);
  line.listen(2_000);
  line.talk(400);
  assert.equal(line.buffer.gaps, 0);
  assert.equal(line.buffer.delay, POLICY.least);
});

test("when it is calm the buffer shrinks again", () => {
  const line = new Line();
  line.talk(400);
  line.listen(160);
  line.talk(400);
  const grown = line.buffer.delay;
  line.talk(11_000);
  assert.equal(line.buffer.delay, grown - POLICY.shrink);
  line.talk(70_000);
  assert.equal(line.buffer.delay, POLICY.least);
});

test("what came late is made up for in the pauses, and no word is lost", () => {
  const line = new Line();
  line.talk(400);
  // A stall of a second, and then all of it at once.
  line.listen(1_000);
  line.send(...Array(50).fill(LOUD));
  line.talk(1_000);
  const before = line.buffer.waiting;
  assert.ok(before > samples(800), "speech is not left out");
  line.talk(1_500, SILENT);
  assert.ok(line.buffer.waiting <= samples(POLICY.most + POLICY.spare), `${line.buffer.waiting} wait`);
  const loud = line.heard.filter((it) => Math.abs(it) > 0.1).length;
  assert.ok(loud > samples(2_400) - 4 * FRAME, `${loud} loud samples`);
});

test("what waits for more than two seconds is stale", () => {
  const line = new Line();
  line.talk(400);
  line.send(...Array(110).fill(LOUD));
  assert.ok(line.buffer.waiting < samples(300));
  line.talk(200);
  line.listen(1_000);
  assert.ok(step(line.heard) < 0.01, `a step of ${step(line.heard)}`);
  assert.deepEqual([line.buffer.frames.length, line.buffer.heardSamples], [0, line.place]);
});

test("S003-19: a sound that has just begun to rise is cut without a click", () => {
  const line = new Line();
  line.send(LOUD, LOUD, LOUD);
  line.listen(2);
  line.cut();
  line.listen(20);
  assert.ok(peak(line.heard) > 0.1 && step(line.heard) < 0.01, `a step of ${step(line.heard)}`);
});

test("S003-21: a cut fades within five milliseconds, tells what was heard, and drops what is older", () => {
  const line = new Line();
  line.talk(400);
  const { heardSamples } = line.buffer;
  line.cut();
  line.buffer.push(1, line.place, LOUD);
  const after = line.listen(40);
  assert.ok(step([line.heard.at(-after.length - 1), ...after]) < 0.01);
  assert.equal(peak(after.slice(samples(POLICY.fade))), 0);
  assert.deepEqual([line.buffer.heardEpoch, line.buffer.heardSamples], [1, heardSamples + samples(POLICY.fade)]);
  line.talk(400);
  assert.equal(line.buffer.heardEpoch, 2);
  assert.equal(line.buffer.gaps, 0);
});

test("a frame of a newer playout is a cut, and the count of one that was never heard is zero", () => {
  const line = new Line();
  line.talk(400);
  line.epoch = 2;
  line.place = 0;
  line.send(LOUD);
  assert.equal(line.buffer.heardEpoch, 1);
  line.cut();
  assert.deepEqual([line.buffer.heardEpoch, line.buffer.heardSamples], [2, 0]);
});

test("epochs are compared across their wrap", () => {
  const line = new Line();
  line.buffer.epoch = 0xffff_ffff;
  line.buffer.push(0, 0, LOUD);
  assert.equal(line.buffer.epoch, 0);
  line.buffer.push(0xffff_ffff, 0, LOUD);
  assert.equal(line.buffer.waiting, FRAME);
});
