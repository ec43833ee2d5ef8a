// A network that lets nothing through but a TURN server: a real one, with credentials that our server makes per session.
import { expect, test, type Page } from "@playwright/test";
import { RoomPage, seat } from "./support/candidate.js";
import { program, serve, type Server } from "./support/server.js";
import { turn, type Turn } from "./support/turn.js";

let coturn: Turn | undefined;
const servers: Server[] = [];

/** A server whose pages may go through the TURN server only. */
async function house(secret: string): Promise<Server> {
  const server = await serve(program("VIVAVOCE"), { TURN_URLS: coturn!.url, TURN_SECRET: secret, ICE_POLICY: "relay" });
  servers.push(server);
  return server;
}

test.beforeAll(async () => {
  coturn = await turn();
});

test.afterAll(async () => {
  try {
    await Promise.all(servers.map((it) => it.stop()));
  } finally {
    await coturn?.stop();
  }
});

/** The candidates that a fresh ticket of this page's server brings. */
function candidates(page: Page): Promise<string[]> {
  return page.evaluate(async () => {
    const answer = await fetch("/api/interview/ephemeral-token", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ request_id: crypto.randomUUID(), minutes: 5, consent: true }),
    });
    const ticket = await answer.json();
    const peer = new RTCPeerConnection({ iceServers: ticket.ice_servers, iceTransportPolicy: ticket.ice_policy });
    const found: string[] = [];
    const all = new Promise<void>((done, fail) => {
      setTimeout(() => fail(new Error(`gathering goes on and on; found so far: ${found}`)), 45_000);
      peer.addEventListener("icecandidate", ({ candidate }) => {
        if (candidate?.candidate) found.push(candidate.type ?? "");
        else if (!candidate) done();
      });
    });
    peer.createDataChannel("any");
    await peer.setLocalDescription();
    await all;
    peer.close();
    return found;
  });
}

// S003-37, S004-33
test("a TURN server takes the credentials of a session, and none that another secret made", async ({ page }) => {
  const [ours, other] = [await house(coturn!.secret), await house("known-to-one")];
  await page.goto(ours.url);
  const found = await candidates(page);
  expect(found.length).toBeGreaterThan(0);
  expect(new Set(found)).toEqual(new Set(["relay"]));
  await page.goto(other.url);
  expect(await candidates(page)).toEqual([]);
});

// S000-33, S003-02, S003-29, S003-37
test("an interview goes through a TURN server alone, and what that takes is counted", async ({ page }) => {
  const server = await house(coturn!.secret);
  await seat(page);
  const room = new RoomPage(page);
  await room.open(`${server.url}/interview`);
  await room.enter();
  await room.asked(0);
  expect(await room.sound(0), "the question is heard").toBeGreaterThan(1_000);
  const [from, before] = [await room.now(), await room.session()];
  await room.answer();
  await room.asked(1);
  expect(await room.session(), "one session").toBe(before);
  await expect(room.lines("candidate", "Spoken answer")).toHaveCount(1);
  expect(await room.sound(from), "and so was the answer").toBeGreaterThan(1_000);

  const path = await page.evaluate(async () => {
    const rows = new Map<string, Record<string, unknown>>();
    for (const row of (await window.peers.at(-1)!.getStats()).values()) rows.set(row.id, row);
    const transport = [...rows.values()].find((it) => it.type === "transport");
    const pair = rows.get(String(transport?.selectedCandidatePairId));
    return rows.get(String(pair?.localCandidateId))?.candidateType;
  });
  expect(path).toBe("relay");
  await expect.poll(() => server.metric("vivavoce_turn_relay_seconds_total")).toBeGreaterThan(5);
  await expect.poll(() => server.metric("vivavoce_turn_relay_bytes_total")).toBeGreaterThan(10_000);
  await expect.poll(() => server.metric('vivavoce_candidate_pairs_total{type="relay",transport="udp"}')).toBe(1);
  await expect.poll(() => server.metric("vivavoce_turn_delay_seconds_count")).toBeGreaterThan(0);
});
