// Two results side by side.

import { get } from "../api.js";
import { absent, bar, interval } from "../differential.js";
import { fill, h } from "../dom.js";
import { askReason, biases } from "./delta.js";
import { className, date, flagName, number, statusName, t } from "../words.js";

export async function show(root, ids) {
  const details = await Promise.all(ids.map((id) => get(`/api/sessions/${id}`)));
  if (biases(details)) askReason(root, details, () => beside(root, details));
  else beside(root, details);
}

function beside(root, details) {
  const results = details.map((detail) => detail.reviewed_result);
  if (results.some((result) => !result)) {
    fill(root, h("p", { class: "notice" }, t("compare.none")));
    return;
  }
  const lines = results.map((result) => new Map(result.classes.map((line) => [line.class, line])));
  const codes = [...new Set(results.flatMap((result) => result.classes.map((line) => line.class)))];
  const part = (line) => [
    h("td", {}, number(line.count)),
    h("td", {}, number(line.percent, 1), h("small", { class: "interval" }, ` ${interval(line.low, line.high)}`), bar(line.percent, line.low, line.high)),
  ];
  // Intervals that do not overlap cannot be explained by counting error; overlapping ones may still differ.
  const apart = (a, b) => a.low > b.high || b.low > a.high;
  const row = (code) => {
    // A class missing on one side was looked for there too, so it is a count of 0.
    const [a, b] = lines.map((one, n) => one.get(code) ?? absent(code, results[n]));
    return h("tr", { class: apart(a, b) ? "differs" : null },
      h("th", { scope: "row" }, className(code), " ", h("abbr", { class: "code" }, code)),
      part(a), part(b),
      h("td", {}, number(b.percent - a.percent, 1), apart(a, b) && " ≠"));
  };
  fill(
    root,
    h("h1", {}, t("compare.title")),
    h("div", { class: "wide" }, h("table", { class: "table compare" },
      h("thead", {},
        h("tr", {}, h("td", {}), details.map((detail) => h("th", { scope: "colgroup", colspan: 2 },
          h("a", { class: "target", href: `#/session/${detail.id}` }, detail.sample), " ", h("span", { class: "badge", dataset: { status: detail.status } }, statusName(detail.status)),
          h("small", {}, ` ${date(detail.started)}`))), h("td", {})),
        h("tr", {}, h("th", { scope: "col" }, t("result.class")), [0, 1].map(() => [h("th", { scope: "col" }, t("result.cells")), h("th", { scope: "col" }, "%")]), h("th", { scope: "col" }, t("compare.difference")))),
      h("tbody", {}, codes.map(row)),
      h("tfoot", {}, h("tr", {}, h("th", { scope: "row" }, t("result.flags")), results.map((result) => h("td", { colspan: 2 }, result.flags.map((flag) => h("span", { class: `flag ${flag}` }, flagName(flag))))), h("td", {}))))),
    h("p", { class: "soft" }, t("compare.means")),
  );
}
