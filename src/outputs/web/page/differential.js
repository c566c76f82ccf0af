// The table of a result, each line with a bar and its interval: for live counts, results and comparisons.

import { h } from "./dom.js";
import { rangeCell, rangeHead } from "./ranges.js";
import { APART, PER_100 } from "./tables.js";
import { className, number, t } from "./words.js";

export const interval = (low, high) => `${number(low, 1)} – ${number(high, 1)}`;

// A bar of `value` percent with its interval drawn on it.
export function bar(value, low, high) {
  const within = (x) => Math.min(100, Math.max(0, x));
  const from = within(low);
  return h(
    "span",
    { class: "bar", "aria-hidden": "true", vars: { "--value": within(value), "--low": from, "--wide": within(high) - from } },
    h("i", { class: "filled" }),
    h("i", { class: "whisker" }),
  );
}

// The same bar below the name, for screens too narrow for a column of bars.
export const below = (value, low, high) => h("span", { class: "below" }, bar(value, low, high));

// The line of a class that was not seen: 0 with the exact upper end of its interval. (If a precision decides when the
// count ends, intervals are the 97 % ones; see docs/statistics.md.) Classes outside the differential are per 100 of its
// cells, the unclassified a share of all white cells.
export function absent(code, result) {
  const n = code === "UNK" ? result.kinds.WBC : result.counted;
  const most = n > 0 ? 1 - (result.statistics?.precision ? 0.015 : 0.025) ** (1 / n) : 1;
  const high = PER_100.includes(code) ? Math.min(1000, most / (1 - most)) : most;
  return { class: code, count: 0, percent: 0, low: 0, high: high * 100 };
}

// `before`: the program's own lines, shown next to those that a person changed. `ranges`: reference ranges by class.
export function differential(snapshot, before, ranges = new Map()) {
  const own = new Map((before?.classes ?? []).map((line) => [line.class, line.count]));
  const changed = before && differs(snapshot, before);
  const shown = new Map(snapshot.classes.map((line) => [line.class, line]));
  // A class that a review emptied keeps its line, showing the program's count.
  for (const [code] of changed ? own : []) if (!shown.has(code)) shown.set(code, absent(code, snapshot));
  const lines = [...shown.values()];
  const row = (line) =>
    h(
      "tr",
      { class: APART.includes(line.class) ? "apart" : null },
      h("th", { scope: "row" }, className(line.class), " ", h("abbr", { class: "code" }, line.class),
        snapshot.experimental?.includes(line.class) && h("span", { class: "mark" }, t("result.experimental")), below(line.percent, line.low, line.high)),
      h("td", {}, number(line.count)),
      changed && h("td", { class: "before" }, number(own.get(line.class) ?? 0)),
      h("td", {}, number(line.percent, 1)),
      h("td", { class: "interval" }, interval(line.low, line.high)),
      rangeCell(ranges, line.class),
      h("td", { class: "drawn" }, bar(line.percent, line.low, line.high)),
    );
  // The laboratory's own classes within a class, as people gave them.
  const ownRow = ({ name, code, count }, before) =>
    h("tr", { class: "own" }, h("th", { scope: "row" }, before, t("result.ofThese", { name, code })), h("td", {}, number(count)),
      changed && h("td", {}), h("td", {}), h("td", { class: "interval" }), rangeCell(ranges, code), h("td", { class: "drawn" }));
  const owns = snapshot.own_classes ?? [];
  const rows = (some) => some.flatMap((line) => [row(line), ...owns.filter((own) => own.class === line.class).map((own) => ownRow(own, null))]);
  // Platelets, say, have no line here.
  const elsewhere = owns.filter((own) => !shown.has(own.class)).map((own) => ownRow(own, `${className(own.class)}, `));
  const within = lines.filter((line) => !APART.includes(line.class));
  const apart = lines.filter((line) => APART.includes(line.class));
  const alone = networkAlone(snapshot);
  const caption = (apart.length > 0 || alone) && [apart.length > 0 && t("result.apart"), alone];
  return h(
    "table",
    { class: "table differential" },
    h("thead", {}, h("tr", {},
      h("th", { scope: "col" }, t("result.class")),
      h("th", { scope: "col" }, t("result.cells")),
      changed && h("th", { scope: "col" }, t("result.program")),
      h("th", { scope: "col" }, "%"),
      h("th", { scope: "col" }, t("result.interval")),
      rangeHead(ranges),
      h("td", { class: "drawn" }))),
    h("tbody", {}, rows(within), within.length === 0 && h("tr", {}, h("td", { colspan: 7 }, t("result.none")))),
    (apart.length > 0 || elsewhere.length > 0) && h("tbody", { class: "apart" }, rows(apart), elsewhere),
    caption && h("caption", {}, caption),
  );
}

// What the network alone counts, of the classes in which that differs by more than chance; null if none does.
function networkAlone(snapshot) {
  const lines = snapshot.statistics?.network_alone ?? [];
  if (lines.length === 0) return null;
  const told = ({ class: code, count, percent }) => t("result.networkAloneLine", { class: className(code), n: number(count), percent: number(percent, 1) });
  return h("p", { class: "network-alone" }, t("result.networkAlone", { lines: lines.map(told).join("; ") }));
}

export function differs(a, b) {
  const lines = (snapshot) => JSON.stringify(snapshot.classes.map(({ class: code, count }) => [code, count]).sort());
  return lines(a) !== lines(b);
}
