// Switches for tests: what a browser does to a page when a tab is hidden or a plug is pulled.
(() => {
  const contexts = [];
  const tracks = [];
  window.AudioContext = class extends AudioContext {
    constructor(options) {
      super(options);
      contexts.push(this);
    }
  };
  const devices = navigator.mediaDevices;
  const open = devices?.getUserMedia.bind(devices);
  if (open) {
    devices.getUserMedia = async (constraints) => {
      const stream = await open(constraints);
      tracks.push(...stream.getTracks());
      return stream;
    };
  }
  window.__faults = {
    /** Every audio context stops, as in a tab that the browser has put to sleep. */
    suspendAudio: () => Promise.all(contexts.filter((it) => it.state === "running").map((it) => it.suspend())),
    /** Every microphone that was opened is gone. */
    endMicrophone() {
      for (const track of tracks.splice(0)) {
        track.stop();
        track.dispatchEvent(new Event("ended"));
      }
    },
  };
})();
