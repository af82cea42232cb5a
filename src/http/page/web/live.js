// Events of all runs as they happen.

import { TYPED, calmly, fill, h, place, title } from "./dom.js";
import { bus, recent } from "./events.js";
import { clock, short, span } from "./format.js";

const SHOWN = 250;
const LOOKS = { finished: "good", failed: "bad", retrying: "bad", started: "busy", woken: "busy", suspended: "wait", skipped: "none" };

function line(event) {
  const time = h("time", { datetime: event.at }, clock(event.at));
  if (event.gap) return h("li", time, h("span.gap", event.gap));
  const look = event.data?.status === "failed" ? "bad" : LOOKS[event.type.split(".")[1]];
  return h("li", time, h("span", { class: `type ${look ?? ""}` }, event.type),
    h("a.mono", { href: place(["runs", event.run]), title: event.run }, short(event.run)),
    h("span.what", event.unit && h("code", event.unit), ` ${text(event)}`));
}

/** What an event holds, whatever its type. */
function text({ attempt = 1, data = {} }) {
  const parts = Object.entries(data).map(([name, value]) => {
    if (name.endsWith("_ms")) return span(value);
    if (value?.length === 0) return "";
    return typeof value === "string" ? value : `${name.replace("_", " ")} ${value}`;
  });
  return [attempt > 1 && `attempt ${attempt}`, ...parts].filter(Boolean).join(" · ");
}

export function eventsPage(main, { query }, signal) {
  let paused = null;
  const list = h("ol.happening");
  const wanted = h("input#wanted", { type: "search", value: query.get("with") ?? "", placeholder: "a type, node, run or message", ...TYPED });
  const draw = () => {
    const text = wanted.value.trim().toLowerCase();
    const found = (paused ?? recent).filter((event) => event.gap || JSON.stringify(event).toLowerCase().includes(text));
    fill(list, found.slice(-SHOWN).reverse().map(line), found.length === 0 && h("li", h("span.what.quiet", "No such event since this page was opened.")));
  };
  const pause = h("button", { "aria-pressed": "false", onclick: () => {
    paused = paused ? null : [...recent];
    pause.setAttribute("aria-pressed", String(Boolean(paused)));
    draw();
  } }, "Pause");
  const soon = calmly(draw, 250, signal);
  wanted.addEventListener("input", soon);
  bus.addEventListener("event", soon, { signal });
  fill(main, title("Events"),
    h("div.filters", h("div", h("label", { for: "wanted" }, "Only with"), wanted), pause), h("section.sheet", list));
  draw();
}
