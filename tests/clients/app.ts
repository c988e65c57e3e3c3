// The part of a parent's app that talks to kot-uren, to copy from: a copy of the household, the stream, one tap with a queue, and what
// to do after each refusal. openapi/guide.md tells it in words. `npx openapi-typescript openapi.json -o contract.d.ts` makes the types.

import createClient from "openapi-fetch";
import type { components, paths } from "./contract.d.ts";

type Forms = components["schemas"];
export type Problem = Forms["ProblemDocument"];
export type Difference = Forms["DifferenceDocument"];
export type Acceptance = Forms["Acceptance"];
type Checkpoint = Forms["Checkpoint"];

const PAGE = 500;
const PATIENCE_MS = 30_000;
const COLLECTIONS = {
  placements: { path: "/sync/placements", key: "placementId" },
  differences: { path: "/sync/differences", key: "differenceId" },
  changes: { path: "/sync/changes", key: "changeId" },
  answers: { path: "/sync/answers", key: "answerId" },
  notices: { path: "/sync/notices", key: "noticeId" },
} as const;
export type Collection = keyof typeof COLLECTIONS;
const NAMES = Object.keys(COLLECTIONS) as Collection[];

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

export class Refused extends Error {
  readonly next: Next;
  readonly status: number;
  readonly problem: Partial<Problem>;
  readonly waitMs: number;

  constructor(status: number, problem: Partial<Problem>, waitMs: number) {
    super(problem.detail ?? `status ${status}`);
    this.next = nextAfter(status, problem.type ?? "");
    this.status = status;
    this.problem = problem;
    this.waitMs = waitMs;
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

/** A document of a copy, whole: the contract tells it and its tombstone as one form, and a copy holds no tombstones. */
type Whole<Document> = Required<Document>;
export interface Documents {
  placements: Whole<Forms["PlacementDocument"]>;
  differences: Whole<Forms["FollowedDifferenceDocument"]>;
  changes: Whole<Forms["FollowedChangeDocument"]>;
  answers: Whole<Forms["FollowedAnswerDocument"]>;
  notices: Whole<Forms["NoticeDocument"]>;
}

/** What the app keeps on the phone: the documents, how far it came, and the taps that were not answered yet. */
export interface Store {
  documents: { [Name in Collection]: Map<string, Documents[Name]> };
  checkpoints: { [Name in Collection]?: Checkpoint };
  taps: Tap[];
}

/** One tap: the version that the parent saw, and the key under which it is sent until an answer came. */
export interface Tap {
  differenceId: string;
  version: number;
  key: string;
}

export type Answered = { tap: Tap; acceptance: Acceptance } | { tap: Tap; refused: Refused };

export function emptyStore(): Store {
  return {
    documents: { placements: new Map(), differences: new Map(), changes: new Map(), answers: new Map(), notices: new Map() },
    checkpoints: {},
    taps: [],
  };
}

export class KotApp {
  /** The form of the documents that this version of the app reads. */
  static schemaVersion = 1;

  readonly store: Store;
  readonly #base: string;
  readonly #token: (renew: boolean) => Promise<string>;
  readonly #api: ReturnType<typeof createClient<paths>>;

  /** `base` ends in /v1. `token` gives the access token, a new one when it must be renewed. */
  constructor(base: string, token: (renew: boolean) => Promise<string>, store: Store = emptyStore()) {
    this.store = store;
    this.#base = base;
    this.#token = token;
    this.#api = createClient<paths>({ baseUrl: base, fetch: (request) => this.#fetch(request) });
  }

  /** Bring every collection up to date. A phone of which a checkpoint is of another time begins that collection again. */
  async pull(): Promise<void> {
    for (const name of NAMES) {
      try {
        await this.#pull(name);
      } catch (refused) {
        if (!(refused instanceof Refused) || refused.next !== "begin-again") throw refused;
        await this.#beginAgain(name);
      }
    }
  }

  /** Pull, and hold the copy against what a complete one has; pull anew what lost something, and return it. Once a day is enough. */
  async check(): Promise<Collection[]> {
    const checksum = unpacked(await this.#api.GET("/sync/checksum"));
    await this.pull();
    const lost: Collection[] = [];
    for (const complete of checksum.collections) {
      const name = NAMES.find((one) => one === complete.collection);
      // What changed meanwhile is no loss; a collection that this app does not know is not its business.
      if (name === undefined || (this.store.checkpoints[name]?.lwt ?? 0) > checksum.lwt) continue;
      if ((await this.#sha256(name)) !== complete.sha256) lost.push(name);
    }
    for (const name of lost) await this.#beginAgain(name);
    return lost;
  }

  async #sha256(name: Collection): Promise<string> {
    const held = [...this.store.documents[name].entries()].map(([id, document]) => `${id} ${document.version}\n`).sort();
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(held.join("")));
    return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  async #beginAgain(name: Collection): Promise<void> {
    this.store.documents[name].clear();
    delete this.store.checkpoints[name];
    await this.#pull(name);
  }

  async #pull(name: Collection): Promise<void> {
    const { path, key } = COLLECTIONS[name];
    const copy = this.store.documents[name] as Map<string, unknown>;
    for (;;) {
      const query = { schemaVersion: KotApp.schemaVersion, limit: PAGE, ...this.store.checkpoints[name] };
      const page = unpacked(await this.#api.GET(path, { params: { query } }));
      for (const document of page.documents) {
        const id = (document as Record<string, unknown>)[key] as string;
        if (document._deleted) copy.delete(id);
        else copy.set(id, document);
      }
      // In one transaction with the documents, where they are kept for good.
      this.store.checkpoints[name] = page.checkpoint;
      if (page.documents.length < PAGE) return;
    }
  }

  /** Pull at once and whenever the stream says so, until the signal; come back when the stream ends. `pulled` hears of each time. */
  async follow(pulled: () => void, signal: AbortSignal): Promise<void> {
    let retryMs = 1_000;
    while (!signal.aborted) {
      try {
        const answer = await this.#fetch(new Request(`${this.#base}/sync/stream`, { signal }), true);
        if (!answer.ok || answer.body === null) throw await refusedBy(answer);
        for await (const line of lines(answer.body)) {
          if (line.startsWith("retry:")) retryMs = Number(line.slice(6));
          if (line !== 'data: "RESYNC"') continue;
          await this.pull();
          pulled();
        }
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof Refused) || error.next !== "wait") throw error;
        retryMs = Math.max(retryMs, error.waitMs);
      }
      await sleep(retryMs, signal);
    }
  }

  /** The one tap: keep it first, so that it survives the app, then send what waits. */
  async accept(difference: { differenceId: string; version: number }): Promise<Answered[]> {
    this.store.taps.push({ differenceId: difference.differenceId, version: difference.version, key: crypto.randomUUID() });
    return this.sendTaps();
  }

  /** Send the taps that wait, in their order; those for which there is no answer yet stay. Call it when the network is back, too. */
  async sendTaps(): Promise<Answered[]> {
    const answered: Answered[] = [];
    for (let tap = this.store.taps[0]; tap !== undefined; tap = this.store.taps[0]) {
      try {
        answered.push({ tap, acceptance: await this.#accept(tap) });
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        if (error.next === "wait" || error.next === "log-in") return answered;
        answered.push({ tap, refused: error });
      }
      this.store.taps.shift();
    }
    return answered;
  }

  async #accept(tap: Tap): Promise<Acceptance> {
    return unpacked(
      await this.#api.POST("/differences/{difference_id}/acceptance", {
        params: {
          path: { difference_id: tap.differenceId },
          header: { "If-Match": `"d${tap.differenceId}-v${tap.version}"`, "Idempotency-Key": tap.key },
        },
      }),
    );
  }

  /** Send with the token; once more with a new one after a 401. An answer that does not come, or breaks off, asks to wait. */
  async #fetch(request: Request, isStream = false): Promise<Response> {
    const answer = await this.#tried(request.clone(), isStream, false);
    return answer.status === 401 ? this.#tried(request, isStream, true) : answer;
  }

  async #tried(request: Request, isStream: boolean, renew: boolean): Promise<Response> {
    const tried = new Request(request, isStream ? {} : { signal: AbortSignal.timeout(PATIENCE_MS) });
    tried.headers.set("Authorization", `Bearer ${await this.#token(renew)}`);
    try {
      const answer = await fetch(tried);
      // All of it: who has half an answer has none.
      return isStream || answer.body === null ? answer : new Response(await answer.arrayBuffer(), answer);
    } catch (error) {
      throw new Refused(0, { detail: String(error) }, 1_000);
    }
  }
}

function unpacked<Data>(answer: { data?: Data; error?: unknown; response: Response }): Data {
  if (answer.response.ok && answer.data !== undefined) return answer.data;
  throw new Refused(answer.response.status, (answer.error ?? {}) as Partial<Problem>, waitOf(answer.response));
}

async function refusedBy(answer: Response): Promise<Refused> {
  return new Refused(answer.status, (await answer.json().catch(() => ({}))) as Partial<Problem>, waitOf(answer));
}

function waitOf(answer: Response): number {
  return 1_000 * Number(answer.headers.get("Retry-After") ?? 1);
}

/** The lines of a body that goes on; a connection that breaks is a refusal that asks to wait. */
async function* lines(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  const pieces = body[Symbol.asyncIterator]();
  for (let rest = ""; ; ) {
    const piece = await pieces.next().catch((error: unknown) => {
      throw new Refused(0, { detail: String(error) }, 1_000);
    });
    if (piece.done) return;
    const whole = (rest + decoder.decode(piece.value, { stream: true })).split("\n");
    rest = whole.pop() ?? "";
    yield* whole;
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), done()), { once: true });
  });
}
