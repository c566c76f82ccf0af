// Classes as a haematologist orders them, and which cells a person should look at before signing.

import { ORDER, RAISED_BY } from "./tables.js";

const place = (code) => (ORDER.includes(code) ? ORDER.indexOf(code) : ORDER.length);

// A cell the program is less sure of should be looked at; parts of one.
export const SURE = 0.9;

export const inOrder = (classes) => [...classes].sort((a, b) => place(a.code) - place(b.code));

// `classes`: as the station lists them, with the group of each.
export function kinds(classes) {
  const group = new Map(classes.map((one) => [one.code, one.group]));
  const isBlast = (code) => group.get(code) === "blasts";
  return {
    isBlast,
    flagged: (code, flags) => flags.some((flag) => (RAISED_BY[flag] ?? []).some((what) => what === code || what === group.get(code))),
    // Why a cell that no person has seen should be: null where nothing speaks for it.
    reason(cell) {
      if (cell.by_person) return null;
      const code = inForce(cell);
      if (isBlast(code)) return "blasts";
      if (code === "UNK") return "unclassified";
      return (cell.probability ?? 0) < SURE ? "unsure" : null;
    },
  };
}

// The class that holds: the person's, else the program's.
export const inForce = (cell) => cell.by_person?.class ?? programs(cell);
export const programs = (cell) => cell.class ?? "UNK";
export const changed = (cell) => Boolean(cell.by_person) && cell.by_person.class !== programs(cell);
export const seen = (cells) => cells.filter((cell) => cell.by_person).length;
