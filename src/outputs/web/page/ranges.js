// Reference ranges beside figures: the range, and H or L in letters where the value lies outside it.

import { h } from "./dom.js";
import { number, t } from "./words.js";

// The ranges that hold for a result, of one unit ("percent", "per-ul"), by class or group.
export function rangesOf(detail, unit) {
  return new Map((detail.ranges ?? []).filter((range) => range.unit === unit).map((range) => [range.of, range]));
}

// The head of their column; nothing where no range holds.
export const rangeHead = (ranges) => ranges.size > 0 && h("th", { scope: "col" }, t("report.range"));

// The cell of one line.
export function rangeCell(ranges, of) {
  if (ranges.size === 0) return null;
  const range = ranges.get(of);
  if (!range) return h("td", {});
  const digits = range.unit === "percent" ? 1 : 0;
  const means = { L: "report.low", H: "report.high" }[range.mark];
  return h("td", { class: "range" },
    means && [h("abbr", { class: "outside", title: t(means) }, range.mark), " "], `${number(range.low, digits)}–${number(range.high, digits)}`);
}

// Where the ranges come from, and for whom.
export function sources(detail) {
  const held = detail.ranges ?? [];
  if (held.length === 0) return null;
  const entered = (detail.reviewed_result?.statistics?.entered ?? []).filter((one) => one.kind === "group").at(-1);
  const all = [...new Set(held.map((range) => range.source))].join("; ");
  return h("p", { class: "soft" }, t("report.ranges", { group: entered?.value ?? t("report.everybody"), sources: all }));
}
