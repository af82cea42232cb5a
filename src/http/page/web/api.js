// Requests to the host, and what it answers.

import { askForKey, key } from "./key.js";

/** A refusal: the members of problem details (RFC 9457) with the status. */
export class Problem extends Error {
  constructor(status, told) {
    super(told.detail);
    this.status = status;
    this.told = told;
  }
}

/** The answer to a request, whatever its status; asks for a key if one is needed. */
export async function request(path, options = {}) {
  for (;;) {
    const used = key();
    const headers = new Headers(options.headers);
    if (used) headers.set("authorization", `Bearer ${used}`);
    let response;
    try {
      response = await fetch(path, { ...options, headers, cache: "no-cache", credentials: "omit" });
    } catch (error) {
      if (options.signal?.aborted) throw error;
      throw new Problem(0, { detail: "the host cannot be reached" });
    }
    if (response.status !== 401) return response;
    const problem = await problemOf(response);
    if (used !== key()) continue;
    if (!(await askForKey())) throw problem;
  }
}

/** The JSON that the host answers; a refusal is thrown. */
export async function ask(path, options) {
  const response = await request(path, options);
  if (!response.ok) throw await problemOf(response);
  return response.status === 204 ? null : exact(await response.text());
}

/** Sends JSON text. */
export const send = (path, body) => ask(path, { method: "POST", body, headers: { "content-type": "application/json" } });

/** The refusal in a response. */
export async function problemOf(response) {
  const none = { detail: `the host answered with status ${response.status}` };
  return new Problem(response.status, await response.json().catch(() => none));
}

/** JSON with whole numbers as they are written, where a browser's own would be rounded. */
function exact(text) {
  return JSON.parse(text, (_, value, context) => {
    const source = context?.source;
    const rounded = typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(source ?? "");
    return rounded ? BigInt(source) : value;
  });
}
