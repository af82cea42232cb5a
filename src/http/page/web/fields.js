// One input of a node as a field, made from its schema, that gives JSON as it was typed.

import { TYPED, fill, h } from "./dom.js";
import { hintOf } from "./problem.js";

const KINDS = { boolean: "true or false", integer: "whole number", number: "number", string: "text", array: "list, as JSON", object: "map, as JSON" };
let count = 0;

/** A field: `element`, `read()` gives JSON text, nothing, or throws what is wrong; `fault(message, hint)` shows that. */
export function field(name, schema, required) {
  const id = `field-${(count += 1)}`;
  const { type } = schema;
  const given = schema.default === undefined ? "" : `default: ${JSON.stringify(schema.default, (_, value) => (typeof value === "bigint" ? String(value) : value)).slice(0, 80)}`;
  const about = { id, "aria-required": String(required), "aria-describedby": `${id}-doc ${id}-fault` };
  const typed = { ...about, ...TYPED, placeholder: given };
  const control = type === "boolean" ? h("select", about, h("option", { value: "" }, given || "not given"), h("option", "true"), h("option", "false"))
    : type === "integer" || type === "number" ? h("input", { ...typed, inputmode: "decimal" }) : h("textarea", { ...typed, rows: 1 });
  const fault = h("div.fault", { id: `${id}-fault`, "aria-live": "polite" });
  const element = h("div.field",
    h("div", h("label", { for: id }, name), h("span.kind", KINDS[type] ?? "any value, as JSON", required && ", required")),
    control, h("p.quiet", { id: `${id}-doc` }, schema.description), fault);
  return {
    element, focus: () => control.focus(), fault: showing(control, fault),
    read: () => (type === "string" ? control.value && JSON.stringify(control.value) : json(control.value)),
  };
}

/** An input that no schema names: with its name. */
export function named() {
  const name = h("input", { name: "name", "aria-label": "Name of the input", placeholder: "name", ...TYPED });
  const value = h("textarea", { name: "value", "aria-label": "Value of the input, as JSON", placeholder: "value, as JSON", rows: 1, ...TYPED });
  const fault = h("div.fault", { "aria-live": "polite" });
  const element = h("div.field.wide", h("div.pair", name, value), fault);
  return { element, name: () => name.value.trim(), focus: () => name.focus(), fault: showing(value, fault), read: () => json(value.value) };
}

function showing(control, place) {
  return (message, hint) => {
    if (message) control.setAttribute("aria-invalid", "true");
    else control.removeAttribute("aria-invalid");
    fill(place, message, hintOf(hint));
  };
}

/** JSON text that was typed, checked but not changed: its numbers stay as they are. */
export function json(text) {
  const typed = text.trim();
  try {
    if (typed !== "") JSON.parse(typed);
  } catch {
    throw new Error(/^[[{"]/.test(typed) ? "this is not JSON yet" : "this is not JSON; a text stands in quotes");
  }
  return typed;
}
