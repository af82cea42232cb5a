// How the host stands, in the head of every page, and how the page stands to it.

import { ask } from "./api.js";
import { calmly, fill, h } from "./dom.js";
import { bus, stream } from "./events.js";
import { badge } from "./format.js";
import { askForKey, keep, key } from "./key.js";

/** What the host last said of itself: `{status, running, pending, suspended}`. */
export const host = { status: "connecting" };

const place = document.getElementById("standing");

function show() {
  const button = key() ? h("button.plain#forget", { onclick: forget }, "Forget the key")
    : stream.state === "refused" && h("button.plain", { onclick: () => askForKey() }, "Give a key");
  fill(place, badge(host.status), h("span#stream", { title: "Events of the host as they happen" }, badge(stream.state, stream.text)), button);
  bus.dispatchEvent(new Event("host"));
}

function forget() {
  keep(null);
  location.reload();
}

async function look() {
  try {
    const response = await fetch("/ready", { cache: "no-store", credentials: "omit" });
    Object.assign(host, await response.json());
  } catch {
    Object.assign(host, { status: "unreachable", running: null, pending: null, suspended: null });
  }
  show();
}

/** Looks at the host now and then, and when runs begin and end. */
export async function watchHost() {
  const soon = calmly(look, 800);
  bus.addEventListener("runs", soon);
  bus.addEventListener("state", () => (show(), soon()));
  addEventListener("key", show);
  setInterval(() => document.hidden || soon(), 10_000);
  await look();
  const health = await ask("/health").catch(() => null);
  if (health) fill(document.getElementById("foot"), `Kailash ${health.version}`);
}
