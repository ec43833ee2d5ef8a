// What is kept of the interviewer's sound to bridge the unevenness of the network, and how gaps are made bearable.
//
// Little is kept at first, for a quick answer; more after each gap; less again when it is calm. Time is counted in samples
// given out, so that this runs as well in a test as on the audio thread. The page cannot decide these things: it may be
// busy for just the moment that matters.

export const RATE = 24_000;
export const samples = (ms) => (ms * RATE) / 1000;

export const POLICY = {
  // The least and the most that is kept, in ms.
  least: 60,
  most: 300,
  // After so long without a gap a little less is kept.
  calm: 10_000,
  shrink: 20,
  // A sound that breaks off loudly and goes on within this time had a gap. Later it is another sound.
  gap: 1_000,
  // More than this beyond what is kept, for the whole of a look, is made up for by leaving out silence.
  spare: 40,
  look: 500,
  // The most that waits at all. Whatever made so much of it wait, the oldest is stale.
  stale: 2_000,
  // How quickly sound comes and goes where it must not click.
  fade: 5,
};

const FADE = samples(POLICY.fade);
// -40 dB: nobody misses it, and nobody hears where it was cut.
const QUIET = 328;
// How the loudness of a moment ago is forgotten from sample to sample: loud is forgotten within 20 ms.
const MEMORY = 0.99;

const isQuiet = (pcm) => pcm.every((it) => Math.abs(it) < QUIET);
const isAfter = (one, other) => ((one - other) | 0) > 0;

export class JitterBuffer {
  constructor() {
    this.clock = 0;
    this.epoch = 0;
    // The playout that was heard last, and how many of its samples.
    this.heardEpoch = 0;
    this.heardSamples = 0;
    this.gaps = 0;
    this.target = samples(POLICY.least);
    this.calmSince = 0;
    this.clear();
    // What fades after a cut, last sample first.
    this.tail = [];
    this.loudness = 0;
    // When a sound broke off loudly.
    this.brokeOff = -Infinity;
  }

  clear() {
    this.frames = [];
    // The place in the first frame.
    this.at = 0;
    this.waiting = 0;
    this.playing = false;
    this.gain = 0;
    this.since = 0;
    this.look();
  }

  // Begins a new look at how much waits at least.
  look() {
    this.lookSince = this.clock;
    this.low = Infinity;
  }

  // What is kept at the moment, in ms.
  get delay() {
    return Math.round((this.target * 1000) / RATE);
  }

  // Takes the next frame of a playout. A newer playout ends the one before it.
  push(epoch, timestamp, pcm) {
    if (isAfter(this.epoch, epoch) || pcm.length === 0) return;
    this.cut(epoch);
    if (this.tooMuchWaits() && isQuiet(pcm)) {
      this.low -= pcm.length;
      return;
    }
    if (this.waiting === 0) this.begin();
    this.frames.push({ timestamp, pcm });
    this.waiting += pcm.length;
    if (this.waiting > samples(POLICY.stale)) {
      if (this.playing) this.fadeOut();
      while (this.waiting > this.target) this.drop();
    }
  }

  // A playout begins: what is left of an older one fades at once.
  cut(epoch) {
    if (!isAfter(epoch, this.epoch)) return;
    if (this.playing) this.fadeOut();
    if (this.heardEpoch !== this.epoch) this.hear(0);
    this.clear();
    this.brokeOff = -Infinity;
    this.epoch = epoch;
  }

  // The next sample to be heard, -1 to 1.
  next() {
    this.clock += 1;
    if (this.clock - this.calmSince >= samples(POLICY.calm)) {
      this.target = Math.max(samples(POLICY.least), this.target - samples(POLICY.shrink));
      this.calmSince = this.clock;
    }
    if (this.tail.length > 0) return this.tail.pop();
    if (!this.playing) {
      // A sound that is shorter than what is kept is not kept for ever.
      const enough = this.waiting >= this.target || this.clock - this.since >= this.target;
      if (this.waiting === 0 || !enough) return 0;
      this.playing = true;
      this.look();
    }
    const wanted = this.waiting > FADE ? 1 : 0;
    this.gain += Math.max(-1 / FADE, Math.min(1 / FADE, wanted - this.gain));
    const sample = this.take() * this.gain;
    this.low = Math.min(this.low, this.waiting);
    if (this.waiting === 0) this.runDry();
    return sample;
  }

  // The next sample that waits.
  take() {
    const { timestamp, pcm } = this.frames[0];
    const sample = pcm[this.at];
    this.loudness = Math.max(Math.abs(sample), this.loudness * MEMORY);
    this.at += 1;
    this.waiting -= 1;
    this.hear((timestamp + this.at) >>> 0);
    if (this.at === pcm.length) this.shift();
    return sample / 32768;
  }

  // Notes how much of the playout was heard: two numbers, since an object for each sample would have to be collected.
  hear(samples) {
    this.heardEpoch = this.epoch;
    this.heardSamples = samples;
  }

  shift() {
    this.frames.shift();
    this.at = 0;
  }

  // Leaves out the first frame.
  drop() {
    this.waiting -= this.frames[0].pcm.length - this.at;
    this.shift();
  }

  // Sound comes after silence. If it is the same sound, so much more should have been kept.
  begin() {
    const missing = this.clock - this.brokeOff;
    if (missing <= samples(POLICY.gap)) {
      this.gaps += 1;
      this.target = Math.min(samples(POLICY.most), this.target + Math.max(missing, samples(POLICY.shrink)));
      this.calmSince = this.clock;
    }
    this.brokeOff = -Infinity;
    this.since = this.clock;
  }

  runDry() {
    this.playing = false;
    this.gain = 0;
    // The end of a word is no gap, however long the pause.
    if (this.loudness >= QUIET) this.brokeOff = this.clock;
  }

  // Takes a few milliseconds more, fading, and is silent after them.
  fadeOut() {
    const length = Math.min(FADE, this.waiting);
    const from = this.gain;
    for (let i = 1; i <= length; i++) this.tail.unshift(this.take() * from * (1 - i / length));
    this.gain = 0;
  }

  // Whether more waits than is needed, and has for a while.
  tooMuchWaits() {
    if (!this.playing || this.clock - this.lookSince < samples(POLICY.look)) return false;
    const tooMuch = this.low > this.target + samples(POLICY.spare);
    if (!tooMuch) this.look();
    return tooMuch;
  }
}
