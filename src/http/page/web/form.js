// The form that executes a workflow: its fields come from the schema of its inputs.

import { send } from "./api.js";
import { fill, h, place } from "./dom.js";
import { field, named } from "./fields.js";
import { problemBox } from "./problem.js";

/** The form for version `version` of workflow `name`; `connected` are inputs that connections give, as `node\ninput`. */
export function executeForm(name, version, schema, connected) {
  const nodes = Object.entries(schema.properties).map(([id, of]) => node(id, of, connected)).filter(Boolean);
  const [needed, others] = [true, false].map((needed) => nodes.filter((node) => node.needed === needed));
  const told = h("div");
  const go = h("button.first", { type: "submit" }, "Execute");
  async function submit(event) {
    event.preventDefault();
    fill(told);
    const inputs = collect(nodes);
    if (inputs === null) return;
    go.disabled = true;
    try {
      const body = `{"inputs":${inputs},"mode":"async","version":${version}}`;
      const run = await send(`/workflows/${encodeURIComponent(name)}/execute`, body);
      location.hash = place(["runs", run.run_id]);
    } catch (problem) {
      refuse(problem, nodes, told);
    }
    go.disabled = false;
  }
  return h("form.sheet#execute", { novalidate: true, onsubmit: submit }, h("h2", "Execute"),
    needed.map((node) => node.element), nodes.length === 0 && h("p.quiet", "It takes no inputs."),
    others.length > 0 && h("details", { open: needed.length + others.length === 1 }, h("summary", "Optional inputs"), others.map((node) => node.element)),
    told, h("p.actions", go));
}

/** The fields of one node, as far as connections do not give its inputs. */
function node(id, schema, connected) {
  const fields = new Map();
  for (const [name, of] of Object.entries(schema.properties)) {
    if (!connected.has(`${id}\n${name}`)) fields.set(name, field(name, of, schema.required.includes(name)));
  }
  const pairs = [];
  const add = schema.additionalProperties && h("button", { type: "button", class: "plain", onclick: () => {
    const pair = named();
    pairs.push(pair);
    add.before(pair.element);
    pair.focus();
  } }, "Add an input by name");
  if (!add && fields.size === 0) return null;
  const element = h("fieldset", h("legend", id), h("div.fields", [...fields.values()].map((field) => field.element), add));
  return { id, element, needed: schema.required.length > 0, all: () => [...fields, ...pairs.map((pair) => [pair.name(), pair])] };
}

/** The JSON text of what the fields hold; null if one is wrong, which is shown. */
function collect(nodes) {
  let wrong = null;
  const all = nodes.map(({ id, all }) => {
    const given = all().map(([name, field]) => {
      try {
        field.fault("");
        const text = field.read();
        return name && text && `${JSON.stringify(name)}:${text}`;
      } catch (error) {
        field.fault(error.message);
        wrong ??= field;
        return "";
      }
    });
    return [id, given.filter(Boolean)];
  });
  wrong?.focus();
  const text = all.filter(([, given]) => given.length > 0).map(([id, given]) => `${JSON.stringify(id)}:{${given}}`);
  return wrong ? null : `{${text}}`;
}

/** Shows what the host refused: next to a field where the issue names its node and the field, else below. */
function refuse(problem, nodes, told) {
  let first = null;
  const rest = (problem.told?.issues ?? []).filter((issue) => {
    const names = [...issue.message.matchAll(/`([^`]*)`/g)].map((match) => match[1]);
    const [, field] = nodes.find((node) => node.id === issue.node)?.all().find(([name]) => names.includes(name)) ?? [];
    field?.fault(issue.message, issue.hint);
    first ??= field;
    return !field;
  });
  first?.focus();
  if (!first || rest.length > 0) fill(told, problemBox(problem, rest));
}
