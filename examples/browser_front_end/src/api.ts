// The labeler behind its gateway: a client with a token, and calls that are retried until they succeed.

import { Code, ConnectError, createClient, type Client, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { LabelerService } from "./gen/somersault/v1/labeler_pb";

export type Labeler = Client<typeof LabelerService>;

const PASSING = [Code.Unavailable, Code.DeadlineExceeded, Code.Unknown]; // Unknown: the network itself failed
const LONGEST_MS = 5000;

/** Return a client that sends the token with every call. A page of another origin has no cookie. */
export function connect(gateway: string, token: string): Labeler {
  const authorize: Interceptor = (next) => (request) => {
    request.header.set("authorization", `Bearer ${token}`);
    return next(request);
  };
  // Binary, because JSON would carry clips as base64.
  const transport = createConnectTransport({
    baseUrl: gateway,
    useBinaryFormat: true,
    interceptors: [authorize],
    defaultTimeoutMs: 10_000,
  });
  return createClient(LabelerService, transport);
}

/** Retry a call until it succeeds or is refused. Only for calls that may be repeated. */
export async function persist<T>(call: () => Promise<T>, onTrouble: (message: string) => void): Promise<T> {
  for (let pauseMs = 200; ; pauseMs = Math.min(LONGEST_MS, 2 * pauseMs)) {
    try {
      return await call();
    } catch (error) {
      const refusal = ConnectError.from(error);
      if (!PASSING.includes(refusal.code)) throw refusal;
      onTrouble(refusal.rawMessage);
    }
    await new Promise((resume) => setTimeout(resume, pauseMs * (0.5 + Math.random() / 2)));
  }
}
