// The audit trail: who did what, in sentences, with a search and its export.

import { get } from "../api.js";
import { field, fill, h } from "../dom.js";
import { date, knows, number, t } from "../words.js";
import { dayBegins } from "../zone.js";

const PAGE = 50;

const did = (action) => (knows(`audit.action.${action}`) ? t(`audit.action.${action}`) : action);
const who = (by) => (knows(`audit.by.${by}`) ? t(`audit.by.${by}`) : by);

export async function trail() {
  const rows = h("tbody", {});
  const verdict = h("p", {});
  const others = h("ul", { class: "problem", hidden: true });
  const none = h("p", { class: "soft", hidden: true }, t("audit.none"));
  const said = h("p", { class: "problem", role: "alert", hidden: true });
  const more = h("button", { class: "button", hidden: true, on: { click: () => list(true) } }, t("history.more"));
  const sample = h("input", { type: "search", autocomplete: "off" });
  const session = h("input", { type: "number", min: 1, step: 1 });
  const person = h("input", { type: "search", autocomplete: "off", autocapitalize: "none" });
  const from = h("input", { type: "date" });
  const to = h("input", { type: "date" });
  const action = h("select", {}, h("option", { value: "" }, t("history.any")));
  const files = ["csv", "jsonl"].map((form) => [form, h("a", { class: "button", download: "" }, t(`audit.export.${form}`))]);
  let before = null;
  let asked = null;

  function wanted() {
    const query = new URLSearchParams({ language: document.documentElement.lang });
    for (const [name, input] of Object.entries({ sample, session, person, action })) if (input.value.trim()) query.set(name, input.value.trim());
    if (from.value) query.set("from", dayBegins(from.value));
    if (to.value) query.set("to", dayBegins(to.value, 1));
    return query;
  }

  async function list(further) {
    const query = wanted();
    for (const [form, link] of files) link.href = `/api/audit.${form}?${query}`;
    query.set("limit", PAGE);
    // Only the first list has the whole trail verified: it takes long.
    if (further || asked !== null) query.set("before", further ? before : Number.MAX_SAFE_INTEGER);
    const text = String(query);
    // A search by Enter fires again when its field loses focus.
    if (asked === text) return;
    asked = text;
    more.disabled = true;
    said.hidden = true;
    try {
      const found = await get(`/api/audit?${text}`);
      if (asked !== text) return;
      if (found.whole !== null) tell(found);
      if (!further) fill(rows);
      rows.append(...found.entries.map(row));
      none.hidden = rows.children.length > 0;
      before = found.entries.at(-1)?.number ?? before;
      more.hidden = found.entries.length < PAGE;
    } catch (problem) {
      if (asked !== text) return;
      asked = "";
      fill(said, problem.message);
      said.hidden = false;
    } finally {
      more.disabled = false;
    }
  }

  function tell({ whole, problem, more: also, actions }) {
    verdict.className = whole ? "good" : "problem";
    fill(verdict, whole ? t("audit.whole") : t("audit.broken", { problem }));
    fill(others, also.map((problem) => h("li", {}, t("audit.also", { problem }))));
    others.hidden = also.length === 0;
    action.append(...actions.map((one) => h("option", { value: one }, did(one))).sort((one, other) => one.text.localeCompare(other.text)));
  }

  function row(entry) {
    const open = entry.session ? h("a", { class: "target", href: `#/session/${entry.session}` }, number(entry.session)) : "";
    return h("tr", {},
      h("td", { class: "right wide-only" }, number(entry.number)),
      h("td", {}, date(entry.at), h("div", { class: "small-only" }, who(entry.by))),
      h("th", { scope: "row", class: "wide-only" }, who(entry.by)),
      h("td", { dataset: { action: entry.action }, title: did(entry.action) }, entry.said),
      h("td", { class: "right" }, open));
  }

  const search = (event) => {
    event.preventDefault();
    list(false);
  };
  await list(false);
  const column = (name, kind) => h("th", { scope: "col", class: kind }, t(`audit.${name}`));
  return h("section", { class: "card", id: "trail" }, h("h2", {}, t("audit.title")), verdict, others,
    h("form", { class: "search", role: "search", "aria-label": t("audit.title"), on: { submit: search, change: search } },
      field(t("history.sample"), sample), field(t("audit.session"), session), field(t("audit.person"), person), field(t("history.from"), from), field(t("history.to"), to),
      field(t("audit.action"), action), h("button", { class: "button primary" }, t("history.search"))),
    said,
    h("div", { class: "wide" }, h("table", { class: "table left" },
      h("thead", {}, h("tr", {}, column("number", "right wide-only"), column("when"), column("who", "wide-only"), column("said"), column("session", "right"))), rows)),
    none, more,
    h("p", { class: "soft" }, t("audit.exportHint")), h("div", { class: "search" }, files.map(([, link]) => link)));
}
