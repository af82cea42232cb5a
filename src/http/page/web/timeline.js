// What ran when: a small Gantt chart of a run, from its events; in order alone where only its journal is known.

import { fill, h } from "./dom.js";
import { now, span } from "./format.js";

const MAX_ROWS = 200;
const MAX_BARS = 400;
const LOOKS = { running: "busy", done: "good", failed: "bad", retried: "bad retried", waiting: "wait" };
const OF_JOURNAL = { started: "running", done: "done", failed: "failed", suspended: "waiting", woken: "woken" };

/** Rows by the names of nodes: turns of a cycle and items of a list stand in one row. */
class Rows extends Map {
  of(unit) {
    const name = String(unit).replace(/\[\d+\]|#\d+/g, "");
    if (!this.has(name)) this.set(name, { name, state: "running", note: "", took: 0, units: new Set(), bars: [] });
    const row = this.get(name);
    row.units.add(unit);
    return row;
  }
}

/** The rows of a run by its events, with its begin and end in milliseconds. */
function rowsOf(events) {
  const rows = new Rows();
  const open = new Map();
  let begin = Infinity;
  let end = null;
  const start = ({ unit }, from, state) => {
    const bar = { from, to: null, state };
    open.set(unit, bar);
    rows.of(unit).bars.push(bar);
    rows.of(unit).state = state;
  };
  const close = ({ unit, data }, to, state, note = "") => {
    const row = rows.of(unit);
    let bar = open.get(unit);
    // One that began before anybody looked.
    if (!bar) row.bars.push((bar = { from: to - (data?.duration_ms ?? 0) }));
    const took = state === "done" ? data?.duration_ms : undefined;
    Object.assign(bar, { to, state, from: took === undefined ? bar.from : Math.max(bar.from, to - took) });
    Object.assign(row, { state, note, took: row.took + (took ?? to - bar.from) });
    open.delete(unit);
  };
  for (const event of events) {
    const { type, unit, data = {} } = event;
    const at = Date.parse(event.at);
    begin = Math.min(begin, at - (data.duration_ms ?? 0));
    if (type === "node.started") start(event, at, "running");
    else if (type === "node.finished") close(event, at, "done");
    else if (type === "node.failed") close(event, at, "failed", data.message);
    else if (type === "node.retrying") close(event, at, "retried", data.message);
    else if (type === "node.skipped") rows.of(unit).state = "skipped";
    else if (type === "node.suspended") {
      if (open.has(unit)) close(event, at, "done");
      start(event, at, "waiting");
      rows.of(unit).note = data.signal ? `waits for ${data.signal}` : "waits";
    } else if (type === "node.woken" && open.has(unit)) close(event, at, "waiting");
    else if (type === "node.progress") rows.of(unit).note = data.total ? `${data.message} (${data.done} of ${data.total})` : data.message;
    else if (type === "run.finished") end = at;
  }
  if (end !== null) for (const bar of open.values()) bar.to = end;
  return { rows: [...rows.values()], begin, end };
}

/** Draws the events of a run into `place`; whether there was anything to draw. */
export function drawEvents(place, events) {
  const { rows, begin, end } = rowsOf(events);
  const last = end ?? now();
  const all = Math.max(last - begin, 0.001);
  const text = ({ state, took, units }) => (state === "done" ? (units.size > 1 ? `${units.size} × · ` : "") + span(took) : state);
  const bar = ({ from, to, state }) => bit(state, (from - begin) / all, ((to ?? last) - from) / all);
  if (rows.length > 0) fill(place, axis(all), items(rows, text, bar));
  return rows.length > 0;
}

/** Draws what a journal knows: what was done in which order. */
export function drawHistory(place, history) {
  const rows = new Rows();
  history.forEach(({ type, unit, message = "" }, at) => {
    if (!unit) return;
    const state = OF_JOURNAL[type] ?? "done";
    Object.assign(rows.of(unit), { state, note: message }).bars.push({ at, state });
  });
  const bar = ({ at, state }) => bit(state, at / history.length, 1 / history.length);
  fill(place, items([...rows.values()], ({ state }) => state, bar));
}

function items(rows, text, bar) {
  const item = (row) => h("li", { title: [row.name, row.note].filter(Boolean).join(": ") }, h("span.name", row.name),
    h("span.track", { "aria-hidden": "true" }, row.bars.slice(-MAX_BARS).map(bar)),
    h("span", { class: `took ${row.state === "failed" ? "bad" : ""}` }, text(row), h("span.away", ` ${row.note}`)));
  return [rows.slice(0, MAX_ROWS).map(item), rows.length > MAX_ROWS && h("li", `and ${rows.length - MAX_ROWS} more nodes`)];
}

function bit(state, from, wide) {
  const bar = h("i", { class: LOOKS[state] ?? "none" });
  bar.style.setProperty("--from", `${Math.min(from * 100, 99.4)}%`);
  bar.style.setProperty("--wide", `${wide * 100}%`);
  return bar;
}

function axis(all) {
  const power = 10 ** Math.floor(Math.log10(all / 4));
  const step = power * ([1, 2, 5].find((times) => all / (times * power) <= 5) ?? 10);
  const marks = [];
  for (let at = 0; at < all * 0.93; at += step) {
    const mark = h("span", at === 0 ? "0" : span(at));
    mark.style.setProperty("--from", `${(at / all) * 100}%`);
    marks.push(mark);
  }
  return h("li.axis", { "aria-hidden": "true" }, h("span"), h("span.track", marks), h("span.took", span(all)));
}
