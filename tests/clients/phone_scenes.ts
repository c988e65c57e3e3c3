// Scenes of tests/clients/test_rxdb.py: phones with the real rxdb against the running API.

import assert from "node:assert/strict";
import { base, control, play, until } from "./control.ts";
import { type Handset, handset } from "./handset.ts";
import { type Documents, type Name, NAMES } from "./phone.ts";

type Count = { given: number; refused: number; changes: number };
const KEYS = { placements: "placementId", differences: "differenceId", changes: "changeId", answers: "answerId", notices: "noticeId" };

/** Two phones of the applicant and one of the partner, in step. */
async function family(): Promise<[Handset, Handset, Handset]> {
  const partner = await control<string>("partner");
  const phones: [Handset, Handset, Handset] = [await handset(), await handset(), await handset({ bsn: partner })];
  for (const one of phones) await one.inStep();
  return phones;
}

type Copy = { [Of in Name]: unknown[] };

/** What a phone has, in the order of numbers. */
async function copyOf(one: Handset): Promise<Copy> {
  const copy = {} as Copy;
  for (const name of NAMES) copy[name] = sorted(name, (await one.all(name)) as unknown as Record<string, unknown>[]);
  return copy;
}

/** What the server has, read from the beginning without any client. */
async function served(): Promise<Copy> {
  const copy = {} as Copy;
  const headers = { Authorization: `Bearer ${await control<string>("token")}` };
  for (const name of NAMES) {
    const documents: Record<string, unknown>[] = [];
    let from = "";
    for (let count = 7; count === 7; ) {
      const page = await (await fetch(`${base}/sync/${name}?schemaVersion=1&limit=7${from}`, { headers })).json();
      documents.push(...page.documents);
      from = `&${new URLSearchParams(page.checkpoint)}`;
      count = page.documents.length;
    }
    const standing = documents.filter((one) => one["_deleted"] === false);
    copy[name] = sorted(name, standing.map(({ _deleted, ...rest }) => rest));
  }
  return copy;
}

function sorted(name: Name, documents: Record<string, unknown>[]): unknown[] {
  return documents.sort((one, other) => (String(one[KEYS[name]]) < String(other[KEYS[name]]) ? -1 : 1));
}

async function converged(...phones: Handset[]): Promise<void> {
  for (const one of phones) await one.inStep();
  const truth = await served();
  for (const one of phones) {
    assert.deepEqual(await copyOf(one), truth);
    assert.deepEqual(await one.check(), []);
    await one.close();
  }
}

async function only<Of extends Name>(of: Handset, name: Of): Promise<Documents[Of]> {
  const one = await theOne(of, name);
  assert(one !== undefined, name);
  return one;
}

async function theOne<Of extends Name>(of: Handset, name: Of): Promise<Documents[Of] | undefined> {
  const [first, ...rest] = await of.all(name);
  assert.deepEqual(rest, []);
  return first;
}

async function openOf(of: Handset): Promise<Documents["differences"][]> {
  return (await of.all("differences")).filter((one) => one.state === "open");
}

const counted = (): Promise<Count> => control<Count>("answers");

async function firstSync(): Promise<void> {
  const phones = await family();
  for (const one of phones) {
    assert.equal((await one.all("placements")).length, 2);
    assert.equal((await only(one, "differences")).state, "open");
  }
  await converged(...phones);
}

/** A page that is full is followed by another, one that is not is the last; versions stand across the borders of pages. */
async function pages(): Promise<void> {
  for (const [more, requests] of [[499, 1], [1, 2], [600, 3]] as const) {
    await control("refuse_many", { count: more });
    const fresh = await handset();
    await until(async () => (await fresh.all("answers")).length === (await counted()).refused, "all pages");
    await fresh.deafen();
    // The stream says "pull" on its first connection too: that pull finds nothing new, in one request.
    const asked = await fresh.asked("GET /v1/sync/answers");
    assert.ok(asked === requests || asked === requests + 1, `${asked} requests after ${more} more`);
    await converged(fresh);
  }
}

async function told(): Promise<void> {
  const phones = await family();
  await control("deliver", { hours: "130.00" });
  for (const one of phones) {
    await until(async () => (await only(one, "differences")).proposal?.placements[0]?.segments[0]?.hours === "130.00", "new hours");
  }
  // What is gone goes from every copy.
  await control("declare", { placements: 1 });
  for (const one of phones) await until(async () => (await one.all("placements")).length === 1, "a tombstone");
  await converged(...phones);
}

/** Who commits late was first: nothing that is pulled meanwhile passes it by. */
async function slowWriter(): Promise<void> {
  const phones = await family();
  const before = await copyOf(phones[0]);
  await control("begin_slowly");
  const waiting = control("deliver", { hours: "140.00" });
  for (const one of phones) await one.inStep();
  assert.deepEqual(await copyOf(phones[0]), before);
  await control("commit");
  await waiting;
  for (const one of phones) {
    await until(async () => (await one.all("placements")).length === 1, "the slow writer's");
    await until(async () => (await openOf(one))[0]?.proposal?.placements[0]?.segments[0]?.hours === "140.00", "who waited for it");
  }
  await converged(...phones);
}

async function droppedStream(): Promise<void> {
  const phones = await family();
  for (const hours of ["130.00", "140.00", "150.00"]) {
    await control("cut");
    await control("deliver", { hours });
    await control("cut");
  }
  await control("unplug");
  await control("deliver", { hours: "160.00" });
  await control("plug");
  for (const one of phones) {
    await until(async () => (await openOf(one))[0]?.proposal?.placements[0]?.segments[0]?.hours === "160.00", "the last hours");
  }
  await converged(...phones);
}

/** After a restore from backup every collection begins again; what was not sent yet is kept, and sent. */
async function restored(): Promise<void> {
  const one = await handset();
  await one.inStep();
  await control("unplug");
  const unsent = await one.accept(await only(one, "differences"));
  await one.move(await control<string>("restored"));
  await until(async () => (await counted()).given === 1, "that it is sent");
  await until(async () => (await theOne(one, "differences"))?.state === "accepted", "what came of it");
  await until(async () => (await theOne(one, "answers"))?.state === "given", "that it stands");
  assert.equal((await only(one, "answers")).answerId, unsent.answerId);
  await control("plug");
  await converged(one);
}

async function tooOld(): Promise<void> {
  const old = await handset({ schemaVersion: 0 });
  await until(async () => (await old.stopped()) !== null, "that it stops");
  assert.deepEqual(await old.stopped(), [426, "upgrade"]);
  await old.close();
}

/** Who belongs to the household no more keeps nothing of it. */
async function left(): Promise<void> {
  const [first, second, partner] = await family();
  await control("leave");
  await until(async () => (await partner.stopped()) !== null, "that it stops");
  assert.deepEqual(await partner.stopped(), [403, "leave"]);
  await until(async () => (await partner.held()).length === 0, "that nothing is kept");
  await partner.close();
  await converged(first, second);
}

async function spoilt(): Promise<void> {
  const one = await handset();
  await one.inStep();
  const [lost, stale] = await one.all("placements");
  assert(lost !== undefined && stale !== undefined);
  await one.remove("placements", lost.placementId);
  await one.inStep();
  assert.equal((await one.all("placements")).length, 1, "a pull alone does not see it");
  assert.deepEqual(await one.check(), ["placements"]);
  assert.equal((await one.all("placements")).length, 2);
  await one.patch("placements", stale.placementId, { version: 0, startDate: "2020-01-01" });
  assert.deepEqual(await one.check(), ["placements"]);
  await converged(one);
}

async function offlineAnswer(): Promise<void> {
  const phones = await family();
  await control("unplug");
  const answer = await phones[0].accept(await only(phones[0], "differences"));
  assert.equal(answer.version, undefined, "not known to the service yet");
  assert.deepEqual(await counted(), { given: 0, refused: 0, changes: 0 });
  await control("plug");
  for (const one of phones) {
    await until(async () => (await only(one, "differences")).state === "accepted", "the answer on every phone");
    await until(async () => (await one.all("answers")).some((stands) => stands.state === "given"), "the answer itself");
    assert.equal((await only(one, "answers")).answerId, answer.answerId);
  }
  await converged(...phones);
}

/** Two phones take the same version over while they are offline: one answer, and the other phone hears that it was done. */
async function twoAnswers(): Promise<void> {
  const phones = await family();
  await control("unplug");
  for (const one of [phones[0], phones[2]]) await one.accept(await only(one, "differences"));
  await control("plug");
  for (const one of phones) await until(async () => (await one.all("answers")).filter((each) => each.version).length === 2, "both answers");
  assert.deepEqual(await counted(), { given: 1, refused: 1, changes: 1 });
  const answers = await phones[1].all("answers");
  assert.deepEqual(answers.map((one) => [one.state, one.problem]).sort(), [["given", null], ["refused", "answered-before"]]);
  await converged(...phones);
}

/** The answer to a push is lost after the service took it: it is sent again, and is one. */
async function lostAnswer(): Promise<void> {
  const one = await handset();
  await one.inStep();
  await one.deafen();
  await control("cut");
  await control("lose", { count: 1 });
  await one.accept(await only(one, "differences"));
  await until(async () => (await one.asked("POST /v1/sync/answers")) === 2, "that it is sent again");
  await one.inStep();
  assert.deepEqual(await counted(), { given: 1, refused: 0, changes: 1 });
  assert.equal((await only(one, "answers")).state, "given");
  await converged(one);
}

/** One row that is refused holds up none after it; it stays with its reason until it is removed. */
async function refusals(): Promise<void> {
  const phones = await family();
  const [first] = phones;
  const seen = await only(first, "differences");
  await control("unplug");
  const foreign = await first.accept({ differenceId: crypto.randomUUID(), version: seen.version });
  const stale = await first.accept({ differenceId: seen.differenceId, version: seen.version - 1 });
  const good = await first.accept(seen);
  await control("plug");
  for (const one of phones) await until(async () => (await one.all("answers")).filter((each) => each.version).length === 3, "all three");
  const states = new Map((await phones[2].all("answers")).map((one) => [one.answerId, [one.state, one.problem]]));
  assert.deepEqual(states.get(foreign.answerId), ["refused", "not-found"]);
  assert.deepEqual(states.get(stale.answerId), ["refused", "stale-difference"]);
  assert.deepEqual(states.get(good.answerId), ["given", null]);
  assert.deepEqual(await counted(), { given: 1, refused: 2, changes: 1 });
  await first.remove("answers", stale.answerId);
  for (const one of phones) await until(async () => (await one.all("answers")).length === 2, "that it is gone everywhere");
  await converged(...phones);
}

/** What was made and removed before it was tried never was: rxdb tells of a row that nobody knows. */
async function madeAndRemoved(): Promise<void> {
  const one = await handset();
  await one.inStep();
  await one.pause();
  const answer = await one.accept(await only(one, "differences"));
  await one.remove("answers", answer.answerId);
  await one.resume();
  await until(async () => (await one.asked("POST /v1/sync/answers")) === 1, "that rxdb tells of it");
  await one.inStep();
  assert.deepEqual(await counted(), { given: 0, refused: 0, changes: 0 });
  assert.equal((await only(one, "differences")).state, "open");
  await converged(one);
}

/** What stands can no more be altered on a phone: the copy takes back what stands. */
async function altered(): Promise<void> {
  const phones = await family();
  const [first] = phones;
  const { answerId } = await first.accept(await only(first, "differences"));
  await until(async () => (await only(first, "answers")).state === "given", "that it stands");
  await first.remove("answers", answerId);
  await until(async () => (await first.all("answers")).length === 1, "that it is back");
  assert.deepEqual(await counted(), { given: 1, refused: 0, changes: 1 });
  await converged(...phones);
}

async function postponed(of: Handset, until: string): Promise<string> {
  const { differenceId, version } = await only(of, "differences");
  const answerId = crypto.randomUUID();
  await of.answer({ answerId, kind: "postponement", differenceId, differenceVersion: version, until });
  return answerId;
}

const untilOf = async (of: Handset): Promise<string | null | undefined> => (await theOne(of, "answers"))?.until;

/** Five edits faster than they can be sent: the last one stands everywhere, and none was a conflict. */
async function fiveEdits(): Promise<void> {
  const phones = await family();
  const [first] = phones;
  const answerId = await postponed(first, "2026-07-20");
  for (const day of [21, 22, 23, 24, 25]) await first.patch("answers", answerId, { until: `2026-07-${day}` });
  for (const one of phones) await until(async () => (await untilOf(one)) === "2026-07-25", "the last edit");
  assert.deepEqual(await counted(), { given: 1, refused: 0, changes: 0 });
  assert.equal(await first.conflicts(), 0);
  await converged(...phones);
}

/** Two phones edit one answer while they are offline: the first that is taken stands, the other phone takes it over. */
async function bothEdit(): Promise<void> {
  const phones = await family();
  const [first, second, partner] = phones;
  const answerId = await postponed(first, "2026-07-20");
  for (const one of phones) await until(async () => (await theOne(one, "answers"))?.state === "given", "that it stands");
  await control("unplug");
  await first.patch("answers", answerId, { until: "2026-07-22" });
  await partner.patch("answers", answerId, { until: "2026-07-24" });
  await control("plug");
  const seen = async (): Promise<unknown[]> => Promise.all(phones.map(untilOf));
  await until(async () => new Set(await seen()).size === 1 && (await untilOf(second)) !== "2026-07-20", "that all agree");
  assert.ok(["2026-07-22", "2026-07-24"].includes(String(await untilOf(second))));
  assert.equal((await first.conflicts()) + (await partner.conflicts()), 1);
  assert.deepEqual(await counted(), { given: 1, refused: 0, changes: 0 });
  await converged(...phones);
}

/** A postponement is taken back by removing it: the difference is open again on every phone. */
async function takenBack(): Promise<void> {
  const phones = await family();
  const answerId = await postponed(phones[0], "2026-07-20");
  for (const one of phones) await until(async () => (await only(one, "differences")).state === "postponed", "that it waits");
  await phones[2].remove("answers", answerId);
  for (const one of phones) {
    await until(async () => (await only(one, "differences")).state === "open", "that it is open again");
    await until(async () => (await one.all("answers")).length === 0, "that the answer is gone");
  }
  await converged(...phones);
}

/** Postponed and then taken over, both without a network: what was on the screen is the same, and both answers are taken. */
async function postponedThenAccepted(): Promise<void> {
  const phones = await family();
  const [first] = phones;
  await control("unplug");
  const postponement = await postponed(first, "2026-07-20");
  const { answerId } = await first.accept(await only(first, "differences"));
  await control("plug");
  for (const one of phones) {
    await until(async () => (await only(one, "differences")).state === "accepted", "that it is taken over");
    await until(async () => (await one.all("answers")).filter((each) => each.version).length === 2, "both answers");
  }
  const states = new Map((await phones[2].all("answers")).map((one) => [one.answerId, one.state]));
  assert.deepEqual([states.get(postponement), states.get(answerId)], ["ended", "given"]);
  assert.deepEqual(await counted(), { given: 2, refused: 0, changes: 1 });
  await converged(...phones);
}

async function disputed(): Promise<void> {
  const phones = await family();
  const { differenceId, version } = await only(phones[0], "differences");
  await control("unplug");
  const dispute = { kind: "dispute", differenceId, differenceVersion: version, reason: "other", note: "Wij waren er niet.", passOn: true };
  await phones[0].answer({ answerId: crypto.randomUUID(), ...dispute, kind: "dispute" });
  await control("plug");
  for (const one of phones) await until(async () => (await only(one, "differences")).state === "disputed", "the dispute on every phone");
  await converged(...phones);
}

const edited = { fiveEdits, bothEdit, takenBack, postponedThenAccepted, disputed };
const answering = { offlineAnswer, twoAnswers, lostAnswer, refusals, madeAndRemoved, altered };
await play({ firstSync, pages, told, slowWriter, droppedStream, restored, tooOld, left, spoilt, ...answering, ...edited });
