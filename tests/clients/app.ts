// The part of a parent's app that keeps a copy in a store of its own and answers online, to copy from. openapi/guide.md tells it in words.
// `npx openapi-typescript openapi.json -o contract.d.ts` makes the types. An app with RxDB begins with phone.ts instead.

import createClient from "openapi-fetch";
import type { components, paths } from "./contract.d.ts";
import { checksumOf, Door, Refused, sleep } from "./door.ts";

type Forms = components["schemas"];
export type Acceptance = Forms["Acceptance"];
type Checkpoint = Forms["Checkpoint"];

const PAGE = 500;
const COLLECTIONS = {
  placements: { path: "/sync/placements", key: "placementId" },
  differences: { path: "/sync/differences", key: "differenceId" },
  changes: { path: "/sync/changes", key: "changeId" },
  answers: { path: "/sync/answers", key: "answerId" },
  notices: { path: "/sync/notices", key: "noticeId" },
} as const;
export type Collection = keyof typeof COLLECTIONS;
const NAMES = Object.keys(COLLECTIONS) as Collection[];

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
  readonly #door: Door;
  readonly #api: ReturnType<typeof createClient<paths>>;

  constructor(door: Door, store: Store = emptyStore()) {
    this.store = store;
    this.#door = door;
    this.#api = createClient<paths>({ baseUrl: door.base, fetch: (request) => door.fetch(request) });
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
    const checksum = await unpacked(await this.#api.GET("/sync/checksum"));
    await this.pull();
    const lost: Collection[] = [];
    for (const complete of checksum.collections) {
      const name = NAMES.find((one) => one === complete.collection);
      // What changed meanwhile is no loss; a collection that this app does not know is not its business.
      if (name === undefined || (this.store.checkpoints[name]?.lwt ?? 0) > checksum.lwt) continue;
      const held = Array.from<[string, { version: number }]>(this.store.documents[name].entries());
      if ((await checksumOf(held.map(([id, { version }]) => [id, version]))) !== complete.sha256) lost.push(name);
    }
    for (const name of lost) await this.#beginAgain(name);
    return lost;
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
      const page = await unpacked(await this.#api.GET(path, { params: { query } }));
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

  /** Pull whenever something may have changed, until the signal. `pulled` hears of each time. */
  async follow(pulled: () => void, signal: AbortSignal): Promise<void> {
    for await (const _ of this.#door.resyncs(signal)) {
      await this.#patiently(() => this.pull(), signal);
      pulled();
    }
  }

  async #patiently(work: () => Promise<void>, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof Refused) || error.next !== "wait") throw error;
        await sleep(error.waitMs, signal);
      }
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
}

async function unpacked<Data>(answer: { data?: Data; error?: unknown; response: Response }): Promise<Data> {
  if (answer.response.ok && answer.data !== undefined) return answer.data;
  throw await Refused.from(answer.response, answer.error ?? {});
}
