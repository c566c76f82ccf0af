// All sessions: search, open, or compare two.

import { get } from "../api.js";
import { field, fill, h } from "../dom.js";
import { badges } from "../marks.js";
import { date, flagName, number, statusName, t } from "../words.js";
import { dayBegins } from "../zone.js";

const PAGE = 50;

export async function show(root) {
  const wished = new URLSearchParams(location.hash.split("?")[1] ?? "");
  const beside = Number(wished.get("beside"));
  const picked = new Set(beside ? [beside] : []);
  const sample = h("input", { type: "search", autocomplete: "off", value: wished.get("sample") });
  const from = h("input", { type: "date", value: wished.get("from") });
  const to = h("input", { type: "date", value: wished.get("to") });
  const status = h("select", {}, h("option", { value: "" }, t("history.any")),
    ["preliminary", "final", "counting", "interrupted"].map((one) => h("option", { value: one, selected: one === wished.get("status") }, statusName(one))));
  const filters = { sample, from, to, status };
  const replaced = h("input", { type: "checkbox", name: "replaced" });
  const rows = h("tbody", {});
  const none = h("p", { class: "soft", hidden: true }, t("history.none"));
  const said = h("p", { class: "problem", role: "alert", hidden: true });
  const more = h("button", { class: "button", hidden: true, on: { click: () => list(true) } }, t("history.more"));
  const compare = h("a", { class: "button primary", hidden: true }, t("history.compare"));
  const two = h("b", { role: "status" });
  let offset = 0;
  let asked = null;

  function wanted(first) {
    const query = new URLSearchParams({ offset: first, limit: PAGE });
    if (sample.value.trim()) query.set("sample", sample.value.trim());
    if (status.value) query.set("status", status.value);
    if (from.value) query.set("from", dayBegins(from.value));
    if (to.value) query.set("to", dayBegins(to.value, 1));
    if (replaced.checked) query.set("replaced", true);
    return String(query);
  }

  // Keeps the search in the address, so that going back from a session restores it.
  function remember() {
    const kept = new URLSearchParams(Object.entries(filters).map(([name, input]) => [name, input.value.trim()]).filter(([, value]) => value));
    if (beside) kept.set("beside", beside);
    history.replaceState(null, "", `#/history${kept.size > 0 ? `?${kept}` : ""}`);
  }

  async function list(further) {
    const first = further ? offset + PAGE : 0;
    const query = wanted(first);
    // A search by Enter fires again when its field loses focus.
    if (asked === query) return;
    asked = query;
    remember();
    try {
      const { sessions } = await get(`/api/sessions?${query}`);
      if (asked !== query) return;
      offset = first;
      said.hidden = true;
      if (!further) fill(rows);
      rows.append(...sessions.map(row));
      none.hidden = rows.children.length > 0;
      more.hidden = sessions.length < PAGE;
    } catch (problem) {
      if (asked !== query) return;
      // Allow the same search again.
      asked = null;
      fill(said, problem.message);
      said.hidden = false;
    }
  }

  function row(session) {
    const box = h("input", { type: "checkbox", checked: picked.has(session.id), disabled: session.result === null, "aria-label": t("history.pick", { sample: session.sample }),
      on: { change: () => pick(session.id, box) } });
    const alarm = () => session.alarm && h("span", { class: `flag ${session.alarm === "open" ? "critical" : ""}` }, t(`alarm.short.${session.alarm}`));
    const flags = () => [alarm(), badges(session.marks), session.flags.map((flag) => h("span", { class: `flag ${flag}` }, flagName(flag)))];
    return h("tr", {},
      h("td", {}, h("label", { class: "pick" }, box)),
      // On a phone the flags move below the sample, and the other columns are hidden.
      h("th", { scope: "row" }, h("a", { class: "target", href: `#/session/${session.id}` }, session.sample), h("div", { class: "small-only" }, date(session.started), " ", flags())),
      h("td", { class: "wide-only" }, date(session.started)),
      h("td", {}, h("span", { class: "badge", dataset: { status: session.status } }, statusName(session.status)), version(session)),
      h("td", { class: "right wide-only" }, number(session.counted)),
      h("td", { class: "wide-only" }, flags()),
      h("td", { class: "wide-only" }, session.signed_by ?? ""));
  }

  // Which version it is, and what became of it.
  function version({ version: n, amended_by: later, awaits_second: second }) {
    const words = [second && t("history.awaits"), n > 1 && t("history.version", { n }), later && t(later.signed_by ? "history.replaced" : "history.underWay")].filter(Boolean);
    return words.length > 0 && h("small", {}, ` ${words.join(", ")}`);
  }

  function pick(id, box) {
    if (box.checked) picked.add(id);
    else picked.delete(id);
    const many = picked.size > 2;
    if (many) {
      picked.delete(id);
      box.checked = false;
    }
    fill(two, many && t("history.two"));
    offer();
  }

  function offer() {
    compare.hidden = picked.size !== 2;
    compare.href = `#/compare/${[...picked].join("/")}`;
  }

  const search = (event) => {
    event.preventDefault();
    list(false);
  };
  fill(
    root,
    h("h1", {}, t("nav.history")),
    h("form", { class: "search", role: "search", on: { submit: search, change: search } },
      field(t("history.sample"), sample), field(t("history.from"), from), field(t("history.to"), to), field(t("history.status"), status),
      h("label", { class: "tick" }, replaced, t("history.showReplaced")),
      h("button", { class: "button primary" }, t("history.search"))),
    h("p", { class: "soft" }, t(beside ? "history.beside" : "history.hint"), " ", two, " ", compare),
    said,
    h("div", { class: "wide" }, h("table", { class: "table left" },
      h("thead", {}, h("tr", {}, h("td", {}), ["sample", "started", "status", "cells", "flags", "signed"].map((name) =>
        h("th", { scope: "col", class: `${name === "cells" ? "right" : ""} ${name === "sample" || name === "status" ? "" : "wide-only"}` }, t(`history.${name}`))))),
      rows)),
    none, more,
  );
  offer();
  await list(false);
}
