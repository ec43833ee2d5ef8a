// What a test page lacks: our server's worklets, and a socket that is as slow as we want.

// Serves the worklets under the addresses at which the page asks for them, each as one module with all that it imports.
export function serve_worklets(resampler, jitter, capture, playback) {
  const real = AudioWorklet.prototype.addModule;
  const module = (...texts) => {
    const text = texts.join("\n").replace(/^import .*$/gm, "").replace(/^export /gm, "");
    return URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  };
  const served = {
    "/worklets/capture.mjs": module(resampler, capture),
    "/worklets/playback.mjs": module(resampler, jitter, playback),
  };
  AudioWorklet.prototype.addModule = function (url, options) {
    return real.call(this, served[url] ?? url, options);
  };
}

// A socket that sends nothing until it is told to.
export class SlowSocket {
  constructor() {
    this.real = window.WebSocket;
    const slow = this;
    window.WebSocket = class extends EventTarget {
      static OPEN = 1;
      readyState = 1;
      bufferedAmount = 0;
      sent = [];
      constructor() {
        super();
        slow.socket = this;
      }
      send(data) {
        this.sent.push(typeof data === "string" ? "event" : data[0]);
        this.bufferedAmount += data.length;
      }
      close() {}
    };
  }

  open(open) {
    this.socket.readyState = open ? 1 : 0;
  }

  drain() {
    this.socket.bufferedAmount = 0;
  }

  tell(byte) {
    this.socket.dispatchEvent(new MessageEvent("message", { data: Uint8Array.of(byte).buffer }));
  }

  sent() {
    return this.socket.sent.join(" ");
  }

  free() {
    window.WebSocket = this.real;
  }
}
