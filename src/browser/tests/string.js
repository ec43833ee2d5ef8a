// Counts what a page draws, and when it asks for it.
export class Frames {
  constructor() {
    const canvas = CanvasRenderingContext2D.prototype;
    this.real = { request: window.requestAnimationFrame, clear: canvas.clearRect };
    this.count = this.pictures = 0;
    this.least_ms = Infinity;
    const frames = this;
    window.requestAnimationFrame = (draw) => {
      frames.count++;
      frames.least_ms = Math.min(frames.least_ms, performance.now() - (frames.began_ms ?? -Infinity));
      return frames.real.request.call(window, (now) => {
        frames.began_ms = performance.now();
        draw(now);
      });
    };
    canvas.clearRect = function (...box) {
      frames.pictures++;
      return frames.real.clear.apply(this, box);
    };
  }
  // Frames that were asked for, and pictures that were drawn.
  asked() { return this.count; }
  drawn() { return this.pictures; }
  // The shortest time from the beginning of a frame until another was asked for.
  pause_ms() { return this.least_ms; }
  free() {
    window.requestAnimationFrame = this.real.request;
    CanvasRenderingContext2D.prototype.clearRect = this.real.clear;
  }
}
