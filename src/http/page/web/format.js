// Times, durations and states as people read them; times that grow are kept up to date.

import { h } from "./dom.js";

const LOOKS = {
  completed: "good", ready: "good", live: "good", failed: "bad", stopping: "bad", unreachable: "bad", refused: "bad", waits_for_room: "bad",
  running: "busy", connecting: "busy", suspended: "wait", waiting: "wait",
};
let skew = 0;

/** Notes a time of the host that has just passed: its clock may differ from that of the browser. */
export function hostTime(at) {
  const ahead = Date.parse(at) - Date.now();
  if (Math.abs(ahead - skew) > 250) skew = ahead;
}

/** The host's time, in milliseconds. */
export const now = () => Date.now() + skew;

/** How something stands. */
export function badge(state, text = state) {
  return h("span", { class: `badge ${LOOKS[state] ?? "none"}` }, text);
}

/** Milliseconds, rounded to what matters. */
export function span(ms) {
  if (ms < 0) return "0 ms";
  if (ms < 1) return `${Math.round(ms * 1000)} µs`;
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes} min ${Math.floor(ms / 1000) % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A day and time of the place where the browser is. */
export const moment = (at) => new Date(at).toLocaleString("sv");

/** A time of day with milliseconds. */
export const clock = (at) => new Date(at).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 });

/** How long ago something was. */
export function ago(at) {
  return h("time", { datetime: at, title: moment(at), "data-ago": at }, agoText(at));
}

/** The time since `at`, still growing. */
export function since(at) {
  return h("span", { "data-since": at }, span(now() - Date.parse(at)));
}

function agoText(at) {
  const past = now() - Date.parse(at);
  if (past < 5000) return "just now";
  if (past < 60_000) return `${Math.floor(past / 1000)} s ago`;
  if (past < 3_600_000) return `${Math.floor(past / 60_000)} min ago`;
  if (past < 86_400_000) return `${Math.floor(past / 3_600_000)} h ago`;
  return moment(at).slice(0, 16);
}

setInterval(() => {
  for (const element of document.querySelectorAll("[data-ago]")) element.textContent = agoText(element.dataset.ago);
  for (const element of document.querySelectorAll("[data-since]")) {
    element.textContent = span(now() - Date.parse(element.dataset.since));
  }
}, 1000);

/** The end of a run's id, which tells it from others that began at the same time. */
export const short = (id) => String(id).slice(-8);
