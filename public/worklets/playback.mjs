// Frames as sound. What comes in: a frame as it came over the socket (`engine/audio/frame.rs`), the number of a playout
// that begins, or null for the end. What goes out: which playout was heard last, how many samples of it, which one is to be
// heard now, gaps so far, and what is kept in ms.
import { JitterBuffer, RATE, samples } from "./jitter.mjs";
import { Resampler } from "./resampler.mjs";

const HEADER = 12;
// Told so often while there is news.
const PERIOD = samples(100);

class Playback extends AudioWorkletProcessor {
  constructor() {
    super();
    this.buffer = new JitterBuffer();
    this.resampler = new Resampler(RATE, sampleRate);
    this.toldAt = 0;
    this.toldSamples = 0;
    this.port.onmessage = ({ data }) => {
      if (data === null) this.end();
      else if (typeof data === "number") this.cut(data);
      else this.take(data);
    };
  }

  end() {
    this.done = true;
    // An open port would keep both of its ends.
    this.port.close();
  }

  take(message) {
    const header = new DataView(message);
    const epoch = header.getUint32(4, true);
    const before = this.buffer.epoch;
    // Every machine with a browser is little-endian, as the frame is.
    this.buffer.push(epoch, header.getUint32(8, true), new Int16Array(message, HEADER));
    if (this.buffer.epoch !== before) this.tell();
  }

  cut(epoch) {
    this.buffer.cut(epoch);
    this.tell();
  }

  tell() {
    const { heardEpoch, heardSamples, epoch, gaps, delay, clock } = this.buffer;
    this.toldAt = clock;
    this.toldSamples = heardSamples;
    this.port.postMessage(Uint32Array.of(heardEpoch, heardSamples, epoch, gaps, delay));
  }

  process(_, [channels]) {
    const out = channels[0];
    for (let i = 0; i < out.length; i++) {
      while (!this.resampler.ready) this.resampler.push(this.buffer.next());
      out[i] = this.resampler.next();
    }
    for (const other of channels.slice(1)) other.set(out);
    if (this.buffer.heardSamples !== this.toldSamples && this.buffer.clock - this.toldAt >= PERIOD) this.tell();
    return !this.done;
  }
}

registerProcessor("playback", Playback);
