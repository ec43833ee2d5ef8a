// The far end of a call inside the page: the API by `fetch`, the room channel by `WebSocket`, and a real peer that sends
// real sound and real events. Only the network between page and server is left out.

const report = {
  session_id: "s-1", persona: "Mariam", started_at: 1, duration_ms: 1000, ended: "finished", questions: [], transcript: [],
};

export class FarEnd {
  constructor() {
    const devices = navigator.mediaDevices;
    // What another test has left behind is not what this one comes back to.
    sessionStorage.clear();
    localStorage.clear();
    this.real = {
      entries: performance.getEntriesByType,
      createMediaStreamSource: AudioContext.prototype.createMediaStreamSource,
      fetch: window.fetch, WebSocket: window.WebSocket, getUserMedia: devices.getUserMedia,
      clone: MediaStream.prototype.clone, cloneTrack: MediaStreamTrack.prototype.clone,
    };
    // Every track that the page can hold, copies included.
    this.tracks = [];
    const real = this.real, keep = (stream) => (this.tracks.push(...stream.getTracks()), stream);
    devices.getUserMedia = async (wish) => {
      if (this.busy) throw new DOMException("", "NotReadableError");
      const stream = keep(await real.getUserMedia.call(devices, wish));
      for (const track of stream.getTracks()) {
        track.wish = wish.audio.deviceId;
        // Who stands in for the candidate in a test gives the first device, whatever is wished for.
        const given = track.getSettings();
        track.getSettings = () => ({ ...given, deviceId: track.wish ?? given.deviceId });
      }
      if (this.held) await new Promise((done) => this.held.push(done));
      return stream;
    };
    MediaStream.prototype.clone = function () { return keep(real.clone.call(this)); };
    MediaStreamTrack.prototype.clone = function () { return keep(new MediaStream([real.cloneTrack.call(this)])).getTracks()[0]; };
    this.requests = [];
    this.said = [];
    this.sockets = [];
    this.signals = [];
    this.negotiated = [];
    this.calls = 0;
    this.restarts = 0;
    this.refusals = {};
    this.route = "direct";
    this.frames = [];
    this.context = new AudioContext();
    this.gain = this.context.createGain();
    this.gain.gain.value = 0;
    this.out = this.context.createMediaStreamDestination();
    this.tone = this.context.createOscillator();
    this.tone.connect(this.gain).connect(this.out);
    this.tone.start();
    // The page has taken hold of the constructor before us. What listens to a stream is its own.
    const contexts = this.contexts = new Set();
    AudioContext.prototype.createMediaStreamSource = function (stream) {
      contexts.add(this);
      return real.createMediaStreamSource.call(this, stream);
    };
    this.network = new EventTarget();
    this.network.type = "wifi";
    Object.defineProperty(navigator, "connection", { value: this.network, configurable: true });
    const far = this;
    this.locks = [];
    const wakeLock = {
      async request() {
        const lock = { held: true, async release() { this.held = false; } };
        far.locks.push(lock);
        return lock;
      },
    };
    Object.defineProperty(navigator, "wakeLock", { value: wakeLock, configurable: true });
    window.fetch = (request, init) => far.serve(new Request(request, init));
    window.WebSocket = class extends EventTarget {
      static OPEN = 1;
      get bufferedAmount() { return far.crowded && ++far.looks % 4 ? 1e6 : 0; }
      constructor(url) {
        super();
        this.url = url;
        this.readyState = 0;
        this.negotiates = url.includes("/ws/webrtc");
        if (this.negotiates) far.signals.push(this);
        else far.sockets.push(this);
        queueMicrotask(() => {
          if (this.readyState !== 0) return;
          this.readyState = 1;
          this.dispatchEvent(new Event("open"));
        });
      }
      send(data) {
        if (typeof data !== "string") far.frames.push(new DataView(data.slice().buffer).getUint32(0, true));
        else if (this.negotiates) far.negotiate(this, JSON.parse(data));
        else far.hear(data);
      }
      close() { this.readyState = 3; }
    };
  }

  async serve(request) {
    const what = new URL(request.url).pathname.split("/").pop();
    const body = await request.json();
    this.requests.push(what);
    const refusal = this.refusals[what];
    if (refusal) return Response.json(JSON.parse(refusal), { status: 500 });
    switch (what) {
      case "ready":
        return Response.json({
          embedded: !this.hosted, connect_timeout_ms: 30000, idle_ms: 600000,
        });
      case "ephemeral-token":
        this.session = body.session_id;
        return Response.json({
          session_id: "s-1", client_secret: "t", expires_at: 9e9, ice_servers: [], ice_policy: "all", route: this.route,
        });
      case "sdp-exchange": {
        if (body.restart) this.restarts++; else this.call();
        return Response.json({ answer: await this.answer(body.offer), call: this.calls });
      }
      default:
        return Response.json(report);
    }
  }

  call() {
    this.calls++;
    this.pc = new RTCPeerConnection();
    this.sender = this.pc.addTrack(this.out.stream.getAudioTracks()[0], this.out.stream);
    this.pc.ondatachannel = ({ channel }) => {
      this.channel = channel;
      this.event({ type: "session.created", session: {} });
    };
  }

  async answer(offer) {
    await this.pc.setRemoteDescription({ type: "offer", sdp: offer });
    await this.sender.replaceTrack(this.hosted ? null : this.out.stream.getAudioTracks()[0]);
    await this.pc.setLocalDescription();
    while (this.pc.iceGatheringState !== "complete") await new Promise((done) => setTimeout(done, 5));
    return this.pc.localDescription.sdp;
  }

  // From here on the provider is one of those that send no packet while they say nothing.
  host() { this.hosted = true; }

  // A word of the page on the room channel.
  hear(text) {
    this.said.push(text);
    const { type, epoch } = JSON.parse(text);
    if (type === "call" && !this.refusals.call) {
      // It is always the same call.
      const payload = { epoch, call: 1, ...(this.frames.length > 0 && { from: this.frames.at(-1) + 1 }) };
      queueMicrotask(() => this.say({ type: "call.open", payload }));
    }
  }
  say(event) { this.tell(JSON.stringify({ n: 0, ts: 1, ...event })); }
  // What the page saw on the room channel, as it says when it comes back.
  seen() { return new URL(this.open_socket().url).search; }

  // A word of the page on the socket of a relayed call.
  async negotiate(socket, word) {
    if (this.deaf && word.type === "offer") return;
    this.negotiated.push(word.type);
    if (word.type !== "offer") return;
    const answer = (event) => socket.dispatchEvent(new MessageEvent("message", { data: JSON.stringify(event) }));
    if (this.refusals.offer) return answer({ type: "refused", id: word.id, error: JSON.parse(this.refusals.offer) });
    if (word.restart) this.restarts++; else this.call();
    answer({ type: "answer", id: word.id, sdp: await this.answer(word.sdp), call: this.calls });
  }
  has_negotiated(type) { return this.negotiated.filter((it) => it === type).length; }
  // How many sockets a call was negotiated on, and whether offers go lost there.
  signals() { return this.signal_sockets.length; }
  deafen(deaf) { this.deaf = deaf; }
  // Will not have the page on any of them.
  turn_away(code) {
    for (const socket of this.signals) {
      socket.readyState = 3;
      socket.dispatchEvent(new CloseEvent("close", { code }));
    }
  }
  // Signalling sockets that the page has opened.
  negotiations() { return this.signals.length; }
  serve_route(route) { this.route = route; }
  // Our server's own channel on a relayed call.
  open_events() { this.events = this.pc.createDataChannel("interview-events"); }
  say_on_events(event) {
    if (this.events?.readyState !== "open") return false;
    this.events.send(event);
    return true;
  }
  // From here on another program has the microphones, or has them no more.
  occupy(busy) { this.busy = busy; }
  // From here on a microphone takes its time to open.
  hold_microphones() { this.held = []; }
  held_microphones() { return this.held.length; }
  // Hands them over, the one that was asked for last first.
  async let_microphones_go() {
    const held = this.held.reverse();
    this.held = undefined;
    for (const done of held) {
      done();
      await new Promise((next) => setTimeout(next, 20));
    }
  }
  // The device that was asked for when the microphone was opened that is on.
  live_wish() { return this.tracks.find((track) => track.readyState === "live")?.wish; }
  // From here on the socket takes one frame of four.
  crowd() { [this.crowded, this.looks] = [true, 0]; }
  heard_frames() { return this.frames.length; }
  // The last frames have not come. Returns how many have.
  forget_frames(count) { return this.frames.splice(-count), this.frames.length; }
  // Whether every frame has come once, in order.
  is_gapless() { return this.frames.every((number, at) => number === this.frames[0] + at); }
  last_said(kind) { return this.said.findLast((text) => JSON.parse(text).type === kind) ?? ""; }
  last_call() { return this.last_said("call"); }
  // A frame of the interviewer's sound: a tone of half of full scale.
  sound(seq, epoch) {
    const frame = new ArrayBuffer(12 + 960), view = new DataView(frame);
    [seq, epoch, seq * 480].forEach((word, at) => view.setUint32(4 * at, word, true));
    for (let i = 0; i < 480; i++) view.setInt16(12 + 2 * i, 16000 * Math.sin((seq * 480 + i) / 8), true);
    this.open_socket().dispatchEvent(new MessageEvent("message", { data: frame }));
  }
  // The browser suspends the page's sound, and the tab stays visible.
  suspend() { return Promise.all([...this.contexts].map((context) => context.suspend())); }
  // Whether the page's sound goes on, all of it.
  sounds() { return this.contexts.size > 0 && [...this.contexts].every((context) => context.state === "running"); }
  // The browser has news of its network, which may be of another kind.
  network_changes(type) {
    this.network.type = type;
    this.network.dispatchEvent(new Event("change"));
  }
  remember(session) { sessionStorage.setItem("vivavoce.session", session); }
  // For which session the last ticket was asked.
  asked_for() { return this.session; }
  remembers() { return sessionStorage.getItem("vivavoce.session") !== null; }
  // The tab is closed, and another one is opened.
  close_tab() { sessionStorage.clear(); }
  // So long ago was the interview seen by any tab, from here on.
  age(seconds) {
    const [, id, path] = localStorage.getItem("vivavoce.session").split(" ");
    localStorage.setItem("vivavoce.session", `${Date.now() - 1000 * seconds} ${id} ${path}`);
  }
  // How often the screen was asked to stay on, and by how many locks it is held on.
  asked_locks() { return this.locks.length; }
  held_locks() { return this.locks.filter((lock) => lock.held).length; }
  // How the browser has come to the page from here on: `reload` or `navigate`.
  comes_by(type) { performance.getEntriesByType = () => [{ type }]; }
  without_webrtc() {
    this.real.RTCPeerConnection = window.RTCPeerConnection;
    delete window.RTCPeerConnection;
  }

  event(event) { this.channel.send(JSON.stringify({ event_id: "e", ...event })); }
  tell(event) { this.open_socket().dispatchEvent(new MessageEvent("message", { data: event })); }
  open_socket() { return this.sockets.findLast((socket) => socket.readyState === 1); }
  cut_socket(code) {
    const socket = this.open_socket();
    socket.readyState = 3;
    socket.dispatchEvent(new CloseEvent("close", { code }));
  }

  speak(on) {
    this.gain.gain.value = on ? 0.3 : 0;
    if (this.hosted) this.sender.replaceTrack(on ? this.out.stream.getAudioTracks()[0] : null);
    this.event({ type: `output_audio_buffer.${on ? "started" : "stopped"}`, response_id: "r" });
  }
  // No packet comes any more, as on a path that was cut.
  starve() { return this.sender.replaceTrack(null); }
  refuse(what, error) { this.refusals[what] = error; }
  hang_up() { this.channel.close(); }

  has_said(type) { return this.said.filter((text) => JSON.parse(text).type === type).length; }
  // As the page counted them when it told its figures last.
  stalls() { return JSON.parse(this.said.findLast((text) => JSON.parse(text).type === "stats")).stalls; }
  has_asked(what) { return this.requests.filter((name) => name === what).length; }
  live_tracks() { return this.tracks.filter((track) => track.readyState === "live").length; }
  heard_tracks() { return this.tracks.filter((track) => track.readyState === "live" && track.enabled).length; }
  lose_microphone() {
    for (const track of this.tracks) {
      if (track.readyState !== "live") continue;
      track.stop();
      track.dispatchEvent(new Event("ended"));
    }
  }
  // How many were opened so far.
  microphones() { return this.tracks.length; }
  // The system takes another microphone by itself from here on.
  system_takes(label) {
    const devices = navigator.mediaDevices;
    this.real.enumerateDevices ??= devices.enumerateDevices;
    devices.enumerateDevices = async () => (await this.real.enumerateDevices.call(devices)).map(
      ({ kind, deviceId, label: before, groupId }) => ({
        kind, deviceId, groupId, label: kind === "audioinput" && deviceId === "default" ? label : before,
      }),
    );
    devices.dispatchEvent(new Event("devicechange"));
  }
  open_sockets() { return this.sockets.filter((socket) => socket.readyState < 2).length; }
  is_left() { return this.channel.readyState === "closed"; }
  restarted() { return this.restarts; }
  called() { return this.calls; }

  free() {
    if (this.real.RTCPeerConnection) window.RTCPeerConnection = this.real.RTCPeerConnection;
    AudioContext.prototype.createMediaStreamSource = this.real.createMediaStreamSource;
    delete navigator.connection;
    delete navigator.wakeLock;
    sessionStorage.clear();
    localStorage.clear();
    performance.getEntriesByType = this.real.entries;
    window.fetch = this.real.fetch;
    window.WebSocket = this.real.WebSocket;
    navigator.mediaDevices.getUserMedia = this.real.getUserMedia;
    if (this.real.enumerateDevices) navigator.mediaDevices.enumerateDevices = this.real.enumerateDevices;
    MediaStream.prototype.clone = this.real.clone;
    MediaStreamTrack.prototype.clone = this.real.cloneTrack;
    this.pc?.close();
    this.context.close();
  }
}
