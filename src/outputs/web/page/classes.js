// Classes in a haematologist's order, and which cells should be checked before signing.

import { ORDER, RAISED_BY } from "./tables.js";
import { className, t } from "./words.js";

const place = (code) => (ORDER.includes(code) ? ORDER.indexOf(code) : ORDER.length);

// Probability (0..1) below which a cell should be looked at.
export const SURE = 0.9;

export const inOrder = (classes) => [...classes].sort((a, b) => place(a.code) - place(b.code));

// `classes`: the station's list, with the group of each.
export function kinds(classes) {
  const group = new Map(classes.map((one) => [one.code, one.group]));
  const isBlast = (code) => group.get(code) === "blasts";
  return {
    isBlast,
    flagged: (code, flags) => flags.some((flag) => (RAISED_BY[flag] ?? []).some((what) => what === code || what === group.get(code))),
    // Why a cell that nobody has reviewed should be looked at; null if there is no reason.
    reason(cell) {
      if (looked(cell)) return null;
      const code = inForce(cell);
      if (isBlast(code)) return "blasts";
      if (code === "UNK") return "unclassified";
      if (cell.by_person) return isBlast(programs(cell)) ? "blasts" : "quickly";
      return (cell.probability ?? 0) < SURE ? "unsure" : null;
    },
  };
}

// The class in force: the person's, else the program's.
export const inForce = (cell) => cell.by_person?.class ?? programs(cell);
// The laboratory's own class that a person gave within the fixed one: code and name as they were then; null without one.
export const ownOf = (cell) => cell.by_person?.own ?? null;
// What a person would have to give to say the same again.
export const codeOf = (cell) => ownOf(cell)?.code ?? inForce(cell);
// The name of a cell's class: the laboratory's own with the fixed one that it counts as, else the fixed one.
export function nameOf(cell) {
  const own = ownOf(cell);
  return own ? t("own.counts", { class: className(inForce(cell)), code: own.code, name: own.name }) : className(inForce(cell));
}
export const programs = (cell) => cell.class ?? "UNK";
export const changed = (cell) => Boolean(cell.by_person) && cell.by_person.class !== programs(cell);
// Whether a person had the time to look at it: one that was confirmed faster counts as unseen.
export const looked = (cell) => Boolean(cell.by_person) && !cell.by_person.quickly;
export const seen = (cells) => cells.filter(looked).length;
export const quick = (cells) => cells.filter((cell) => cell.by_person?.quickly).length;
