// A value as a tree; what is folded costs nothing until it is opened.

import { h } from "./dom.js";

const CHUNK = 100;
const LONG = 2000;

/** What a list or map holds; `open` levels of it are unfolded. */
export function tree(value, open) {
  const all = h("div.tree");
  grow(all, Object.entries(value), open - 1);
  return all;
}

const isTree = (value) => value !== null && typeof value === "object" && Object.keys(value).length > 0;

function branch(key, value, open) {
  const name = [h("span.key", key), ": "];
  if (!isTree(value)) return h("div.leaf", name, scalar(value));
  const entries = Object.entries(value);
  const inner = h("div");
  const count = Array.isArray(value) ? `[ ${entries.length} ]` : `{ ${entries.length} }`;
  const folded = h("details", { ontoggle: () => folded.open && !inner.hasChildNodes() && grow(inner, entries, open - 1) },
    h("summary", name, h("span.size", count)), inner);
  if (open > 0 && entries.length <= CHUNK) {
    grow(inner, entries, open - 1);
    folded.open = true;
  }
  return folded;
}

function grow(inner, entries, open, from = 0) {
  inner.append(...entries.slice(from, from + CHUNK).map(([key, value]) => branch(key, value, open)));
  const left = entries.length - from - CHUNK;
  if (left > 0) inner.append(more(`more of ${left}`, () => grow(inner, entries, open, from + CHUNK)));
}

function scalar(value) {
  if (typeof value !== "string") return h("span", { class: typeof value }, Array.isArray(value) ? "[ ]" : value && typeof value === "object" ? "{ }" : String(value));
  const shown = h("span.string", JSON.stringify(value.slice(0, LONG)));
  return [shown, value.length > LONG && more(`all ${value.length} characters`, () => (shown.textContent = JSON.stringify(value)))];
}

function more(text, act) {
  const button = h("button.plain", { onclick: () => (button.remove(), act()) }, text);
  return button;
}
