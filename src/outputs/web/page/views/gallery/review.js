// The classes that a person gives to cells: shown at once, sent to the station one request at a time.

import { get, send } from "../../api.js";
import { inForce, ownOf } from "../../classes.js";

// The station accepts at most this many cells in one request.
const AT_ONCE = 500;
// Timeout of one request, ms.
const PATIENCE = 30_000;

// The code that a person gave, null for the program's class.
const given = (person) => person?.own?.code ?? person?.class ?? null;

// Requests still to be sent for each session number, from every review on this page.
const lines = new Map();
let unsent = 0;

// Resolves once all changes so far have reached the station, or have failed and been reported.
export const told = (id) => lines.get(id) ?? Promise.resolve();

addEventListener("beforeunload", (event) => {
  if (unsent > 0) event.preventDefault();
});

// `tell.changed(numbers)`, `tell.session(detail)`, `tell.failed(numbers, problem)` and `tell.undone(numbers)` report
// the outcome. `name`: the reviewer's. `kind`: of the cells.
export function review(id, name, cells, kind, tell) {
  const { own } = kind;
  const byNumber = new Map(cells.map((cell) => [cell.number, cell]));
  // The state known to be on the station, and the number of requests under way for each cell.
  const kept = new Map(cells.map((cell) => [cell.number, cell.by_person]));
  const underWay = new Map();
  const steps = [];

  // What a code says of a cell. One of the laboratory's own that is not configured any more says the same again.
  function said(code, cell) {
    const { code: of, name: words, class: fixed } = own.find((one) => one.code === code) ?? { ...ownOf(cell), class: inForce(cell) };
    return of === code ? { class: fixed, own: { code, name: words } } : { class: code };
  }

  function take(records, session) {
    for (const record of records) kept.set(record.number, kind.record(record).by_person);
    tell.session(session);
  }

  // Queues behind earlier requests. The station's answer applies to a cell once no later request for it is pending.
  function queue(numbers, work, { done = () => false, failed }) {
    for (const number of numbers) underWay.set(number, (underWay.get(number) ?? 0) + 1);
    unsent += 1;
    const next = told(id).then(async () => {
      let records = [];
      let problem = null;
      try {
        const answer = await work();
        if (answer) {
          records = answer.cells;
          take(records, answer.session);
        }
      } catch (wrong) {
        problem = wrong;
        // The station may have done it and the answer was lost, or somebody else was first: what it has now counts.
        try {
          const [session, { cells: now }] = await Promise.all([get(`/api/sessions/${id}`, PATIENCE), get(kind.cells, PATIENCE)]);
          records = now;
          take(records, session);
          if (done()) problem = null;
        } catch {
          // Still unreachable: keep what was known before.
        }
      }
      for (const number of numbers) underWay.set(number, underWay.get(number) - 1);
      unsent -= 1;
      const settled = [...new Set([...numbers, ...records.map((record) => record.number)])].filter((number) => byNumber.has(number) && !underWay.get(number));
      for (const number of settled) byNumber.get(number).by_person = kept.get(number);
      tell.changed(settled);
      if (problem) failed(problem);
    });
    // An error while updating the page must not block later requests.
    lines.set(id, next.catch((problem) => console.error(problem)));
  }

  // `classOf` gives the class of each cell, null for the program's. Cells that already have it are skipped. If `held`
  // resolves to false, nothing is sent and the cells are as before.
  function give(chosen, classOf, held = Promise.resolve(true)) {
    const at = new Date().toISOString();
    // The same for every request of this press.
    const pressed = performance.now();
    const wanted = new Map();
    for (const cell of chosen) {
      const code = classOf(cell);
      // A pending request may still change the cell's class, and one that was seen quickly can be confirmed again.
      if (given(cell.by_person) === code && !cell.by_person?.quickly && !underWay.get(cell.number)) continue;
      if (!wanted.has(code)) wanted.set(code, []);
      wanted.get(code).push(cell.number);
      cell.by_person = code === null ? null : { ...said(code, cell), by: name, at };
    }
    // A press that takes several requests is undone as one.
    let joined = false;
    const together = [...wanted.values()].flat().length;
    const taken = [];
    for (const [code, all] of wanted) {
      for (let from = 0; from < all.length; from += AT_ONCE) {
        const step = { numbers: all.slice(from, from + AT_ONCE), failed: false, joined };
        joined = true;
        steps.push(step);
        taken.push(step);
        const work = async () => {
          if (await held) return send("PUT", `/api/sessions/${id}/cells`, { cells: step.numbers, class: code, pressed, together }, PATIENCE);
          step.failed = true;
          forget(step);
          return null;
        };
        queue(step.numbers, work, {
          done: () => step.numbers.every((number) => given(kept.get(number)) === code),
          failed: (problem) => {
            step.failed = true;
            tell.failed(step.numbers, problem);
          },
        });
      }
    }
    tell.changed([...wanted.values()].flat());
    return taken;
  }

  // Undoes one press of this visit, the latest that reached the station.
  function takeBack(pressed) {
    for (const step of [...pressed].reverse()) {
      forget(step);
      back(step, Promise.resolve(true));
    }
  }

  function forget(step) {
    const at = steps.indexOf(step);
    if (at >= 0) steps.splice(at, 1);
  }

  // Undoes the latest press, of this visit or an earlier one. Returns the affected cells if they are known at once.
  function undo(held = Promise.resolve(true)) {
    const numbers = [];
    let step;
    do {
      step = steps.pop();
      numbers.push(...(step?.numbers ?? []));
      back(step, held);
    } while (step?.joined);
    return numbers;
  }

  function back(step, held) {
    const numbers = step?.numbers ?? [];
    queue(
      numbers,
      async () => {
        // A change that never reached the station is already gone; the one before it stays.
        if (!(await held)) {
          if (step && !step.failed) steps.push(step);
          return null;
        }
        if (step?.failed) return null;
        const answer = await send("POST", `/api/sessions/${id}/undo`, undefined, PATIENCE);
        tell.undone(answer.cells.map((cell) => cell.number));
        return answer;
      },
      {
        failed: (problem) => {
          if (step) steps.push(step);
          tell.failed(numbers, problem);
        },
      },
    );
  }

  return { give, undo, takeBack, underWay: () => [...underWay.values()].filter((count) => count > 0).length };
}
