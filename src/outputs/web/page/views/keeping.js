// What the store keeps, how large it is, and what goes next, before it goes.

import { get } from "../api.js";
import { h } from "../dom.js";
import { date, number, t } from "../words.js";

const megabytes = (bytes) => number(Math.ceil(bytes / 1e6));
const days = (count) => (count === 0 ? t("keeping.ever") : t("keeping.for", { n: number(count) }));

const what = ({ what, notable, sessions, from, to }) => t(`keeping.${what}${notable ? ".notable" : ""}`, { n: number(sessions), from: date(from), to: date(to) });

// An age is known to the day.
function aged(going) {
  const due = new Date(going.at) <= new Date();
  return t(due ? "keeping.soon" : "keeping.at", { at: date(going.at).slice(0, 10), what: what(going) });
}

export async function keeping() {
  const found = await get("/api/keeping");
  const limit = megabytes(found.limit);
  const list = (tag, lines) => (lines.length > 0 ? h(tag, {}, lines.map((line) => h("li", {}, line))) : h("p", { class: "soft" }, t("keeping.nothing")));
  return h("section", { class: "card", id: "keeping" }, h("h2", {}, t("keeping.title")),
    h("p", {}, t("keeping.size", { used: megabytes(found.used), limit, free: megabytes(found.free) })),
    h("p", { class: found.too_large ? "problem" : "good" }, t(found.too_large ? "keeping.over" : "keeping.within", { limit })),
    h("p", {}, t("keeping.days", { crops: days(found.crops_days), cells: days(found.cells_days), results: days(found.results_days) })),
    h("p", { class: "soft" }, t("keeping.notable")),
    h("p", {}, h("b", {}, t("keeping.nextAge"))), list("ul", found.by_age.map(aged)),
    h("p", {}, h("b", {}, t("keeping.nextSize"))), list("ol", found.by_size.map(what)));
}
