// The first page: how the host stands, its workflows, its latest runs.

import { ask } from "./api.js";
import { fact, fill, h, place, title } from "./dom.js";
import { bus } from "./events.js";
import { ago, badge } from "./format.js";
import { host } from "./host.js";
import { attempt } from "./problem.js";
import { followRuns } from "./runs.js";

const PAGE = 60;

export function workflowsPage(main, _, signal) {
  const tiles = h("dl.tiles");
  const cards = h("ul.cards");
  const below = h("div");
  const latest = h("section.sheet");
  fill(main, title("Workflows"), tiles, h("section", { "aria-label": "Workflows" }, cards, below), latest);
  const show = () => fill(tiles, [["Host", badge(host.status)], ["Running", host.running], ["Queued", host.pending],
    ["Suspended", host.suspended]]
    .map(([name, value]) => Object.assign(fact(name, value ?? "–"), { className: "tile" })));
  bus.addEventListener("host", show, { signal });
  show();
  attempt(below, signal, () => more(cards, below, "", signal));
  const head = h("div.head", h("h2", "Latest runs"), h("a.end", { href: place(["runs"]) }, "All runs"));
  return followRuns(latest, { limit: 6 }, signal, head);
}

async function more(cards, below, after, signal) {
  const query = new URLSearchParams(after ? { limit: PAGE, after } : { limit: PAGE });
  const { workflows, next } = await ask(`/workflows?${query}`, { signal });
  cards.append(...workflows.map((workflow) => h("li", card(workflow))));
  fill(below, next && h("button", { onclick: () => attempt(below, signal, () => more(cards, below, next, signal)) }, "More workflows"),
    !cards.hasChildNodes() && h("p.sheet.empty", "No workflow is registered yet: send a document by PUT to ", h("code", "/workflows/NAME"), "."));
}

function card({ name, version, nodes, connections, registered }) {
  const counted = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;
  return h("a.card", { href: place(["workflows", name]) }, h("strong", name),
    h("span.quiet", `v${version} · ${counted(nodes, "node")} · ${counted(connections, "connection")}`, h("br"), "registered ", ago(registered)));
}
