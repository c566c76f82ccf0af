// The classes that a person gives cells: on the page at once, at the station one request after the other.

import { send } from "../../api.js";

// The station takes no more cells in one request.
const AT_ONCE = 500;

// `tell.changed(numbers)`, `tell.session(detail)`, `tell.failed(numbers, problem)` and `tell.undone(numbers)` say what became
// of it. `name`: the person's.
export function review(id, name, cells, tell) {
  const byNumber = new Map(cells.map((cell) => [cell.number, cell]));
  // What the station is known to have, and how many requests are on their way for a cell.
  const kept = new Map(cells.map((cell) => [cell.number, cell.by_person]));
  const underWay = new Map();
  const steps = [];
  let line = Promise.resolve();

  // In line behind what was asked before. The station's word holds for a cell once nothing later is asked of it.
  function queue(numbers, work, failed) {
    for (const number of numbers) underWay.set(number, (underWay.get(number) ?? 0) + 1);
    line = line.then(async () => {
      let records = [];
      let problem = null;
      try {
        const answer = await work();
        if (answer) {
          records = answer.cells;
          for (const record of records) kept.set(record.number, record.by_person);
          tell.session(answer.session);
        }
      } catch (wrong) {
        problem = wrong;
      }
      for (const number of numbers) underWay.set(number, underWay.get(number) - 1);
      const settled = [...new Set([...numbers, ...records.map((record) => record.number)])].filter((number) => byNumber.has(number) && !underWay.get(number));
      for (const number of settled) byNumber.get(number).by_person = kept.get(number);
      tell.changed(settled);
      if (problem) failed(problem);
    });
  }

  // `classOf` says the class of each, null for the program's. Cells that have it already are left alone.
  function give(chosen, classOf) {
    const at = new Date().toISOString();
    const wanted = new Map();
    for (const cell of chosen) {
      const code = classOf(cell);
      if ((cell.by_person?.class ?? null) === code) continue;
      if (!wanted.has(code)) wanted.set(code, []);
      wanted.get(code).push(cell.number);
      cell.by_person = code === null ? null : { class: code, by: name, at };
    }
    for (const [code, all] of wanted) {
      for (let from = 0; from < all.length; from += AT_ONCE) {
        const step = { numbers: all.slice(from, from + AT_ONCE), failed: false };
        steps.push(step);
        queue(
          step.numbers,
          () => send("PUT", `/api/sessions/${id}/cells`, { cells: step.numbers, class: code }),
          (problem) => {
            step.failed = true;
            tell.failed(step.numbers, problem);
          },
        );
      }
    }
    tell.changed([...wanted.values()].flat());
  }

  // Takes the latest step back, of this visit or an earlier one. Gives the cells where it is known at once which.
  function undo() {
    const step = steps.pop();
    queue(
      step?.numbers ?? [],
      async () => {
        // What never reached the station is gone already; the one before it stays.
        if (step?.failed) return null;
        const answer = await send("POST", `/api/sessions/${id}/undo`);
        tell.undone(answer.cells.map((cell) => cell.number));
        return answer;
      },
      (problem) => tell.failed(step?.numbers ?? [], problem),
    );
    return step?.numbers ?? [];
  }

  return { give, undo };
}
