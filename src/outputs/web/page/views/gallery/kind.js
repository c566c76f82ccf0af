// What the gallery shows: white cells, or red ones. A red cell's class, its certainty and what a person said of it lie apart in its
// record; here they are where those of a white cell are, so that one gallery serves both.

import { kinds } from "../../classes.js";
import { shortName } from "../../words.js";

const flat = (record) => (record.red ? { ...record, ...record.red } : record);
const same = (record) => record;

// `wanted`: "red", or nothing for white cells.
export function kindOf(id, wanted, context) {
  const red = wanted === "red";
  const classes = red ? context.redClasses : context.classes;
  const own = red ? [] : context.own;
  const { isBlast, flagged, reason } = kinds(classes);
  return {
    red, classes, own, reason, isBlast,
    cells: `/api/sessions/${id}/cells?kind=${red ? "RBC&pictured=true" : "WBC"}`,
    record: red ? flat : same,
    // Red cells that are cut or overlap count for no grade.
    shown: (cell) => !red || cell.graded,
    address: (show) => {
      const asked = [red && "kind=red", show && `show=${show}`].filter(Boolean).join("&");
      return `#/session/${id}/gallery${asked && `?${asked}`}`;
    },
    // Codes of white cells are known to whoever counts; those of red cells are their English names.
    brief: (code) => (red ? shortName(code) : code),
    keys: new Map([...classes, ...own].map(({ code, key }) => [key, code])),
    // Lines of the result by class: count and percent.
    lines: (result) => new Map(((red ? result?.red_cells : result)?.classes ?? []).map((line) => [line.class, line])),
    urgent: (code, flags) => !red && (isBlast(code) || code === "UNK" || flagged(code, flags)),
    // What is shown last: of red cells the usual ones and those without a class.
    last: (code) => red && (code === "RBC_NORMAL" || code === "UNK"),
    words: red
      ? { tally: "gallery.redTally", none: "gallery.redNone", place: "gallery.redPlace" }
      : { tally: "gallery.tally", none: "gallery.none", place: "gallery.place" },
  };
}
