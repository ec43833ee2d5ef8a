// The microphone as frames: whatever the device gives becomes 24 kHz, mono, 16 bit, 20 ms at a time.
import { Resampler } from "./resampler.mjs";

const RATE = 24_000;
const FRAME = 480;

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.resampler = new Resampler(sampleRate, RATE);
    this.frame = new Int16Array(FRAME);
    this.filled = 0;
    this.port.onmessage = () => {
      this.done = true;
      // An open port would keep both of its ends.
      this.port.close();
    };
  }

  process([channels]) {
    // Without a microphone, between two of them, there is silence: whoever listens counts on time going on.
    const length = channels[0]?.length ?? 128;
    for (let i = 0; i < length; i++) {
      let sum = 0;
      for (const channel of channels) sum += channel[i];
      this.resampler.push(sum / Math.max(1, channels.length));
      while (this.resampler.ready) this.add(this.resampler.next());
    }
    return !this.done;
  }

  add(sample) {
    this.frame[this.filled++] = Math.max(-32768, Math.min(32767, Math.round(sample * 32768)));
    if (this.filled < FRAME) return;
    this.port.postMessage(this.frame, [this.frame.buffer]);
    this.frame = new Int16Array(FRAME);
    this.filled = 0;
  }
}

registerProcessor("capture", Capture);
