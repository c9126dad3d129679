// The calls to the gateway: Connect's unary format in JSON, https://connectrpc.com/docs/protocol

const SERVICE = "/somersault.v1.LabelerService/";

// The same call may succeed later, unchanged.
const UNREACHABLE = new Set(["unavailable", "deadline_exceeded", "canceled"]);
const TRANSIENT = new Set([...UNREACHABLE, "aborted", "internal", "resource_exhausted", "unauthenticated", "unknown"]);

const CODE_BY_STATUS = { 401: "unauthenticated", 403: "permission_denied", 404: "not_found", 429: "unavailable" };

/** A call that did not end well, with Connect's code. */
export class CallError extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }

  get isUnreachable() {
    return UNREACHABLE.has(this.code);
  }

  get isTransient() {
    return TRANSIENT.has(this.code);
  }
}

/** Calls a method of the labeler and gives its response. */
export async function call(method, message, { timeoutMs = 10_000, signal } = {}) {
  const response = await send(SERVICE + method, {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      "Connect-Protocol-Version": "1",
      "Connect-Timeout-Ms": String(timeoutMs),
    },
    body: JSON.stringify(message),
    // A little more than the server's deadline, so that its own answer can still arrive.
    signal: eitherSignal(signal, timeoutMs + 2_000),
  });
  return response.json();
}

/** Gives one clip of a query as a Blob. */
export async function fetchClip(queryId, side, { signal } = {}) {
  const path = `/clips/${encodeURIComponent(queryId)}/${side}.mp4`;
  const response = await send(path, { signal: eitherSignal(signal, 30_000) });
  return response.blob();
}

/** Gives {labelerId, name, role, runId} of the session, or null if nobody is logged in. */
export async function readSession() {
  try {
    return await (await send("/session", { signal: AbortSignal.timeout(12_000) })).json();
  } catch (error) {
    if (error.code === "unauthenticated") return null;
    throw error;
  }
}

/** Begins a session with a token. */
export async function logIn(token) {
  const response = await send("/login", {
    method: "POST",
    headers: { "Content-Type": "application/json", "Connect-Protocol-Version": "1" },
    body: JSON.stringify({ token }),
    signal: AbortSignal.timeout(12_000),
  });
  return response.json();
}

async function send(path, init) {
  let response;
  try {
    response = await fetch(path, { credentials: "same-origin", ...init });
  } catch (error) {
    if (init.signal?.reason?.name === "AbortError") throw new CallError("canceled", "the call was given up");
    throw new CallError("unavailable", "the page’s server can’t be reached");
  }
  if (!response.ok) throw await errorOf(response);
  return response;
}

async function errorOf(response) {
  try {
    const { code, message } = await response.json();
    if (code) return new CallError(code, message ?? code);
  } catch {
    // Not Connect's: a proxy's page, or the server's own bare answer.
  }
  const code = CODE_BY_STATUS[response.status] ?? (response.status >= 500 ? "unavailable" : "invalid_argument");
  return new CallError(code, `the server answered ${response.status}`);
}

function eitherSignal(signal, timeoutMs) {
  const timeout = AbortSignal.timeout(timeoutMs);
  return signal ? AbortSignal.any([signal, timeout]) : timeout;
}
