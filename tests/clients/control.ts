// What happens on the other side while a script plays the phone: each action is a function of the test that started the script.

const { KOT_API = "", KOT_CONTROL = "" } = process.env;

/** Where the API is, over a network that the test can cut. */
export const base = `${KOT_API}/v1`;

/** Ask the test to do something, and return what it answers. */
export async function control<Answer = null>(action: string, facts: Record<string, unknown> = {}): Promise<Answer> {
  const answer = await fetch(`${KOT_CONTROL}/${action}`, { method: "POST", body: JSON.stringify(facts) });
  if (!answer.ok) throw new Error(await answer.text());
  return (await answer.json()) as Answer;
}

/** Wait until something is so. */
export async function until(isSo: () => boolean | Promise<boolean>, what: string, patienceMs = 20_000): Promise<void> {
  for (const end = Date.now() + patienceMs; !(await isSo()); await new Promise((done) => setTimeout(done, 20))) {
    if (Date.now() > end) throw new Error(`never: ${what}`);
  }
}

/** Play the scene that the test names. */
export async function play(scenes: Record<string, () => Promise<void>>): Promise<void> {
  const scene = scenes[process.argv[2] ?? ""];
  if (scene === undefined) throw new Error(`There is no scene ${process.argv[2]}.`);
  await scene();
  // Phones that were left on do not keep the scene going.
  process.exit(0);
}
