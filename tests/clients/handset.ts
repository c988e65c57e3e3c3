// A phone in a thread of its own, so that each has its own rxdb, as in life; without its premium plugins rxdb opens thirteen collections
// in a process, and a phone has five. The scene holds a handle with which it does what a parent, or bad luck, does on the phone.

import { isMainThread, type MessagePort, parentPort, Worker, workerData } from "node:worker_threads";
import { getRxStorageMemory } from "rxdb/plugins/storage-memory";
import { base, control } from "./control.ts";
import { Door } from "./door.ts";
import { type Answer, type Documents, type Name, NAMES, Phone } from "./phone.ts";

export interface Setting {
  bsn?: string;
  schemaVersion?: number;
}

/** A door that counts what goes through it, and can be moved. */
class ThisDoor extends Door {
  readonly counts = new Map<string, number>();
  at: string = base;

  override async fetch(request: Request, isStream = false): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    const of = `${request.method} ${pathname}`;
    this.counts.set(of, (this.counts.get(of) ?? 0) + 1);
    return super.fetch(new Request(`${this.at}${pathname.replace("/v1", "")}${search}`, request), isStream);
  }
}

class Holder {
  readonly #door: ThisDoor;
  readonly #phone: Phone;

  constructor(door: ThisDoor, phone: Phone) {
    this.#door = door;
    this.#phone = phone;
  }

  static async open({ bsn, schemaVersion = 1 }: Setting): Promise<Holder> {
    const door = new ThisDoor(base, () => control<string>("token", bsn === undefined ? {} : { bsn }));
    return new Holder(door, await Phone.open({ name: "phone", door, storage: getRxStorageMemory(), retryMs: 100, schemaVersion }));
  }

  inStep = (): Promise<void> => this.#phone.inStep();
  check = (): Promise<Name[]> => this.#phone.check();
  all = <Of extends Name>(name: Of): Promise<Documents[Of][]> => this.#phone.all(name);
  answer = (answer: Answer): Promise<Answer> => this.#phone.answer(answer);
  accept = (seen: { differenceId: string; version: number }): Promise<Answer> => this.#phone.accept(seen);
  conflicts = async (): Promise<number> => this.#phone.conflicts;
  pause = (): Promise<void> => this.#phone.pause();
  resume = (): Promise<void> => this.#phone.resume();
  deafen = async (): Promise<void> => this.#phone.deafen();
  close = (): Promise<void> => this.#phone.close();

  /** Alter what the copy has of a document. */
  patch = async (name: Name, id: string, change: Record<string, unknown>): Promise<void> => {
    await (await this.#phone.collections[name].findOne(id).exec(true)).incrementalPatch(change);
  };
  /** Remove a document from the copy. */
  remove = async (name: Name, id: string): Promise<void> => {
    await this.#phone.collections[name].findOne(id).remove();
  };
  /** How often something was asked for, as "GET /v1/sync/notices". */
  asked = async (of: string): Promise<number> => this.#door.counts.get(of) ?? 0;
  /** Why the phone stopped, as status and what to do. */
  stopped = async (): Promise<[number, string] | null> => {
    const why = this.#phone.stopped;
    return why ? [why.status, why.next] : null;
  };
  /** The collections that the phone still holds. */
  held = async (): Promise<Name[]> => NAMES.filter((name) => !this.#phone.collections[name].closed);
  /** Reach the service at another address from here on. */
  move = async (to: string): Promise<void> => {
    this.#door.at = to;
  };
}

type Call = [id: number, method: string, facts: unknown[]];
type Result = [id: number, error: string | undefined, value: unknown];
type Methods = { [Method in keyof Holder]: Holder[Method] };
export type Handset = Methods & { number: number };
let numbered = 0;

/** Switch on a phone. */
export async function handset(setting: Setting = {}): Promise<Handset> {
  const worker = new Worker(new URL(import.meta.url), { workerData: setting });
  const calls = new Map<number, { done: (value: unknown) => void; failed: (error: Error) => void }>();
  worker.on("message", ([id, error, value]: Result) => {
    const call = calls.get(id);
    calls.delete(id);
    if (error === undefined) call?.done(value);
    else call?.failed(new Error(error));
  });
  // Whatever a phone does not catch ends the scene.
  worker.on("error", (error) => {
    throw error;
  });
  let id = 0;
  numbered += 1;
  const call = (method: string, facts: unknown[]): Promise<unknown> =>
    new Promise((done, failed) => {
      calls.set((id += 1), { done, failed });
      worker.postMessage([id, method, facts] satisfies Call);
    });
  const held = new Proxy({ number: numbered } as Handset, {
    get: (target, method) =>
      method === "number" ? target.number : method === "then" ? undefined : (...facts: unknown[]) => call(String(method), facts),
  });
  await held.asked("");
  return held;
}

async function serve(port: MessagePort, setting: Setting): Promise<void> {
  const holder = Holder.open(setting);
  port.on("message", async ([id, method, facts]: Call) => {
    const result: Result = [id, undefined, undefined];
    try {
      const does = (await holder)[method as keyof Holder] as (...facts: unknown[]) => Promise<unknown>;
      result[2] = await does(...facts);
    } catch (error) {
      result[1] = error instanceof Error ? (error.stack ?? error.message) : String(error);
    }
    port.postMessage(result);
    if (method === "close") port.close();
  });
}

if (!isMainThread && parentPort !== null) await serve(parentPort, workerData as Setting);
