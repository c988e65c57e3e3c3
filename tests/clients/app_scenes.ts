// Scenes of tests/clients/test_typescript.py: the app of app.ts against the running API.

import assert from "node:assert/strict";
import { type Documents, emptyStore, KotApp, type Store } from "./app.ts";
import { base, control, play, until } from "./control.ts";
import { Door, Refused } from "./door.ts";

type Login = { bsn?: string; seconds?: number };

/** An app of a parent, the applicant unless told otherwise. */
function app(login: Login = {}, store: Store = emptyStore(), at = base): KotApp {
  return new KotApp(new Door(at, () => control<string>("token", { ...login })), store);
}

function only<Kind extends keyof Documents>(of: KotApp, name: Kind): Documents[Kind] {
  const [first, ...rest] = of.store.documents[name].values();
  assert(first !== undefined && rest.length === 0, `${name}: ${rest.length + 1}`);
  return first;
}

async function given(): Promise<number> {
  return (await control<{ given: number }>("answers")).given;
}

async function refusal(work: Promise<unknown>): Promise<Refused> {
  const refused = await work.then(() => undefined, (error: unknown) => error);
  assert(refused instanceof Refused, String(refused));
  return refused;
}

async function firstSync(): Promise<void> {
  const phone = app();
  await phone.pull();
  assert.equal(phone.store.documents.placements.size, 2);
  const difference = only(phone, "differences");
  assert.equal(difference.state, "open");
  assert.equal(difference.proposal?.placements[0]?.segments[0]?.hours, "120.00");
  assert.match(difference.texts?.nl.title ?? "", /Meer uren/);
  // Again, with nothing new, and from the store of an app that was away.
  const again = app({}, phone.store);
  await again.pull();
  assert.deepEqual(again.store.documents, phone.store.documents);
}

async function tokens(): Promise<void> {
  let asked = 0;
  const renewing = new Door(base, (renew) => {
    asked += 1;
    return control<string>("token", { seconds: renew ? 60 : -60 });
  });
  await new KotApp(renewing).pull();
  assert.equal(asked, 2 * 5, "each pull was refused with the old token and taken with the new one");
  const over = await refusal(app({ seconds: -60 }).pull());
  assert.deepEqual([over.status, over.next, over.problem.type], [401, "log-in", "/v1/problems/not-authenticated"]);
}

async function oneTap(): Promise<void> {
  const phone = app();
  await phone.pull();
  const [answer] = await phone.accept(only(phone, "differences"));
  assert(answer !== undefined && "acceptance" in answer);
  await phone.pull();
  assert.equal(only(phone, "differences").state, "accepted");
  assert.equal(only(phone, "changes").changeId, answer.acceptance.changeId);
  const accepted = [...phone.store.documents.placements.values()].find((one) => one.accepted.length > 0);
  assert.equal(accepted?.accepted.at(-1)?.hours, "120.00");
}

async function moved(): Promise<void> {
  const phone = app();
  await phone.pull();
  const seen = only(phone, "differences");
  await control("deliver", { hours: "130.00" });
  const [answer] = await phone.accept(seen);
  assert(answer !== undefined && "refused" in answer);
  assert.deepEqual([answer.refused.status, answer.refused.next], [412, "show-current"]);
  const { current } = answer.refused.problem as { current: Documents["differences"] };
  assert.equal(current.proposal?.placements[0]?.segments[0]?.hours, "130.00");
  assert.deepEqual(phone.store.taps, []);
  // The parent looks again and taps what is shown now.
  const [second] = await phone.accept(current);
  assert(second !== undefined && "acceptance" in second);
}

async function settled(): Promise<void> {
  const phone = app();
  await control("deliver", { hours: "100.00" });
  await phone.pull();
  const closed = only(phone, "differences");
  assert.equal(closed.state, "closed");
  const [answer] = await phone.accept(closed);
  assert(answer !== undefined && "refused" in answer);
  assert.deepEqual([answer.refused.status, answer.refused.next], [409, "read-again"]);
}

async function lostAnswer(): Promise<void> {
  const phone = app();
  await phone.pull();
  await control("lose", { count: 1 });
  assert.deepEqual(await phone.accept(only(phone, "differences")), [], "no answer came");
  assert.equal(await given(), 1, "but it was taken");
  assert.equal(phone.store.taps.length, 1);
  // The app is killed; the queue survives it.
  const again = app({}, structuredClone(phone.store));
  const [answer] = await again.sendTaps();
  assert(answer !== undefined && "acceptance" in answer);
  assert.deepEqual(again.store.taps, []);
  assert.equal(await given(), 1);
}

async function offline(): Promise<void> {
  const phone = app();
  await phone.pull();
  await control("unplug");
  const away = await refusal(phone.pull());
  assert.deepEqual([away.status, away.next], [0, "wait"]);
  assert.deepEqual(await phone.accept(only(phone, "differences")), []);
  assert.equal(await given(), 0);
  await control("plug");
  const [answer] = await phone.sendTaps();
  assert(answer !== undefined && "acceptance" in answer);
}

async function stream(): Promise<void> {
  const phone = app();
  let count = 0;
  const ends = new AbortController();
  const following = phone.follow(() => (count += 1), ends.signal);
  await until(() => count > 0, "the first pull");
  const before = only(phone, "differences").version;
  await control("deliver", { hours: "130.00" });
  await until(() => only(phone, "differences").version > before, "a change that the stream told");
  await control("cut");
  await control("deliver", { hours: "140.00" });
  const hours = (): string | undefined => only(phone, "differences").proposal?.placements[0]?.segments[0]?.hours;
  await until(() => hours() === "140.00", "what happened while the stream was down");
  ends.abort();
  await following;
}

async function restored(): Promise<void> {
  const phone = app();
  await phone.pull();
  const after = app({}, phone.store, await control<string>("restored"));
  // What is not on the server any more must not stay on the phone.
  phone.store.documents.notices.set("lost", {} as Documents["notices"]);
  await after.pull();
  assert.equal(after.store.documents.notices.size, 0);
  assert.equal(after.store.documents.placements.size, 2);
}

async function spoilt(): Promise<void> {
  const phone = app();
  assert.deepEqual(await phone.check(), []);
  const [lost] = phone.store.documents.placements.keys();
  phone.store.documents.placements.delete(lost ?? "");
  await phone.pull();
  assert.equal(phone.store.documents.placements.size, 1, "a pull alone does not see it");
  assert.deepEqual(await phone.check(), ["placements"]);
  assert.equal(phone.store.documents.placements.size, 2);
  assert.deepEqual(await phone.check(), []);
}

async function tooOld(): Promise<void> {
  KotApp.schemaVersion = 0;
  const refused = await refusal(app().pull());
  assert.deepEqual([refused.status, refused.next], [426, "upgrade"]);
  assert.equal((refused.problem as { schemaVersion?: number }).schemaVersion, 1);
}

async function left(): Promise<void> {
  const partner = app({ bsn: await control<string>("partner") });
  await partner.pull();
  assert.equal(partner.store.documents.placements.size, 2);
  await control("leave");
  const refused = await refusal(partner.pull());
  assert.deepEqual([refused.status, refused.next], [403, "leave"]);
}

async function faultsOfAnApp(): Promise<void> {
  const phone = app();
  await phone.pull();
  const { differenceId } = only(phone, "differences");
  const headers = { Authorization: `Bearer ${await control<string>("token")}`, "Idempotency-Key": crypto.randomUUID() };
  const answer = await fetch(`${base}/differences/${differenceId}/acceptance`, { method: "POST", headers });
  assert.deepEqual([answer.status, (await Refused.from(answer)).next], [428, "report"]);
  // A parent's requests are not counted; who builds for later reads a 429 as it reads a 503.
  assert.deepEqual([new Refused(429, {}).next, new Refused(503, {}).next], ["wait", "wait"]);
}

await play({ firstSync, tokens, oneTap, moved, settled, lostAnswer, offline, stream, restored, spoilt, tooOld, left, faultsOfAnApp });
