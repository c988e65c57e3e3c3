// What every client of kot-uren does: send with the token, know what to do after a refusal, and hear when to pull. To copy from.

import type { components } from "./contract.d.ts";

export type Problem = components["schemas"]["ProblemDocument"];

/** What the app does after a refusal. */
export type Next =
  | "log-in" // 401: the token is over, and a new one did not help
  | "leave" // 403 household-unclear: throw the copy away, this login has no household here any more
  | "read-again" // 404, 409: it was answered or settled meanwhile; pull, and show what became of it
  | "begin-again" // 410: throw the collection away and pull it from the beginning
  | "show-current" // 412: nothing was changed; show `current` and ask again
  | "upgrade" // 426: this version of the app is too old
  | "wait" // 408, 409 request-in-progress, 429, 500, 503, no network: the same request again, with the same key, after a while
  | "report"; // the rest, 428 among them: a fault of the app

const PATIENCE_MS = 30_000;

export class Refused extends Error {
  readonly next: Next;
  readonly status: number;
  readonly problem: Partial<Problem>;
  readonly waitMs: number;

  /** `status` is 0 when no answer came. */
  constructor(status: number, problem: Partial<Problem>, waitMs = 1_000) {
    super(problem.detail ?? `status ${status}`);
    this.next = nextAfter(status, problem.type ?? "");
    this.status = status;
    this.problem = problem;
    this.waitMs = waitMs;
  }

  /** Read the refusal out of an answer, whose body was read already or not. */
  static async from(answer: Response, body?: unknown): Promise<Refused> {
    const problem: unknown = body ?? (await answer.json().catch(() => ({})));
    return new Refused(answer.status, problem as Partial<Problem>, 1_000 * Number(answer.headers.get("Retry-After") ?? 1));
  }
}

function nextAfter(status: number, type: string): Next {
  if (status === 401) return "log-in";
  if (status === 403) return type.endsWith("/household-unclear") ? "leave" : "report";
  if (status === 404) return "read-again";
  if (status === 409) return type.endsWith("/request-in-progress") ? "wait" : "read-again";
  if (status === 410) return "begin-again";
  if (status === 412) return "show-current";
  if (status === 426) return "upgrade";
  if (status === 0 || status === 408 || status === 429 || status >= 500) return "wait";
  return "report";
}

export class Door {
  readonly base: string;
  readonly #token: (renew: boolean) => Promise<string>;

  /** `base` ends in /v1. `token` gives the access token, a new one when it must be renewed. */
  constructor(base: string, token: (renew: boolean) => Promise<string>) {
    this.base = base;
    this.#token = token;
  }

  /** Send with the token; once more with a new one after a 401. An answer that does not come, or breaks off, asks to wait. */
  async fetch(request: Request, isStream = false): Promise<Response> {
    const answer = await this.#tried(request.clone(), isStream, false);
    return answer.status === 401 ? this.#tried(request, isStream, true) : answer;
  }

  /** Hear each time that something may have changed, until the signal: on every connection, and whenever the stream says so. */
  async *resyncs(signal: AbortSignal): AsyncGenerator<"RESYNC"> {
    for (let retryMs = 1_000; !signal.aborted; await sleep(retryMs, signal)) {
      try {
        const answer = await this.fetch(new Request(`${this.base}/sync/stream`, { signal }), true);
        if (!answer.ok || answer.body === null) throw await Refused.from(answer);
        for await (const line of lines(answer.body)) {
          if (line.startsWith("retry:")) retryMs = Number(line.slice("retry:".length));
          if (line === 'data: "RESYNC"') yield "RESYNC";
        }
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof Refused) || error.next !== "wait") throw error;
        retryMs = Math.max(retryMs, error.waitMs);
      }
    }
  }

  async #tried(request: Request, isStream: boolean, renew: boolean): Promise<Response> {
    const tried = new Request(request, isStream ? {} : { signal: AbortSignal.timeout(PATIENCE_MS) });
    tried.headers.set("Authorization", `Bearer ${await this.#token(renew)}`);
    try {
      const answer = await fetch(tried);
      // All of it: who has half an answer has none.
      return isStream || answer.body === null ? answer : new Response(await answer.arrayBuffer(), answer);
    } catch (error) {
      throw new Refused(0, { detail: String(error) });
    }
  }
}

/** The lines of a body that goes on; a connection that breaks is a refusal that asks to wait. */
async function* lines(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  const pieces = body[Symbol.asyncIterator]();
  try {
    for (let rest = ""; ; ) {
      const piece = await pieces.next().catch((error: unknown) => {
        throw new Refused(0, { detail: String(error) });
      });
      if (piece.done) return;
      const whole = (rest + decoder.decode(piece.value, { stream: true })).split("\n");
      rest = whole.pop() ?? "";
      yield* whole;
    }
  } finally {
    // Who listens no more holds no connection.
    await pieces.return?.().catch(() => undefined);
  }
}

export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", () => (clearTimeout(timer), done()), { once: true });
  });
}

/** The checksum of a copy of a collection, to hold against `GET /sync/checksum`. */
export async function checksumOf(documents: Iterable<readonly [id: string, version: number]>): Promise<string> {
  const held = Array.from(documents, ([id, version]) => `${id} ${version}\n`).sort().join("");
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(held));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
