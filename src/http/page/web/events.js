// The events of the host as they happen: read with fetch, because the key stands in a header; kept for a while, handed out.

import { problemOf, request } from "./api.js";
import { hostTime } from "./format.js";

/** Hands out `event` (an event of the host), `runs` (how one stands may have changed), `state` (of the connection). */
export const bus = new EventTarget();

/** How the connection stands: `connecting`, `live`, `waiting` (to try again), `refused`. */
export const stream = { state: "connecting", text: "connecting" };

/** The last events of all runs, the newest last; what was missed stands among them as `{gap}`. */
export const recent = [];

const RECENT = 500;
const RUNS = 200;
const EVENTS_OF_RUN = 4000;
/** The host shows every 15 s that it is there. */
const SILENCE = 40_000;
const byRun = new Map();

/** The events that were seen of a run, in order. */
export const eventsOf = (run) => byRun.get(run) ?? [];

function set(state, text = state) {
  Object.assign(stream, { state, text });
  bus.dispatchEvent(new Event("state"));
}

function note(entry) {
  recent.push(entry);
  if (recent.length > 2 * RECENT) recent.splice(0, RECENT);
}

function gap(text) {
  note({ gap: text, at: new Date().toISOString() });
  bus.dispatchEvent(new CustomEvent("event", { detail: { type: "gap" } }));
  bus.dispatchEvent(new Event("runs"));
}

function heard(name, data) {
  if (name === "lagged") return gap(`${data.missed} events were missed: the host was faster than this page`);
  hostTime(data.at);
  note(data);
  let events = byRun.get(data.run);
  if (!events) {
    byRun.set(data.run, (events = []));
    if (byRun.size > RUNS) byRun.delete(byRun.keys().next().value);
  }
  const ofRun = data.type.startsWith("run.");
  if (ofRun || events.length < EVENTS_OF_RUN) events.push(data);
  bus.dispatchEvent(new CustomEvent("event", { detail: data }));
  if (ofRun) bus.dispatchEvent(new Event("runs"));
}

/** Reads until the host ends the stream; `alive` is called with everything that comes. */
async function read(body, alive) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let name = "";
  let data = [];
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    alive();
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      const [, field, text] = /^([^:]*)(?::\s?(.*))?$/.exec(line.replace(/\r$/, "")) ?? [];
      if (line.trim() === "") {
        if (data.length > 0) heard(name, JSON.parse(data.join("\n")));
        name = "";
        data = [];
      } else if (field === "event") name = text;
      else if (field === "data") data.push(text ?? "");
    }
  }
}

/** Waits until a key was given; with `ms` at most so long, or until the network comes back. */
function rest(ms) {
  return new Promise((resolve) => {
    addEventListener("key", resolve, { once: true });
    if (ms === undefined) return;
    setTimeout(resolve, ms);
    addEventListener("online", resolve, { once: true });
  });
}

/** Reads events for as long as the page is open; connects again after ever longer waits. */
export async function follow() {
  let failures = 0;
  let before = false;
  for (;;) {
    const stop = new AbortController();
    let watch;
    const alive = () => {
      clearTimeout(watch);
      watch = setTimeout(() => stop.abort(), SILENCE);
    };
    try {
      set("connecting");
      const response = await request("/events", { signal: stop.signal });
      if (!response.ok) throw await problemOf(response);
      if (before) gap("the connection was lost: what happened meanwhile is not shown");
      [before, failures] = [true, 0];
      set("live");
      alive();
      await read(response.body, alive);
    } catch (error) {
      if (error.status === 401 || error.status === 403) {
        set("refused");
        await rest();
        continue;
      }
    } finally {
      clearTimeout(watch);
      stop.abort();
    }
    failures += 1;
    const wait = Math.min(20_000, 400 * 2 ** failures) * (0.5 + Math.random() / 2);
    set("waiting", `reconnecting in ${Math.ceil(wait / 1000)} s`);
    await rest(wait);
  }
}
