// One run: how it stands, what ran when, what it gave, what failed; cancelling it and sending it signals.

import { ask, send } from "./api.js";
import { TYPED, calmly, fact, fill, h, place, say, title } from "./dom.js";
import { bus, eventsOf } from "./events.js";
import { json } from "./fields.js";
import { badge, moment, since, span } from "./format.js";
import { failure, problemBox } from "./problem.js";
import { drawEvents, drawHistory } from "./timeline.js";
import { tree } from "./tree.js";

const isOver = (run) => ["completed", "failed", "cancelled"].includes(run.status);

export async function runPage(main, { parts: [, id] }, signal) {
  const path = `/runs/${encodeURIComponent(id)}`;
  const [told, head, waits, failures, timing, outputs] = Array.from({ length: 6 }, () => h("div", { hidden: true }));
  fill(main, title("Run ", h("code", id)), told, head, waits, failures, timing, outputs);
  const put = (place, ...children) => {
    place.hidden = !children.some(Boolean);
    fill(place, children);
  };
  const fail = (problem) => signal.aborted || put(told, problemBox(problem));
  let run = null;
  let waitsFor = "";

  const chart = h("ol.timeline");
  const chartWith = (note) => put(timing, h("section.sheet",
    h("div.head", h("h2", "Timeline"), h("a.end", { href: place(["events"], { with: id }) }, "Events")), chart, note));
  const live = () => {
    const drawn = drawEvents(chart, eventsOf(id));
    if (drawn && !chart.isConnected) chartWith();
    return drawn;
  };
  const draw = async () => {
    if (live()) return;
    const { history } = await ask(`${path}/history`, { signal });
    if (live() || !history.some(({ unit }) => unit)) return;
    drawHistory(chart, history);
    chartWith(h("p.quiet", "In order alone: the journal keeps no times of nodes."));
  };

  const load = async () => {
    run = await ask(path, { signal });
    put(told);
    show();
    await draw();
  };

  async function cancel() {
    if (!confirm("Cancel this run?")) return;
    await ask(`${path}/cancel`, { method: "POST" }).then(again, fail);
  }

  function show() {
    const over = isOver(run);
    const { status, workflow_id: name, version } = run;
    const workflow = version > 0 ? h("a", { href: place(["workflows", name], { version }) }, `${name} version ${version}`) : `${name} (came with the request)`;
    put(head, h("div.sheet",
      h("div.head", h("span#status", badge(status)), !over && h("button.grave.end#cancel", { onclick: cancel }, "Cancel the run")),
      h("dl.facts", fact("Workflow", workflow), fact("Began", moment(run.began)),
        fact("Took", over ? span(run.execution_time * 1000) : since(run.began)), run.skipped && fact("Skipped", run.skipped.join(", ")))));
    // A form that somebody types into stays as it is.
    const now = JSON.stringify([over, run.waits]);
    if (now !== waitsFor) put(waits, !over && signalForm(path, run.waits));
    waitsFor = now;
    put(failures, run.errors && h("section.sheet", h("h2", "What failed"), run.errors.map(failure)));
    const given = Object.keys(run.outputs ?? {}).length;
    put(outputs, given > 0 && h("section.sheet", h("h2", "Outputs"), tree(run.outputs, given > 12 ? 1 : 4)));
  }

  const again = calmly(() => load().catch(fail), 300, signal);
  const redraw = calmly(live, 120, signal);
  bus.addEventListener("event", ({ detail: { run, type, data } }) => {
    if (type === "gap") again();
    if (run !== id) return;
    redraw();
    if (type.startsWith("run.")) again();
    if (type === "run.finished") say(`The run ended: ${data.status}`);
  }, { signal });
  const growing = setInterval(() => run && !isOver(run) && live(), 250);
  signal.addEventListener("abort", () => clearInterval(growing));
  await load().catch(fail);
}

function signalForm(path, waits) {
  const signals = waits?.signals ?? [];
  const name = h("input#signal", { list: "signals", value: signals[0] ?? "", required: true, maxlength: 255, ...TYPED });
  const value = h("textarea#value", { rows: 1, placeholder: "null", ...TYPED });
  const told = h("div", { "aria-live": "polite" });
  async function submit(event) {
    event.preventDefault();
    try {
      await send(`${path}/signal`, `{"name":${JSON.stringify(name.value)},"value":${json(value.value) || "null"}}`);
      fill(told, "The signal was sent.");
    } catch (problem) {
      fill(told, problem.told ? problemBox(problem) : h("p.fault", problem.message));
    }
  }
  const form = h("form", { onsubmit: submit, class: "pair" },
    h("div", h("label", { for: "signal" }, "Signal"), name, h("datalist#signals", signals.map((signal) => h("option", { value: signal })))),
    h("div", h("label", { for: "value" }, "Value, as JSON"), value), h("button", { class: waits && "first" }, "Send"));
  if (!waits) return h("details.sheet", h("summary", "Send a signal"), form, told);
  const what = [signals.length > 0 && [" for ", h("code", signals.join(", "))], waits.until && ` until ${moment(waits.until)}`];
  return h("section.notice", h("p", "It waits", what, "."), signals.length > 0 && form, told);
}
