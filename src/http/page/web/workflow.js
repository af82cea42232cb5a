// One workflow: its picture, a form to execute it, its document.

import { ask, problemOf, request } from "./api.js";
import { add, fact, fill, h, place, title } from "./dom.js";
import { executeForm } from "./form.js";
import { moment } from "./format.js";
import { attempt } from "./problem.js";
import { tree } from "./tree.js";

export async function workflowPage(main, { parts: [, name], query }, signal) {
  const path = `/workflows/${encodeURIComponent(name)}`;
  fill(main, title(name));
  const which = query.get("version");
  const [told, { versions }] = await Promise.all([
    ask(which ? `${path}?version=${encodeURIComponent(which)}` : path, { signal }), ask(`${path}/versions`, { signal }),
  ]);
  const at = `version=${told.version}`;
  const schema = await ask(`${path}/schema?${at}`, { signal });
  const chosen = h("select#version", { onchange: () => (location.hash = place(["workflows", name], { version: chosen.value })) },
    versions.toReversed().map(({ version }) => h("option", { selected: version === told.version }, version)));
  const picture = h("div.sheet.picture");
  add(main,
    h("dl.facts", fact(h("label", { for: "version" }, "Version"), chosen), fact("Registered", moment(told.registered)),
      fact("Nodes", told.nodes), fact("Connections", told.connections),
      fact("Runs", h("a", { href: place(["runs"], { workflow: name }) }, "of this workflow"))),
    told.warnings.map((warning) => h("div.notice", warning)),
    picture, executeForm(name, told.version, schema, connected(told.document)),
    h("details.sheet", h("summary", "Document"), tree(told.document, 2)));
  const alt = `The graph of ${name}: ${told.nodes} nodes, ${told.connections} connections`;
  await attempt(picture, signal, () => draw(picture, `${path}/graph?${at}`, alt, signal));
}

/** The picture is shown as an image from memory: there it can neither run nor load anything, whatever names it holds. */
async function draw(into, path, alt, signal) {
  const response = await request(path, { signal });
  if (!response.ok) throw await problemOf(response);
  const src = URL.createObjectURL(new Blob([await response.arrayBuffer()], { type: "image/svg+xml" }));
  signal.addEventListener("abort", () => URL.revokeObjectURL(src));
  fill(into, h("img#picture", { src, alt }));
}

/** The inputs that connections give: `node\ninput`. */
function connected({ connections = [] }) {
  return new Set(connections.map(({ to }) => (typeof to === "string" ? to.replace(".", "\n") : `${to.node}\n${to.input}`)));
}
