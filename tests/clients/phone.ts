// A phone with the npm package rxdb, to copy from: a copy of the household that keeps itself in step, and answers that are given offline.
// openapi/guide.md tells it in words.

import { createRxDatabase, type RxCollection, type RxDatabase, type RxJsonSchema, type RxStorage } from "rxdb";
import { type RxReplicationState, replicateRxCollection } from "rxdb/plugins/replication";
import { Subject } from "rxjs";
import type { components } from "./contract.d.ts";
import { checksumOf, type Door, Refused } from "./door.ts";

type Forms = components["schemas"];
type Checkpoint = Forms["Checkpoint"];

/** An answer as a phone makes it; once it is here, the service has written the rest of it. */
export type Answer = Omit<Forms["PushedAnswerDocument"], "_deleted"> & Partial<Forms["FollowedAnswerDocument"]>;
export interface Documents {
  placements: Forms["PlacementDocument"];
  differences: Forms["FollowedDifferenceDocument"];
  changes: Forms["FollowedChangeDocument"];
  answers: Answer;
  notices: Forms["NoticeDocument"];
}
export type Name = keyof Documents;
const KEYS = {
  placements: "placementId",
  differences: "differenceId",
  changes: "changeId",
  answers: "answerId",
  notices: "noticeId",
} as const satisfies { [Of in Name]: keyof Documents[Of] };
export const NAMES = Object.keys(KEYS) as Name[];
const PAGE = 500;

type Document = Record<string, unknown> & { version?: number };
type Page = { documents: never[]; checkpoint: Checkpoint | undefined };
type Replication = RxReplicationState<Document, Checkpoint>;

export interface Options {
  /** Name of the database on this phone. */
  name: string;
  door: Door;
  storage: RxStorage<unknown, unknown>;
  /** The form of the documents that this version of the app reads. */
  schemaVersion?: number;
  /** How long to wait before what failed is tried again. */
  retryMs?: number;
}

export class Phone {
  readonly collections = {} as { [Of in Name]: RxCollection<Document> };
  /** Why nothing is pulled or pushed any more: the parent must log in again, has no household here, or needs a newer app. */
  stopped: Refused | undefined;
  /** How often the service had something else than what was sent, and the copy took it over. */
  conflicts = 0;
  readonly #door: Door;
  readonly #options: Options;
  readonly #database: RxDatabase;
  readonly #replications = new Map<Name, Replication>();
  readonly #resyncs = new Subject<"RESYNC">();
  readonly #reached = new Map<Name, number>();
  #listening = new AbortController();
  #beginning: Promise<void> = Promise.resolve();
  #stop: (why: Refused) => void = () => undefined;
  // Whoever waits for what will never come is told so.
  readonly #stopping = new Promise<never>((_, stop) => (this.#stop = stop));

  private constructor(options: Options, database: RxDatabase) {
    this.#options = options;
    this.#stopping.catch(() => undefined);
    this.#door = options.door;
    this.#database = database;
  }

  /** Open the copy of this phone, and keep it in step from here on. */
  static async open(options: Options): Promise<Phone> {
    const database = await createRxDatabase({ name: options.name, storage: options.storage, multiInstance: false });
    const phone = new Phone(options, database);
    for (const name of NAMES) await phone.#begin(name);
    void phone.listen();
    return phone;
  }

  /** Take over the version of a difference that the parent saw. It is sent as soon as it can be, also after a restart of the app. */
  async accept(difference: Pick<Documents["differences"], "differenceId" | "version">): Promise<Answer> {
    const { differenceId, version } = difference;
    return this.answer({ answerId: crypto.randomUUID(), kind: "acceptance", differenceId, differenceVersion: version });
  }

  /** Give any answer. */
  async answer(answer: Answer): Promise<Answer> {
    await this.#beginning;
    return (await this.collections.answers.insert({ ...answer })).toMutableJSON() as Answer;
  }

  /** Return what is here of a collection. */
  async all<Of extends Name>(name: Of): Promise<Documents[Of][]> {
    await this.#beginning;
    const found = await this.collections[name].find().exec();
    return found.map((one) => one.toMutableJSON() as unknown as Documents[Of]);
  }

  /** Pull now, and wait until everything is pulled and pushed. */
  async inStep(): Promise<void> {
    this.#resyncs.next("RESYNC");
    const inStep = Promise.all([...this.#replications.values()].map((one) => one.awaitInSync()));
    await Promise.race([inStep, this.#stopping]);
    await this.#beginning;
  }

  /** Hold the copy against what a complete one has; begin anew what lost something, and return it. Once a day is enough. */
  async check(): Promise<Name[]> {
    const answer = await this.#fetch("/sync/checksum");
    const checksum = (await answer.json()) as Forms["Checksum"];
    await this.inStep();
    const lost: Name[] = [];
    for (const complete of checksum.collections) {
      const name = NAMES.find((one) => one === complete.collection);
      if (name === undefined || (this.#reached.get(name) ?? 0) > checksum.lwt) continue;
      const held = ((await this.all(name)) as Document[]).flatMap((one) => (isNumbered(one) ? [one] : []));
      if ((await checksumOf(held.map((one) => [String(one[KEYS[name]]), one.version]))) !== complete.sha256) lost.push(name);
    }
    for (const name of lost) this.#beginAgain(name);
    await this.#beginning;
    await this.inStep();
    return lost;
  }

  /** Pull whenever the stream says so, until the phone is closed, or deaf. Without it, pull now and then: nothing is lost. */
  async listen(): Promise<void> {
    this.#listening = new AbortController();
    try {
      for await (const resync of this.#door.resyncs(this.#listening.signal)) this.#resyncs.next(resync);
    } catch (error) {
      await this.#stopAt(error);
    }
  }

  /** Try nothing while there is no network: what was never tried can still be taken back. */
  async pause(): Promise<void> {
    await Promise.all([...this.#replications.values()].map((one) => one.pause()));
  }

  /** Go on after a pause. */
  async resume(): Promise<void> {
    await Promise.all([...this.#replications.values()].map((one) => one.start()));
  }

  /** Hear nothing more from the stream. */
  deafen(): void {
    this.#listening.abort();
  }

  async close(): Promise<void> {
    this.deafen();
    await this.#database.close();
  }

  async #begin(name: Name): Promise<void> {
    const schema: RxJsonSchema<Document> = {
      version: 0,
      primaryKey: KEYS[name],
      type: "object",
      properties: { [KEYS[name]]: { type: "string", maxLength: 36 } },
      // Of a tombstone there is no more.
      required: [KEYS[name]],
    };
    const added = await this.#database.addCollections({ [name]: { schema } });
    this.collections[name] = added[name] as unknown as RxCollection<Document>;
    const replication = replicateRxCollection<Document, Checkpoint>({
      replicationIdentifier: `kot-uren-${name}`,
      collection: this.collections[name],
      deletedField: "_deleted",
      retryTime: this.#options.retryMs ?? 5_000,
      pull: { batchSize: PAGE, stream$: this.#resyncs.asObservable(), handler: (from, limit) => this.#pull(name, from, limit) },
      ...(name === "answers" ? { push: { batchSize: 100, handler: (rows: unknown[]) => this.#push(rows) } } : {}),
    });
    replication.subjects.conflict.subscribe(() => (this.conflicts += 1));
    this.#replications.set(name, replication);
  }

  async #pull(name: Name, from: Checkpoint | undefined, limit: number): Promise<Page> {
    try {
      const query = new URLSearchParams({ ...this.#form(), limit: `${limit}` });
      for (const [part, value] of Object.entries(from ?? {})) query.set(part, `${value}`);
      const answer = await this.#fetch(`/sync/${name}?${query}`);
      const page = (await answer.json()) as { documents: never[]; checkpoint: Checkpoint };
      this.#reached.set(name, page.checkpoint.lwt);
      return page;
    } catch (error) {
      if (error instanceof Refused && error.next === "begin-again") {
        // RxDB knows no "too old": what is here goes, and the collection begins anew. Not from within its own pull.
        this.#beginAgain(name);
        return { documents: [], checkpoint: from };
      }
      throw await this.#stopAt(error);
    }
  }

  async #push(rows: unknown[]): Promise<never[]> {
    try {
      const answer = await this.#fetch(`/sync/answers?${new URLSearchParams(this.#form())}`, JSON.stringify(rows));
      // What stands instead of what was sent: RxDB writes it into the copy.
      return (await answer.json()) as never[];
    } catch (error) {
      throw await this.#stopAt(error);
    }
  }

  #form(): Record<string, string> {
    return { schemaVersion: `${this.#options.schemaVersion ?? 1}` };
  }

  async #fetch(path: string, body?: string): Promise<Response> {
    const posted = body === undefined ? {} : { method: "POST", body, headers: { "Content-Type": "application/json" } };
    const answer = await this.#door.fetch(new Request(`${this.#door.base}${path}`, posted));
    if (!answer.ok) throw await Refused.from(answer);
    return answer;
  }

  /** Throw a collection away and pull it from the beginning; answers that were not sent yet are kept. */
  #beginAgain(name: Name): void {
    this.#beginning = this.#beginning.then(async () => {
      const found = name === "answers" ? await this.collections.answers.find().exec() : [];
      const unsent = found.map((one) => one.toMutableJSON()).filter((one) => !isNumbered(one));
      await this.#replications.get(name)?.remove();
      await this.collections[name].remove();
      await this.#begin(name);
      await this.collections[name].bulkInsert(unsent);
    });
  }

  /** Stop where going on is of no use; whoever has no household here any more keeps nothing of it. Returns the error. */
  async #stopAt(error: unknown): Promise<unknown> {
    if (!(error instanceof Refused) || !["log-in", "leave", "upgrade", "report"].includes(error.next) || this.stopped) return error;
    this.stopped = error;
    this.#stop(error);
    this.deafen();
    // RxDB would try again for ever. Not from within its own pull.
    setTimeout(async () => {
      for (const one of this.#replications.values()) await one.cancel();
      if (error.next === "leave") for (const name of NAMES) await this.collections[name].remove();
    });
    return error;
  }
}

/** Whether the service knows a document: it writes the version. */
function isNumbered(document: Document): document is Document & { version: number } {
  return document.version !== undefined;
}
