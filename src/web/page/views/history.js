// All sessions, to search in, to open, or to lay two side by side.

import { get } from "../api.js";
import { field, fill, h } from "../dom.js";
import { date, flagName, number, statusName, t } from "../words.js";

const PAGE = 50;

export async function show(root, _params, context) {
  const beside = /[?&]beside=(\d+)/.exec(location.hash)?.[1];
  const picked = new Set(beside ? [Number(beside)] : []);
  const sample = h("input", { type: "search", autocomplete: "off" });
  const from = h("input", { type: "date" });
  const to = h("input", { type: "date" });
  const status = h("select", {}, h("option", { value: "" }, t("history.any")),
    ["preliminary", "final", "counting", "interrupted"].map((one) => h("option", { value: one }, statusName(one))));
  const rows = h("tbody", {});
  const none = h("p", { class: "soft", hidden: true }, t("history.none"));
  const more = h("button", { class: "button", hidden: true, on: { click: () => list(true) } }, t("history.more"));
  const compare = h("a", { class: "button primary", hidden: true }, t("history.compare"));
  let offset = 0;
  let asked = null;

  async function list(further) {
    const first = further ? offset + PAGE : 0;
    const query = new URLSearchParams({ offset: first, limit: PAGE });
    if (sample.value.trim()) query.set("sample", sample.value.trim());
    if (status.value) query.set("status", status.value);
    if (from.value) query.set("from", new Date(`${from.value}T00:00`).toISOString());
    if (to.value) {
      const end = new Date(`${to.value}T00:00`);
      end.setDate(end.getDate() + 1);
      query.set("to", end.toISOString());
    }
    // A search by Enter is told again when its field is left.
    if (asked === String(query)) return;
    asked = String(query);
    offset = first;
    const { sessions } = await get(`/api/sessions?${query}`);
    if (asked !== String(query)) return;
    if (!further) fill(rows);
    rows.append(...sessions.map(row));
    none.hidden = rows.children.length > 0;
    more.hidden = sessions.length < PAGE;
  }

  function row(session) {
    const box = h("input", { type: "checkbox", checked: picked.has(session.id), disabled: session.result === null, "aria-label": t("history.pick", { sample: session.sample }),
      on: { change: () => pick(session.id, box) } });
    return h("tr", {},
      h("td", {}, box),
      h("th", { scope: "row" }, h("a", { href: `#/session/${session.id}` }, session.sample)),
      h("td", {}, date(session.started)),
      h("td", {}, h("span", { class: "badge", dataset: { status: session.status } }, statusName(session.status))),
      h("td", { class: "right" }, number(session.counted)),
      h("td", {}, session.flags.map((flag) => h("span", { class: `flag ${flag}` }, flagName(flag)))),
      h("td", {}, session.signed_by ?? ""));
  }

  function pick(id, box) {
    if (box.checked) picked.add(id);
    else picked.delete(id);
    if (picked.size > 2) {
      picked.delete(id);
      box.checked = false;
      context.announce(t("history.two"));
    }
    offer();
  }

  function offer() {
    compare.hidden = picked.size !== 2;
    compare.href = `#/compare/${[...picked].join("/")}`;
  }

  const search = (event) => {
    event.preventDefault();
    list(false).catch((problem) => context.announce(problem.message));
  };
  fill(
    root,
    h("h1", {}, t("nav.history")),
    h("form", { class: "search", role: "search", on: { submit: search, change: search } },
      field(t("history.sample"), sample), field(t("history.from"), from), field(t("history.to"), to), field(t("history.status"), status),
      h("button", { class: "button primary" }, t("history.search"))),
    h("p", { class: "soft" }, t(beside ? "history.beside" : "history.hint"), " ", compare),
    h("div", { class: "wide" }, h("table", { class: "table left" },
      h("thead", {}, h("tr", {}, h("td", {}), ["sample", "started", "status", "cells", "flags", "signed"].map((name) => h("th", { scope: "col", class: name === "cells" ? "right" : null }, t(`history.${name}`))))),
      rows)),
    none, more,
  );
  offer();
  await list(false);
}
