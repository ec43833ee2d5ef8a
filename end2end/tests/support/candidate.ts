// A candidate in a real browser: a voice that speaks on cue, and ears that measure what really arrives.
import { readFileSync } from "node:fs";
import path from "node:path";
import type { Locator, Page } from "@playwright/test";

const VOICE = readFileSync(path.join(import.meta.dirname, "../../fixtures/jfk.wav"));

/** One look at the received track: what it holds, and what the page says at the same moment. */
export interface Sample {
  at: number;
  rms: number;
  ai: string | null;
}

declare global {
  interface Window {
    /** Speaks the fixture into the microphone that the page opened, from this second on; resolves after the last word. */
    speak(from: number, seconds?: number): Promise<void>;
    heard: Sample[];
    /** Each phase of the room, as it came. */
    phases: { at: number; phase: string | null }[];
    /** Every audio context that the page has made. */
    contexts: AudioContext[];
    peers: RTCPeerConnection[];
    tracks: MediaStreamTrack[];
    roomEvents: { type: string; detail: { type: string; ts: number; payload: Record<string, unknown> } }[];
  }
}

/**
 * Gives the page a microphone that is silent until told to speak, and listens to what the page receives. `ears`: whether it
 * does that, which costs the page some time.
 */
export async function seat(page: Page, { ears: hasEars = true } = {}) {
  // A file of the page's own origin, as far as its policy can tell.
  await page.route("**/voice-of-the-candidate.wav", (route) => route.fulfill({ body: VOICE, contentType: "audio/wav" }));
  await page.addInitScript((hasEars) => {
    window.heard = [];
    window.phases = [];
    window.contexts = [];
    window.peers = [];
    window.tracks = [];
    window.roomEvents = [];
    // Ours, which the page's own are told from.
    const Context = AudioContext;
    const { createMediaStreamDestination } = Context.prototype;
    let context: AudioContext | undefined;
    let out: MediaStreamAudioDestinationNode | undefined;
    const microphone = () => {
      context ??= new Context();
      void context.resume();
      if (!out) {
        out = createMediaStreamDestination.call(context);
        // A microphone delivers silence too; without a source nothing at all would be sent.
        const silence = new ConstantSourceNode(context, { offset: 0 });
        silence.connect(out);
        silence.start();
      }
      const stream = out.stream.clone();
      window.tracks.push(...stream.getTracks());
      return stream;
    };
    if (navigator.mediaDevices) navigator.mediaDevices.getUserMedia = async () => microphone();
    window.speak = async (from: number, seconds?: number) => {
      if (!context || !out) throw new Error("the page has no microphone yet");
      const bytes = await (await fetch("/voice-of-the-candidate.wav")).arrayBuffer();
      const source = new AudioBufferSourceNode(context, { buffer: await context.decodeAudioData(bytes) });
      source.connect(out);
      const over = new Promise<void>((done, fail) => {
        source.addEventListener("ended", () => done(), { once: true });
        setTimeout(() => fail(new Error(`the voice has not come to its end: the context is ${context?.state}`)), 40_000);
      });
      if (seconds) source.start(0, from, seconds);
      else source.start(0, from);
      await over;
    };

    const room = () => document.querySelector("[data-testid=room]");
    const listen = (track: MediaStreamTrack) => {
      if (!hasEars) return;
      const ears = new Context();
      const analyser = ears.createAnalyser();
      analyser.fftSize = 2048;
      ears.createMediaStreamSource(new MediaStream([track])).connect(analyser);
      const block = new Float32Array(analyser.fftSize);
      setInterval(() => {
        analyser.getFloatTimeDomainData(block);
        const rms = Math.sqrt(block.reduce((sum, it) => sum + it * it, 0) / block.length);
        window.heard.push({ at: performance.now(), rms, ai: room()?.getAttribute("data-ai") ?? null });
      }, 50);
    };
    window.RTCPeerConnection = class extends RTCPeerConnection {
      constructor(configuration?: RTCConfiguration) {
        super(configuration);
        window.peers.push(this);
        this.addEventListener("track", (event) => listen(event.track));
      }
    };
    window.AudioContext = class extends Context {
      constructor(options?: AudioContextOptions) {
        super(options);
        window.contexts.push(this);
      }
    };
    // What arrives over the room channel is played from here.
    Context.prototype.createMediaStreamDestination = function () {
      const node = createMediaStreamDestination.call(this);
      if (window.contexts.includes(this)) listen(node.stream.getAudioTracks()[0]!);
      return node;
    };
    new MutationObserver(() => {
      const phase = room()?.getAttribute("data-phase") ?? null;
      if (phase !== window.phases.at(-1)?.phase) window.phases.push({ at: performance.now(), phase });
    }).observe(document, { subtree: true, childList: true, attributeFilter: ["data-phase"] });

    const kinds = ["turn.start", "turn.end", "question.ready", "latency.ping", "error", "ai.state"];
    for (const type of kinds) {
      document.addEventListener(type, (event) => window.roomEvents.push({ type, detail: (event as CustomEvent).detail }), true);
    }
  }, hasEars);
}

/** The room as a candidate finds it: by role and name first. */
export class RoomPage {
  readonly room: Locator;
  readonly question: Locator;
  readonly captions: Locator;
  readonly report: Locator;
  readonly status: Locator;
  readonly start: Locator;
  readonly consent: Locator;

  constructor(readonly page: Page) {
    this.room = page.getByTestId("room");
    this.question = page.getByTestId("question");
    this.captions = page.getByTestId("captions");
    this.report = page.getByTestId("report");
    this.status = page.getByTestId("link-status");
    this.start = page.getByRole("button", { name: "Start interview" });
    this.consent = page.getByRole("checkbox", { name: "I understand and agree" });
  }

  async open(path = "/interview") {
    await this.page.goto(path);
    await this.page.locator("html[data-hydrated=true]").waitFor({ state: "attached" });
  }

  /** From the lobby into the room, to the first sound. */
  async enter({ minutes }: { minutes: 5 | 10 | 20 } = { minutes: 5 }) {
    await this.page.getByRole("radio", { name: new RegExp(`\\b${minutes} min\\b|[a-z]${minutes} min\\b`) }).check();
    await this.consent.check();
    await this.page.getByRole("button", { name: /microphone/i }).first().click();
    await this.start.click();
    await this.state("speaking");
  }

  /** Waits until the interviewer is in this state. */
  state(ai: "listening" | "thinking" | "speaking", timeout = 30_000) {
    return this.page.locator(`[data-testid=room][data-ai=${ai}]`).waitFor({ state: "attached", timeout });
  }

  /** Waits until the question with this number (from 0) was asked and it is the candidate's turn, by the director's word too. */
  async asked(idx: number) {
    const asked = (selector: string) => {
      const last = window.roomEvents.findLast((it) => it.type === "ai.state");
      return !!document.querySelector(selector) && last?.detail.payload.state === "listening";
    };
    const selector = `[data-testid=room][data-phase=live][data-question="${idx + 1}"][data-ai=listening]`;
    await this.page.waitForFunction(asked, selector, { timeout: 45_000, polling: 100 }).catch(async (error: Error) => {
      throw new Error(`question ${idx + 1} was not asked: ${await this.standing()}`, { cause: error });
    });
  }

  /** Where the room is, for the one who looks for what went wrong. */
  private standing() {
    const look = () => {
      const told = window.roomEvents.slice(-6).map((it) => it.type + (it.detail.payload.state ? ` ${it.detail.payload.state}` : ""));
      const phases = window.phases.slice(-6).map((it) => it.phase);
      return JSON.stringify({ ...document.querySelector<HTMLElement>("[data-testid=room]")?.dataset, phases, told });
    };
    return this.page.evaluate(look).catch((error: Error) => error.message);
  }

  /** The session that this tab is in. */
  async session(): Promise<string> {
    const id = await this.page.evaluate(() => sessionStorage.getItem("vivavoce.session"));
    if (!id) throw new Error("the tab remembers no session");
    return id;
  }

  /** The captions of one speaker that say this. */
  lines(speaker: "candidate" | "interviewer", words: string | RegExp) {
    return this.page.locator(`[data-testid=caption][data-speaker=${speaker}]`).filter({ hasText: words });
  }

  /**
   * Answers for 5.7 s or less, with one breath of 0.6 s. A machine that stands still for a moment does not make a turn's end
   * of that.
   */
  answer(seconds?: number) {
    return this.page.evaluate((it) => window.speak(5.3, it), seconds);
  }

  /** Begins to answer, and comes back while the candidate speaks and is heard: the moment at which something breaks. */
  async midAnswer(seconds?: number) {
    // The page may be gone before the voice comes to its end.
    this.answer(seconds).catch(() => {});
    const heard = () => document.querySelector("[data-testid=room]")?.textContent?.includes("You are speaking");
    await this.page.waitForFunction(heard, undefined, { timeout: 10_000, polling: 50 }).catch(async (error: Error) => {
      throw new Error(`the candidate is not heard: ${await this.standing()}`, { cause: error });
    });
  }

  /** Answers with the whole fixture: 11 s with two pauses of more than a second, which belong to the candidate. */
  recite() {
    return this.page.evaluate(() => window.speak(0));
  }

  /** Waits until the room has been in this phase since `from`, and answers when that began. */
  async phase(name: "live" | "recovering", from: number, timeout = 30_000): Promise<number> {
    const been = ([name, from]: [string, number]) => window.phases.find((it) => it.phase === name && it.at >= from)?.at;
    const at = await this.page.waitForFunction(been, [name, from] as [string, number], { timeout, polling: 100 });
    return (await at.jsonValue())!;
  }

  now() {
    return this.page.evaluate(() => performance.now());
  }

  /** What was received since `from`. */
  heard(from = 0) {
    return this.page.evaluate((it) => window.heard.filter((sample) => sample.at >= it), from);
  }

  /** How long the received track really held sound since `from`, in milliseconds. */
  async sound(from: number) {
    return (await this.heard(from)).filter((sample) => sample.rms > 0.01).length * 50;
  }

  /** How long the received track really held sound while the page said "speaking", in milliseconds. */
  async soundWhileSpeaking(from: number) {
    const loud = (await this.heard(from)).filter((sample) => sample.ai === "speaking" && sample.rms > 0.01);
    return loud.length * 50;
  }
}
