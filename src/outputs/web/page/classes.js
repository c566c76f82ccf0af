// Classes as a haematologist orders them, and which cells a person should look at before signing.

// By maturation: blasts, granulopoiesis, the other white cells of blood, then what is no white cell.
const ORDER = ["MYO", "MOB", "PMB", "PMO", "MYB", "MMZ", "NGB", "NGS", "EOS", "BAS", "MON", "LYT", "LYA", "EBO", "KSC", "PLT", "UNK"];
const place = (code) => (ORDER.includes(code) ? ORDER.indexOf(code) : ORDER.length);

// A cell the program is less sure of should be looked at; parts of one.
export const SURE = 0.9;

// What each flag is raised by: groups of classes, or single ones.
const RAISED_BY = {
  blasts: ["blasts"],
  "left-shift": ["NGB", "immature-granulocytes"],
  "nucleated-red-cells": ["nucleated-red"],
  "many-unclassified": ["unclassified"],
};

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
