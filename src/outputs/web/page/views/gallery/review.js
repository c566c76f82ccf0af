// The classes that a person gives cells: on the page at once, at the station one request after the other.

import { get, send } from "../../api.js";

// The station takes no more cells in one request.
const AT_ONCE = 500;
// How long one request may take before it counts as lost, ms.
const PATIENCE = 30_000;

// What every review of this page still has to tell the station, by the session's number.
const lines = new Map();
let unsent = 0;

// When all that was given so far has reached the station, or was given up and said.
export const told = (id) => lines.get(id) ?? Promise.resolve();

addEventListener("beforeunload", (event) => {
  if (unsent > 0) event.preventDefault();
});

// `tell.changed(numbers)`, `tell.session(detail)`, `tell.failed(numbers, problem)` and `tell.undone(numbers)` say what became
// of it. `name`: the person's.
export function review(id, name, cells, tell) {
  const byNumber = new Map(cells.map((cell) => [cell.number, cell]));
  // What the station is known to have, and how many requests are on their way for a cell.
  const kept = new Map(cells.map((cell) => [cell.number, cell.by_person]));
  const underWay = new Map();
  const steps = [];

  function take(records, session) {
    for (const record of records) kept.set(record.number, record.by_person);
    tell.session(session);
  }

  // In line behind what was asked before. The station's word holds for a cell once nothing later is asked of it.
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
        // The station may have done it and the answer was lost, or somebody else was first: what it has is what counts.
        try {
          const [session, { cells: now }] = await Promise.all([get(`/api/sessions/${id}`, PATIENCE), get(`/api/sessions/${id}/cells?kind=WBC`, PATIENCE)]);
          records = now;
          take(records, session);
          if (done()) problem = null;
        } catch {
          // Still out of reach: what was known before stands.
        }
      }
      for (const number of numbers) underWay.set(number, underWay.get(number) - 1);
      unsent -= 1;
      const settled = [...new Set([...numbers, ...records.map((record) => record.number)])].filter((number) => byNumber.has(number) && !underWay.get(number));
      for (const number of settled) byNumber.get(number).by_person = kept.get(number);
      tell.changed(settled);
      if (problem) failed(problem);
    });
    // What goes wrong in telling the page must not hold up what is asked next.
    lines.set(id, next.catch((problem) => console.error(problem)));
  }

  // `classOf` says the class of each, null for the program's. Cells that have it already are left alone.
  function give(chosen, classOf) {
    const at = new Date().toISOString();
    const wanted = new Map();
    for (const cell of chosen) {
      const code = classOf(cell);
      // What is on its way may take it from the cell again.
      if ((cell.by_person?.class ?? null) === code && !underWay.get(cell.number)) continue;
      if (!wanted.has(code)) wanted.set(code, []);
      wanted.get(code).push(cell.number);
      cell.by_person = code === null ? null : { class: code, by: name, at };
    }
    // A press that takes several requests is taken back as one.
    let joined = false;
    for (const [code, all] of wanted) {
      for (let from = 0; from < all.length; from += AT_ONCE) {
        const step = { numbers: all.slice(from, from + AT_ONCE), failed: false, joined };
        joined = true;
        steps.push(step);
        queue(step.numbers, () => send("PUT", `/api/sessions/${id}/cells`, { cells: step.numbers, class: code }, PATIENCE), {
          done: () => step.numbers.every((number) => (kept.get(number)?.class ?? null) === code),
          failed: (problem) => {
            step.failed = true;
            tell.failed(step.numbers, problem);
          },
        });
      }
    }
    tell.changed([...wanted.values()].flat());
  }

  // Takes the latest press back, of this visit or an earlier one. Gives the cells where it is known at once which.
  function undo() {
    const numbers = [];
    let step;
    do {
      step = steps.pop();
      numbers.push(...(step?.numbers ?? []));
      back(step);
    } while (step?.joined);
    return numbers;
  }

  function back(step) {
    const numbers = step?.numbers ?? [];
    queue(
      numbers,
      async () => {
        // What never reached the station is gone already; the one before it stays.
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

  return { give, undo, underWay: () => [...underWay.values()].filter((count) => count > 0).length };
}
