// Calls to the gateway: Connect's unary format in JSON, https://connectrpc.com/docs/protocol

import type { Method, ReplyOf, RequestOf } from "./messages";

const SERVICE = "/somersault.v1.LabelerService/";

/** Whose token a call carries: a browser may be logged in as a labeler and as an owner at the same time. */
export type SessionKind = "labeler" | "owner";

// The same call, unchanged, may succeed later.
const UNREACHABLE = new Set(["unavailable", "deadline_exceeded", "canceled"]);
const TRANSIENT = new Set([...UNREACHABLE, "aborted", "internal", "resource_exhausted", "unauthenticated", "unknown"]);

const CODE_BY_STATUS: Record<number, string> = {
  401: "unauthenticated",
  403: "permission_denied",
  404: "not_found",
  429: "unavailable",
};

/** A call that failed, with Connect's error code. */
export class CallError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }

  get isUnreachable(): boolean {
    return UNREACHABLE.has(this.code);
  }

  get isTransient(): boolean {
    return TRANSIENT.has(this.code);
  }
}

/** Return what was thrown as a CallError. Anything else is a bug in the page: it is reported and may be retried. */
export function asCallError(error: unknown): CallError {
  if (error instanceof CallError) return error;
  reportError(error);
  return new CallError("unknown", String(error));
}

interface CallOptions {
  timeoutMs?: number;
  signal?: AbortSignal;
  /** Whether the call continues when the page is closed. */
  keepalive?: boolean;
}

let kind: SessionKind = "labeler";

/** Make all calls from now on with the token of one kind of session. */
export function callAs(newKind: SessionKind): void {
  kind = newKind;
}

/** Call a method of the labeler and return its reply, in which zeros, false and empty lists are left out. */
export function call<Name extends Method>(
  method: Name,
  message: RequestOf<Name>,
  { timeoutMs = 10_000, signal, keepalive = false }: CallOptions = {},
): Promise<ReplyOf<Name>> {
  return post<ReplyOf<Name>>(SERVICE + method, message, {
    keepalive,
    // A little longer than the server's deadline, so that its own error can still arrive.
    signal: eitherSignal(signal, timeoutMs + 2_000),
    headers: { "Connect-Timeout-Ms": String(timeoutMs) },
  });
}

// What a token can hold; anything else could not be sent in a header.
const TOKEN = /^[A-Za-z0-9._~+/=-]{1,512}$/;

/** Return who a token belongs to; the call is made with it, and with no session. */
export async function whoIs(token: string): Promise<ReplyOf<"WhoAmI">> {
  if (!TOKEN.test(token)) throw new CallError("unauthenticated", "the token is malformed");
  return post<ReplyOf<"WhoAmI">>(`${SERVICE}WhoAmI`, {}, {
    signal: AbortSignal.timeout(12_000),
    headers: { Authorization: `Bearer ${token}` },
  });
}

/** Post JSON to the gateway and return the JSON that comes back. */
export async function post<Reply>(path: string, message: object, init: RequestInit = {}): Promise<Reply> {
  const response = await send(path, {
    ...init,
    method: "POST",
    headers: { ...init.headers, "Content-Type": "application/json", "Connect-Protocol-Version": "1" },
    body: JSON.stringify(message),
  });
  return readJson<Reply>(response);
}

/** Return the JSON of a response; one that was cut short can be asked for again. */
export async function readJson<Value>(response: Response): Promise<Value> {
  try {
    return (await response.json()) as Value;
  } catch {
    throw new CallError("unavailable", "the response was cut short");
  }
}

/** Get a path from the gateway. */
export function get(path: string, { timeoutMs = 30_000, signal }: CallOptions = {}): Promise<Response> {
  return send(path, { signal: eitherSignal(signal, timeoutMs) });
}

/** Return the whole content of one of the gateway's paths. */
export async function fetchBlob(path: string, options: CallOptions = {}): Promise<Blob> {
  const response = await get(path, options);
  try {
    return await response.blob();
  } catch {
    throw new CallError("unavailable", "the clip was cut short");
  }
}

async function send(path: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    const headers = { ...init.headers, "Somersault-Session": kind };
    response = await fetch(path, { credentials: "same-origin", ...init, headers });
  } catch {
    const reason: unknown = init.signal?.reason;
    if (reason instanceof DOMException && reason.name === "AbortError") {
      throw new CallError("canceled", "the call was canceled");
    }
    throw new CallError("unavailable", "the server can’t be reached");
  }
  if (!response.ok) throw await errorOf(response);
  return response;
}

async function errorOf(response: Response): Promise<CallError> {
  try {
    const { code, message } = (await response.json()) as { code?: string; message?: string };
    if (code) return new CallError(code, message ?? code);
  } catch {
    // Not a Connect error: a proxy's page, or the server's own bare response.
  }
  const code = CODE_BY_STATUS[response.status] ?? (response.status >= 500 ? "unavailable" : "invalid_argument");
  return new CallError(code, `the server responded with status ${response.status}`);
}

function eitherSignal(signal: AbortSignal | undefined, timeoutMs: number): AbortSignal {
  const timeout = AbortSignal.timeout(timeoutMs);
  return signal ? AbortSignal.any([signal, timeout]) : timeout;
}
