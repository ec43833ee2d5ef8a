// From one sample rate to another, one sample at a time, without a seam between blocks.
//
// A windowed sinc: it lets through what both rates can carry and nothing else, so that a microphone at 48 kHz brings no
// hiss from above 12 kHz down into the voice.

// Zero crossings of the sinc on either side, at the lower of the two rates.
const CROSSINGS = 16;
// Places between two samples for which the filter is worked out; between them it is drawn straight.
const PHASES = 128;
// The share of the band that is let through. The rest is the slope.
const BAND = 0.92;

// Blackman's window over -1 to 1.
const window = (x) => 0.42 + 0.5 * Math.cos(Math.PI * x) + 0.08 * Math.cos(2 * Math.PI * x);

const sinc = (x) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

export class Resampler {
  constructor(from, to) {
    const band = BAND * Math.min(1, to / from);
    const half = Math.ceil((CROSSINGS * Math.max(from, to)) / to);
    this.taps = 2 * half;
    this.step = from / to;
    // Where the next output lies, in input samples from the middle of the history. From 1 on it lies ahead of what is in.
    this.phase = 1;
    // Twice the same, so that a stretch of it never wraps.
    this.history = new Float32Array(2 * this.taps);
    this.at = 0;
    this.filters = [];
    for (let phase = 0; phase <= PHASES; phase++) {
      const filter = new Float32Array(this.taps);
      for (let tap = 0; tap < this.taps; tap++) {
        const x = tap - (half - 1) - phase / PHASES;
        filter[tap] = band * sinc(band * x) * window(Math.max(-1, Math.min(1, x / half)));
      }
      this.filters.push(filter);
    }
  }

  // Whether an output can be made of what is in.
  get ready() {
    return this.phase < 1;
  }

  // Takes the next input sample.
  push(sample) {
    this.history[this.at] = this.history[this.at + this.taps] = sample;
    this.at = (this.at + 1) % this.taps;
    this.phase -= 1;
  }

  // The next output sample.
  next() {
    const place = this.phase * PHASES;
    const index = Math.floor(place);
    const share = place - index;
    const [one, other] = [this.filters[index], this.filters[index + 1]];
    let sum = 0;
    for (let tap = 0; tap < this.taps; tap++) {
      sum += this.history[this.at + tap] * (one[tap] + share * (other[tap] - one[tap]));
    }
    this.phase += this.step;
    return sum;
  }
}
